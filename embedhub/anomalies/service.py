"""Anomalies: what a caller may rely on."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.anomalies import deciding
from embedhub.anomalies.explaining import percentile_of
from embedhub.anomalies.profile import limit_of
from embedhub.anomalies.queries import flags as queries
from embedhub.anomalies.queries import profiles
from embedhub.anomalies.scoring import TextAsked, score_text
from embedhub.anomalies.setting import Detector, Setting, as_stored, changed, setting_of
from embedhub.anomalies.view import SHOWN_CHARS, FlagView, StateView, flag_view
from embedhub.errors import InvalidInput, NotFound
from embedhub.graph import service as graphs
from embedhub.graph.service import Owner, Subject
from embedhub.graph.subject import LEVELS
from embedhub.runs.service import RunKind, start_run, unfinished_run
from embedhub.tables import AnomalyFlag, AnomalyProfile

__all__ = [
    "FlagView",
    "StateView",
    "TextAsked",
    "change_setting",
    "decide",
    "describe",
    "get_flag",
    "list_flags",
    "score_text",
    "start_scan",
]

STATUSES = ("open", "confirmed", "dismissed")
# Of the newest decisions the precision is told.
RECENT = 100


def start_scan(caller: Caller, owner: Owner, slug: str, *, level: str | None = None) -> int:
    """Ask for a scan and return its run: one under way already, or a new one."""
    caller.require_writing()
    with db.writing() as session:
        subject = graphs.subject_of(session, caller, owner, slug, level)
        return start_run(
            session,
            workspace_id=subject.workspace_id,
            kind=RunKind.SCAN_ANOMALIES,
            subject=subject.name,
            arguments=subject.arguments,
        )


def describe(caller: Caller, owner: Owner, slug: str, *, level: str | None = None) -> StateView:
    """Return how the anomalies stand; Forbidden for a caller bound to principals: it counts."""
    caller.require_every_document()
    with db.reading() as session:
        return _state(session, graphs.subject_of(session, caller, owner, slug, level))


def change_setting(
    caller: Caller, owner: Owner, slug: str, wished: Mapping[str, Any], *, level: str | None = None
) -> StateView:
    """Change the budget, detector, limit or label field; InvalidInput names what cannot be.

    The budget and the detector hold for rows that come from now on, and for all rows from the
    next scan on; the label field from the next scan on.
    """
    caller.require_writing()
    with db.writing() as session:
        subject = graphs.subject_of(session, caller, owner, slug, level)
        row = profiles.hold_profile(session, subject)
        setting = changed(setting_of(row.setting), wished)
        profiles.update_profile(session, row.id, setting=as_stored(setting))
        session.refresh(row)
        return _state(session, subject)


def list_flags(
    caller: Caller,
    owner: Owner,
    slug: str,
    *,
    level: str | None = None,
    status: str | None = "open",
    after: tuple[float, int] | None = None,
    limit: int = 50,
    principals: Sequence[str] | None = None,
) -> list[FlagView]:
    """Return flags of rows that the caller may see, the highest score first."""
    if status is not None and status not in STATUSES:
        raise InvalidInput(f"must be one of {', '.join(STATUSES)}", "status")
    seen = caller.narrowed(principals).principals
    with db.reading() as session:
        subject = graphs.subject_of(session, caller, owner, slug, level)
        row = profiles.find_profile(session, subject)
        if row is None:
            return []
        found = queries.list_flags(
            session, subject, row.id, principals=seen, status=status, after=after, limit=limit
        )
        return _views(session, subject, found, seen)


def get_flag(
    caller: Caller,
    owner: Owner,
    slug: str,
    flag_id: int,
    *,
    principals: Sequence[str] | None = None,
) -> FlagView:
    """Return a flag; raises NotFound."""
    seen = caller.narrowed(principals).principals
    with db.reading() as session:
        subject, row = _profile_of(session, caller, owner, slug, flag_id)
        flag = queries.find_flag(session, subject, row.id, flag_id, principals=seen)
        if flag is None:
            raise NotFound("anomaly", flag_id)
        return _views(session, subject, [flag], seen)[0]


def decide(
    caller: Caller,
    owner: Owner,
    slug: str,
    flag_id: int,
    decision: str,
    *,
    seen: int | None = None,
    by: str | None = None,
) -> FlagView:
    """Accept or confirm a flagged row, or take that back, and return the flag.

    `seen` is the id of the decision that whoever decides has seen to hold, None for none; `by`
    names a member of staff, else the key does. Raises Conflict, saying who and when, if another
    decision holds.
    """
    caller.require_writing()
    with db.writing() as session:
        subject, row = _profile_of(session, caller, owner, slug, flag_id)
        flag = queries.find_flag(
            session, subject, row.id, flag_id, principals=None, is_for_update=True
        )
        if flag is None:
            raise NotFound("anomaly", flag_id)
        who = by or queries.name_of_key(session, caller.key_id)
        deciding.decide(session, flag, decision, seen=seen, by=who)
        session.refresh(flag)
        return _views(session, subject, [flag], None)[0]


def _profile_of(
    session: Session, caller: Caller, owner: Owner, slug: str, flag_id: int
) -> tuple[Subject, AnomalyProfile]:
    """Return the profile that a flag is of, with whose rows these are."""
    for level in LEVELS[owner]:
        subject = graphs.subject_of(session, caller, owner, slug, level)
        row = profiles.find_profile(session, subject)
        if row is not None and queries.is_of(session, row.id, flag_id):
            return subject, row
    raise NotFound("anomaly", flag_id)


def _views(
    session: Session,
    subject: Subject,
    found: Sequence[AnomalyFlag],
    principals: Sequence[str] | None,
) -> list[FlagView]:
    wanted = {one for flag in found for one in flag.normal_ids}
    normal = graphs.visible_among(session, subject, principals, sorted(wanted))
    ids = sorted(normal | {flag.node_id for flag in found})
    nodes = {one.id: one for one in graphs.nodes(session, subject, ids, max_chars=SHOWN_CHARS)}
    decisions = queries.decisions_of(session, [flag.id for flag in found])
    return [
        flag_view(
            flag,
            nodes[flag.node_id],
            [nodes[one] for one in flag.normal_ids if one in normal and one in nodes],
            decisions.get(flag.id, []),
            percentile_of(flag.share),
        )
        for flag in found
        if flag.node_id in nodes
    ]


def _state(session: Session, subject: Subject) -> StateView:
    row = profiles.find_profile(session, subject)
    setting = Setting() if row is None else setting_of(row.setting)
    fitted = {} if row is None else row.fitted
    verdicts = [] if row is None else queries.last_verdicts(session, row.id, limit=RECENT)
    counts = {} if row is None else queries.count_by_status(session, row.id)
    n_confirmed = sum(one == "confirm" for one in verdicts)
    return StateView(
        level=subject.level,
        setting=setting,
        fitted_at=None if row is None else row.fitted_at,
        n_rows=0 if row is None else row.n_rows,
        with_vectors=bool(fitted.get("with_vectors")),
        limit=_limit_of(fitted, setting),
        counts={status: counts.get(status, 0) for status in STATUSES},
        precision=n_confirmed / len(verdicts) if verdicts else None,
        n_decided=len(verdicts),
        run_id=unfinished_run(session, kinds=[RunKind.SCAN_ANOMALIES], subject=subject.name),
    )


def _limit_of(fitted: Mapping[str, Any], setting: Setting) -> float | None:
    if setting.detector is Detector.CENTROID:
        return setting.limit
    return round(limit_of(fitted, setting.budget), 4) if fitted else None
