"""How items and users of catalogs come to answer: by words at once, by meaning when encoded.

Of a changed item the new words answer at once and the old vector until the new one is there. The
functions run inside the caller's transaction, which holds the catalog's spaces before its items and
users: so do the workers that store vectors.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.encoders import SUPPLIED, describe_encoder
from embedhub.runs.service import RunKind, start_run
from embedhub.search.lexical import ANALYSER, REVISION
from embedhub.search.lexical_index import LexicalRow, index_chunks, remove_chunks
from embedhub.spaces.distance import index_precision
from embedhub.spaces.followers import ring_for_followers, ring_for_graphs
from embedhub.spaces.generations import IDS_AT_ONCE, remove_traces
from embedhub.spaces.queries import member_states as states
from embedhub.spaces.queries import members as queries
from embedhub.spaces.queries import spaces as space_queries
from embedhub.spaces.queries.member_states import ContentCounts, DeadMember
from embedhub.spaces.service import LiveSpaces
from embedhub.spaces.shelving import drop_shelf
from embedhub.tables import Catalog, Space
from embedhub.tables.spaces import SHARED_SHELF, SPARSE_DIMENSIONS

__all__ = [
    "ContentCounts",
    "DeadMember",
    "Subject",
    "answer_anew",
    "complete_indexes",
    "content_counts",
    "content_space",
    "create_catalog_spaces",
    "dead_members",
    "delete_counts",
    "drop_shelves",
    "hold_catalog_spaces",
    "hold_spaces_of",
    "indexing_states",
    "live_catalog_spaces",
    "remove_members",
    "repeat_attributes",
]


class Subject(StrEnum):
    """Whose vectors a space of a catalog holds."""

    ITEM = "item"
    USER = "user"


def create_catalog_spaces(session: Session, catalog: Catalog) -> None:
    """Open the spaces of a new catalog: of its items' content and words, of its users' texts."""
    owner = {"workspace_id": catalog.workspace_id, "catalog_id": catalog.id}
    if catalog.encoder != SUPPLIED:
        description = describe_encoder(catalog.encoder)
        for subject in Subject:
            space_queries.insert_space(
                session,
                **owner,
                subject=subject.value,
                kind="dense",
                encoder=catalog.encoder,
                revision=description.revision,
                dimension=description.dimension,
                metric=description.metric,
                precision=index_precision(description.metric).value,
            )
    space_queries.insert_space(
        session,
        **owner,
        subject=Subject.ITEM.value,
        kind="sparse",
        encoder=ANALYSER,
        revision=REVISION,
        dimension=SPARSE_DIMENSIONS,
        metric="inner_product",
    )


def content_space(
    session: Session, catalog: Catalog, subject: Subject = Subject.ITEM
) -> Space | None:
    """Return the live space of what the catalog's encoder makes of its items' content, or users'.

    None if the catalog has no encoder. `owner_id` is the item's id; a vector may be missing (not
    encoded yet, or nothing to encode), and of an item changed a moment ago it is the old one's.
    """
    spaces = queries.spaces_of_catalog(
        session, workspace_id=catalog.workspace_id, catalog_id=catalog.id
    )
    return next((space for space in spaces if is_content(space, catalog, subject)), None)


def all_catalog_spaces(session: Session, catalog: Catalog) -> dict[int, Space]:
    """Return the spaces of a catalog by id, whatever their status, in the order of their ids."""
    spaces = queries.spaces_of_catalog(
        session, workspace_id=catalog.workspace_id, catalog_id=catalog.id
    )
    return {space.id: space for space in spaces}


def live_catalog_spaces(session: Session, catalog: Catalog) -> LiveSpaces:
    """Return the spaces that answer for a catalog's items: by their content and their words."""
    spaces = queries.spaces_of_catalog(
        session, workspace_id=catalog.workspace_id, catalog_id=catalog.id
    )
    words = (one for one in spaces if one.kind == "sparse" and one.status == "live")
    content = (one for one in spaces if is_content(one, catalog, Subject.ITEM))
    return LiveSpaces(dense=next(content, None), sparse=next(words, None))


def is_content(space: Space, catalog: Catalog, subject: Subject) -> bool:
    """Say whether a space holds what the catalog's encoder makes of these; pure."""
    is_live_dense = space.kind == "dense" and space.status == "live"
    return is_live_dense and space.subject == subject and space.encoder == catalog.encoder


def hold_catalog_spaces(session: Session, catalog: Catalog) -> list[Space]:
    """Return a catalog's spaces, kept on their shelves until the transaction ends."""
    return hold_spaces_of(session, catalog.id)


def hold_spaces_of(session: Session, catalog_id: int) -> list[Space]:
    """Do the same for a catalog that is being deleted."""
    return queries.hold_spaces_of_catalog(session, catalog_id=catalog_id)


def answer_anew(
    session: Session,
    spaces: Sequence[Space],
    catalog: Catalog,
    subject: Subject,
    ids: Sequence[int],
    *,
    new_ids: Sequence[int] = (),
    priority: int,
) -> bool:
    """Let new items (or users) and those of another content answer; say whether any waits.

    `new_ids` are those among `ids` that no index row can be there of. Before it, what filters see
    of the others was repeated.
    """
    waits = False
    old = sorted(set(ids) - set(new_ids))
    for space in spaces:
        if space.subject != subject or space.status == "retired":
            continue
        if space.kind == "sparse":
            for some in _slices(old):
                remove_chunks(session, space=space, owner_ids=some)
            for some in _slices(sorted(ids)):
                rows = [lexical_row(item) for item in queries.worded_items(session, some)]
                index_chunks(session, space=space, rows=rows)
        elif is_content(space, catalog, subject):
            waits |= _enter(session, space, ids, old=old, priority=priority)
    return waits


def repeat_attributes(
    session: Session, spaces: Sequence[Space], subject: Subject, ids: Sequence[int]
) -> None:
    """Repeat what filters see of items (or users) in all their index rows, where they differ."""
    for some in _slices(sorted(ids)):
        for space in spaces:
            if space.subject == subject:
                queries.repeat_filter_columns(session, subject=subject.value, space=space, ids=some)


def complete_indexes(session: Session, catalog: Catalog) -> list[int]:
    """Ask for the indexes that the shelves of a catalog's items lack, and return the runs.

    What declared fields no longer need is dropped by the same runs.
    """
    return [
        start_run(
            session,
            workspace_id=space.workspace_id,
            kind=RunKind.GROW_SPACE,
            subject=f"space {space.id}",
            arguments={"space_id": space.id, "catalog_id": catalog.id},
        )
        for space in hold_catalog_spaces(session, catalog)
        if space.subject == Subject.ITEM and space.shelf_id != SHARED_SHELF
    ]


def remove_members(
    session: Session, spaces: Sequence[Space], subject: Subject, ids: Sequence[int]
) -> None:
    """Remove the index rows and the ledger's rows of items (or users) that are gone."""
    own = [space for space in spaces if space.subject == subject]
    remove_traces(session, own, sorted(ids))


def delete_counts(session: Session, spaces: Sequence[Space], *, limit: int) -> int:
    """Delete some of the counts kept about spaces whose rows are gone; return how many."""
    return queries.delete_counts(session, [space.id for space in spaces], limit=limit)


def drop_shelves(spaces: Sequence[Space]) -> None:
    """Drop the tables that spaces without rows had to themselves; those gone already are none."""
    with db.autocommit() as connection:
        for space in spaces:
            own = space.id if space.shelf_id == SHARED_SHELF else space.shelf_id
            drop_shelf(connection, kind=space.kind, shelf_id=own)


def dead_members(session: Session, catalog: Catalog, *, after: int, limit: int) -> list[DeadMember]:
    """Return items and users whose vector could not be made, by row, with the reasons."""
    return states.dead_members(
        session,
        workspace_id=catalog.workspace_id,
        catalog_id=catalog.id,
        after=after,
        limit=limit,
    )


def indexing_states(
    session: Session, catalog: Catalog, subject: Subject, external_ids: Sequence[str]
) -> list[tuple[str, bool, str | None]]:
    """Return of items (or users): the caller's id, whether its vector waits, why it has none."""
    space = content_space(session, catalog, subject)
    return states.indexing_states(
        session,
        space_ids=[] if space is None else [space.id],
        subject=subject.value,
        catalog_id=catalog.id,
        external_ids=external_ids,
    )


def content_counts(session: Session, catalog: Catalog) -> ContentCounts:
    """Return how many items and users have their vectors, and what is pending or dead."""
    spaces = queries.spaces_of_catalog(
        session, workspace_id=catalog.workspace_id, catalog_id=catalog.id
    )
    own = [one for one in spaces if any(is_content(one, catalog, of) for of in Subject)]
    return states.count_content(session, own)


def lexical_row(item: queries.WordedItem) -> LexicalRow:
    """Return how an item is found by its words."""
    return LexicalRow(
        owner_id=item.id,
        document_id=None,
        access=item.access,
        attributes=item.attributes,
        language=item.language,
        text=item.content,
    )


def _enter(
    session: Session, space: Space, ids: Sequence[int], *, old: Sequence[int], priority: int
) -> bool:
    """Take vectors from the cache or enter their owners into the ledger; say whether any."""
    waits, subject = False, space.subject
    for some in _slices(sorted(ids)):
        if queries.store_cached(session, subject=subject, space_id=space.id, ids=some):
            ring_for_followers(session, [space.id])
            ring_for_graphs(session, [space.id])
        entered = queries.add_pending(
            session, subject=subject, space=space, ids=some, priority=priority
        )
        waits |= bool(entered)
    for some in _slices(old):
        queries.forget_needless(session, subject=subject, space=space, ids=some)
    if old:
        ring_for_graphs(session, [space.id])
    return waits


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]
