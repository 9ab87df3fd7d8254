"""The SQL that keeps the lexical index: rows with their weights, and exact counts of terms."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from embedhub import db
from embedhub.search.lexical import K1, B
from embedhub.tables.spaces import SPARSE_DIMENSIONS

# pgvector stores no more non-zero values in one sparse vector.
MAX_NONZERO = 16_000

# A lexeme's place in the sparse vector: a hash, so that there is no dictionary to race for. Two
# lexemes of one row that share a place share their frequency, since a place may come only once.
PLACE = f"(hashtextextended({{lexeme}}, 0) & 9223372036854775807) % {SPARSE_DIMENSIONS} + 1"

# From `analysed(owner_id, terms)` to `weighed(owner_id, weights)`, given `average(length)`.
WEIGH = f"""
    frequencies AS MATERIALIZED (
      SELECT a.owner_id, {PLACE.format(lexeme="t.lexeme")} AS place, cardinality(t.positions) AS n
      FROM analysed a CROSS JOIN unnest(a.terms) AS t),
    lengths AS MATERIALIZED (
      SELECT owner_id, sum(n) AS length FROM frequencies GROUP BY owner_id),
    average AS MATERIALIZED ({{average}}),
    placed AS (
      SELECT owner_id, place, sum(n) AS n FROM frequencies GROUP BY owner_id, place),
    weighed AS (
      SELECT p.owner_id, CAST('{{{{' || array_to_string((array_agg(p.place || ':' || CAST(
          p.n * {K1 + 1} / (p.n + {K1} * ({1 - B} + {B} * l.length / average.length)) AS real)
          ORDER BY p.n DESC, p.place))[\\:{MAX_NONZERO}], ',') || '}}}}/{SPARSE_DIMENSIONS}'
          AS sparsevec) AS weights
      FROM placed p JOIN lengths l ON l.owner_id = p.owner_id CROSS JOIN average
      GROUP BY p.owner_id)
"""

INSERT_ROWS = text(
    """
    WITH input AS (
      SELECT * FROM unnest(
        CAST(:owner_ids AS bigint[]), CAST(:document_ids AS bigint[]), CAST(:access AS text[]),
        CAST(:attributes AS text[]), CAST(:languages AS text[]), CAST(:texts AS text[]))
        AS i(owner_id, document_id, access, attributes, language, body)),
    analysed AS MATERIALIZED (
      SELECT owner_id, to_tsvector(CAST(language AS regconfig), body) AS terms FROM input),
    """
    + WEIGH.format(
        # Until upkeep has settled it, the average is what the rows so far and these ones give.
        average="""
          SELECT coalesce(CAST(:average_length AS float8), greatest(1, CAST(
            coalesce(sum(d.length), 0) + (SELECT coalesce(sum(length), 0) FROM lengths) AS float8)
            / (coalesce(sum(d.rows), 0) + cardinality(CAST(:owner_ids AS bigint[]))))) AS length
          FROM size_deltas d WHERE d.space_id = :space_id
            AND CAST(:average_length AS float8) IS NULL
        """
    )
    + f""",
    inserted AS (
      INSERT INTO sparse_embeddings (shelf_id, space_id, owner_id, document_id, access,
                                     attributes, language, terms, length, weights)
      SELECT :shelf_id, :space_id, i.owner_id, i.document_id,
             -- an empty list stays one: it hides the row, null would show it to everybody
             CASE WHEN i.access IS NOT NULL
               THEN ARRAY(SELECT jsonb_array_elements_text(CAST(i.access AS jsonb))) END,
             CAST(i.attributes AS jsonb), i.language, a.terms, coalesce(l.length, 0),
             coalesce(w.weights, '{{}}/{SPARSE_DIMENSIONS}')
      FROM input i JOIN analysed a ON a.owner_id = i.owner_id
      LEFT JOIN lengths l ON l.owner_id = i.owner_id
      LEFT JOIN weighed w ON w.owner_id = i.owner_id
      ORDER BY i.owner_id
      ON CONFLICT DO NOTHING
      RETURNING terms, length),
    counted AS (
      INSERT INTO term_deltas (space_id, lexeme, delta)
      SELECT :space_id, t.lexeme, count(*) FROM inserted CROSS JOIN unnest(inserted.terms) AS t
      GROUP BY t.lexeme),
    sized AS (
      INSERT INTO size_deltas (space_id, rows, length)
      SELECT :space_id, count(*), sum(length) FROM inserted HAVING count(*) > 0)
    SELECT count(*) FROM inserted
    """
)

DELETE_ROWS = """
    WITH gone AS (
      DELETE FROM sparse_embeddings
      WHERE shelf_id = :shelf_id AND space_id = :space_id AND {column} = ANY(:ids)
      RETURNING terms, length),
    counted AS (
      INSERT INTO term_deltas (space_id, lexeme, delta)
      SELECT :space_id, t.lexeme, -count(*) FROM gone CROSS JOIN unnest(gone.terms) AS t
      GROUP BY t.lexeme),
    sized AS (
      INSERT INTO size_deltas (space_id, rows, length)
      SELECT :space_id, -count(*), -sum(length) FROM gone HAVING count(*) > 0)
    SELECT count(*) FROM gone
"""
DELETE_BY_OWNER = text(DELETE_ROWS.format(column="owner_id"))
DELETE_BY_DOCUMENT = text(DELETE_ROWS.format(column="document_id"))

REWEIGH_ROWS = text(
    """
    WITH analysed AS MATERIALIZED (
      SELECT owner_id, terms FROM sparse_embeddings
      WHERE shelf_id = :shelf_id AND space_id = :space_id AND owner_id > :after
      ORDER BY owner_id LIMIT :limit),
    """
    + WEIGH.format(average="SELECT CAST(:average_length AS float8) AS length")
    + """,
    changed AS (
      UPDATE sparse_embeddings s SET weights = w.weights FROM weighed w
      WHERE s.shelf_id = :shelf_id AND s.space_id = :space_id AND s.owner_id = w.owner_id)
    SELECT max(owner_id), count(*) FROM analysed
    """
)

# An array and not a join: right after a load the planner knows nothing of the table, and a join it
# guesses to be small took minutes where probing the index takes milliseconds.
FOLD_TERMS = text("""
    WITH split AS MATERIALIZED (
      SELECT lexeme FROM term_deltas WHERE space_id = :space_id AND lexeme > :after
      GROUP BY lexeme HAVING count(*) > 1 ORDER BY lexeme LIMIT :limit),
    folded AS (
      DELETE FROM term_deltas
      WHERE space_id = :space_id AND lexeme = ANY(ARRAY(SELECT lexeme FROM split))
      RETURNING lexeme, delta),
    stored AS (
      INSERT INTO term_deltas (space_id, lexeme, delta)
      SELECT :space_id, lexeme, sum(delta) FROM folded GROUP BY lexeme HAVING sum(delta) <> 0)
    SELECT count(*), max(lexeme) FROM split
""")

FOLD_SIZES = text("""
    WITH folded AS (
      DELETE FROM size_deltas WHERE space_id = :space_id RETURNING rows, length)
    INSERT INTO size_deltas (space_id, rows, length)
    SELECT :space_id, sum(rows), sum(length) FROM folded HAVING count(*) > 0
""")


@dataclass(frozen=True, slots=True)
class DriftedSpace:
    """A lexical space whose rows are weighed with an average length that is no longer true."""

    id: int
    workspace_id: int
    n_rows: int
    average_length: float


@dataclass(frozen=True, slots=True)
class RowArrays:
    """Rows to index, column by column; `access` and `attributes` are JSON."""

    owner_ids: list[int]
    document_ids: list[int | None]
    access: list[str | None]
    attributes: list[str]
    languages: list[str]
    texts: list[str]


def insert_rows(
    session: Session,
    *,
    shelf_id: int,
    space_id: int,
    average_length: float | None,
    rows: RowArrays,
) -> int:
    """Analyse and store rows and count their terms; rows already there stay. Returns the new."""
    facts = {
        "shelf_id": shelf_id,
        "space_id": space_id,
        "average_length": average_length,
        "owner_ids": rows.owner_ids,
        "document_ids": rows.document_ids,
        "access": rows.access,
        "attributes": rows.attributes,
        "languages": rows.languages,
        "texts": rows.texts,
    }
    return int(session.execute(INSERT_ROWS, facts).scalar_one())


def delete_rows_of_owners(
    session: Session, *, shelf_id: int, space_id: int, owner_ids: Sequence[int]
) -> int:
    """Delete these owners' rows and take their terms off the counts; return how many."""
    facts = {"shelf_id": shelf_id, "space_id": space_id, "ids": list(owner_ids)}
    return int(session.execute(DELETE_BY_OWNER, facts).scalar_one())


def delete_rows_of_documents(
    session: Session, *, shelf_id: int, space_id: int, document_ids: Sequence[int]
) -> int:
    """Delete these documents' rows and take their terms off the counts; return how many."""
    facts = {"shelf_id": shelf_id, "space_id": space_id, "ids": list(document_ids)}
    return int(session.execute(DELETE_BY_DOCUMENT, facts).scalar_one())


def reweigh_rows(
    session: Session,
    *,
    shelf_id: int,
    space_id: int,
    average_length: float,
    after: int,
    limit: int,
) -> tuple[int | None, int]:
    """Weigh the next rows after an owner anew; return the last owner (None: no more) and number."""
    facts = {
        "shelf_id": shelf_id,
        "space_id": space_id,
        "average_length": average_length,
        "after": after,
        "limit": limit,
    }
    last, n_rows = session.execute(REWEIGH_ROWS, facts).one()
    return last, n_rows


def try_lock_fold(session: Session, space_id: int) -> bool:
    """Say whether this transaction is the only one that folds the space."""
    statement = text("SELECT pg_try_advisory_xact_lock(hashtextextended('fold', :space_id))")
    return bool(session.execute(statement, {"space_id": space_id}).scalar_one())


def hold_from_deletion(session: Session, space_id: int) -> bool:
    """Keep the space from being deleted until the transaction ends; False if it is gone."""
    statement = text("SELECT id FROM spaces WHERE id = :space_id FOR KEY SHARE")
    return session.execute(statement, {"space_id": space_id}).one_or_none() is not None


def fold_terms(session: Session, *, space_id: int, after: str, limit: int) -> tuple[int, str]:
    """Replace the deltas of the next lexemes by their sums; return how many and the last one."""
    facts = {"space_id": space_id, "after": after, "limit": limit}
    n_lexemes, last = session.execute(FOLD_TERMS, facts).one()
    return n_lexemes, last or after


def fold_sizes(session: Session, space_id: int) -> None:
    """Replace the space's size deltas by their sum."""
    session.execute(FOLD_SIZES, {"space_id": space_id})


def spaces_to_fold(session: Session) -> list[int]:
    """Return spaces of both kinds whose counts are spread over several rows."""
    statement = text(
        "SELECT space_id FROM size_deltas GROUP BY space_id HAVING count(*) > 1 ORDER BY space_id"
    )
    return list(session.execute(statement).scalars())


def drifted_spaces(session: Session, *, tolerance: float) -> list[DriftedSpace]:
    """Return lexical spaces whose weights stem from an average that is off by more than this."""
    statement = text("""
        SELECT s.id, s.workspace_id, CAST(sum(d.rows) AS bigint),
               greatest(1, CAST(sum(d.length) AS float8) / sum(d.rows))
        FROM spaces s JOIN size_deltas d ON d.space_id = s.id
        WHERE s.kind = 'sparse' GROUP BY s.id
        HAVING sum(d.rows) > 0 AND coalesce(abs(greatest(1, CAST(sum(d.length) AS float8)
          / sum(d.rows)) / s.weighed_length - 1) > :tolerance, true)
        ORDER BY s.id
    """)
    rows = session.execute(statement, {"tolerance": tolerance})
    return [DriftedSpace(*row) for row in rows]


def true_average_length(session: Session, space_id: int) -> float | None:
    """Return the average length of the space's rows; None if it has none."""
    statement = text("""
        SELECT CAST(sum(length) AS float8) / nullif(sum(rows), 0)
        FROM size_deltas WHERE space_id = :space_id
    """)
    average = session.execute(statement, {"space_id": space_id}).scalar_one()
    return None if average is None else max(1.0, float(average))


def hold_space(session: Session, space_id: int) -> tuple[int, float | None] | None:
    """Return the space's shelf and average length, held against every store; None if gone."""
    db.take_turn(session, db.Turn.SPACE, space_id)
    statement = text("SELECT shelf_id, average_length FROM spaces WHERE id = :id FOR UPDATE")
    row = session.execute(statement, {"id": space_id}).one_or_none()
    return None if row is None else (row[0], row[1])


def set_average_length(session: Session, *, space_id: int, average_length: float) -> None:
    """Let rows be weighed with this average length from now on."""
    statement = text("UPDATE spaces SET average_length = :average WHERE id = :id")
    session.execute(statement, {"id": space_id, "average": average_length})


def set_weighed_length(session: Session, *, space_id: int, average_length: float) -> None:
    """Note that every row has been weighed with this average length."""
    statement = text("UPDATE spaces SET weighed_length = :average WHERE id = :id")
    session.execute(statement, {"id": space_id, "average": average_length})
