"""The process that parses: nothing of the database, the settings or the network is in it.

It reads a request a line from its input and answers in lines: pages read so far, then how it
ended. Documents go to the file that the request names, one a line.
"""

import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from embedhub.documents.parsing.kinds import kind_of
from embedhub.documents.parsing.parsed import (
    Limits,
    ParsedDocument,
    Reason,
    RefusedFile,
    Unreadable,
)
from embedhub.documents.parsing.reader import read_file

TOLD_EVERY_S = 0.2
MAX_TOLD = 100
MAX_REASON_CHARS = 500
MAX_OPEN_FILES = 256
TOO_MUCH_MEMORY = "reading it takes more memory than is allowed"


@dataclass(slots=True)
class Report:
    """What became of one file: counts, and the first of the parts that gave no document."""

    media_type: str | None = None
    n_documents: int = 0
    n_refused: int = 0
    n_pages: int | None = None
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    reason_code: str | None = None
    reason: str | None = None

    def refuse(self, part: RefusedFile) -> None:
        """Count in a part that gave no document."""
        self.n_refused += 1
        if len(self.refused) < MAX_TOLD:
            told = part.reason[:MAX_REASON_CHARS]
            self.refused.append((part.path[:MAX_REASON_CHARS], told, part.code.value))

    def fail(self, reason: Reason, words: str) -> None:
        """Say why the file as a whole gave none."""
        self.reason_code, self.reason = reason.value, words[:MAX_REASON_CHARS]


def main() -> None:
    """Answer requests until there are no more; argument: megabytes of memory allowed."""
    limit_process(int(sys.argv[1]))
    for line in sys.stdin.buffer:
        request = orjson.loads(line)
        with bounded_time(request["cpu_s"]):
            report = parse(request)
        tell({"report": report})
        if report.reason_code == Reason.MEMORY:
            # What an exhausted memory has left half-done is not to be built on.
            return


def limit_process(memory_mb: int) -> None:
    """Bound what this process may take, and let the others of its machine go first."""
    n_bytes = memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, most))
    os.nice(5)


@contextmanager
def bounded_time(cpu_s: int) -> Iterator[None]:
    """End this process if the block takes more of the processor: whoever asked may be gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + cpu_s + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (end, most))
    yield
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))


def parse(request: dict[str, Any]) -> Report:
    """Parse one file as asked, and write its documents."""
    report = Report()
    name, path = request["name"], Path(request["path"])
    told_at = 0.0

    def on_page(done: int, total: int) -> None:
        nonlocal told_at
        report.n_pages = max(report.n_pages or 0, total)
        if time.monotonic() - told_at > TOLD_EVERY_S:
            told_at = time.monotonic()
            tell({"page": done, "of": total})

    try:
        report.media_type = str(kind_of(name, path))
        with Path(request["out"]).open("wb") as out:
            for found in read_file(name, path, Limits(**request["limits"]), on_page):
                if isinstance(found, ParsedDocument):
                    out.write(orjson.dumps(found.as_json()) + b"\n")
                    report.n_documents += 1
                else:
                    report.refuse(found)
        if not report.n_documents:
            say_why_nothing(report)
    except Unreadable as error:
        report.fail(error.reason, str(error))
    except (MemoryError, RecursionError) as error:
        is_memory = isinstance(error, MemoryError)
        words = TOO_MUCH_MEMORY if is_memory else "is nested too deeply"
        report.fail(Reason.MEMORY if is_memory else Reason.LIMIT, words)
    except Exception as error:  # whatever a converter trips over, the others must not
        report.fail(Reason.BROKEN, f"is damaged: reading it ended with {type(error).__name__}")
    return report


def say_why_nothing(report: Report) -> None:
    """Give the file the reason of its first part: all of them gave none."""
    if not report.refused:
        report.fail(Reason.EMPTY, "holds nothing that can be read")
        return
    part, words, code = report.refused[0]
    report.fail(Reason(code), f"{part}: {words}")


def tell(answer: dict[str, Any]) -> None:
    """Answer a line."""
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
