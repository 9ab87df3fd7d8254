"""What is near to a row that somebody names: out of its stored list, or looked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import check_principals
from embedhub.config import get_config
from embedhub.errors import InvalidInput, NotFound, NotReady
from embedhub.graph.lists import NONE
from embedhub.graph.probing import nearest
from embedhub.graph.queries.graphs import live_space
from embedhub.graph.queries.nodes import find_ids, nodes, visible_among
from embedhub.graph.queries.vectors import vectors_of
from embedhub.graph.reading import neighbor_lists
from embedhub.graph.service import live_graph, subject_of
from embedhub.graph.subject import Level, Node, Owner, Subject
from embedhub.graph.view import GraphView

# Of a neighbor's text: enough to know it by.
SHOWN_CHARS = 300

Scored = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class RowAsked:
    """The row of which neighbors are wanted, how many, and for whom.

    `position` is that of a passage in its document; None is the first one.
    """

    external_id: str
    level: str | None = None
    position: int | None = None
    limit: int = 10
    principals: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as neighbors are shown; `text` is its beginning."""

    external_id: str
    title: str
    url: str | None
    metadata: dict[str, Any]
    text: str
    position: int | None

    @classmethod
    def of(cls, node: Node) -> "ShownRow":
        """Return a node as it is shown."""
        return cls(node.external_id, node.title, node.url, node.metadata, node.text, node.position)


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A row near to the one asked for; `similarity` is the cosine of their vectors, 1 best."""

    similarity: float
    row: ShownRow


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The rows nearest to one, nearest first; `source` is graph, or search where it was asked."""

    level: Level
    row: ShownRow
    neighbors: tuple[Neighbor, ...]
    source: str


def neighbors_of(caller: Caller, owner: Owner, slug: str, asked: RowAsked) -> Neighbors:
    """Return the rows nearest to a row of a collection or catalog that the caller may see.

    Raises NotFound for one it may not see or that is not there, NotReady while the row has no
    vector, InvalidInput naming the part of the request.
    """
    if not 1 <= asked.limit <= get_config().max_limit:
        raise InvalidInput(f"must be from 1 to {get_config().max_limit}", "limit")
    if asked.principals is not None:
        check_principals(asked.principals)
    principals = caller.narrowed(asked.principals).principals
    with db.reading() as session:
        subject = subject_of(session, caller, owner, slug, asked.level)
        position = asked.position or 0 if subject.level is Level.CHUNK else None
        found = find_ids(session, subject, principals, asked.external_id, position)
        if not found:
            kind = "item" if subject.level is Level.ITEM else "document"
            raise NotFound(kind, asked.external_id)
        node_id = found[0]
        scored, source = _from_graph(session, subject, node_id, principals), "graph"
        if scored is None or len(scored) < asked.limit:
            graph = live_graph(session, subject)
            if scored is None or graph is None or graph.n_nodes - 1 > len(scored):
                scored = _by_search(session, subject, node_id, asked.limit, principals)
                source = "search"
        scored = scored[: asked.limit]
        ids = [node_id, *(other for other, _ in scored)]
        shown = {
            node.id: ShownRow.of(node)
            for node in nodes(session, subject, ids, max_chars=SHOWN_CHARS)
        }
    return Neighbors(
        level=subject.level,
        row=shown[node_id],
        neighbors=tuple(
            Neighbor(round(float(similarity), 6), shown[other])
            for other, similarity in scored
            if other in shown
        ),
        source=source,
    )


def _from_graph(
    session: Session, subject: Subject, node_id: int, principals: Sequence[str] | None
) -> Scored | None:
    """Return the stored neighbors that somebody may see; None without a list."""
    graph: GraphView | None = live_graph(session, subject)
    if graph is None:
        return None
    lists = neighbor_lists(session, graph, [node_id])
    if not len(lists.ids):
        return None
    kept = lists.neighbor_ids[0] != NONE
    ids, similarities = lists.neighbor_ids[0][kept].tolist(), lists.similarity[0][kept].tolist()
    seen = visible_among(session, subject, principals, ids)
    return [pair for pair in zip(ids, similarities, strict=True) if pair[0] in seen]


def _by_search(
    session: Session,
    subject: Subject,
    node_id: int,
    limit: int,
    principals: Sequence[str] | None,
) -> Scored:
    """Return the rows nearest to one that somebody may see, as a search finds them."""
    space = live_space(session, subject)
    own = None if space is None else vectors_of(session, space, subject.level, [node_id])
    if own is None or not len(own.ids):
        raise NotReady("this row has no vector yet, or nothing to make one of")
    # Itself is the nearest.
    found = nearest(session, subject, own.matrix, limit + 1, principals)
    pairs = zip(found.neighbor_ids[0].tolist(), found.similarity[0].tolist(), strict=True)
    return [(other, score) for other, score in pairs if other not in (NONE, node_id)]
