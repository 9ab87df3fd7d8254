"""A request made ready to run: its query encoded, its collection found, its filter compiled.

The query is encoded by a thread of its own, for the encoder that the collection had at the last
search. No transaction waits for it; the one that answers finds out whether that is still the
encoder, else all begins again.
"""

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.encoders import SUPPLIED, encode_query, get_encoder, is_known_query, is_loaded
from embedhub.errors import HubError, InvalidInput, NotReady
from embedhub.search.analysis import prepare, regconfig_of
from embedhub.search.checks import check_vector
from embedhub.search.filters import Filter, parse_filter
from embedhub.search.query_language import ParsedQuery, parse_query
from embedhub.search.ranking.plan import PLAIN, RankingPlan, make_plan
from embedhub.search.request import Mode, Note, NoteCode, SearchRequest
from embedhub.spaces.distance import Metric
from embedhub.spaces.service import LiveSpaces
from embedhub.stopwatch import Stopwatch
from embedhub.tables import Space

logger = logging.getLogger(__name__)

# How long a search waits for an encoder that it asked to be loaded; a small one is there at once.
LOAD_WAIT_S = 0.2

_loading_lock = threading.Lock()
_loading: dict[str, threading.Thread] = {}


@dataclass(frozen=True, slots=True)
class EncoderKey:
    """The encoder of a space, exactly."""

    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A request's queries as an encoder understands them; None while it is being loaded."""

    encoder: EncoderKey
    vectors: tuple[NDArray[np.float32], ...] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller wrote, and what its queries say.

    `request` is the same with the words alone in `query` and `queries`; `parsed` holds what else
    they demanded, each query in its place.
    """

    written: SearchRequest
    request: SearchRequest
    parsed: tuple[ParsedQuery, ...]

    @classmethod
    def of(cls, written: SearchRequest) -> "Asked":
        """Return what a request asks for; raises InvalidInput and TooLarge as `parse_query`."""
        if not written.operators:
            return cls(written, written, tuple(map(ParsedQuery, written.texts)))
        fields = ("query", *(f"queries.{place}" for place in range(len(written.queries))))
        parsed = tuple(map(parse_query, written.texts, fields))
        if not any(query.has_operators for query in parsed):
            return cls(written, written, parsed)
        texts = [query.text for query in parsed]
        request = replace(written, query=texts[0], queries=tuple(texts[1:]))
        return cls(written, request, parsed)


@dataclass(frozen=True, slots=True)
class Search:
    """One search: who asks which collections what, and its queries as encoders understand them.

    They may still be under way: whoever takes a result waits for it.
    """

    caller: Caller
    slugs: tuple[str, ...]
    asked: Asked
    encoded: Mapping[EncoderKey, Future[EncodedQuery]]
    watch: Stopwatch

    @property
    def is_encoded(self) -> bool:
        """Return whether nobody has to wait for an encoder."""
        return all(one.done() for one in self.encoded.values())


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for in one collection, and as whom.

    `vector` is None if the dense leg does not run; then `notes` say why, unless the request did
    not ask for it. `request` holds the queries without their signs, `asked` as they were written.
    `more` are the queries behind the first, as the legs take them.
    """

    request: SearchRequest
    asked: Asked
    workspace_id: int
    collection_id: int
    slug: str
    principals: tuple[str, ...] | None
    filter: Filter
    configuration: str
    prepared: str | None
    vector: NDArray[np.float32] | None
    notes: tuple[Note, ...]
    ranking: RankingPlan = PLAIN
    # documents that are no hits: the request's examples
    excluded: frozenset[int] = frozenset()
    more: tuple[tuple[str, NDArray[np.float32] | None], ...] = ()

    @property
    def texts(self) -> tuple[str | None, ...]:
        """Return each query as the analysis takes it."""
        return (self.prepared, *(prepared for prepared, _ in self.more))

    @property
    def vectors(self) -> tuple[NDArray[np.float32] | None, ...]:
        """Return the vector of each query, None for one that the dense leg is not asked."""
        return (self.vector, *(vector for _, vector in self.more))


class Searched(Protocol):
    """What is asked: a collection, or a catalog."""

    @property
    def id(self) -> int: ...
    @property
    def workspace_id(self) -> int: ...
    @property
    def slug(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def filterable(self) -> Mapping[str, str]: ...
    @property
    def ranking(self) -> Mapping[str, Any]: ...


def needs_encoding(request: SearchRequest) -> bool:
    """Return whether the request's query has to be encoded, if its collection has an encoder."""
    is_dense = request.mode is not Mode.LEXICAL and request.vector is None
    return is_dense and request.query is not None


def wanted_encoder(request: SearchRequest, spaces: LiveSpaces) -> EncoderKey | None:
    """Return the encoder that has to encode the request's query; None if nothing is to encode."""
    space = spaces.dense
    if space is None or space.encoder == SUPPLIED:
        return None
    if not needs_encoding(request):
        return None
    return EncoderKey(space.encoder, space.revision)


def encoding(request: SearchRequest, encoder: EncoderKey) -> Future[EncodedQuery]:
    """Return the request's queries, encoded at once if they are known, else by another thread."""
    if not all(is_known_query(encoder.name, text) for text in request.texts):
        return _threads().submit(encode, request, encoder)
    known: Future[EncodedQuery] = Future()
    known.set_result(encode(request, encoder))
    return known


def encode(request: SearchRequest, encoder: EncoderKey) -> EncodedQuery:
    """Return the request's queries encoded; call it while no transaction is open."""
    if not request.texts or not ensure_loaded(encoder.name):
        return EncodedQuery(encoder, None)
    vectors = (encode_query(encoder.name, text) for text in request.texts)
    return EncodedQuery(encoder, tuple(vectors))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    # As many as searches: encoders gather what waits at the same moment.
    return ThreadPoolExecutor(get_config().web_threads, thread_name_prefix="encode-query")


def make_question(
    asked: Asked,
    collection: Searched,
    *,
    principals: tuple[str, ...] | None,
    is_alone: bool = True,
) -> Question:
    """Return a request as a question to a collection, without vectors; `is_alone` if no other is.

    Raises InvalidInput and TooLarge for a bad filter.
    """
    request = asked.request
    plan = make_plan(collection.ranking, request.ranking, collection.filterable)
    plan = plan if is_alone else plan.without_reranker()
    return Question(
        request=request,
        asked=asked,
        workspace_id=collection.workspace_id,
        collection_id=collection.id,
        slug=collection.slug,
        principals=principals,
        filter=parse_filter(request.filter, collection.filterable),
        configuration=regconfig_of(request.language or collection.language),
        prepared=None if request.query is None else prepare(request.query),
        vector=None,
        notes=tuple(plan.notes),
        ranking=plan,
        more=tuple((prepare(query), None) for query in request.queries),
    )


def with_vectors(question: Question, space: Space | None, encoded: EncodedQuery | None) -> Question:
    """Return a question with what the dense leg is asked, in a space of its collection.

    Raises InvalidInput for a bad vector, NotReady if mode dense has nothing to compare with: hybrid
    goes on with the words alone and says so.
    """
    vector, notes = _query_vector(question.request, space, encoded)
    others = () if encoded is None or encoded.vectors is None else encoded.vectors[1:]
    more = question.more
    if vector is not None and others:
        texts = (text for text, _ in question.more)
        more = tuple(zip(texts, others, strict=True))
    return replace(question, vector=vector, notes=(*notes, *question.notes), more=more)


def _query_vector(
    request: SearchRequest, space: Space | None, encoded: EncodedQuery | None
) -> tuple[NDArray[np.float32] | None, list[Note]]:
    if request.mode is Mode.LEXICAL or _is_of_examples(request, encoded):
        return None, []
    if space is None:
        return _without_dense(request, NoteCode.NO_DENSE_SPACE, "the collection has no vectors")
    if request.vector is not None:
        return _given_vector(request.vector, space), []
    if encoded is None:
        if request.mode is Mode.DENSE:
            raise InvalidInput("this collection's vectors are supplied: give one", "vector")
        message = "the collection's vectors are supplied and the request gives none"
        return _without_dense(request, NoteCode.NO_DENSE_SPACE, message)
    if encoded.vectors is None:
        message = f"the encoder {space.encoder} is not loaded yet"
        return _without_dense(request, NoteCode.ENCODER_NOT_READY, message)
    return encoded.vectors[0], []


def _is_of_examples(request: SearchRequest, encoded: EncodedQuery | None) -> bool:
    # The documents to be like make the vector, as nothing else does.
    is_alone = request.query is None or encoded is None
    return bool(request.like) and request.vector is None and is_alone


def _given_vector(vector: NDArray[np.float32], space: Space) -> NDArray[np.float32]:
    check_vector(vector, space.dimension, space.metric)
    plain = np.asarray(vector, dtype=np.float32)
    return _unit(plain) if space.metric == Metric.COSINE else plain


def _without_dense(request: SearchRequest, code: NoteCode, message: str) -> tuple[None, list[Note]]:
    if request.mode is Mode.DENSE or request.query is None:
        raise NotReady(message)
    return None, [Note(code, f"{message}: words alone were searched")]


def ensure_loaded(encoder: str, wait_s: float = LOAD_WAIT_S) -> bool:
    """Return whether an encoder can be used at once; if not, it is being loaded from now on."""
    try:
        if is_loaded(encoder):
            return True
    except HubError as error:
        # Its weights are not on this machine: words still find.
        logger.warning("encoder not available: %s", error)
        return False
    with _loading_lock:
        thread = _loading.get(encoder)
        if thread is None or not thread.is_alive():
            thread = threading.Thread(target=_load, args=(encoder,), name="encoder", daemon=True)
            _loading[encoder] = thread
            thread.start()
    thread.join(wait_s)
    return is_loaded(encoder)


def _load(encoder: str) -> None:
    try:
        # The first query compiles the encoder: this thread's, not the user's.
        get_encoder(encoder).encode_query("warm up")
    except HubError as error:
        logger.warning("encoder not loaded: %s", error)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    # In double precision: the squares of large float32 numbers overflow.
    wide = vector.astype(np.float64)
    return (wide / np.linalg.norm(wide)).astype(np.float32)
