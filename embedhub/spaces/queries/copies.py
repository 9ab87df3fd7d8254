"""The SQL that numbers the rows of one input, and that keeps a delegate before the hidden ones.

Rows are numbered from when their shelf has the index that finds siblings, which a run builds before
the HNSW index: the shared shelf has neither, nor has a shelf that is being loaded. Everything runs
in the caller's transaction, who holds the space on its shelf: the run numbers the rows before, once
everybody is done who held the space when they did not have to.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from embedhub.spaces.copies import DELEGATE, HIDDEN, IS_HIDDEN, SIBLINGS
from embedhub.tables import Space
from embedhub.tables.spaces import SHARED_SHELF

# For an INSERT ... SELECT into a shelf of one's own: CTEs whose last, `numbered (id, copy)`, says
# the number of each new row. `{rows}` is a CTE or table before them with the columns `id` and
# `input_hash`; of equal inputs the smaller `id` comes first. It takes :shelf_id and :space_id.
#   WITH ready AS (...), {NUMBERED.format(rows="ready")}
#   INSERT INTO embeddings (..., copy) SELECT ..., copy FROM ready JOIN numbered USING (id)
# A delegate is held: whoever deletes it waits, and then sees the rows hidden behind it. One that is
# gone when it was waited for counts as none.
NUMBERED = f"""
    counted AS MATERIALIZED (
      SELECT e.input_hash, count(*) FILTER (WHERE e.copy < {DELEGATE}) AS n,
             bool_or(e.copy = {DELEGATE}) AS has_delegate
      FROM embeddings e
      WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.copy <= {DELEGATE}
        AND e.input_hash = ANY(ARRAY(SELECT input_hash FROM {{rows}}))
      GROUP BY e.input_hash),
    held AS MATERIALIZED (
      SELECT e.input_hash FROM embeddings e
      WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.copy = {DELEGATE}
        AND e.input_hash = ANY(ARRAY(SELECT input_hash FROM counted WHERE has_delegate))
      ORDER BY e.owner_id FOR KEY SHARE),
    numbered AS (
      SELECT r.id, CASE WHEN d.input_hash IS NOT NULL THEN {HIDDEN} ELSE least({HIDDEN},
               row_number() OVER (PARTITION BY r.input_hash ORDER BY r.id) - 1
               + least({DELEGATE}, coalesce(counted.n, 0))) END AS copy
      FROM {{rows}} r LEFT JOIN counted ON counted.input_hash = r.input_hash
      LEFT JOIN (SELECT DISTINCT input_hash FROM held) d ON d.input_hash = r.input_hash)
"""
# What is numbered otherwise than its place among the rows of its input says: `wrong (owner_id,
# number)`, of the rows of a shelf. It takes :shelf_id, :space_id and :limit. Delegates first,
# before those they stand for and before the delegates until now give way: a search between two
# batches misses nothing.
WRONG = f"""
    numbered AS (
      SELECT owner_id, copy, least({HIDDEN},
             row_number() OVER (PARTITION BY input_hash ORDER BY owner_id) - 1) AS number
      FROM embeddings WHERE shelf_id = :shelf_id AND space_id = :space_id),
    wrong AS (
      SELECT owner_id, number FROM numbered WHERE copy <> number
      ORDER BY number <> {DELEGATE}, number, owner_id LIMIT :limit)
"""
# The same where rows are not numbered.
UNNUMBERED = "numbered AS (SELECT id, 0 AS copy FROM {rows})"


def is_numbered(session: Session, shelf_id: int) -> bool:
    """Say whether who stores into this shelf has to number the rows."""
    if shelf_id == SHARED_SHELF:
        return False
    statement = text("""
        SELECT coalesce(bool_or(indisvalid), false) FROM pg_index
        WHERE indexrelid = to_regclass('vectors.embeddings_' || CAST(:id AS text) || :siblings)
    """)
    facts = {"id": shelf_id, "siblings": f"_{SIBLINGS}"}
    return bool(session.execute(statement, facts).scalar())


def numbers_of_new(
    session: Session, *, shelf_id: int, space_id: int, hashes: Sequence[bytes]
) -> list[int]:
    """Return the `copy` of each of the rows about to be stored in this order, by their inputs."""
    if not is_numbered(session, shelf_id):
        return [0] * len(hashes)
    statement = text(f"""
        WITH ready AS (
          SELECT id, input_hash
          FROM unnest(CAST(:hashes AS bytea[])) WITH ORDINALITY AS h (input_hash, id)),
        {NUMBERED.format(rows="ready")}
        SELECT copy FROM numbered ORDER BY id
    """)
    facts = {"shelf_id": shelf_id, "space_id": space_id, "hashes": list(hashes)}
    return list(session.execute(statement, facts).scalars())


def number_copies(session: Session, *, shelf_id: int, space_id: int, limit: int) -> int:
    """Number the rows of a held space anew, at most so many of those that differ; return how many.

    For rows that came before their shelf was numbered: moved from the shared one, of a long import,
    or stored by an older release. Do it before the HNSW index is built: that holds what is
    renumbered twice until it is vacuumed. Repeat it until less than `limit` is returned.
    """
    if shelf_id == SHARED_SHELF:
        return 0
    session.execute(text("SET LOCAL statement_timeout = 0"))
    statement = text(f"""
        WITH {WRONG}
        UPDATE embeddings e SET copy = wrong.number FROM wrong
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.owner_id = wrong.owner_id
    """)
    facts = {"shelf_id": shelf_id, "space_id": space_id, "limit": limit}
    return session.execute(statement, facts).rowcount  # type: ignore[attr-defined, no-any-return]


def wrong_numbers(
    session: Session, *, shelf_id: int, space_id: int, limit: int
) -> list[tuple[int, int]]:
    """Return (owner, number) of rows that `number_copies` would number, in its order."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    statement = text(f"WITH {WRONG} SELECT owner_id, number FROM wrong")
    facts = {"shelf_id": shelf_id, "space_id": space_id, "limit": limit}
    return [(owner_id, number) for owner_id, number in session.execute(statement, facts)]


def set_numbers(
    session: Session, *, shelf_id: int, space_id: int, numbers: Sequence[tuple[int, int]]
) -> None:
    """Number rows of a held space as `wrong_numbers` said a while ago.

    A row is hidden only where a delegate is by now; what that leaves out is wrong still.
    """
    statement = text(f"""
        UPDATE embeddings e SET copy = w.number
        FROM unnest(CAST(:owners AS bigint[]), CAST(:numbers AS smallint[])) AS w (owner_id, number)
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.owner_id = w.owner_id
          AND (w.number <> {HIDDEN} OR EXISTS (
            SELECT FROM embeddings d WHERE d.shelf_id = :shelf_id AND d.space_id = :space_id
              AND d.input_hash = e.input_hash AND d.copy = {DELEGATE} AND d.owner_id <> e.owner_id))
    """)
    facts = {
        "shelf_id": shelf_id,
        "space_id": space_id,
        "owners": [owner_id for owner_id, _ in numbers],
        "numbers": [number for _, number in numbers],
    }
    session.execute(statement, facts)


def appoint_delegates(
    session: Session, *, shelf_id: int, space_id: int, hashes: Iterable[bytes]
) -> int:
    """Let a hidden row of each input stand for the others where the delegate is gone.

    Inputs that have a delegate, or nobody to stand for, are passed over. Returns how many came
    into the index.
    """
    wanted = sorted(set(hashes))
    facts = {"shelf_id": shelf_id, "space_id": space_id}
    n_appointed = 0
    # First of rows that nobody holds: two who delete copies of the same texts would wait for each
    # other. Rows that are all held may still stay in the end, so that then they are waited for.
    for patience in ("SKIP LOCKED", ""):
        if not wanted:
            break
        appointed = session.execute(_appointment(patience), facts | {"hashes": wanted}).scalars()
        done = {bytes(input_hash) for input_hash in appointed}
        n_appointed += len(done)
        wanted = [input_hash for input_hash in wanted if input_hash not in done]
    return n_appointed


def numbered_spaces(session: Session) -> list[tuple[int, int]]:
    """Return the dense spaces on shelves of their own with these shelves, of living collections."""
    statement = text("""
        SELECT s.id, s.shelf_id FROM spaces s LEFT JOIN collections c ON c.id = s.collection_id
        WHERE s.kind = 'dense' AND s.shelf_id <> :shared AND c.deleted_at IS NULL ORDER BY s.id
    """)
    return [(row[0], row[1]) for row in session.execute(statement, {"shared": SHARED_SHELF})]


def inputs_without_delegate(session: Session, *, shelf_id: int, space_id: int) -> list[bytes]:
    """Return the inputs of a space whose hidden rows nobody stands for: no search reaches them."""
    statement = text(f"""
        WITH hidden AS MATERIALIZED (
          SELECT DISTINCT input_hash FROM embeddings
          WHERE shelf_id = :shelf_id AND space_id = :space_id AND {IS_HIDDEN})
        SELECT input_hash FROM hidden WHERE NOT EXISTS (
          SELECT FROM embeddings d WHERE d.shelf_id = :shelf_id AND d.space_id = :space_id
            AND d.input_hash = hidden.input_hash AND d.copy = {DELEGATE})
        ORDER BY input_hash
    """)
    facts = {"shelf_id": shelf_id, "space_id": space_id}
    return [bytes(found) for found in session.execute(statement, facts).scalars()]


def spaces_with_every_copy_indexed(session: Session) -> Sequence[Space]:
    """Return the spaces whose HNSW index has no condition, as an older release built it."""
    statement = text("""
        SELECT s.id FROM spaces s JOIN pg_index i
          ON i.indexrelid = to_regclass('vectors.embeddings_' || s.shelf_id || '_hnsw')
        LEFT JOIN collections c ON c.id = s.collection_id
        WHERE s.kind = 'dense' AND s.shelf_id <> :shared AND s.is_indexed AND i.indpred IS NULL
          AND c.deleted_at IS NULL
    """)
    ids = session.execute(statement, {"shared": SHARED_SHELF}).scalars().all()
    return session.scalars(select(Space).where(Space.id.in_(ids)).order_by(Space.id)).all()


def _appointment(patience: str) -> TextClause:
    # Delegates that are there are held: one of two may be about to be deleted by somebody else.
    return text(f"""
        WITH led AS MATERIALIZED (
          SELECT d.input_hash FROM embeddings d
          WHERE d.shelf_id = :shelf_id AND d.space_id = :space_id AND d.copy = {DELEGATE}
            AND d.input_hash = ANY(:hashes) ORDER BY d.owner_id FOR KEY SHARE),
        chosen AS MATERIALIZED (
          SELECT found.owner_id FROM unnest(CAST(:hashes AS bytea[])) AS h (input_hash)
          CROSS JOIN LATERAL (
            SELECT e.owner_id FROM embeddings e
            WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.copy = {HIDDEN}
              AND e.input_hash = h.input_hash
            ORDER BY e.owner_id LIMIT 1 FOR NO KEY UPDATE {patience}) found
          WHERE h.input_hash NOT IN (SELECT input_hash FROM led))
        UPDATE embeddings e SET copy = {DELEGATE} FROM chosen
        WHERE e.shelf_id = :shelf_id AND e.space_id = :space_id AND e.owner_id = chosen.owner_id
        RETURNING e.input_hash
    """)
