"""The whole service as a user starts it: processes, a port, a home of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL
from typing import Any

from embedhub.cli.client import HubClient
from embedhub.cli.options import find_server
from embedhub.local.home import Home, RunningState

FAULTS = Path(__file__).parent / "faults"


class Hub:
    """One home, driven from outside through the command line and REST."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.home = Home.at(root)
        named = {f"EMBEDHUB_{name.upper()}": str(value) for name, value in settings.items()}
        self.environment = {**os.environ, "PYTHONPATH": str(FAULTS), **named}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an `embedhub` command over this home and return how it went."""
        return subprocess.run(
            [sys.executable, "-m", "embedhub.cli", *arguments, "--home", str(self.home.root)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def up(self) -> None:
        done = self.run("up", "--port", "0", "--detach")
        assert done.returncode == 0, done.stderr

    def down(self) -> None:
        done = self.run("down")
        assert done.returncode == 0, done.stderr

    @property
    def state(self) -> RunningState:
        state = self.home.state()
        assert state is not None
        return state

    @property
    def client(self) -> HubClient:
        return HubClient(find_server(self.home.root, None, None))

    def kill(self, name: str) -> int:
        """Kill one process as the kernel would when memory is short; return its id."""
        pid = self.state.children[name] if name != "supervisor" else self.state.pid
        os.kill(pid, SIGKILL)
        return pid

    def send(self, slug: str, texts: dict[str, str]) -> None:
        """Have documents accepted, without waiting for their vectors."""
        documents = [{"external_id": i, "text": text} for i, text in texts.items()]
        answer = self.client.call(
            "POST", f"/v1/collections/{slug}/documents", {"documents": documents}
        )
        assert {item["outcome"] for item in answer["items"]} <= {"created", "updated"}

    def status(self, slug: str) -> dict[str, Any]:
        status: dict[str, Any] = self.client.call("GET", f"/v1/collections/{slug}/status")
        return status

    def found(self, slug: str, query: str, mode: str = "hybrid") -> list[str]:
        """Return the ids of the hits, best first."""
        answer = self.client.search(slug, {"query": query, "mode": mode, "limit": 5})
        return [hit["document"]["external_id"] for hit in answer["hits"]]


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return when the condition holds; fails after a time no healthy service needs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
