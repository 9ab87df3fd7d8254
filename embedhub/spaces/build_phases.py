"""How far a CREATE INDEX CONCURRENTLY is: Postgres' phases as one fraction, in plain words; pure.

The phases are those of pg_stat_progress_create_index; what they take is as measured for HNSW.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a build: the part of the whole it stands for, and what to call it."""

    start: float
    end: float
    words: str
    # who is waited for, in phases that wait
    waits: bool = False


BUILDING = "building index"
PHASES = {
    "initializing": Phase(0.0, 0.01, "preparing"),
    "waiting for writers before build": Phase(
        0.01, 0.02, "waiting for writers before the build", waits=True
    ),
    BUILDING: Phase(0.02, 0.92, "building"),
    "waiting for writers before validation": Phase(
        0.92, 0.93, "waiting for writers before the check", waits=True
    ),
    "index validation: scanning index": Phase(0.93, 0.95, "checking: reading the index"),
    "index validation: sorting tuples": Phase(0.95, 0.96, "checking: sorting"),
    "index validation: scanning table": Phase(0.96, 0.99, "checking: reading the table"),
    "waiting for old snapshots": Phase(
        0.99, 1.0, "waiting for transactions older than the index", waits=True
    ),
}
UNKNOWN = Phase(0.0, 1.0, "working")


@dataclass(frozen=True, slots=True)
class BuildState:
    """What Postgres says of a build at one moment."""

    phase: str
    blocks_done: int = 0
    blocks_total: int = 0
    tuples_done: int = 0
    tuples_total: int = 0
    lockers_done: int = 0
    lockers_total: int = 0

    @property
    def known(self) -> Phase:
        """Return what the phase stands for; access methods add to the name of the building one."""
        name = BUILDING if self.phase.startswith(BUILDING) else self.phase
        return PHASES.get(name, UNKNOWN)


def fraction(state: BuildState, *, rows: int) -> float:
    """Return the part of a build over about so many rows that is done, from 0 to 1."""
    phase = state.known
    if phase is UNKNOWN:
        return 0.0
    if phase.waits:
        within = _part(state.lockers_done, state.lockers_total)
    elif state.phase.startswith(BUILDING):
        # HNSW counts rows without saying of how many; with helpers the blocks run ahead.
        total = state.tuples_total or rows
        parts = [_part(state.tuples_done, total), _part(state.blocks_done, state.blocks_total)]
        within = min(part for part in parts if part) if any(parts) else 0.0
    else:
        within = max(
            _part(state.blocks_done, state.blocks_total),
            _part(state.tuples_done, state.tuples_total),
        )
    return phase.start + (phase.end - phase.start) * within


class StepsDone:
    """One fraction over several steps of known weight that never goes back."""

    def __init__(self, weights: dict[str, float]) -> None:
        total = sum(weights.values()) or 1.0
        self._share = {name: weight / total for name, weight in weights.items()}
        self._before: dict[str, float] = {}
        passed = 0.0
        for name, share in self._share.items():
            self._before[name] = passed
            passed += share
        self._reached = 0.0

    def at(self, step: str, within: float = 0.0) -> float:
        """Return the fraction of the whole when this part of a step is done."""
        here = self._before[step] + self._share[step] * min(1.0, max(0.0, within))
        self._reached = max(self._reached, here)
        return self._reached


def _part(done: int, total: int) -> float:
    return min(1.0, done / total) if total > 0 else 0.0
