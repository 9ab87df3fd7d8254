"""Log files of the children: small enough to keep, easy to quote from."""

import shutil
from pathlib import Path

MAX_BYTES = 10 * 2**20


def cap_sizes(folder: Path) -> None:
    """Move what a log holds to NAME.1 when it has grown too large, replacing what was there.

    The writers keep their files open for appending, so the file is copied and emptied, not renamed.
    """
    for log in folder.glob("*.log"):
        if log.stat().st_size > MAX_BYTES:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            with log.open("r+b") as file:
                file.truncate(0)


def last_said(log: Path) -> str:
    """Return the last line of a log that says something."""
    lines = [line.strip() for line in tail(log).splitlines() if line.strip()]
    return lines[-1] if lines else f"no reason given (log: {log})"


def last_line(log: Path) -> str:
    """Return the last line of a log that says something, with the log's place."""
    return f"{last_said(log)} (log: {log})"


def tail(log: Path, max_bytes: int = 8192) -> str:
    """Return the end of a log, empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - max_bytes))
        return file.read().decode("utf-8", "replace")
