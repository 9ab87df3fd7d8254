"""What people decide about flags: rows of their own, taken back by rows, never overwritten."""

from enum import StrEnum

from sqlalchemy.orm import Session

from embedhub.anomalies.queries import flags as queries
from embedhub.errors import Conflict, InvalidInput
from embedhub.tables import AnomalyDecision, AnomalyFlag


class Decision(StrEnum):
    """What is said about a flagged row."""

    ACCEPT = "accept"  # it is usual: rows like it are usual from now on
    CONFIRM = "confirm"  # it is an anomaly: rows like it stand out from now on
    UNDO = "undo"  # what holds is taken back


STATUS = {Decision.ACCEPT: "dismissed", Decision.CONFIRM: "confirmed", Decision.UNDO: "open"}
WORDS = {"accept": "accepted", "confirm": "confirmed"}


def decide(
    session: Session, flag: AnomalyFlag, decision: str, *, seen: int | None, by: str
) -> AnomalyDecision:
    """Write down a decision about a held flag and return it.

    Raises Conflict, saying who decided what and when, if something holds that `seen` does not
    name; InvalidInput for another word.
    """
    if decision not in list(Decision):
        raise InvalidInput(f"must be one of {', '.join(Decision)}", "decision")
    made = queries.decisions_of(session, [flag.id]).get(flag.id, [])
    holding = made[-1] if made and made[-1].decision != Decision.UNDO else None
    wanted = Decision(decision)
    if holding is not None and seen != holding.id:
        raise Conflict(
            f"{holding.decided_by} {WORDS[holding.decision]} this row at"
            f" {holding.decided_at:%Y-%m-%d %H:%M} UTC: send seen={holding.id} to decide anew"
        )
    if holding is None and (wanted is Decision.UNDO or seen is not None):
        raise Conflict("nothing is decided about this row: it was taken back, or never was")
    queries.set_status(session, flag.id, STATUS[wanted])
    return queries.insert_decision(
        session,
        workspace_id=flag.workspace_id,
        profile_id=flag.profile_id,
        flag_id=flag.id,
        decision=wanted.value,
        undoes_id=holding.id if holding is not None and wanted is Decision.UNDO else None,
        content_hash=flag.content_hash,
        decided_by=by,
    )
