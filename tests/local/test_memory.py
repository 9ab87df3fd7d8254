"""Postgres takes a share of the machine that leaves room for the encoder."""

from pathlib import Path

import pytest

from embedhub.local import cluster, memory
from embedhub.local.memory import MIB, PostgresMemory, machine_memory, plan_memory


@pytest.mark.parametrize("gib", [0.5, 1, 2, 4, 16, 64, 1024])
def test_shares_fit_the_machine(gib: float) -> None:
    plan = plan_memory(int(gib * 1024) * MIB)
    total = gib * 1024
    assert plan.shared_buffers >= 64
    # The largest sensible use at once: buffers, one index build, ten sorts.
    assert plan.shared_buffers + plan.maintenance_work_mem + 10 * plan.work_mem <= total * 0.4


def test_more_memory_never_gives_less() -> None:
    plans = [plan_memory(gib * 1024 * MIB) for gib in (1, 4, 16, 64)]
    assert plans == sorted(plans, key=lambda plan: plan.shared_buffers)
    assert plans[0].shared_buffers < plans[-1].shared_buffers


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (limit,))
    whole = machine_memory()
    limit.write_text("536870912\n")
    assert machine_memory() == 512 * MIB
    limit.write_text("max\n")
    assert machine_memory() == whole


def test_tests_give_up_durability_and_nothing_else_does() -> None:
    plan = PostgresMemory(128, 64, 512, 8)
    switched_off = {
        durable: {
            line for line in cluster.settings(plan, durable=durable) if line.endswith("= off")
        }
        for durable in (True, False)
    }
    assert switched_off[True] == {"jit = off"}
    assert "fsync = off" in switched_off[False]
