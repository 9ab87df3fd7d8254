"""Rows as lists of labels name them: what they are called, and how their text begins."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from embedhub.graph.service import Level, Subject, nodes
from embedhub.labels.view import RowView

SHOWN_CHARS = 500


def rows_of(session: Session, subject: Subject, ids: Sequence[int]) -> dict[int, RowView]:
    """Return rows by id; those that are gone are left out."""
    is_passage = subject.level is Level.CHUNK
    return {
        node.id: RowView(
            external_id=node.external_id,
            position=node.position if is_passage else None,
            title=node.title,
            text=beginning(node.text),
            url=node.url,
        )
        for node in nodes(session, subject, ids)
    }


def beginning(text: str) -> str:
    """Return how a text begins, with an ellipsis if it goes on."""
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1].rstrip() + "…"
