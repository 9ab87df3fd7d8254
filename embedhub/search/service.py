"""Search: what a caller may rely on.

No transaction waits for a query to be encoded. All legs, the grouping and the hits see one
snapshot, or two in which everything is the same.
"""

from collections.abc import Sequence
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from functools import partial

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.errors import InvalidInput, NotReady, TooLarge
from embedhub.replica import service as replica
from embedhub.search.answering import Answered, EncodersWanted, ToScore, answer, begin
from embedhub.search.checks import check_request
from embedhub.search.groundwork import may_be_laid_ahead
from embedhub.search.observed import observer
from embedhub.search.pages import Progress
from embedhub.search.queries.search_log import LogEntry
from embedhub.search.question import (
    Asked,
    EncodedQuery,
    EncoderKey,
    Search,
    encoding,
    needs_encoding,
)
from embedhub.search.ranking import service as ranking
from embedhub.search.request import SearchRequest, SearchResult
from embedhub.search.search_log import forget_old, writer
from embedhub.stopwatch import Stopwatch

__all__ = ["forget_old", "search", "search_collections"]

# How often a search begins again: a collection has another encoder than was thought, or a reranker
# is asked.
ATTEMPTS = 4
# Collections whose encoder is remembered, so that one transaction is enough.
MAX_REMEMBERED = 10_000

_encoders: dict[tuple[int, str], EncoderKey] = {}


def search(
    caller: Caller,
    slug: str,
    request: SearchRequest,
    *,
    after: int | None = None,
    is_counted: bool = True,
) -> SearchResult:
    """Return one page of the best chunks or documents of a collection that the caller may see.

    Nothing is left out silently: `complete` and `notes` say what may be missing. The read replica
    may answer; with `after`, a position in the log, only from a state that holds all up to there.
    A search that is not counted leaves no trace in the search log and in what is measured.
    Raises NotFound for a collection the caller may not know of, InvalidInput and TooLarge naming
    the part of the request, NotReady if mode dense has no encoder or no vectors yet.
    """
    return search_collections(caller, [slug], request, after=after, is_counted=is_counted)


def search_collections(
    caller: Caller,
    slugs: Sequence[str],
    request: SearchRequest,
    *,
    after: int | None = None,
    is_counted: bool = True,
) -> SearchResult:
    """Return one page of the best chunks or documents of several collections, as `search` does.

    They are ranked as one: words are weighed by all collections together, and vectors of the same
    encoder are compared. Each collection's own ranking orders its hits; rerankers do not run.
    Raises what `search` raises, InvalidInput and TooLarge also for the collections.
    """
    caller.require("read")
    caller = caller.narrowed(request.principals)
    check_slugs(slugs)
    # Named in another order they are the same search: hits of equal scores keep theirs.
    slugs = sorted(slugs)
    check_request(request)
    watch = Stopwatch()
    encoders = {slug: _encoders.get((caller.workspace_id, slug)) for slug in slugs}
    encoded: dict[EncoderKey, Future[EncodedQuery]] = {}
    search = Search(caller, tuple(slugs), Asked.of(request), encoded, watch)
    progress = Progress()
    for _ in range(ATTEMPTS):
        if needs_encoding(search.asked.request):
            for encoder in {key for key in encoders.values() if key is not None} - encoded.keys():
                encoded[encoder] = encoding(search.asked.request, encoder)
        found = None
        if may_be_laid_ahead(search):
            found = replica.read(partial(begin, search=search, progress=progress), after=after)
        if found is None:
            with watch.part("encode"):
                # No transaction is open.
                wait(encoded.values())
            found = replica.read(partial(answer, search=search, progress=progress), after=after)
        if isinstance(found, EncodersWanted):
            encoders, progress = dict(found.by_slug), Progress()
            for slug, encoder in found.by_slug.items():
                _remember(caller.workspace_id, slug, encoder)
        elif isinstance(found, ToScore):
            with watch.part("rerank"):
                progress.scores = ranking.score(found.question, found.passages)
        else:
            if is_counted:
                _leave_traces(caller, request, found)
            return found.result
    raise NotReady("a collection's encoder is being switched", retry_after_s=1)


def check_slugs(slugs: Sequence[str]) -> None:
    """Raise InvalidInput or TooLarge unless these are some collections, each named once."""
    limit = get_config().max_collections_searched
    if not slugs:
        raise InvalidInput("name at least one", "collections")
    if len(slugs) > limit:
        raise TooLarge(f"at most {limit} in one search", "collections")
    for position, slug in enumerate(slugs):
        if slug in slugs[:position]:
            raise InvalidInput("named twice", f"collections.{position}")


def _remember(workspace_id: int, slug: str, encoder: EncoderKey) -> None:
    if len(_encoders) >= MAX_REMEMBERED:
        _encoders.clear()
    _encoders[workspace_id, slug] = encoder


def _leave_traces(caller: Caller, request: SearchRequest, answered: Answered) -> None:
    result = answered.result
    if len(answered.questions) == 1:
        observer.note(answered.questions[0], result)
    if not get_config().search_log_days:
        return
    writer.add(
        LogEntry(
            request_id=result.request_id,
            workspace_id=caller.workspace_id,
            collection_ids=tuple(question.collection_id for question in answered.questions),
            api_key_id=caller.key_id,
            query=request.query,
            mode=request.mode.value,
            plan=result.plan,
            is_complete=result.complete,
            n_hits=len(result.hits),
            took_ms=result.took.total,
            created_at=datetime.now(UTC),
        )
    )
