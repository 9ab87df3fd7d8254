"""Texts as Postgres should see them: languages, parts of identifiers, scripts without spaces.

Documents and queries pass through the same `prepare` before `to_tsvector` splits and stems them.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator

from embedhub.errors import InvalidInput

# The configurations with a stemmer that every supported Postgres has, by ISO code.
STEMMERS = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "da": "danish",
    "nl": "dutch", "en": "english", "fi": "finnish", "fr": "french", "de": "german",
    "el": "greek", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "ga": "irish",
    "it": "italian", "lt": "lithuanian", "ne": "nepali", "no": "norwegian", "nb": "norwegian",
    "nn": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "es": "spanish", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
SIMPLE = "simple"
CONFIGURATIONS = frozenset({*STEMMERS.values(), SIMPLE})
# Languages without a stemmer that people write out.
UNSTEMMED = frozenset({
    "bengali", "bulgarian", "burmese", "chinese", "croatian", "czech", "estonian", "hebrew",
    "japanese", "khmer", "korean", "lao", "latvian", "malay", "persian", "polish", "slovak",
    "slovenian", "thai", "ukrainian", "urdu", "vietnamese",
})  # fmt: skip
LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")

# A tsvector holds 16,383 positions and 1 MB; parts of compounds are stored beside the whole.
MAX_WORDS = 15_000
MAX_BYTES = 300_000

# Chinese, Japanese (with kana), Thai, Lao, Khmer, Burmese: words are not set apart by spaces.
UNSPACED = re.compile(
    r"[\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    r"\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff]+"
)
# What stock Postgres keeps as one lexeme (dotted names, paths, host names, e-mail addresses), and
# camel case; mRNA, GTPase and pH are none.
IDENTIFIER = re.compile(r"[./\\@]\w|[a-z][A-Z][a-z]|[A-Z]{4}[a-z]{3}")
WORD = re.compile(r"[^\W_]+")
HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def regconfig_of(language: str, field: str = "language") -> str:
    """Return the Postgres configuration for a language's name, ISO code or tag such as pt-BR.

    Languages without a stemmer get "simple": words as they are. Raises InvalidInput for what
    names no language.
    """
    name = language.strip().lower().replace("_", "-")
    if name in CONFIGURATIONS:
        return name
    if name in UNSTEMMED:
        return SIMPLE
    if LANGUAGE_TAG.fullmatch(name):
        return STEMMERS.get(name.split("-")[0], SIMPLE)
    raise InvalidInput("not a language: give a name such as english or a code such as en", field)


def prepare(text: str) -> str:
    """Return the text to give to `to_tsvector`, cut to what a tsvector can hold.

    Compatibility forms are unified (full-width letters, ligatures), runs of scripts without spaces
    become single characters and overlapping pairs, and the parts of identifiers are appended.
    """
    plain = spaced = text.replace("\0", " ")
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)
        spaced = UNSPACED.sub(lambda run: f" {' '.join(ngrams(run[0]))} ", plain)
    parts = " ".join(identifier_parts(plain))
    return _cut(f"{spaced} {parts}" if parts else spaced)


def identifier_parts(text: str) -> Iterator[str]:
    """Yield the words inside identifiers that stock Postgres would keep whole.

    Numbers and single letters are left out: decimals, versions and units are no identifiers.
    """
    for token in text.split():
        if not IDENTIFIER.search(token):
            continue
        words = WORD.findall(token)
        for word in words:
            if len(words) > 1 and is_part(word):
                yield word
            humps = HUMP.findall(word) if IDENTIFIER.search(word) else ()
            yield from (hump for hump in humps if is_part(hump))


def is_part(word: str) -> bool:
    """Return whether a part of an identifier is worth finding alone."""
    return len(word) > 1 and not word.isdigit()


def ngrams(run: str) -> Iterator[str]:
    """Yield each character (with its marks) and each pair of neighbours of a run."""
    cells = cells_of(run)
    yield from cells
    for left, right in itertools.pairwise(cells):
        yield left + right


def cells_of(run: str) -> list[str]:
    """Return the characters of a run; vowel signs and tone marks stay with their consonant."""
    cells: list[str] = []
    for character in run:
        if cells and unicodedata.category(character).startswith("M"):
            cells[-1] += character
        else:
            cells.append(character)
    return cells


def _cut(text: str) -> str:
    if len(text) * 4 > MAX_BYTES:
        text = text.encode()[:MAX_BYTES].decode(errors="ignore")
    if len(text) > MAX_WORDS:
        words = text.split(maxsplit=MAX_WORDS)
        if len(words) > MAX_WORDS:
            text = " ".join(words[:MAX_WORDS])
    return text
