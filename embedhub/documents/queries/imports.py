"""The SQL of imports: claimed, recorded with the lines they store, read, forgotten."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from embedhub.tables import Import, RefusedLine


@dataclass(frozen=True, slots=True)
class Target:
    """What lines go into, a collection or a catalog, and what stands in them."""

    workspace_id: int
    collection_id: int | None = None
    catalog_id: int | None = None
    kind: str = "documents"

    @property
    def own(self) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions of imports into the same."""
        owner = (
            Import.catalog_id == self.catalog_id
            if self.collection_id is None
            else Import.collection_id == self.collection_id
        )
        return Import.workspace_id == self.workspace_id, owner


def insert_import(session: Session, target: Target) -> Import:
    """Insert an import that waits for its first lines."""
    statement = insert(Import).values(
        workspace_id=target.workspace_id,
        collection_id=target.collection_id,
        catalog_id=target.catalog_id,
        kind=target.kind,
    )
    return session.execute(statement.returning(Import)).scalar_one()


def find_import(session: Session, target: Target, *, import_id: int) -> Import | None:
    """Return an import into this collection or catalog; into a catalog, of whatever kind."""
    statement = select(Import).where(*target.own, Import.id == import_id)
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()


def newest_imports(
    session: Session, target: Target, *, before: int | None, limit: int
) -> list[Import]:
    """Return imports into a collection or catalog, the newest first."""
    statement = select(Import).where(*target.own)
    if before is not None:
        statement = statement.where(Import.id < before)
    return list(session.execute(statement.order_by(Import.id.desc()).limit(limit)).scalars())


def cancel(session: Session, *, import_id: int) -> bool:
    """Let nobody store lines of an import any more; False if it has finished."""
    statement = (
        update(Import)
        .where(Import.id == import_id, Import.status != "finished")
        .values(status="cancelled", claim_token=None, updated_at=func.now(), finished_at=func.now())
    )
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def claim(session: Session, *, import_id: int, token: uuid.UUID) -> int | None:
    """Let the holder of the token store the import's next lines; return the lines committed.

    Whoever claimed it before cannot record anything any more. None if the import is gone.
    """
    statement = (
        update(Import)
        .where(Import.id == import_id, Import.status != "cancelled")
        .values(
            status="running",
            claim_token=token,
            error=None,
            finished_at=None,
            updated_at=func.now(),
        )
        .returning(Import.n_lines)
    )
    return session.execute(statement).scalar_one_or_none()


def record(
    session: Session,
    *,
    import_id: int,
    token: uuid.UUID,
    n_lines: int,
    n_bytes: int,
    counts: Mapping[str, int],
    refused: Sequence[dict[str, object]],
) -> bool:
    """Count in what this transaction stores; False if somebody else has claimed the import."""
    statement = (
        update(Import)
        .where(Import.id == import_id, Import.claim_token == token)
        .values(
            n_lines=n_lines,
            n_bytes=Import.n_bytes + n_bytes,
            n_created=Import.n_created + counts.get("created", 0),
            n_updated=Import.n_updated + counts.get("updated", 0),
            n_unchanged=Import.n_unchanged + counts.get("unchanged", 0),
            n_stale=Import.n_stale + counts.get("stale", 0),
            n_held=Import.n_held + counts.get("held", 0),
            n_errors=Import.n_errors + len(refused),
            updated_at=func.now(),
        )
    )
    if not session.execute(statement).rowcount:  # type: ignore[attr-defined]
        return False
    if refused:
        session.execute(insert(RefusedLine), [{"import_id": import_id} | row for row in refused])
    return True


def settle(
    session: Session, *, import_id: int, token: uuid.UUID, status: str, error: str | None
) -> None:
    """Write how a claimed import stands now that nobody stores its lines."""
    statement = (
        update(Import)
        .where(Import.id == import_id, Import.claim_token == token)
        .values(
            status=status,
            error=error,
            claim_token=None,
            updated_at=func.now(),
            finished_at=func.now() if status == "finished" else None,
        )
    )
    session.execute(statement)


def count_running(session: Session, *, alive_s: float) -> int:
    """Return how many imports store lines just now, over all workspaces."""
    statement = text("""
        SELECT count(*) FROM imports
        WHERE status = 'running' AND updated_at > now() - make_interval(secs => :alive_s)
    """)
    return int(session.execute(statement, {"alive_s": alive_s}).scalar_one())


def has_backlog(session: Session, *, rows: int) -> bool:
    """Say whether more than so many rows of the ledger wait for their vectors."""
    statement = text("SELECT 1 FROM pending WHERE dead_at IS NULL OFFSET :rows LIMIT 1")
    return session.execute(statement, {"rows": rows}).first() is not None


def refused_lines(
    session: Session, *, import_id: int, after: int, limit: int
) -> list[tuple[int, str | None, str]]:
    """Return (line, external id, reason) of refused lines past `after`, in order."""
    statement = (
        select(RefusedLine.line, RefusedLine.external_id, RefusedLine.message)
        .where(RefusedLine.import_id == import_id, RefusedLine.line > after)
        .order_by(RefusedLine.line)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(statement)]


def delete_old(session: Session, *, days: int, limit: int) -> int:
    """Delete imports that did nothing for so long, with their refused lines; return how many."""
    old = (
        select(Import.id)
        .where(
            Import.updated_at < func.now() - func.make_interval(0, 0, 0, days),
        )
        .limit(limit)
    )
    return session.execute(delete(Import).where(Import.id.in_(old))).rowcount  # type: ignore[attr-defined, no-any-return]
