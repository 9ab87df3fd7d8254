"""Whether this process lives and whether it can do its work."""

import gc
import logging
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Literal

from alembic.script import ScriptDirectory
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field
from sqlalchemy.exc import SQLAlchemyError

from embedhub import __version__, db
from embedhub.config import get_config
from embedhub.encoders import registry
from embedhub.errors import HubError
from embedhub.replica import service as replica
from embedhub.web import queries
from embedhub.web.body import AnswerBody
from embedhub.web.responses import respond

logger = logging.getLogger(__name__)

# As many new objects as make the collector look for cycles among them.
NEW_OBJECTS = 20_000
router = Router(tags=["health"])

_warming_up = Event()


@dataclass(frozen=True, slots=True)
class Part:
    """One thing a request needs; `reason` says what is missing."""

    name: str
    ok: bool
    reason: str | None = None


class VersionOut(AnswerBody):
    """The release that answers."""

    version: str


class LiveOut(VersionOut):
    """The process answers."""

    status: Literal["live"]


class PartOut(AnswerBody):
    """Whether one thing that requests need is there; `reason` says what is missing."""

    ok: bool
    reason: str | None


class ReadyOut(VersionOut):
    """Whether requests can be served, and what is missing if not."""

    status: Literal["ready", "not_ready"]
    parts: dict[Literal["database", "migrations", "encoder", "replica"], PartOut] = Field(
        description="Without `replica` requests can be served: then the primary answers all."
        " It is listed where one is configured."
    )


@router.get("/health/live", auth=None, summary="Whether the process answers", response=LiveOut)
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process can answer at all; asks nothing else."""
    del request
    return respond({"status": "live", "version": __version__})


@router.get(
    "/health/ready",
    auth=None,
    summary="Whether requests can be served",
    response={200: ReadyOut, 503: ReadyOut},
)
def ready(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, its schema is this release's and the encoder is loaded."""
    del request
    needed = [*_database_parts(), _encoder_part()]
    is_ready = all(part.ok for part in needed)
    parts = [*needed, *_replica_parts()]
    body = {
        "status": "ready" if is_ready else "not_ready",
        "version": __version__,
        "parts": {part.name: {"ok": part.ok, "reason": part.reason} for part in parts},
    }
    response = respond(body, status=200 if is_ready else 503)
    if not is_ready:
        response["Retry-After"] = "2"
    return response


@router.get("/version", auth=None, summary="Which release answers", response=VersionOut)
def version(request: HttpRequest) -> HttpResponse:
    """The version of this release."""
    del request
    return respond({"version": __version__})


def warm_up() -> Thread:
    """Start loading the default encoder, so that the first search need not wait for it.

    Return the thread that ends when it is loaded, or cannot be.
    """
    _warming_up.set()
    thread = Thread(target=_load_encoder, name="encoder-warm-up", daemon=True)
    thread.start()
    return thread


@lru_cache(maxsize=1)
def newest_migration() -> str | None:
    """Return the newest migration of this release."""
    spec = find_spec("migrations")
    if spec is None or spec.origin is None:
        return None
    return ScriptDirectory(str(Path(spec.origin).parent)).get_current_head()


def _database_parts() -> list[Part]:
    try:
        with db.reading() as session:
            found = queries.schema_version(session)
    except SQLAlchemyError as error:
        logger.warning("database not reachable", exc_info=error)
        reason = "the database does not answer"
        return [Part("database", False, reason), Part("migrations", False, reason)]
    wanted = newest_migration()
    if found == wanted:
        return [Part("database", True), Part("migrations", True)]
    reason = f"the schema is at {found}, this release needs {wanted}"
    return [Part("database", True), Part("migrations", False, reason)]


def _encoder_part() -> Part:
    name = get_config().default_encoder
    try:
        # Loaded, it is compiled yet: for seconds that slows down every search.
        if name == registry.SUPPLIED or (registry.is_loaded(name) and not _warming_up.is_set()):
            return Part("encoder", True)
    except HubError as error:
        return Part("encoder", False, str(error))
    return Part("encoder", False, f"{name} is being loaded")


def _replica_parts() -> list[Part]:
    state = replica.state()
    return [] if state is None else [Part("replica", state.is_used, state.reason)]


def _load_encoder() -> None:
    name = get_config().default_encoder
    try:
        if name != registry.SUPPLIED:
            registry.get_encoder(name).encode_query("warm up")
    except HubError as error:
        logger.warning("encoder not loaded: %s", error)
    finally:
        _warming_up.clear()
    # What is there by now stays: the collector need not walk over half a million objects again and
    # again, which took a fifth of the time of an import.
    gc.collect()
    gc.freeze()
    # A search makes a few thousand objects and leaves no cycles: looked for after 700 they would be
    # walked over several times a search.
    gc.set_threshold(NEW_OBJECTS)
