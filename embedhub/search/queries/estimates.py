"""The SQL that tells how large a shelf is, and how many rows of a sample pass."""

from sqlalchemy import FromClause, func, literal, select, tablesample, text
from sqlalchemy.orm import Session

from embedhub.search.estimate import Sample, Shelf
from embedhub.search.queries.restriction import Restriction, place_of
from embedhub.tables import Space

SHELF = text("""
    SELECT pg_relation_size(c.oid) / CAST(current_setting('block_size') AS integer),
           CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages END,
           ARRAY(SELECT CAST(i.indexrelid AS regclass)::text FROM pg_index i
                 WHERE i.indrelid = c.oid AND i.indisvalid)
    FROM pg_class c WHERE c.oid = to_regclass('vectors.' || CAST(:name AS text))
""")


def shelf_of(session: Session, table: FromClause, space: Space) -> Shelf:
    """Return what the catalog knows of the partition that a space has to itself."""
    name = f"{getattr(table, 'name', '')}_{space.shelf_id}"
    row = session.execute(SHELF, {"name": name}).one_or_none()
    if row is None:
        return Shelf(0, None, frozenset())
    n_pages, density, indexes = row
    return Shelf(n_pages, density, frozenset(indexes))


def sample_rows(
    session: Session,
    table: FromClause,
    *,
    space: Space,
    restriction: Restriction,
    shelf: Shelf,
) -> Sample:
    """Return what some pages of a shelf show about a restriction; always the same pages."""
    pages = func.system(shelf.sample_percent)
    sampled = tablesample(table, pages, name="sampled", seed=literal(0))
    looked_up = restriction.looked_up(
        sampled,
        shelf.served(restriction.filter.look_up()),
        is_access_served=shelf.is_access_served,
    )
    statement = select(
        func.count(),
        func.count().filter(restriction.bare.predicate(sampled)),
        func.count().filter(looked_up),
    ).where(
        *place_of(sampled, space),
        func.abs(func.hashint8(sampled.c.owner_id) % shelf.sample_step) == 0,
    )
    return Sample(*session.execute(statement).one())
