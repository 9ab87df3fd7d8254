"""Texts as their lexemes, read as the lexical leg reads them: for whoever compares texts by words.

A service of the search for other features: they need no SQL of the analysis.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub.search import lexical
from embedhub.search.analysis import UNSPACED, prepare, regconfig_of
from embedhub.search.hits import LexemeCache
from embedhub.search.queries import lexical as queries
from embedhub.search.queries.target import find_target
from embedhub.search.snippets import WORD, normalized, query_grams, words_of

_cache = LexemeCache()


@dataclass(frozen=True, slots=True)
class Wording:
    """How texts of one collection are read: the lexemes of their words, and how rare some are.

    `idf` holds the lexemes that were weighed, those that no passage holds among them. `lexemes`
    maps the words that were read to theirs; a stop word has none.
    """

    idf: Mapping[str, float]
    lexemes: Mapping[str, Sequence[str]]

    def sequence(self, text: str) -> list[str]:
        """Return a text as lexemes in order, one a word; pairs in scripts without spaces."""
        found: list[str] = []
        for token in WORD.findall(text.replace("_", " ")):
            if UNSPACED.search(token):
                found += sorted(query_grams(token), key=token.find)
            else:
                found += self.lexemes.get(normalized(token), ())[:1]
        return found

    def of(self, text: str) -> frozenset[str]:
        """Return the distinct lexemes of a text that was read."""
        found = set(query_grams(text)) if not text.isascii() else set[str]()
        for word in words_of(text):
            found.update(self.lexemes.get(normalized(word), ()))
        return frozenset(found)


def read_wording(
    session: Session,
    *,
    workspace_id: int,
    slug: str,
    weighed: str,
    texts: Iterable[str],
    language: str | None = None,
) -> Wording:
    """Return how a collection's analysis reads texts; of the lexemes of `weighed` also their idf.

    `language` is the texts', where it is not the collection's. A collection that is gone, or that
    has no index of words, weighs all lexemes the same.
    """
    found = find_target(session, workspace_id=workspace_id, slug=slug)
    if found is None:
        return Wording({}, {})
    configuration = regconfig_of(language or found.collection.language)
    words = {normalized(word) for text in (weighed, *texts) for word in words_of(text)}
    lexemes = _cache.look_up(session, configuration, words)
    read = Wording({}, lexemes)
    idf = dict.fromkeys(read.of(weighed), 1.0)
    sparse = found.spaces.get("sparse")
    if sparse is not None:
        counts, n_rows = queries.count_terms(
            session, space_id=sparse.id, configuration=configuration, query=prepare(weighed)
        )
        idf = {one: lexical.idf(n_rows, counts.get(one, (0, 0))[1]) for one in idf}
    return Wording(idf, lexemes)
