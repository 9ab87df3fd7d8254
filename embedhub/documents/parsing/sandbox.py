"""Parsing in a process of its own, with a limit on its memory and its time.

A file that takes all memory, hangs a converter or makes it crash costs that process and nobody
else. It is started on first use and reads one file after the other.
"""

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from signal import SIGKILL, SIGXCPU
from typing import Any

import orjson

from embedhub.documents.parsing.child import TOO_MUCH_MEMORY, Report
from embedhub.documents.parsing.parsed import Limits, Reason

PACKAGES = Path(__file__).parents[3]
# So that what a converter leaks does not add up.
FILES_A_PROCESS = 500
LOOKED_EVERY_S = 0.5
ANSWER_BYTES = 1 << 16

# Told every half second, with the pages read and their number (0 of 0: not known); may raise.
OnProgress = Callable[[int, int], None]


class Parser:
    """A process that parses one file at a time; `with` ends it."""

    def __init__(self, folder: Path, *, memory_mb: int, time_s: float, limits: Limits) -> None:
        """`folder` is for temporary files alone: what is in it goes with the process."""
        self._folder = folder
        self._memory_mb, self._time_s, self._limits = memory_mb, time_s, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._n_files = 0
        self._rest = b""

    def __enter__(self) -> "Parser":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def pid(self) -> int | None:
        """The process, None before the first file and after its end."""
        return self._process.pid if self._process else None

    def parse(self, name: str, path: Path, out: Path, on_progress: OnProgress) -> Report:
        """Write the documents of a file to `out`, one a line, and return what became of it.

        What `on_progress` raises ends the process and comes out of here.
        """
        process = self._started()
        request = {
            "name": name,
            "path": str(path),
            "out": str(out),
            "cpu_s": int(self._time_s),
            "limits": asdict(self._limits),
        }
        try:
            report = self._ask(process, orjson.dumps(request) + b"\n", on_progress)
        except BaseException:
            self._end()
            raise
        self._n_files += 1
        if report.reason_code in {Reason.MEMORY, Reason.TIME} or self._n_files >= FILES_A_PROCESS:
            self._end()
        return report

    def _ask(
        self, process: subprocess.Popen[bytes], request: bytes, on_progress: OnProgress
    ) -> Report:
        try:
            os.write(_fileno(process.stdin), request)
        except BrokenPipeError:
            return self._after_crash(process)
        deadline = time.monotonic() + self._time_s
        page, pages = 0, 0
        while True:
            answer = self._line(process, min(LOOKED_EVERY_S, max(0.0, deadline - time.monotonic())))
            if answer is None:
                on_progress(page, pages)
                if time.monotonic() >= deadline:
                    return self._too_slow(page, pages)
            elif not answer:
                return self._after_crash(process)
            elif "report" in answer:
                return Report(**answer["report"])
            else:
                page, pages = answer["page"], answer["of"]

    def _line(self, process: subprocess.Popen[bytes], wait_s: float) -> dict[str, Any] | None:
        """Return the next answer; None if there is none in time, {} at the end of the process."""
        deadline = time.monotonic() + wait_s
        pipe = _fileno(process.stdout)
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            piece = os.read(pipe, ANSWER_BYTES)
            if not piece:
                return {}
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = orjson.loads(line)
        return answer

    def _too_slow(self, page: int, pages: int) -> Report:
        self._end()
        read = f"; {page:,} of {pages:,} pages were read" if pages else ""
        report = Report(n_pages=pages or None)
        report.fail(Reason.TIME, f"reading it took longer than {self._time_s:g} seconds{read}")
        return report

    def _after_crash(self, process: subprocess.Popen[bytes]) -> Report:
        status = process.wait()
        self._end()
        report = Report()
        if status == -SIGXCPU:
            report.fail(Reason.TIME, f"reading it took longer than {self._time_s:g} seconds")
        elif status == -SIGKILL:
            report.fail(Reason.MEMORY, TOO_MUCH_MEMORY)
        else:
            # Converters written in C end the process where memory is refused to them.
            words = "is damaged, or takes more memory than is allowed: reading it had to be ended"
            report.fail(Reason.BROKEN, words)
        return report

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "embedhub.documents.parsing.child", str(self._memory_mb)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            # No secrets: what reads hostile files knows neither the database nor a key.
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(PACKAGES),
                "TMPDIR": str(self._folder),
            },
            start_new_session=True,
        )
        return self._process

    def _end(self) -> None:
        process, self._process, self._n_files, self._rest = self._process, None, 0, b""
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        for left in self._folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()


def _fileno(pipe: Any) -> int:
    number: int = pipe.fileno()
    return number
