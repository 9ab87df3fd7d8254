"""How much of a query the titles and headings of its candidates hold, by the search's analysis."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from embedhub.search.hits import lexemes_of
from embedhub.search.legs import QueryTerms
from embedhub.search.ranking.adjusting import FieldMatch
from embedhub.search.snippets import normalized, query_grams, words_of


def field_matches(
    session: Session,
    headings: Mapping[int, tuple[str, str]],
    *,
    terms: QueryTerms,
    query: str,
    configuration: str,
) -> dict[int, FieldMatch]:
    """Return for each chunk what its title and its heading path hold of the query.

    `headings` maps chunks to (title, heading path).
    """
    weights = {term.lexeme: term.idf for term in terms.terms}
    total = sum(weights.values())
    if not total:
        return {}
    texts = {part for pair in headings.values() for part in pair if part}
    words = {text: {normalized(word) for word in words_of(text)} for text in texts}
    lexemes = lexemes_of(session, configuration, set[str]().union(*words.values()))
    grams = query_grams(query)
    shares = {"": 0.0}
    for text, own in words.items():
        held = {lexeme for word in own for lexeme in lexemes[word] if lexeme in weights}
        held |= {gram for gram in grams if gram in weights and gram in text}
        shares[text] = sum(weights[lexeme] for lexeme in held) / total
    return {
        chunk_id: FieldMatch(shares[title], shares[path])
        for chunk_id, (title, path) in headings.items()
    }
