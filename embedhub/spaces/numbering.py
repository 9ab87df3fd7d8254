"""Numbering copies where nobody did at storing, and repairing what no search reaches."""

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_unless_paused
from embedhub.spaces.queries import copies, shelves

# Each may have to be taken into the HNSW index anew, while nobody can store into the space.
NUMBERED_AT_ONCE = 2_000


def number_copies(space_id: int) -> int:
    """Number the copies in a dense space on a shelf of its own; return how many rows changed.

    To be done before its HNSW index is built. Ingests wait at most for one batch of it.
    """

    def step(session: Session, size: int) -> int:
        space = shelves.hold_space(session, space_id)
        if space is None:
            return 0
        return copies.number_copies(session, shelf_id=space.shelf_id, space_id=space_id, limit=size)

    return db.in_batches(step, size=NUMBERED_AT_ONCE)


def reach_all_copies() -> int:
    """Let a hidden copy stand for the others wherever none does; return for how many vectors.

    Who deletes takes care of that himself: this heals what happened behind the services' back.
    """
    with db.reading() as session:
        found = {
            space_id: copies.inputs_without_delegate(session, shelf_id=shelf_id, space_id=space_id)
            for space_id, shelf_id in copies.numbered_spaces(session)
        }
    return sum(_appoint(space_id, hashes) for space_id, hashes in found.items() if hashes)


def number_older_shelves() -> None:
    """Ask for a new index, with copies numbered first, where an older release built the one there.

    Until then that one answers, right but blinded by many copies of one vector.
    """
    with db.writing() as session:
        for space in copies.spaces_with_every_copy_indexed(session):
            start_unless_paused(
                session,
                workspace_id=space.workspace_id,
                kind=RunKind.REBUILD_INDEX,
                subject=f"space {space.id}",
                arguments={"space_id": space.id},
            )


def _appoint(space_id: int, hashes: list[bytes]) -> int:
    with db.writing() as session:
        space = shelves.hold_space(session, space_id)
        if space is None:
            return 0
        return copies.appoint_delegates(
            session, shelf_id=space.shelf_id, space_id=space_id, hashes=hashes
        )
