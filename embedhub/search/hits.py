"""Ranked chunks into hits: the passage, its document, what matched, and why it stands there."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from embedhub.search.fusion import Ranked
from embedhub.search.lexical import Term
from embedhub.search.queries import hydration as queries
from embedhub.search.queries.hydration import ShownChunk
from embedhub.search.request import Hit, HitChunk, HitDocument
from embedhub.search.snippets import Marked, Matched, mark, query_grams, words_of

UNMARKED = Marked((), None)


def make_hit(ranked: Ranked, tier: int, shown: ShownChunk, marked: Marked) -> Hit:
    """Return the hit of a ranked chunk."""
    document = HitDocument(
        shown.document_id, shown.external_id, shown.title, shown.url, shown.metadata
    )
    chunk = HitChunk(shown.chunk_id, shown.text, shown.start, shown.end, shown.position)
    return Hit(
        score=ranked.score,
        document=document,
        chunk=chunk,
        highlights=marked.highlights,
        sentence=marked.sentence,
        explain=ranked.explanation(tier),
    )


def mark_texts(
    session: Session,
    *,
    texts: Sequence[str],
    query: str,
    terms: Sequence[Term],
    configuration: str,
) -> list[Marked]:
    """Return for each text what of the query it holds, by one statement for all of them."""
    if not terms or not texts:
        return [UNMARKED for _ in texts]
    weights = {term.lexeme: term.idf for term in terms}
    matched = Matched(weights, query_grams(query))
    lexemes = queries.words_with_lexemes(
        session, configuration=configuration, words=words_of(texts), lexemes=list(weights)
    )
    return [mark(text, matched, lexemes) for text in texts]
