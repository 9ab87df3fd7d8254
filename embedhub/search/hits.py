"""Ranked chunks into hits: the passage, its document, what matched, and why it stands there."""

from collections.abc import Mapping, Sequence
from threading import Lock

from sqlalchemy.orm import Session

from embedhub.search.fusion import Ranked
from embedhub.search.lexical import Term
from embedhub.search.queries import hydration as queries
from embedhub.search.queries.hydration import ShownChunk
from embedhub.search.request import Hit, HitChunk, HitDocument
from embedhub.search.snippets import (
    Marked,
    Matched,
    Passage,
    mark,
    matching_words,
    normalized_all,
    query_grams,
)

UNMARKED = Marked((), None)
# Words whose lexemes a process remembers: the same few thousand make up most of any text.
REMEMBERED_WORDS = 100_000
# Near-duplicates that a hit names.
MAX_TOLD = 100


class LexemeCache:
    """Remembers what the analysis makes of single words; safe for several threads."""

    def __init__(self, size: int = REMEMBERED_WORDS) -> None:
        self.size = size
        self._lock = Lock()
        # by configuration
        self._lexemes: dict[str, dict[str, tuple[str, ...]]] = {}

    def look_up(
        self, session: Session, configuration: str, words: set[str]
    ) -> dict[str, tuple[str, ...]]:
        """Return the lexemes of each word and of others, by one statement at most for new words."""
        known = self._lexemes.get(configuration, {})
        unknown = list(words.difference(known))
        if not unknown:
            return known
        found = queries.lexemes_of_words(session, configuration=configuration, words=unknown)
        with self._lock:
            kept = self._lexemes.setdefault(configuration, {})
            if len(kept) + len(found) <= self.size:
                kept.update(found)
                return kept
            # Begun anew, not emptied: another thread may be reading the old one.
            self._lexemes[configuration] = dict(found)
        return known | found


_cache = LexemeCache()


def lexemes_of(session: Session, configuration: str, words: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the lexemes of each normalized word and of others, remembered by the process."""
    return _cache.look_up(session, configuration, words)


def make_hit(
    ranked: Ranked, tier: int, chunks: Mapping[int, ShownChunk], marked: Marked, collection: str
) -> Hit:
    """Return the hit of a ranked chunk; `chunks` holds it and those that it stands for."""
    shown = chunks[ranked.chunk_id]
    folded = [chunks[one.chunk_id] for one in ranked.folded if one.chunk_id in chunks]
    document = HitDocument(
        shown.document_id,
        shown.external_id,
        shown.title,
        shown.url,
        shown.metadata,
        collection,
    )
    chunk = HitChunk(shown.chunk_id, shown.text, shown.start, shown.end, shown.position, shown.page)
    return Hit(
        score=ranked.score,
        document=document,
        chunk=chunk,
        highlights=marked.highlights,
        sentence=marked.sentence,
        explain=ranked.explanation(tier),
        collapsed=tuple(dict.fromkeys(one.external_id for one in folded))[:MAX_TOLD],
    )


def mark_texts(
    session: Session,
    *,
    texts: Sequence[str],
    query: str,
    terms: Sequence[Term],
    configuration: str,
) -> list[Marked]:
    """Return for each text what of the query it holds."""
    if not terms or not texts:
        return [UNMARKED for _ in texts]
    matched = Matched({term.lexeme: term.idf for term in terms}, query_grams(query))
    passages = [Passage.of(text) for text in texts]
    words = set[str]().union(*(passage.words for passage in passages))
    lexemes = lexemes_of(session, configuration, normalized_all(words))
    matching = matching_words(words, lexemes, matched)
    return [mark(passage, matching, matched) for passage in passages]
