"""Numbering copies where nobody did at storing, and repairing what no search reaches."""

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import start_unless_paused
from embedhub.spaces.queries import copies, shelves
from embedhub.tables.spaces import SHARED_SHELF

# Each may have to be taken into the HNSW index anew, while nobody can store into the space.
NUMBERED_AT_ONCE = 2_000
# Looked up at once and kept in memory meanwhile.
FORESEEN_AT_ONCE = 200_000


def number_copies(space_id: int) -> int:
    """Number the copies in a dense space on a shelf of its own; return how many rows changed.

    To be done before its HNSW index is built. Ingests wait at most for one batch of it.
    """

    def step(session: Session, size: int) -> int:
        space = shelves.hold_space(session, space_id)
        if space is None:
            return 0
        return copies.number_copies(session, shelf_id=space.shelf_id, space_id=space_id, limit=size)

    return _number_foreseen(space_id) + db.in_batches(step, size=NUMBERED_AT_ONCE)


def _number_foreseen(space_id: int) -> int:
    """Number rows as a look beforehand says, while there are many; return how many were tried.

    All rows of a shelf are sorted to find them: once for many batches, and nobody waits for it.
    """
    tried = 0
    while True:
        with db.reading() as session:
            space = shelves.find_space(session, space_id)
            if space is None or space.shelf_id == SHARED_SHELF:
                return tried
            place = {"shelf_id": space.shelf_id, "space_id": space_id}
            wrong = copies.wrong_numbers(session, **place, limit=FORESEEN_AT_ONCE)
        if len(wrong) <= NUMBERED_AT_ONCE:
            return tried
        for start in range(0, len(wrong), NUMBERED_AT_ONCE):
            with db.writing() as session:
                held = shelves.hold_space(session, space_id)
                if held is None or held.shelf_id != place["shelf_id"]:
                    return tried
                some = wrong[start : start + NUMBERED_AT_ONCE]
                copies.set_numbers(session, **place, numbers=some)
        tried += len(wrong)


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
