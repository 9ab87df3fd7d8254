"""The run that reads a collection's files, one after the other, into documents.

A file is parsed in a process of its own and stored when all of it is parsed: of a file that cannot
be read nothing is stored. A run that is interrupted begins with the same file again.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.exc import IntegrityError

from embedhub import db
from embedhub.config import get_config
from embedhub.documents.back_pressure import refuse_backlog
from embedhub.documents.files import storage
from embedhub.documents.files.fetching import FetchFailed, fetch
from embedhub.documents.files.narrowing import narrow
from embedhub.documents.files.queries import files as queries
from embedhub.documents.files.removal import remove_documents_of
from embedhub.documents.files.storage import OriginalMissing
from embedhub.documents.files.storing import Storing
from embedhub.documents.parsing.child import Report
from embedhub.documents.parsing.parsed import Limits
from embedhub.documents.parsing.sandbox import Parser
from embedhub.errors import Busy, TooLarge
from embedhub.runs.progress import RunCancelled, RunProgress, signs_of_life
from embedhub.tables import File

logger = logging.getLogger(__name__)

CANCELLED = "its reading was cancelled"
WORN_OUT = "reading it was broken off {n} times: it may be too much for this machine"
MISSING = "its original is missing in the file storage"
BACKLOG_PAUSE_S = 5.0


@dataclass(slots=True)
class Tally:
    """What a run has done so far."""

    files: int = 0
    failed: int = 0
    documents: int = 0


@dataclass(slots=True)
class _Outcome:
    """What becomes of the row of a file."""

    status: str
    columns: dict[str, Any] = field(default_factory=dict)


def read_files(progress: RunProgress, arguments: dict[str, Any]) -> dict[str, Any]:
    """Carry out a run of kind READ_FILES: read what waits in a collection until nothing does."""
    collection_id = int(arguments["collection_id"])
    tally = Tally()
    try:
        with (
            TemporaryDirectory(prefix="embedhub-files-") as folder,
            parser(Path(folder)) as process,
        ):
            while (file := take(collection_id, progress.run_id)) is not None:
                progress.describe(f"reading {file.external_id[:200]}")
                total = tally.files + count_left(collection_id)
                progress.report(tally.files, total)
                # A single statement may wait long for others.
                with signs_of_life(progress, tally.files, total):
                    outcome = read_one(file, process, Path(folder), progress)
                settle(file, progress.run_id, outcome)
                tally.files += 1
                tally.failed += outcome.status == "failed"
                tally.documents += outcome.columns.get("n_documents", 0)
    except RunCancelled:
        with db.writing() as session:
            queries.fail_unfinished(
                session, collection_id=collection_id, reason_code="cancelled", reason=CANCELLED
            )
        raise
    return {"files": tally.files, "failed": tally.failed, "documents": tally.documents}


@contextmanager
def parser(folder: Path) -> Iterator[Parser]:
    """Open the process that parses, within the limits of the settings."""
    config = get_config()
    limits = Limits(
        max_text_chars=config.max_text_chars,
        max_pages=config.max_pages,
        max_package_bytes=config.max_package_bytes,
        max_archive_bytes=config.max_archive_bytes,
        max_archive_files=config.max_archive_files,
        max_archive_depth=config.max_archive_depth,
    )
    work = folder / "work"
    work.mkdir()
    with Parser(
        work, memory_mb=config.parse_memory_mb, time_s=config.parse_s, limits=limits
    ) as process:
        yield process


def take(collection_id: int, run_id: int) -> File | None:
    """Return the next file to read, marked as this run's; None if there is none."""
    with db.writing() as session:
        return queries.take_next(session, collection_id=collection_id, run_id=run_id)


def settle(file: File, run_id: int, outcome: _Outcome) -> None:
    """Write what became of a file, unless it was replaced or removed meanwhile."""
    if not db.retry_deadlocks(partial(_settle, file, run_id, outcome)):
        logger.info("file changed while it was read", extra={"file_id": file.id})


def _settle(file: File, run_id: int, outcome: _Outcome) -> bool:
    with db.writing() as session:
        is_ours = queries.settle(
            session,
            file_id=file.id,
            run_id=run_id,
            path=file.storage_path,
            status=outcome.status,
            is_finished=True,
            **outcome.columns,
        )
        # Some were stored with the access of a file that was replaced while it was read.
        narrow(session, file)
        return is_ours


def read_one(file: File, process: Parser, folder: Path, progress: RunProgress) -> _Outcome:
    """Read one file and store its documents; whatever is wrong with it is in the outcome."""
    if file.attempts > get_config().file_attempts:
        return failed("broken", WORN_OUT.format(n=file.attempts - 1))
    original, out = folder / "original", folder / "documents"
    try:
        bring(file, original, progress)
    except OriginalMissing:
        return failed("missing", MISSING)
    except FetchFailed as error:
        return failed(error.code, str(error))
    report = process.parse(
        file.external_id, original, out, lambda done, total: _pages(progress, file, done, total)
    )
    if report.reason is not None:
        return failed(report.reason_code or "broken", report.reason, report)
    try:
        return store(file, report, out, progress)
    except IntegrityError:
        # Its row is gone, and with it what its documents point to.
        logger.info("file removed while it was read", extra={"file_id": file.id})
        return failed("broken", "was removed while it was read")


def bring(file: File, target: Path, progress: RunProgress) -> None:
    """Copy an original here, fetched from its address first where that is all there is."""
    if file.storage_path:
        storage.copy_to(file.storage_path, target)
        return
    config = get_config()
    fetch(str(file.fields.get("fetch", "")), target, max_bytes=config.max_file_bytes)
    try:
        with target.open("rb") as source:
            original = storage.store(
                source,
                workspace_id=file.workspace_id,
                collection_id=file.collection_id,
                max_bytes=config.max_file_bytes,
                field="url",
            )
    except TooLarge as error:
        raise FetchFailed("too_large", str(error)) from error
    with db.writing() as session:
        is_ours = queries.settle(
            session,
            file_id=file.id,
            run_id=progress.run_id,
            path="",
            storage_path=original.path,
            n_bytes=original.n_bytes,
            content_hash=original.content_hash,
        )
    if not is_ours:
        storage.remove(original.path)
        raise OriginalMissing(file.external_id)
    file.storage_path = original.path


def store(file: File, report: Report, out: Path, progress: RunProgress) -> _Outcome:
    """Store parsed documents, then delete those that the file no longer holds."""
    storing = Storing(file, report)
    n_stored = 0
    for n_stored in storing.store(out):
        _pages(progress, file, n_stored, report.n_documents)
        wait_for_backlog(progress)
    if storing.n_documents == 0:
        part, words, code = storing.refused[0]
        return failed(code, f"{part}: {words}" if part != file.external_id else words, report)
    if storing.has_predecessors:
        remove_documents_of(file.id, keep=storing.names)
    columns = _read(report) | {
        "n_documents": storing.n_documents,
        "n_refused": report.n_refused + storing.n_refused,
        "reason_code": None,
        "reason": storing.summary(),
    }
    return _Outcome("stored", columns)


def failed(code: str, reason: str, report: Report | None = None) -> _Outcome:
    """Return the outcome of a file that gave nothing."""
    columns = _read(report) if report else {}
    told = reason[:1_000].replace("\x00", "")
    return _Outcome("failed", columns | {"reason_code": code, "reason": told})


def wait_for_backlog(progress: RunProgress) -> None:
    """Return when the ledger can take more."""
    while True:
        try:
            refuse_backlog()
        except Busy:
            progress.describe("waiting", waiting_for="the vectors of what is stored already")
            progress.stay_alive()
            time.sleep(BACKLOG_PAUSE_S)
        else:
            return


def _read(report: Report) -> dict[str, Any]:
    return {"media_type": report.media_type, "n_pages": report.n_pages}


def _pages(progress: RunProgress, file: File, done: int, total: int) -> None:
    if total:
        progress.describe(f"reading {file.external_id[:200]}, {done:,} of {total:,}")
    progress.stay_alive()


def count_left(collection_id: int) -> int:
    """Return how many files are still to be read, the one at hand among them."""
    with db.reading() as session:
        return queries.count_unfinished(session, collection_id)
