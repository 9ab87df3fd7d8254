"""A request made ready to run: its collection found, its filter compiled, its query encoded."""

import logging
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.encoders import SUPPLIED, encode_query, get_encoder, is_loaded
from embedhub.errors import HubError, InvalidInput, NotReady
from embedhub.search.analysis import prepare, regconfig_of
from embedhub.search.checks import check_request, check_vector
from embedhub.search.filters import Filter, parse_filter
from embedhub.search.request import Mode, Note, NoteCode, SearchRequest
from embedhub.search.stopwatch import Stopwatch
from embedhub.spaces.distance import Metric
from embedhub.spaces.service import live_spaces
from embedhub.tables import Space

logger = logging.getLogger(__name__)

# How long a search waits for an encoder that it asked to be loaded; a small one is there at once.
LOAD_WAIT_S = 0.2

_loading_lock = threading.Lock()
_loading: dict[str, threading.Thread] = {}


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for, where, and as whom.

    `vector` is None if the dense leg does not run; then `notes` say why, unless the request did
    not ask for it. `encoder` is that of the space the vector was made for.
    """

    request: SearchRequest
    workspace_id: int
    collection_id: int
    principals: tuple[str, ...] | None
    filter: Filter
    configuration: str
    prepared: str | None
    vector: NDArray[np.float32] | None
    encoder: tuple[str, str] | None
    notes: tuple[Note, ...]


def make_question(caller: Caller, slug: str, request: SearchRequest, watch: Stopwatch) -> Question:
    """Check a request against its collection and encode its query; no transaction stays open.

    Raises NotFound, InvalidInput, TooLarge, and NotReady if mode dense has nothing to compare
    with: hybrid goes on with the words alone and says so.
    """
    check_request(request)
    with db.reading() as session:
        collection = find_collection(session, caller, slug)
        spaces = live_spaces(session, workspace_id=caller.workspace_id, collection_id=collection.id)
    vector, notes = _query_vector(request, spaces.dense, watch)
    return Question(
        request=request,
        workspace_id=caller.workspace_id,
        collection_id=collection.id,
        principals=caller.principals,
        filter=parse_filter(request.filter, collection.filterable),
        configuration=regconfig_of(request.language or collection.language),
        prepared=None if request.query is None else prepare(request.query),
        vector=vector,
        encoder=None if spaces.dense is None else (spaces.dense.encoder, spaces.dense.revision),
        notes=tuple(notes),
    )


def _query_vector(
    request: SearchRequest, space: Space | None, watch: Stopwatch
) -> tuple[NDArray[np.float32] | None, list[Note]]:
    if request.mode is Mode.LEXICAL:
        return None, []
    if space is None:
        return _without_dense(request, NoteCode.NO_DENSE_SPACE, "the collection has no vectors")
    if request.vector is not None:
        check_vector(request.vector, space.dimension, space.metric)
        vector = np.asarray(request.vector, dtype=np.float32)
        return (_unit(vector) if space.metric == Metric.COSINE else vector), []
    if space.encoder == SUPPLIED:
        if request.mode is Mode.DENSE:
            raise InvalidInput("this collection's vectors are supplied: give one", "vector")
        message = "the collection's vectors are supplied and the request gives none"
        return _without_dense(request, NoteCode.NO_DENSE_SPACE, message)
    with watch.part("encode"):
        if not ensure_loaded(space.encoder):
            message = f"the encoder {space.encoder} is being loaded"
            return _without_dense(request, NoteCode.ENCODER_NOT_READY, message)
        return encode_query(space.encoder, request.query or ""), []


def _without_dense(request: SearchRequest, code: NoteCode, message: str) -> tuple[None, list[Note]]:
    if request.mode is Mode.DENSE or request.query is None:
        raise NotReady(message)
    return None, [Note(code, f"{message}: words alone were searched")]


def ensure_loaded(encoder: str, wait_s: float = LOAD_WAIT_S) -> bool:
    """Return whether an encoder can be used at once; if not, it is being loaded from now on."""
    if is_loaded(encoder):
        return True
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
        get_encoder(encoder)
    except HubError as error:
        logger.warning("encoder not loaded: %s", error)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    # In double precision: the squares of large float32 numbers overflow.
    wide = vector.astype(np.float64)
    return (wide / np.linalg.norm(wide)).astype(np.float32)
