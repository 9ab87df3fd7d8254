"""Postgres' phases of a build as one fraction that never goes back."""

import itertools

import pytest

from embedhub.spaces.build_phases import PHASES, BuildState, StepsDone, fraction

# As seen of CREATE INDEX CONCURRENTLY ... USING hnsw with one helper.
COURSE = [
    BuildState("initializing"),
    BuildState("waiting for writers before build", lockers_total=2),
    BuildState("waiting for writers before build", lockers_done=1, lockers_total=2),
    BuildState("building index: initializing"),
    BuildState("building index: loading tuples", blocks_done=50, blocks_total=1_000),
    BuildState("building index: loading tuples", 400, 1_000, tuples_done=300),
    BuildState("building index: loading tuples", 1_000, 1_000, tuples_done=1_000),
    BuildState("waiting for writers before validation"),
    BuildState("index validation: scanning index", 10, 20),
    BuildState("index validation: sorting tuples"),
    BuildState("index validation: scanning table", 500, 1_000),
    BuildState("waiting for old snapshots", lockers_done=0, lockers_total=1),
]


def test_a_build_goes_from_nothing_to_nearly_all_without_going_back() -> None:
    parts = [fraction(state, rows=1_000) for state in COURSE]
    assert parts[0] == 0
    assert parts == sorted(parts)
    assert len(set(parts)) > 8
    assert 0.98 < parts[-1] < 1


def test_the_phases_follow_each_other_without_a_gap() -> None:
    phases = list(PHASES.values())
    assert phases[0].start == 0
    assert phases[-1].end == 1
    assert all(one.end == after.start for one, after in itertools.pairwise(phases))


def test_rows_count_where_blocks_run_ahead() -> None:
    """Helpers take blocks long before their rows are linked."""
    ahead = BuildState("building index: loading tuples", 1_000, 1_000, tuples_done=100)
    assert fraction(ahead, rows=1_000) == pytest.approx(0.02 + 0.9 * 0.1)


def test_an_unknown_phase_says_nothing() -> None:
    assert fraction(BuildState("a phase of a newer Postgres", 5, 10), rows=10) == 0


def test_steps_count_by_what_they_take_and_never_go_back() -> None:
    steps = StepsDone({"move": 10, "hnsw": 80, "analyze": 10})
    assert steps.at("move", 0.5) == pytest.approx(0.05)
    assert steps.at("hnsw", 0.5) == pytest.approx(0.5)
    # A takeover starts anew, a phase begins at nothing.
    assert steps.at("move") == pytest.approx(0.5)
    assert steps.at("hnsw", 7) == pytest.approx(0.9)
    assert steps.at("analyze", 1) == pytest.approx(1)
