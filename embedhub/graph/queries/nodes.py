"""The SQL of the rows that analyses are about: documents, passages and items, with their texts."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, defer

from embedhub.graph.subject import Level, Node, Subject
from embedhub.search.access import access_predicate
from embedhub.tables import Catalog, Chunk, Collection, Document, DocumentVersion, Item

# Fields of an item, or of metadata, that say what it is called and where it comes from.
TITLES, URLS, SOURCE = ("title", "name"), ("url", "link"), "source"


def visible(
    subject: Subject, principals: Sequence[str] | None, node_id: Any
) -> ColumnElement[bool]:
    """Return the condition that a column holds the id of a row somebody may see, of this subject.

    None sees all of them. Rows that are gone, expired or of a generation that does not answer are
    nobody's.
    """
    return _ids(subject, principals).where(_id_of(subject) == node_id).exists()


def node_ids(session: Session, subject: Subject, *, after: int, limit: int) -> list[int]:
    """Return the ids of the next rows behind an id, in order."""
    statement = _ids(subject, None).where(_id_of(subject) > after)
    return list(session.scalars(statement.order_by(_id_of(subject)).limit(limit)))


def count_nodes(session: Session, subject: Subject) -> int:
    """Return how many rows there are, with a vector or without."""
    return session.scalars(select(func.count()).select_from(_ids(subject, None).subquery())).one()


def visible_among(
    session: Session, subject: Subject, principals: Sequence[str] | None, ids: Sequence[int]
) -> set[int]:
    """Return which of these rows somebody may see."""
    statement = _ids(subject, principals).where(_id_of(subject).in_(list(ids)))
    return set(session.scalars(statement)) if ids else set()


def find_ids(
    session: Session,
    subject: Subject,
    principals: Sequence[str] | None,
    external_id: str,
    position: int | None = None,
) -> list[int]:
    """Return the rows of an external id that somebody may see, in order.

    One, but for passages: all of the document, or the one at this position.
    """
    statement = _ids(subject, principals)
    if subject.level is Level.ITEM:
        statement = statement.where(Item.external_id == external_id)
    else:
        statement = statement.where(Document.external_id == external_id)
    if subject.level is Level.CHUNK and position is not None:
        statement = statement.where(Chunk.position == position)
    return list(session.scalars(statement.order_by(_id_of(subject))))


def nodes(
    session: Session, subject: Subject, ids: Sequence[int], *, max_chars: int | None = None
) -> list[Node]:
    """Return these rows in the order asked; those that are gone are left out.

    With `max_chars` only the beginnings of their texts are read.
    """
    if not ids:
        return []
    read = {Level.DOCUMENT: _documents, Level.CHUNK: _chunks, Level.ITEM: _items}[subject.level]
    wanted = sorted({int(one) for one in ids})
    found = {node.id: node for node in read(session, subject, wanted, max_chars)}
    return [found[int(one)] for one in ids if int(one) in found]


def _id_of(subject: Subject) -> Any:
    return {Level.DOCUMENT: Document.id, Level.CHUNK: Chunk.id, Level.ITEM: Item.id}[subject.level]


def _ids(subject: Subject, principals: Sequence[str] | None) -> Select[tuple[int]]:
    if subject.level is Level.ITEM:
        return select(Item.id).where(
            Item.workspace_id == subject.workspace_id,
            Item.catalog_id == subject.catalog_id,
            access_predicate(Item.access, principals),
        )
    of_documents = (
        Document.workspace_id == subject.workspace_id,
        Document.collection_id == subject.collection_id,
        access_predicate(Document.access, principals),
        or_(Document.expires_at.is_(None), Document.expires_at > func.now()),
    )
    if subject.level is Level.DOCUMENT:
        return select(Document.id).where(*of_documents)
    return (
        select(Chunk.id)
        .join(Document, _is_live_chunk())
        .where(*of_documents, Chunk.collection_id == subject.collection_id)
    )


def _is_live_chunk() -> ColumnElement[bool]:
    return and_(Document.id == Chunk.document_id, Document.live_generation == Chunk.generation)


def _documents(
    session: Session, subject: Subject, ids: Sequence[int], max_chars: int | None
) -> list[Node]:
    statement = (
        select(
            Document,
            DocumentVersion.title,
            _beginning(DocumentVersion.text, max_chars),
            DocumentVersion.content_hash,
            Collection.language,
        )
        .join(DocumentVersion, _is_live_version())
        .join(Collection, Collection.id == Document.collection_id)
        .where(Document.id.in_(_ids(subject, None).where(Document.id.in_(ids))))
    )
    return [
        Node(
            id=document.id,
            title=title,
            text=text,
            content_hash=content_hash,
            language=document.language or language,
            **_shared(document),
        )
        for document, title, text, content_hash, language in session.execute(statement)
    ]


def _chunks(
    session: Session, subject: Subject, ids: Sequence[int], max_chars: int | None
) -> list[Node]:
    statement = (
        select(
            Chunk,
            _beginning(Chunk.text, max_chars),
            Document,
            DocumentVersion.title,
            Collection.language,
        )
        .options(defer(Chunk.text))
        .join(Document, _is_live_chunk())
        .join(DocumentVersion, _is_live_version())
        .join(Collection, Collection.id == Document.collection_id)
        .where(Chunk.id.in_(_ids(subject, None).where(Chunk.id.in_(ids))))
    )
    return [
        Node(
            id=chunk.id,
            title=title,
            text=text,
            content_hash=chunk.input_hash or b"",
            language=document.language or language,
            position=chunk.position,
            **_shared(document),
        )
        for chunk, text, document, title, language in session.execute(statement)
    ]


def _is_live_version() -> ColumnElement[bool]:
    return and_(
        DocumentVersion.document_id == Document.id,
        DocumentVersion.version == Document.live_version,
    )


def _beginning(column: Any, max_chars: int | None) -> Any:
    return column if max_chars is None else func.left(column, max_chars)


def _shared(document: Document) -> dict[str, Any]:
    """Return what a document and its passages have in common."""
    return {
        "external_id": document.external_id,
        "url": document.url,
        "metadata": document.metadata_,
        "access": document.access,
        "source": _source(document.metadata_, document.url),
        "created_at": document.created_at,
        "document_id": document.id,
    }


def _items(
    session: Session, subject: Subject, ids: Sequence[int], max_chars: int | None
) -> list[Node]:
    statement = (
        select(Item, Catalog.language)
        .join(Catalog, Catalog.id == Item.catalog_id)
        .where(
            Item.id.in_(ids),
            Item.workspace_id == subject.workspace_id,
            Item.catalog_id == subject.catalog_id,
        )
    )
    found = []
    for item, language in session.execute(statement):
        url = _first_text(item.fields, URLS) or None
        found.append(
            Node(
                id=item.id,
                external_id=item.external_id,
                title=_first_text(item.fields, TITLES),
                text=item.content[:max_chars],
                url=url,
                metadata=_metadata_of(item),
                access=item.access,
                language=language,
                source=_source(item.attributes, url),
                created_at=item.created_at,
                content_hash=item.input_hash or b"",
            )
        )
    return found


def _metadata_of(item: Item) -> dict[str, Any]:
    """Return what filters see of an item: its attributes, its categories and labels as lists."""
    lists = {"categories": list(item.categories), "labels": list(item.labels)}
    return dict(item.attributes) | {name: words for name, words in lists.items() if words}


def _first_text(fields: dict[str, Any], names: Sequence[str]) -> str:
    found = (fields.get(name) for name in names)
    return next((one for one in found if isinstance(one, str) and one.strip()), "")


def _source(metadata: dict[str, Any], url: str | None) -> str | None:
    named = metadata.get(SOURCE)
    if isinstance(named, str) and named.strip():
        return named.strip()
    try:
        return urlsplit(url).hostname if url else None
    except ValueError:
        return None
