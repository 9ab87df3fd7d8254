"""Queue `files`: originals into documents. What parses them are processes of their own."""

from collections.abc import Callable
from typing import Any

from embedhub.documents.files.reading import read_files
from embedhub.jobs import Job
from embedhub.runs import service as runs
from embedhub.runs.kinds import RunKind
from embedhub.runs.progress import RunProgress
from workers import app

WORK: dict[RunKind, Callable[[RunProgress, dict[str, Any]], dict[str, Any]]] = {
    RunKind.READ_FILES: read_files,
}


@app.task(name=Job.READING_RUN)  # type: ignore[untyped-decorator]
def carry_out_reading_run(run_id: int) -> None:
    """Carry out one run that reads files; a message delivered twice does nothing."""
    kind = runs.kind_of(run_id)
    if kind is not None:
        runs.carry_out(run_id, WORK[kind])
