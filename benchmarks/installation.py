"""Installations of their own for benchmarks: embedded, in a folder, gone when the block ends."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psycopg
from numpy.typing import NDArray

from embedhub import db
from embedhub.config import override_config
from embedhub.local.home import Home
from embedhub.local.network import free_port
from embedhub.local.service import start_detached, stop


@dataclass(frozen=True, slots=True)
class Installation:
    """A running service, and the database behind it."""

    url: str
    database_url: str
    key: str

    def client(self, key: str | None = None) -> httpx.Client:
        """Return a connection as the first key, or as another one."""
        return httpx.Client(
            base_url=f"{self.url}/v1",
            headers={"Authorization": f"Bearer {key or self.key}"},
            timeout=120,
            trust_env=False,
        )

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Return the rows of a statement on its database."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def use_database(self) -> None:
        """Let this process's own services work on its database."""
        db.dispose()
        override_config(database_url=self.database_url)


@contextmanager
def installation(folder: Path | None = None, **settings: object) -> Iterator[Installation]:
    """Run a fresh installation for the length of a block; settings are EMBEDHUB_* of its processes.

    It is in a temporary folder that is removed, or in a folder that must not exist yet and stays.
    """
    # Nothing here is encoded: the vectors come with the documents.
    chosen = {"default_encoder": "hashing-64", **settings}
    for name, value in chosen.items():
        os.environ[f"EMBEDHUB_{name.upper()}"] = str(value)
    with tempfile.TemporaryDirectory(prefix="embedhub-bench-") as temporary:
        home = Home.at(folder or Path(temporary) / "home")
        state = start_detached(home, "127.0.0.1", free_port("127.0.0.1", 0))
        try:
            credentials = home.credentials()
            assert credentials is not None
            os.environ["EMBEDHUB_SECRET_KEY"] = secrets.token_urlsafe(16)
            yield Installation(state.url, state.database_url, credentials.api_key)
        finally:
            stop(home)


def as_base64(vector: NDArray[np.float32]) -> str:
    """Return a vector as the API takes it."""
    import base64

    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
