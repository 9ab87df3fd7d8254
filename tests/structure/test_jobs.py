"""Job names, tasks, queues, the timetable and the workers that are started agree."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from embedhub.jobs import Job, Queue, app, timetable
from embedhub.runs.kinds import RunKind
from embedhub.runs.service import job_of
from workers import app as receiving
from workers import embed, files, train, upkeep

PROJECT = Path(__file__).parent.parent.parent


def test_every_job_has_a_task_and_every_task_a_job() -> None:
    receiving.loader.import_default_modules()
    tasks = {name for name in receiving.tasks if not name.startswith("celery.")}
    assert tasks == {job.value for job in Job}


def test_every_job_is_routed_to_its_queue() -> None:
    routes = app().conf.task_routes
    assert {name: route["queue"] for name, route in routes.items()} == {
        job.value: job.queue.value for job in Job
    }


def test_a_task_lives_in_the_file_of_its_queue() -> None:
    for job in Job:
        assert receiving.tasks[job.value].run.__module__ == f"workers.{job.queue}"


def test_the_clock_asks_only_for_jobs_that_take_no_arguments() -> None:
    asked = {entry["task"] for entry in receiving.conf.beat_schedule.values()}
    assert asked == {job.value for job in timetable()}
    for job in timetable():
        assert receiving.tasks[job.value].run.__code__.co_argcount == 0


def test_every_kind_of_run_has_its_work() -> None:
    jobs = {kind: job_of(kind) for kind in RunKind}
    assert {kind for kind, job in jobs.items() if job is Job.RUN} == set(upkeep.WORK)
    assert {kind for kind, job in jobs.items() if job is Job.ENCODING_RUN} == set(embed.WORK)
    assert {kind for kind, job in jobs.items() if job is Job.READING_RUN} == set(files.WORK)
    assert {kind for kind, job in jobs.items() if job is Job.TRAINING_RUN} == set(train.WORK)


@pytest.mark.parametrize("queue", Queue, ids=str)
def test_every_queue_has_a_worker_in_the_containers(queue: Queue) -> None:
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    commands = [str(service.get("command", "")) for service in services.values()]
    assert any(queue.value in command for command in commands)


def test_one_broken_step_of_upkeep_does_not_silence_the_rest() -> None:
    done: list[str] = []

    def broken() -> None:
        raise KeyError("broken")

    with pytest.raises(ExceptionGroup) as raised:
        upkeep.each(lambda: done.append("first"), broken, lambda: done.append("last"))
    assert done == ["first", "last"]
    assert [type(error) for error in raised.value.exceptions] == [KeyError]


def test_workers_give_their_statements_more_time() -> None:
    code = (
        "import workers; from celery import signals; from embedhub.config import get_config;"
        "signals.worker_init.send(None);"
        "assert get_config().statement_timeout_s == get_config().worker_statement_timeout_s == 600"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
