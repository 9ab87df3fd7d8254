"""Which processes make up the service, and the exact command of each.

`compose.yaml` runs the same commands in containers (a test compares them).
"""

import sys
from dataclasses import dataclass
from pathlib import Path

WEB = "web"
EMBED = "embed"
FILES = "files"
TRAIN = "train"
UPKEEP = "upkeep"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One process the supervisor keeps alive."""

    name: str
    command: tuple[str, ...]
    # How long it may take to finish what it does when asked to stop, seconds.
    grace_s: float
    # Above 0 the others go first when all want the processor.
    niceness: int = 0
    # File descriptors of ours that stay open in it.
    inherited: tuple[int, ...] = ()


def migrate_command() -> tuple[str, ...]:
    """Return what brings both schemas to their newest version."""
    return ("python", "-m", "embedhub.local.migrate")


def web_command(host: str, port: int) -> tuple[str, ...]:
    """Return the web server."""
    return ("python", "-m", "embedhub.local.web", "--host", host, "--port", str(port))


def embed_command() -> tuple[str, ...]:
    """Return the worker that encodes: one process, because a loaded encoder must not be forked."""
    return (*_worker(EMBED), "-P", "solo")


def files_command() -> tuple[str, ...]:
    """Return the worker that reads files, two collections at a time."""
    return (*_worker(FILES), "-P", "threads", "-c", "2")


def train_command() -> tuple[str, ...]:
    """Return the worker that trains recommenders, one at a time: another one waits."""
    return (*_worker(TRAIN), "-P", "solo")


def upkeep_command(timetable: Path) -> tuple[str, ...]:
    """Return the worker for everything else, with the clock that rings for left-over work."""
    # A space that grows takes two, for its meanings and its words: sweeps go on beside them.
    return (*_worker(UPKEEP), "-P", "threads", "-c", "4", "-B", "-s", str(timetable))


def local_children(host: str, port: int, timetable: Path) -> list[ChildSpec]:
    """Return the processes of one machine, in the order in which they start."""
    return [
        ChildSpec(WEB, here(web_command(host, port)), grace_s=10),
        ChildSpec(UPKEEP, here(upkeep_command(timetable)), grace_s=10),
        ChildSpec(FILES, here(files_command()), grace_s=10, niceness=5),
        ChildSpec(TRAIN, here(train_command()), grace_s=10, niceness=10),
        ChildSpec(EMBED, here(embed_command()), grace_s=10, niceness=5),
    ]


def here(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command that runs on the interpreter of this process."""
    return (sys.executable, *command[1:])


def _worker(queue: str) -> tuple[str, ...]:
    return (
        *("python", "-m", "celery", "-A", "workers", "worker"),
        *("-Q", queue, "-n", f"{queue}@%h", "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
