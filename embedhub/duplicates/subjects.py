"""Whose rows stand on the two sides of a set's pairs; pure."""

from embedhub.graph.service import Level, Subject
from embedhub.tables import DuplicateSet


def subjects_of(found: DuplicateSet) -> tuple[Subject, Subject]:
    """Return the subjects of the left and the right rows; the same but for two collections."""
    level = Level(found.level)
    own = Subject(found.workspace_id, found.collection_id, found.catalog_id, level)
    if found.other_collection_id is None:
        return own, own
    return own, Subject(found.workspace_id, found.other_collection_id, None, level)


def name_of(found: DuplicateSet) -> str:
    """Return what runs over a set name as their subject."""
    left, right = subjects_of(found)
    return left.name if left == right else f"{left.name} in {right.name}"
