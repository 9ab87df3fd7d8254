"""Originals that no row names are removed after a day, and nothing else is."""

import io
import os
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config
from embedhub.documents.files import service, storage, upkeep
from embedhub.documents.files.inputs import parse_fields
from tests.documents.files.factories import send_file
from tests.factories import make_collection

DAY = 86_400


@pytest.fixture
def folder(caller: Caller) -> Path:
    """Where the originals of a collection lie that is two days old."""
    collection = make_collection(caller, "papers")
    with db.writing() as session:
        session.execute(text("UPDATE collections SET created_at = now() - interval '2 days'"))
    place = storage.folder_of(caller.workspace_id, collection.id)
    found = get_config().home / storage.FOLDER / place
    found.mkdir(parents=True, exist_ok=True)
    return found


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def left(folder: Path, days: float, name: str | None = None) -> Path:
    """Leave an original as a killed worker does, and let some days pass."""
    path = folder / (name or uuid.uuid4().hex)
    path.write_bytes(b"left behind")
    age(path, days)
    return path


def test_what_no_row_names_goes_after_a_day(caller: Caller, folder: Path) -> None:
    named = folder / service_path(caller, "named.txt")
    age(named, 1.5)
    lost, young = left(folder, 1.5), left(folder, 0.9)
    assert upkeep.remove_lost_originals() == 1
    assert not lost.exists()
    assert young.exists()
    assert named.exists()
    assert upkeep.remove_lost_originals() == 0


def service_path(caller: Caller, name: str) -> str:
    """Send a file and return the name of its original."""
    ident = send_file(caller, name, "words").file.id
    with db.reading() as session:
        found = session.execute(
            text("SELECT storage_path FROM files WHERE id = :id"), {"id": ident}
        )
        return str(found.scalar_one()).rsplit("/", 1)[-1]


def test_what_is_not_ours_stays(caller: Caller, folder: Path) -> None:
    """Of other names, elsewhere, and older than the collection: a database knows its own only."""
    elsewhere = folder.parent / "987654"
    elsewhere.mkdir(exist_ok=True)
    kept = [
        left(folder, 1.5, "README"),
        left(folder, 1.5, f"{uuid.uuid4().hex}.bak"),
        left(folder, 3),
        left(elsewhere, 1.5),
    ]
    no_file = folder / uuid.uuid4().hex
    no_file.mkdir()
    age(no_file, 1.5)
    assert upkeep.remove_lost_originals() == 0
    assert all(path.exists() for path in [*kept, no_file])


def test_a_file_that_is_being_uploaded_stays_and_arrives(caller: Caller, folder: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            if not piece:
                begun.set()
                assert go_on.wait(20)
            return piece

    fields = parse_fields({"external_id": "slow.txt"}, "files.0")
    sent: list[service.Accepted] = []

    def send() -> None:
        source = Slow(b"arrives late")
        sent.append(service.add_file(caller, "papers", fields, source, field="files.0"))

    thread = threading.Thread(target=send)
    thread.start()
    assert begun.wait(20)
    assert len(list(folder.iterdir())) == 1  # without a row
    assert upkeep.remove_lost_originals() == 0
    go_on.set()
    thread.join(20)
    original = service.open_original(caller, "papers", sent[0].file.id)
    assert b"".join(original.pieces) == b"arrives late"


def test_one_call_ends_in_time_and_others_reach_the_rest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        left(folder, 1.5)
    monkeypatch.setattr(upkeep, "COMPARED_AT_ONCE", 1)
    monkeypatch.setattr(upkeep, "BUDGET_S", 0.0)
    assert [upkeep.remove_lost_originals() for _ in range(4)] == [1, 1, 1, 0]


def test_every_collection_is_looked_at_wherever_it_begins(
    caller: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [make_collection(caller, f"c{number}").id for number in range(3)]
    monkeypatch.setattr(upkeep, "COLLECTIONS_AT_ONCE", 2)
    for start in range(ids[-1]):
        monkeypatch.setattr("secrets.randbelow", lambda _, start=start: start)
        found = [owner.collection_id for owner in upkeep._owners()]
        assert sorted(found) == sorted({*found, *ids})
        assert len(found) == 4


def test_the_timetable_has_it(clean: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from workers.upkeep import forget_old

    called: list[bool] = []

    def look() -> None:
        called.append(True)

    monkeypatch.setattr(upkeep, "remove_lost_originals", look)
    forget_old()
    assert called


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A storage that is no folder of this machine."""
    import fsspec

    filesystem = fsspec.filesystem("memory")
    monkeypatch.setattr(storage, "_storage", lambda: (filesystem, "/bucket/files"))
    yield "/bucket/files"
    filesystem.rm("/bucket", recursive=True)


def test_another_storage_is_looked_through_too(
    caller: Caller, folder: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    service_path(caller, "named.txt")
    filesystem = fsspec.filesystem("memory")
    place = f"{elsewhere}/{'/'.join(folder.parts[-2:])}/{uuid.uuid4().hex}"
    filesystem.pipe(place, b"left behind")
    assert upkeep.remove_lost_originals() == 0
    monkeypatch.setattr(upkeep, "LOST_AFTER", timedelta(0))
    assert upkeep.remove_lost_originals() == 1
    assert not filesystem.exists(place)
    assert len(filesystem.ls(place.rsplit("/", 1)[0])) == 1
