"""How far the processes of an installation rise above idle while one large import streams in."""

import argparse
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import psutil

from benchmarks.measure import Nonsense
from benchmarks.sending import TIMEOUT_S, line_of
from embedhub.cli.client import HubClient
from embedhub.local.home import Home

DIMENSION = 384
SAMPLE_S = 0.1
CHUNK_LINES = 64
TEXT_WORDS = 300
MIB = 2**20


def watch_import(arguments: argparse.Namespace, client: HubClient) -> dict[str, Any]:
    """Stream one generated import and return how far each process rose above idle, in MiB."""
    slug = f"stream-{int(time.time())}"
    wanted: dict[str, Any] = {"slug": slug, "encoder": "supplied", "dimension": DIMENSION}
    if arguments.lines == "texts":
        wanted = {"slug": slug, "encoder": f"hashing-{DIMENSION}"}
    client.call("POST", "/v1/collections", wanted)
    # Warm: what every process loads at its first work is no part of an import.
    stream(client, slug, 2 * MIB, arguments.lines)
    time.sleep(3)
    memory = Memory(arguments.home)
    started = time.perf_counter()
    with memory:
        answer = stream(client, slug, int(arguments.gigabytes * 1e9), arguments.lines)
    took_s = time.perf_counter() - started
    client.call("DELETE", f"/v1/collections/{slug}")
    if answer["n_errors"] or not answer["is_done"]:
        raise Nonsense(f"the import was not whole: {answer}")
    return {
        "lines": answer["n_lines"],
        "GB": arguments.gigabytes,
        "s": took_s,
        "MB/s": arguments.gigabytes * 1000 / took_s,
        **{f"{name} +MiB": rise for name, rise in memory.rises().items()},
    }


def stream(client: HubClient, slug: str, n_bytes: int, lines: str) -> Any:
    """Import generated lines of about so many bytes in one request; return the answer."""
    with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
        response = http.post(
            f"{client.server.url}/v1/collections/{slug}/documents/import",
            content=generated(n_bytes, lines),
            headers={"Authorization": f"Bearer {client.server.key}"},
        )
    if not response.is_success:
        raise Nonsense(f"import refused: {response.text[:300]}")
    return response.json()


def generated(n_bytes: int, lines: str) -> Iterator[bytes]:
    """Yield chunks of lines until their bytes are enough; no two vectors or texts are the same."""
    random = np.random.default_rng(n_bytes)
    words = [f"word{n}" for n in range(5_000)]
    number, sent = 0, 0
    while sent < n_bytes:
        chunk = []
        for _ in range(CHUNK_LINES):
            number += 1
            ident = f"{n_bytes}-{number}"
            if lines == "vectors":
                chunk.append(line_of(ident, random.random(DIMENSION, dtype=np.float32), "json"))
            else:
                text = " ".join(words[n] for n in random.integers(len(words), size=TEXT_WORDS))
                chunk.append(orjson.dumps({"external_id": ident, "text": text}) + b"\n")
        joined = b"".join(chunk)
        sent += len(joined)
        yield joined


class Memory:
    """The largest resident memory of each process of a home within the block, above its idle."""

    def __init__(self, home: Path) -> None:
        running = Home.at(home).running()
        if running is None:
            raise Nonsense("name a running installation with --home")
        found = psutil.Process(running.pid).children(recursive=True)
        self._processes = {process: named(process) for process in found if named(process)}
        if "web" not in self._processes.values():
            raise Nonsense("the web process was not found")
        self._idle = {process: process.memory_info().rss for process in self._processes}
        self._most = dict(self._idle)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def rises(self) -> dict[str, float]:
        """Return the rise in MiB by the name of the process; of several the largest."""
        rises: dict[str, float] = {}
        for process, name in self._processes.items():
            rise = (self._most[process] - self._idle[process]) / MIB
            rises[name] = max(rise, rises.get(name, 0.0))
        return rises

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            for process in self._processes:
                try:
                    rss = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                self._most[process] = max(rss, self._most[process])


def named(process: psutil.Process) -> str:
    """Return what a process of an installation does; empty for Postgres and the like."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return ""
    if any("embedhub.local.web" in part for part in command):
        return "web"
    if "celery" in command and "-Q" in command:
        return str(command[command.index("-Q") + 1])
    return ""
