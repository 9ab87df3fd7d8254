"""Where a caller's pairs are: whose rows, which set, which pair of it, and who decides."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from embedhub.access.caller import Caller
from embedhub.collections.service import find_collection
from embedhub.duplicates.deciding import may_see
from embedhub.duplicates.queries import pairs, sets
from embedhub.duplicates.subjects import subjects_of
from embedhub.errors import InvalidInput, NotFound
from embedhub.graph import service as graphs
from embedhub.graph.service import Level, Owner, Subject
from embedhub.tables import DuplicatePair, DuplicateSet


@dataclass(frozen=True, slots=True)
class Where:
    """Whose duplicates: of a collection or catalog, or of a collection in another, `within`."""

    owner: Owner
    slug: str
    level: str | None = None
    within: str | None = None


def two_subjects(session: Session, caller: Caller, where: Where) -> tuple[Subject, Subject]:
    """Return the rows of two collections that are compared; raises NotFound, InvalidInput."""
    if where.owner is not Owner.COLLECTIONS or where.within is None:
        raise InvalidInput("collections are compared with collections", "within")
    subject = graphs.subject_of(session, caller, where.owner, where.slug, where.level)
    other = find_collection(session, caller, where.within)
    if other.id == subject.collection_id:
        raise InvalidInput("must be another collection; a scan compares one with itself", "within")
    return subject, Subject(other.workspace_id, other.id, None, Level(subject.level))


def find_set(session: Session, caller: Caller, where: Where) -> DuplicateSet | None:
    """Return the set that is meant, None before its first run; raises NotFound for its owner."""
    if where.within is not None:
        subject, other = two_subjects(session, caller, where)
        return sets.find_set(session, subject, other_collection_id=other.collection_id)
    subject = graphs.subject_of(session, caller, where.owner, where.slug, where.level)
    return sets.find_set(session, subject)


def print_sets(session: Session, found: DuplicateSet) -> tuple[int, int]:
    """Return the sets that have the fingerprints of a set's left and right rows."""
    if found.other_collection_id is None:
        return found.id, found.id
    own = [sets.find_set(session, subject) for subject in subjects_of(found)]
    left, right = (found.id if one is None else one.id for one in own)
    return left, right


def visible_pair(
    session: Session, caller: Caller, where: Where, pair_id: int
) -> tuple[DuplicateSet, DuplicatePair]:
    """Return a pair both of whose rows the caller may see, with its set; raises NotFound."""
    found = find_set(session, caller, where)
    pair = None if found is None else pairs.find_pair(session, [found.id], pair_id)
    if found is None or pair is None:
        raise NotFound("duplicate pair", pair_id)
    if not may_see(session, subjects_of(found), pair, caller.principals):
        raise NotFound("duplicate pair", pair_id)
    return found, pair


def held_set(session: Session, found: DuplicateSet) -> DuplicateSet:
    """Return a set held until the transaction ends: one at a time decides in it."""
    held = sets.hold_set(session, found.id)
    if held is None:
        raise NotFound("duplicates of set", found.id)
    return held


def who_decides(caller: Caller, by: str | None) -> str:
    """Return who a decision is by: a member of staff, else the caller's key."""
    return by or (f"API key {caller.key_id}" if caller.key_id else "command line")
