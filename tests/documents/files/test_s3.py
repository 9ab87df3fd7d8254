"""Originals in a storage that speaks S3 over HTTP, as one that is no folder of this machine."""

import io
import os
from collections.abc import Iterator

import fsspec
import orjson
import pytest
from moto.server import ThreadedMotoServer

from embedhub.config import override_config
from embedhub.documents.files import storage
from embedhub.errors import TooLarge

# More than one part of a multipart upload.
LARGE = os.urandom(7 << 20)


@pytest.fixture(autouse=True)
def bucket() -> Iterator[None]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{host}:{port}", "key": "key", "secret": "secret"}
    fsspec.filesystem("s3", **options).mkdir("originals")
    override_config(
        file_storage="s3://originals/hub", file_storage_options=orjson.dumps(options).decode()
    )
    yield
    override_config(file_storage="", file_storage_options="")
    server.stop()


def stored(content: bytes, max_bytes: int = 8 << 20) -> str:
    return storage.store(
        io.BytesIO(content), workspace_id=1, collection_id=2, max_bytes=max_bytes, field="file"
    ).path


@pytest.mark.slow
def test_originals_are_kept_given_back_listed_and_removed() -> None:
    large, empty = stored(LARGE), stored(b"")
    assert b"".join(storage.pieces(large)) == LARGE
    assert list(storage.pieces(empty)) == []
    with pytest.raises(TooLarge):
        stored(LARGE, max_bytes=6 << 20)
    assert sorted(storage.list_originals("1/2")) == sorted([large, empty])
    assert storage.written_at(large) is not None
    storage.remove(large)
    storage.remove(large)
    assert storage.written_at(large) is None
    with pytest.raises(storage.OriginalMissing):
        next(storage.pieces(large))
    storage.remove_folder("1/2")
    assert list(storage.list_originals("1/2")) == []
