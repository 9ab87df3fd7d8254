"""All SQL of the console: figures that Django's query sets cannot say well.

They run on Django's connection, which only reads the domain. Every count stops at a bound, so
that no page waits for a count over millions of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

BADGE_BOUND = 99
COUNT_BOUND = 10_000
# rows of the shared shelf that are counted: far more than a space has before it moves away
EXACT_BOUND = 100_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a collection is: rows that are embedded, wait, or are dead; counts are bounded."""

    n_documents: int = 0
    n_chunks: int = 0
    n_embedded: int = 0
    n_pending: int = 0
    n_dead: int = 0
    encoder: str | None = None

    @property
    def n_to_embed(self) -> int:
        """Return the rows that have or should have a vector."""
        known = self.n_embedded + self.n_pending + self.n_dead
        # The pending ones were not counted to the end: the chunks tell how many there are.
        return max(known, self.n_chunks) if self.n_pending > COUNT_BOUND else known


@dataclass(frozen=True, slots=True)
class Figures:
    """What the home page says about the whole house; counts are bounded."""

    n_workspaces: int
    n_keys: int
    n_collections: int
    n_documents: int
    n_pending: int
    n_dead: int
    n_unfinished_runs: int
    n_searches_today: int


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One chunk and where its vector stands: embedded, pending, dead, ready or excused.

    `ready` is computed and waits for the rest of its document; `excused` has nothing to embed.
    """

    id: int
    position: int
    start_offset: int
    end_offset: int
    heading_path: str
    text: str
    n_tokens: int
    is_live: bool
    state: str
    error: str | None


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """The dead letters of one collection; `collection_id` None: of a catalog."""

    workspace_id: int
    workspace: str
    collection_id: int | None
    collection: str | None
    n_dead: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What analyses found in one collection or catalog and nobody has decided; counts are bounded.

    A time is of the last analysis that ended well, None before the first one.
    """

    n_pairs: int = 0
    compared_at: datetime | None = None
    n_flags: int = 0
    scored_at: datetime | None = None
    n_topics: int = 0
    grouped_at: datetime | None = None
    n_label_sets: int = 0
    n_label_errors: int = 0
    trained_at: datetime | None = None


def findings_of(owner: str, ids: Sequence[int]) -> dict[int, Findings]:
    """Return the findings of collections, or of catalogs, by id; `owner` is "collection" or so."""
    statement = _FINDINGS.replace("OWNER_id", f"{owner}_id")
    rows = _rows(statement, {"ids": list(ids), "bound": COUNT_BOUND + 1}) if ids else []
    return {row.pop("id"): Findings(**row) for row in rows}


def dead_by_collection() -> list[DeadGroup]:
    """Return how many dead letters each collection has; the sum stops at COUNT_BOUND + 1."""
    return [DeadGroup(**row) for row in _rows(_DEAD, {"bound": COUNT_BOUND + 1})]


def count_dead(bound: int = BADGE_BOUND) -> int:
    """Return the number of dead letters, or `bound` + 1 when there are more."""
    return _scalar(
        "SELECT count(*) FROM (SELECT FROM pending WHERE dead_at IS NOT NULL LIMIT %s) AS part",
        [bound + 1],
    )


def collection_progress(collection_ids: Sequence[int]) -> dict[int, Progress]:
    """Return the progress of each collection by id; counts above COUNT_BOUND read COUNT_BOUND + 1.

    Chunks are exact whatever their number. Embedded rows are exact in a space on the shared
    shelf; of a space with a shelf of its own they are the server's running estimate.
    """
    if not collection_ids:
        return {}
    rows = _rows(
        _PROGRESS, {"ids": list(collection_ids), "bound": COUNT_BOUND + 1, "exact": EXACT_BOUND}
    )
    return {row.pop("id"): Progress(**row) for row in rows}


def house_figures() -> Figures:
    """Return the figures of the home page, in one statement."""
    return Figures(**_rows(_FIGURES, {"bound": COUNT_BOUND + 1})[0])


def document_chunks(document_id: int, *, after: int, limit: int) -> list[ChunkRow]:
    """Return the newest generation's chunks from position `after` on, with their vectors' state."""
    space = _rows(_DENSE_SPACE, {"document_id": document_id}) or [
        {"space_id": None, "shelf_id": None}
    ]
    rows = _rows(_CHUNKS, {"document_id": document_id, "after": after, "limit": limit, **space[0]})
    return [ChunkRow(**row) for row in rows]


def _rows(statement: str, parameters: Any) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _scalar(statement: str, parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]


_PROGRESS = """
SELECT asked.id,
       documents.n AS n_documents,
       coalesce(sparse.n, 0)::bigint AS n_chunks,
       coalesce(stored.n, 0)::bigint AS n_embedded,
       pending.n AS n_pending,
       dead.n AS n_dead,
       dense.encoder
FROM unnest(%(ids)s::bigint[]) AS asked(id)
LEFT JOIN spaces AS dense ON dense.collection_id = asked.id AND dense.subject = 'chunk'
     AND dense.kind = 'dense' AND dense.status = 'live'
LEFT JOIN spaces AS words ON words.collection_id = asked.id AND words.subject = 'chunk'
     AND words.kind = 'sparse' AND words.status = 'live'
LEFT JOIN LATERAL (SELECT sum(rows) AS n FROM size_deltas WHERE space_id = words.id) AS sparse
     ON true
CROSS JOIN LATERAL (SELECT CASE WHEN dense.shelf_id = 0 THEN (
     SELECT count(*) FROM (SELECT FROM embeddings WHERE shelf_id = 0 AND space_id = dense.id
     LIMIT %(exact)s) AS part)
     ELSE (SELECT coalesce(nullif(pg_stat_get_live_tuples(oid), 0), greatest(reltuples, 0))
     FROM pg_class WHERE oid = to_regclass('vectors.embeddings_' || dense.shelf_id))
     END::bigint AS n) AS stored
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (
     SELECT FROM documents WHERE collection_id = asked.id LIMIT %(bound)s) AS part) AS documents
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (
     SELECT FROM pending WHERE space_id = dense.id AND dead_at IS NULL
     LIMIT %(bound)s) AS part) AS pending
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (
     SELECT FROM pending WHERE space_id = dense.id AND dead_at IS NOT NULL
     LIMIT %(bound)s) AS part) AS dead
"""

_DEAD = """
SELECT w.id AS workspace_id, w.slug AS workspace, c.id AS collection_id, c.slug AS collection,
       count(*) AS n_dead
FROM (SELECT space_id FROM pending WHERE dead_at IS NOT NULL LIMIT %(bound)s) AS dead
JOIN spaces AS s ON s.id = dead.space_id
JOIN workspaces AS w ON w.id = s.workspace_id
LEFT JOIN collections AS c ON c.id = s.collection_id
GROUP BY w.id, w.slug, c.id, c.slug
ORDER BY w.slug, c.slug
"""

_FIGURES = """
SELECT (SELECT count(*) FROM (SELECT FROM workspaces LIMIT %(bound)s) AS s) AS n_workspaces,
       (SELECT count(*) FROM (SELECT FROM api_keys WHERE revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > now()) LIMIT %(bound)s) AS s) AS n_keys,
       (SELECT count(*) FROM (SELECT FROM collections WHERE deleted_at IS NULL
        LIMIT %(bound)s) AS s) AS n_collections,
       (SELECT count(*) FROM (SELECT FROM documents LIMIT %(bound)s) AS s) AS n_documents,
       (SELECT count(*) FROM (SELECT FROM pending WHERE dead_at IS NULL
        LIMIT %(bound)s) AS s) AS n_pending,
       (SELECT count(*) FROM (SELECT FROM pending WHERE dead_at IS NOT NULL
        LIMIT %(bound)s) AS s) AS n_dead,
       (SELECT count(*) FROM runs WHERE status IN ('queued', 'running')) AS n_unfinished_runs,
       (SELECT count(*) FROM (SELECT FROM search_log
        WHERE created_at > now() - interval '24 hours' LIMIT %(bound)s) AS s) AS n_searches_today
"""

_DENSE_SPACE = """
SELECT s.id AS space_id, s.shelf_id FROM documents AS d
JOIN spaces AS s ON s.collection_id = d.collection_id AND s.subject = 'chunk'
     AND s.kind = 'dense' AND s.status = 'live'
WHERE d.id = %(document_id)s
"""

# The vector's row is asked for by the number of its shelf: joined to the space's row, every
# partition there is would be locked.
_CHUNKS = """
SELECT c.id, c.position, c.start_offset, c.end_offset, c.heading_path, c.text, c.n_tokens,
       coalesce(c.generation = d.live_generation, false) AS is_live,
       CASE WHEN %(space_id)s::bigint IS NULL OR c.input_hash IS NULL THEN 'excused'
            WHEN p.dead_at IS NOT NULL THEN 'dead'
            WHEN p.owner_id IS NOT NULL THEN 'pending'
            WHEN EXISTS (SELECT FROM embeddings AS e WHERE e.shelf_id = %(shelf_id)s
                         AND e.space_id = %(space_id)s AND e.owner_id = c.id) THEN 'embedded'
            ELSE 'ready' END AS state,
       p.last_error AS error
FROM documents AS d
JOIN chunks AS c ON c.document_id = d.id AND c.generation = d.generation
LEFT JOIN pending AS p ON p.space_id = %(space_id)s AND p.owner_id = c.id
WHERE d.id = %(document_id)s AND c.position >= %(after)s
ORDER BY c.position LIMIT %(limit)s
"""

_FINDINGS = """
SELECT asked.id, pairs.n AS n_pairs, sets.at AS compared_at, flags.n AS n_flags,
       profiles.at AS scored_at, topics.n AS n_topics, topics.at AS grouped_at,
       labels.n AS n_label_sets, errors.n AS n_label_errors, classifiers.at AS trained_at
FROM unnest(%(ids)s::bigint[]) AS asked(id)
CROSS JOIN LATERAL (SELECT max(scanned_at) AS at FROM duplicate_sets
     WHERE OWNER_id = asked.id) AS sets
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM duplicate_pairs AS p
     JOIN duplicate_sets AS s ON s.id = p.set_id
     WHERE s.OWNER_id = asked.id AND p.status = 'open'
     AND NOT p.is_automatic AND (p.kind = 'semantic'
     OR p.contradictions <> '{}' OR p.score >= coalesce((s.settings->>'review')::float, 0))
     LIMIT %(bound)s) AS part) AS pairs
CROSS JOIN LATERAL (SELECT max(fitted_at) AS at FROM anomaly_profiles
     WHERE OWNER_id = asked.id) AS profiles
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM anomaly_flags AS f
     JOIN anomaly_profiles AS p ON p.id = f.profile_id
     WHERE p.OWNER_id = asked.id AND f.status = 'open' LIMIT %(bound)s) AS part) AS flags
CROSS JOIN LATERAL (SELECT count(t.number) AS n, max(f.live_at) AS at FROM topic_fits AS f
     LEFT JOIN topics AS t ON t.fit_id = f.id
     WHERE f.OWNER_id = asked.id AND f.status = 'live') AS topics
CROSS JOIN LATERAL (SELECT count(*) AS n FROM label_sets WHERE OWNER_id = asked.id) AS labels
CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT FROM label_errors AS e
     JOIN label_sets AS s ON s.id = e.set_id
     WHERE s.OWNER_id = asked.id AND e.status = 'open' LIMIT %(bound)s) AS part) AS errors
CROSS JOIN LATERAL (SELECT max(c.created_at) AS at FROM classifiers AS c
     JOIN label_sets AS s ON s.id = c.set_id WHERE s.OWNER_id = asked.id) AS classifiers
"""
