"""What of a query is said to the search itself: "exact phrases" in quotes, and -words left out."""

import re
from dataclasses import dataclass

from embedhub.config import get_config
from embedhub.errors import InvalidInput, TooLarge

# A quotation begins behind a space or bracket and ends before one or a stop: 5" x 3" is none.
PHRASE = r"[\"“”„«](?P<phrase>[^\"“”„«»]+)[\"“”»](?=[\s).,;:!?\]]|$)"
# What is left out begins with a letter, a digit only where a letter follows: -5 is a number.
WORD = r"(?P<word>(?=[^\W_]*[^\W\d_])[^\W_][^\s\"“”„«»()\[\]]*)"
OPERATOR = re.compile(rf"(?:(?<=[\s(\[])|^)(?P<minus>-?)(?:{PHRASE}|{WORD})")
# "Privatpersonen und -organisationen" leaves nothing out.
JOINING = re.compile(r"\b(and|or|und|oder|sowie|bzw\.|y|o|et|ou)\s+$", re.IGNORECASE)
# What is longer is a text that somebody pasted: its quotations are no demands.
MAX_WORDS = 24
WORDLIKE = re.compile(r"\w")
# Around a phrase they belong to the sentence that quotes it.
EDGES = " \t.,;:!?"


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query without its signs: what is searched for, and what a passage must and must not hold.

    `text` holds the words of the phrases too, and none of those left out.
    """

    text: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def has_operators(self) -> bool:
        """Return whether the query said anything but words."""
        return bool(self.phrases or self.excluded)


def parse_query(query: str, field: str = "query") -> ParsedQuery:
    """Return what a query asks for; in one of several lines or many words signs mean nothing.

    Raises InvalidInput, naming the field, if nothing is left to search for, TooLarge for more
    phrases and exclusions than `max_query_operators`.
    """
    is_plain = query.isascii() and '"' not in query and "-" not in query
    if is_plain or "\n" in query or len(query.split(maxsplit=MAX_WORDS)) > MAX_WORDS:
        return ParsedQuery(query)
    phrases, excluded, kept, end = [], [], [], 0
    for found in OPERATOR.finditer(query):
        wanted = (found["phrase"] or found["word"]).strip(EDGES)
        before = query[end : found.start()]
        if not WORDLIKE.search(wanted) or (found["minus"] and JOINING.search(before)):
            continue
        if found["minus"]:
            excluded.append(wanted)
            kept.append(before)
        elif found["phrase"]:
            phrases.append(wanted)
            kept.append(before + found["phrase"])
        else:
            continue
        end = found.end()
    if not phrases and not excluded:
        return ParsedQuery(query)
    text = " ".join("".join([*kept, query[end:]]).split())
    return _checked(ParsedQuery(text, tuple(phrases), tuple(excluded)), field)


def _checked(parsed: ParsedQuery, field: str) -> ParsedQuery:
    limit = get_config().max_query_operators
    if len(parsed.phrases) + len(parsed.excluded) > limit:
        raise TooLarge(f"more than {limit} phrases and words left out", field)
    if not WORDLIKE.search(parsed.text):
        raise InvalidInput("says only what to leave out: give a word to look for", field)
    return parsed


def exact_pattern(phrase: str) -> str:
    """Return a regular expression, as Postgres understands it, for a phrase between other words.

    Case does not matter, nor what kind of space stands between the words.
    """
    words = [re.sub(r"([^\w\s])", r"\\\1", word) for word in phrase.split()]
    before = r"\m" if phrase[0].isascii() and phrase[0].isalnum() else ""
    behind = r"\M" if phrase[-1].isascii() and phrase[-1].isalnum() else ""
    return before + r"\s+".join(words) + behind
