"""The profile that counts, kept in this process until another scan or decision is there."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

from sqlalchemy.orm import Session

from embedhub.anomalies.memory import Memory
from embedhub.anomalies.profile import Profile, from_stored
from embedhub.anomalies.queries import flags, profiles
from embedhub.anomalies.recalling import read_memory
from embedhub.anomalies.setting import Setting, setting_of
from embedhub.graph.service import GraphView, Subject
from embedhub.tables import AnomalyProfile

# Some 30 MB each.
KEPT = 4


@dataclass(frozen=True, slots=True)
class Live:
    """A stored profile with its setting and what was decided under it."""

    row: AnomalyProfile
    setting: Setting
    profile: Profile
    memory: Memory


_kept: OrderedDict[int, Live] = OrderedDict()
_lock = Lock()


def read_profile(session: Session, subject: Subject) -> tuple[AnomalyProfile, Profile] | None:
    """Return the profile of a subject that counts; None before its first scan has succeeded."""
    row = profiles.find_profile(session, subject)
    if row is None or row.fitted_at is None:
        return None
    with _lock:
        kept = _kept.get(row.id)
    if kept is not None and kept.row.generation == row.generation:
        return row, kept.profile
    arrays = profiles.read_arrays(session, row.id, row.generation)
    return row, from_stored(row.fitted, arrays)


def complete(
    subject: Subject,
    graph: GraphView | None,
    row: AnomalyProfile,
    profile: Profile,
    last_decision: int,
) -> Live:
    """Return a profile with its setting and memory; for outside any transaction."""
    with _lock:
        kept = _kept.get(row.id)
    is_known = kept is not None and kept.row.generation == row.generation
    if kept is not None and is_known and kept.memory.last_id == last_decision:
        live = replace(kept, row=row, setting=setting_of(row.setting))
    else:
        memory = read_memory(subject, row.id, graph, profile.vocabulary)
        live = Live(row, setting_of(row.setting), profile, memory)
    with _lock:
        _kept[row.id] = live
        _kept.move_to_end(row.id)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return live


def last_decision(session: Session, row: AnomalyProfile) -> int:
    """Return the id of the newest decision under a profile."""
    return flags.last_decision_id(session, row.id)
