"""The SQL of flags and of what was decided about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    all_,
    any_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from embedhub.graph.service import visible
from embedhub.graph.subject import Subject
from embedhub.tables import AnomalyDecision, AnomalyFlag, ApiKey

# A statement has 65,535 parameters at most; a flag has a dozen.
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Decided:
    """What is in force about a text: accepted or confirmed, and the row that had it."""

    content_hash: bytes
    node_id: int
    decision: str


def put_flags(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Flag rows and return the ids of those flags that are open and were not before.

    A row that is flagged already gets the new evidence; what was decided about another text than
    it has now is open again.
    """
    new: list[int] = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        new += _put_some(session, rows[start : start + ROWS_AT_ONCE])
    return sorted(new)


def _put_some(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    profile_id = rows[0]["profile_id"]
    ids = [row["node_id"] for row in rows]
    before = {
        node_id
        for (node_id,) in session.execute(
            select(AnomalyFlag.node_id).where(
                AnomalyFlag.profile_id == profile_id,
                AnomalyFlag.node_id.in_(ids),
                AnomalyFlag.status == "open",
            )
        )
    }
    statement = upsert(AnomalyFlag).values(list(rows))
    new = statement.excluded
    is_same = AnomalyFlag.content_hash == new.content_hash
    evidence = ("score", "share", "reasons", "normal_ids", "rare_words")
    statement = statement.on_conflict_do_update(
        index_elements=["profile_id", "node_id"],
        set_={
            **{name: new[name] for name in evidence},
            "status": case((is_same, AnomalyFlag.status), else_="open"),
            "flagged_at": case((is_same, AnomalyFlag.flagged_at), else_=func.now()),
            "content_hash": new.content_hash,
        },
    )
    session.execute(statement)
    found = session.execute(
        select(AnomalyFlag.id, AnomalyFlag.node_id).where(
            AnomalyFlag.profile_id == profile_id,
            AnomalyFlag.node_id.in_(ids),
            AnomalyFlag.status == "open",
        )
    )
    return [flag_id for flag_id, node_id in found if node_id not in before]


def withdraw(
    session: Session, profile_id: int, *, among: Sequence[int] | None, kept: Sequence[int]
) -> int:
    """Delete open flags that nobody decided about, of these rows or of all, but the kept ones."""
    statement = delete(AnomalyFlag).where(
        AnomalyFlag.profile_id == profile_id,
        AnomalyFlag.status == "open",
        ~select(AnomalyDecision.id).where(AnomalyDecision.flag_id == AnomalyFlag.id).exists(),
    )
    if among is not None:
        statement = statement.where(AnomalyFlag.node_id == any_(_ids(among)))
    if kept:
        statement = statement.where(AnomalyFlag.node_id != all_(_ids(kept)))
    return len(session.scalars(statement.returning(AnomalyFlag.id)).all())


def list_flags(
    session: Session,
    subject: Subject,
    profile_id: int,
    *,
    principals: Sequence[str] | None,
    status: str | None,
    after: tuple[float, int] | None,
    limit: int,
) -> list[AnomalyFlag]:
    """Return flags of rows that somebody may see, the highest score first."""
    statement = _seen(subject, profile_id, principals)
    if status is not None:
        statement = statement.where(AnomalyFlag.status == status)
    if after is not None:
        place = tuple_(AnomalyFlag.score, AnomalyFlag.id)
        statement = statement.where(place < tuple_(literal(after[0]), literal(after[1])))
    ordered = statement.order_by(AnomalyFlag.score.desc(), AnomalyFlag.id.desc())
    return list(session.scalars(ordered.limit(limit)))


def find_flag(
    session: Session,
    subject: Subject,
    profile_id: int,
    flag_id: int,
    *,
    principals: Sequence[str] | None,
    is_for_update: bool = False,
) -> AnomalyFlag | None:
    """Return a flag of a row that somebody may see."""
    statement = _seen(subject, profile_id, principals).where(AnomalyFlag.id == flag_id)
    if is_for_update:
        statement = statement.with_for_update(of=AnomalyFlag).execution_options(
            populate_existing=True
        )
    return session.scalars(statement).one_or_none()


def _seen(
    subject: Subject, profile_id: int, principals: Sequence[str] | None
) -> Select[tuple[AnomalyFlag]]:
    return select(AnomalyFlag).where(
        AnomalyFlag.workspace_id == subject.workspace_id,
        AnomalyFlag.profile_id == profile_id,
        visible(subject, principals, AnomalyFlag.node_id),
    )


def count_by_status(session: Session, profile_id: int) -> dict[str, int]:
    """Return how many flags there are of each status."""
    statement = (
        select(AnomalyFlag.status, func.count())
        .where(AnomalyFlag.profile_id == profile_id)
        .group_by(AnomalyFlag.status)
    )
    return dict(session.execute(statement).tuples().all())


def count_since(session: Session, profile_id: int, *, within: timedelta) -> int:
    """Return how many rows were flagged within a time and are not confirmed."""
    statement = select(func.count()).where(
        AnomalyFlag.profile_id == profile_id,
        AnomalyFlag.status != "confirmed",
        AnomalyFlag.flagged_at > func.now() - within,
    )
    return session.scalars(statement).one()


def decided_nodes(
    session: Session, profile_id: int, among: Iterable[int] | None = None
) -> dict[int, bytes]:
    """Return rows (of these) whose flags are decided, with the hash of the text judged."""
    statement = select(AnomalyFlag.node_id, AnomalyFlag.content_hash).where(
        AnomalyFlag.profile_id == profile_id, AnomalyFlag.status != "open"
    )
    if among is not None:
        statement = statement.where(AnomalyFlag.node_id == any_(_ids(among)))
    return {node_id: bytes(content_hash) for node_id, content_hash in session.execute(statement)}


def set_status(session: Session, flag_id: int, status: str) -> None:
    """Set how a flag stands."""
    session.execute(update(AnomalyFlag).where(AnomalyFlag.id == flag_id).values(status=status))


def insert_decision(session: Session, **columns: Any) -> AnomalyDecision:
    """Write down a decision and return it."""
    statement = insert(AnomalyDecision).values(**columns).returning(AnomalyDecision)
    return session.scalars(statement).one()


def decisions_of(session: Session, flag_ids: Sequence[int]) -> dict[int, list[AnomalyDecision]]:
    """Return the decisions about flags, oldest first."""
    statement = select(AnomalyDecision).where(AnomalyDecision.flag_id.in_(list(flag_ids)))
    found: dict[int, list[AnomalyDecision]] = {}
    for row in session.scalars(statement.order_by(AnomalyDecision.id)):
        found.setdefault(row.flag_id, []).append(row)
    return found


LAST = """
    SELECT DISTINCT ON (d.flag_id) d.id, d.flag_id, d.decision, d.content_hash, f.node_id
    FROM anomaly_decisions d JOIN anomaly_flags f ON f.id = d.flag_id
    WHERE d.profile_id = :profile_id ORDER BY d.flag_id, d.id DESC
"""


def in_force(session: Session, profile_id: int, *, limit: int) -> list[Decided]:
    """Return what was accepted and confirmed, and not taken back: the newest, so many."""
    statement = text(f"""
        SELECT content_hash, node_id, decision FROM ({LAST}) l
        WHERE decision <> 'undo' ORDER BY id DESC LIMIT :limit
    """)
    facts = {"profile_id": profile_id, "limit": limit}
    return [Decided(bytes(one), node, how) for one, node, how in session.execute(statement, facts)]


def last_verdicts(session: Session, profile_id: int, *, limit: int) -> list[str]:
    """Return the verdicts in force, newest first."""
    statement = text(
        f"SELECT decision FROM ({LAST}) l WHERE decision <> 'undo' ORDER BY id DESC LIMIT :limit"
    )
    facts = {"profile_id": profile_id, "limit": limit}
    return list(session.execute(statement, facts).scalars())


def last_decision_id(session: Session, profile_id: int) -> int:
    """Return the id of the newest decision; 0 if there is none."""
    statement = select(func.max(AnomalyDecision.id)).where(AnomalyDecision.profile_id == profile_id)
    return session.scalars(statement).one() or 0


def flagged_among(session: Session, profile_id: int, ids: Sequence[int]) -> set[int]:
    """Return which of these rows stand out: they are open or confirmed."""
    statement = select(AnomalyFlag.node_id).where(
        AnomalyFlag.profile_id == profile_id,
        AnomalyFlag.node_id == any_(_ids(ids)),
        or_(AnomalyFlag.status == "open", AnomalyFlag.status == "confirmed"),
    )
    return set(session.scalars(statement))


def now_of(session: Session) -> datetime:
    """Return the time of the transaction."""
    return session.scalars(select(func.now())).one()


def nodes_of_flags(session: Session, flag_ids: Sequence[int]) -> dict[int, int]:
    """Return the row of each flag."""
    statement = select(AnomalyFlag.id, AnomalyFlag.node_id).where(
        AnomalyFlag.id.in_(list(flag_ids))
    )
    return dict(session.execute(statement.order_by(AnomalyFlag.id)).tuples().all())


def open_nodes(session: Session, profile_id: int, among: Iterable[int] | None = None) -> set[int]:
    """Return the rows (of these) with an open flag."""
    statement = select(AnomalyFlag.node_id).where(
        AnomalyFlag.profile_id == profile_id, AnomalyFlag.status == "open"
    )
    if among is not None:
        statement = statement.where(AnomalyFlag.node_id == any_(_ids(among)))
    return set(session.scalars(statement))


def is_of(session: Session, profile_id: int, flag_id: int) -> bool:
    """Say whether a flag is of a profile."""
    statement = select(AnomalyFlag.id).where(
        AnomalyFlag.id == flag_id, AnomalyFlag.profile_id == profile_id
    )
    return session.scalars(statement).first() is not None


def name_of_key(session: Session, key_id: int | None) -> str:
    """Return how decisions name whoever asks with a key: by the key's prefix."""
    if key_id is None:
        return "command line"
    prefix = session.scalars(select(ApiKey.prefix).where(ApiKey.id == key_id)).first()
    return f"key {prefix}" if prefix else f"key {key_id}"


def _ids(ids: Iterable[int]) -> ColumnElement[Sequence[int]]:
    """Return any number of ids as one parameter."""
    return literal([int(one) for one in ids], ARRAY(BigInteger))
