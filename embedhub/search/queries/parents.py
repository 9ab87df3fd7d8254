"""The SQL of the passages around a hit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Relative:
    """A passage of the same generation, as far as a parent needs it."""

    start: int
    end: int
    heading_path: str
    n_tokens: int


@dataclass(slots=True)
class Neighborhood:
    """A chunk with the passages before and behind it, in order; `place` is its own."""

    chunking: dict[str, Any]
    place: int = 0
    relatives: list[Relative] = field(default_factory=list)

    @property
    def own(self) -> Relative:
        """The chunk itself."""
        return self.relatives[self.place]


def neighborhoods(
    session: Session,
    *,
    workspace_id: int,
    collection_id: int,
    chunk_ids: Sequence[int],
    reach: int,
) -> dict[int, Neighborhood]:
    """Return the passages up to `reach` places from each of these chunks of a collection."""
    statement = text("""
        SELECT h.id, k.chunking, n.id, n.start_offset, n.end_offset, n.heading_path, n.n_tokens
        FROM chunks h JOIN collections k ON k.id = h.collection_id
        JOIN chunks n ON n.document_id = h.document_id AND n.generation = h.generation
         AND n.position BETWEEN h.position - :reach AND h.position + :reach
        WHERE h.id = ANY(:ids) AND h.workspace_id = :workspace_id
          AND h.collection_id = :collection_id
        ORDER BY h.id, n.position
    """)
    facts = {
        "ids": list(chunk_ids),
        "workspace_id": workspace_id,
        "collection_id": collection_id,
        "reach": reach,
    }
    found: dict[int, Neighborhood] = {}
    for own_id, chunking, relative_id, *facts_of in session.execute(statement, facts):
        around = found.setdefault(own_id, Neighborhood(chunking))
        if relative_id == own_id:
            around.place = len(around.relatives)
        around.relatives.append(Relative(*facts_of))
    return found


def texts(session: Session, ranges: Mapping[int, tuple[int, int]]) -> dict[int, str]:
    """Return what stands at a range of the text of each chunk's version."""
    statement = text("""
        SELECT c.id, substr(v.text, r.first + 1, r.last - r.first)
        FROM unnest(CAST(:ids AS bigint[]), CAST(:firsts AS int[]), CAST(:lasts AS int[]))
          AS r (id, first, last)
        JOIN chunks c ON c.id = r.id
        JOIN document_versions v ON v.document_id = c.document_id AND v.version = c.version
    """)
    facts = {
        "ids": list(ranges),
        "firsts": [first for first, _ in ranges.values()],
        "lasts": [last for _, last in ranges.values()],
    }
    return {row[0]: row[1] for row in session.execute(statement, facts)}
