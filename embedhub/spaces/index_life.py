"""What a caller may ask about the index of a collection, and have done with it."""

from dataclasses import dataclass, fields

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.advice import Advice
from embedhub.collections.service import find_collection
from embedhub.errors import Conflict, InvalidInput, NotFound
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_run, unfinished_run
from embedhub.spaces.distance import MAX_INDEXED_DIMENSION, Metric, Precision
from embedhub.spaces.forecast import Forecast
from embedhub.spaces.index_facts import (
    WORKING,
    IndexFacts,
    index_advice,
    index_facts,
    subject_of,
)
from embedhub.spaces.means import foresee, require_room
from embedhub.spaces.service import LiveSpaces, live_spaces
from embedhub.tables import Collection, Space
from embedhub.tables.spaces import SHARED_SHELF


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexView(IndexFacts):
    """How a collection's index stands, what a rebuild would take, and the run at work on it."""

    run_id: int | None
    forecast: Forecast
    advice: list[Advice]


def describe_index(caller: Caller, slug: str, *, precision: str | None = None) -> IndexView:
    """Return how a collection's index stands, with the forecast of a rebuild.

    The forecast is for this precision, None for the one there is. Raises NotFound, Forbidden for a
    caller bound to principals, InvalidInput for a precision that the space cannot have.
    """
    caller.require_every_document()
    with db.reading() as session:
        collection, spaces, space = _found(session, caller, slug)
        check_precision(space, precision)
        facts = index_facts(session, space)
        return IndexView(
            **{field.name: getattr(facts, field.name) for field in fields(facts)},
            run_id=unfinished_run(session, kinds=WORKING, subject=subject_of(space)),
            forecast=_forecast(session, space, facts.rows, precision),
            advice=index_advice(session, collection, spaces),
        )


def ask_for_rebuild(
    caller: Caller, slug: str, *, precision: str | None = None
) -> tuple[int, Forecast]:
    """Start the run that builds a collection's index anew; return it and its forecast.

    With a precision, searches go by it once the new index is ready. Raises NotFound, InvalidInput,
    Conflict while another run works on the index, and StorageFull if it would fill the disk.
    """
    caller.require_writing()
    with db.writing() as session:
        collection, _, space = _found(session, caller, slug)
        check_precision(space, precision)
        at_work = unfinished_run(session, kinds=WORKING, subject=subject_of(space))
        if at_work is not None:
            raise Conflict(f"run {at_work} is at work on this index; wait for it or cancel it")
        rows = index_facts(session, space).rows
        forecast = _forecast(session, space, rows, precision)
        require_room(forecast)
        run_id = start_run(
            session,
            workspace_id=caller.workspace_id,
            kind=RunKind.REBUILD_INDEX,
            subject=subject_of(space),
            arguments={
                "space_id": space.id,
                "collection_id": collection.id,
                **({} if precision is None else {"precision": precision}),
            },
        )
    return run_id, forecast


def check_precision(space: Space, precision: str | None) -> None:
    """Return if a space can be indexed with this precision; raises InvalidInput."""
    if precision is None:
        return
    if precision not in list(Precision):
        raise InvalidInput(f"must be one of {', '.join(Precision)}", "precision")
    limit = MAX_INDEXED_DIMENSION[Precision(precision)]
    if space.dimension > limit:
        message = f"{precision!r} takes at most {limit:,} dimensions, these have {space.dimension}"
        raise InvalidInput(message, "precision")
    if precision == Precision.HALFVEC and space.metric != Metric.COSINE:
        message = (
            f"'halfvec' holds no value beyond 65,504, which a vector compared by {space.metric!r}"
            " may have"
        )
        raise InvalidInput(message, "precision")


def _found(session: Session, caller: Caller, slug: str) -> tuple[Collection, LiveSpaces, Space]:
    collection = find_collection(session, caller, slug)
    spaces = live_spaces(session, workspace_id=caller.workspace_id, collection_id=collection.id)
    if spaces.dense is None:
        raise NotFound("index of collection", slug)
    return collection, spaces, spaces.dense


def _forecast(session: Session, space: Space, rows: int, precision: str | None) -> Forecast:
    # What shares its shelf is moved when it grows.
    moved = rows if space.shelf_id == SHARED_SHELF else 0
    return foresee(session, space, rows=rows, precision=precision, moved_rows=moved)
