"""The folder of the one-machine default: what lies where, its lock, its state and its secrets."""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from embedhub.local.errors import LocalError
from embedhub.local.processes import is_running


@dataclass(frozen=True, slots=True)
class RunningState:
    """What a running supervisor tells others, kept in state.json.

    `serving`: the web server answers. `ready`: it can do everything, the encoder is loaded.
    """

    pid: int
    url: str
    database_url: str
    serving: bool = False
    ready: bool = False
    children: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the first start made, kept in credentials.json for its owner only."""

    workspace: str
    api_key: str
    staff_name: str
    staff_password: str


@dataclass(frozen=True, slots=True)
class Home:
    """Paths and small files of one embedded default."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Home":
        """Return the home at `path`, which need not exist yet."""
        return cls(path.expanduser().absolute())

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def timetable(self) -> Path:
        """Where Celery's clock notes when each job ran last."""
        return self.root / "timetable"

    def make(self) -> None:
        """Make the folder; raises LocalError when that is not possible."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LocalError(f"cannot use {self.root}: {error.strerror}") from error

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for this process; raises LocalError when a supervisor already does."""
        self.make()
        with (self.root / "lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise self._in_use() from None
            yield

    def refuse_if_locked(self) -> None:
        """Raise LocalError when a supervisor holds this home."""
        if self.is_locked():
            raise self._in_use()

    def _in_use(self) -> LocalError:
        state = self.state()
        who = f" (process {state.pid}, {state.url})" if state else ""
        return LocalError(f"{self.root} is already in use by embedhub{who}")

    def is_locked(self) -> bool:
        """Tell whether a supervisor holds this home."""
        path = self.root / "lock"
        if not path.exists():
            return False
        with path.open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def state(self) -> RunningState | None:
        """Return what the last supervisor wrote, whether or not it still runs."""
        found = _read_json(self.root / "state.json")
        return RunningState(**found) if found else None

    def running(self) -> RunningState | None:
        """Return the state of the supervisor that holds this home now, None without one."""
        state = self.state()
        return state if state and is_running(state.pid) and self.is_locked() else None

    def write_state(self, state: RunningState) -> None:
        _write_json(self.root / "state.json", asdict(state))

    def forget_state(self) -> None:
        (self.root / "state.json").unlink(missing_ok=True)

    def credentials(self) -> Credentials | None:
        found = _read_json(self.root / "credentials.json")
        return Credentials(**found) if found else None

    def write_credentials(self, credentials: Credentials) -> None:
        _write_json(self.root / "credentials.json", asdict(credentials))

    def secret_key(self) -> str:
        """Return the key that signs staff sessions, made on first use."""
        path = self.root / "secret_key"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(48))
        return path.read_text(encoding="ascii").strip()

    def read_note(self, name: str) -> dict[str, object]:
        """Return a small JSON object kept under `name`, empty when there is none."""
        return _read_json(self.root / f"{name}.json") or {}

    def write_note(self, name: str, content: dict[str, object]) -> None:
        _write_json(self.root / f"{name}.json", content)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LocalError(f"{path} is damaged; delete it and start again") from error
    return content if isinstance(content, dict) else None


def _write_json(path: Path, content: dict[str, object]) -> None:
    _write_private(path, json.dumps(content, indent=2) + "\n")


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
