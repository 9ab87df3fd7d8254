"""A folder's files: what is there is not sent, one refused costs no other, failures are told."""

import os
from pathlib import Path
from typing import Any

from embedhub.cli.client import RequestRefused
from embedhub.cli.uploading import Upload, send_folder, sha256_of, wait_until_read
from embedhub.documents.parsing.folder import find_files


class ServerDouble:
    """Has some files, refuses those called bad, and reads the others at the second look."""

    def __init__(self, **stored: str) -> None:
        self.stored = stored
        self.sent: list[list[str]] = []
        self.files: dict[int, dict[str, Any]] = {}
        self.looks = 0

    def call(self, method: str, path: str, body: dict[str, list[Any]]) -> object:
        assert (method, path) == ("POST", "/v1/collections/a%2Fb/files/get")
        if "external_ids" in body:
            known = [self.stored.get(name.replace(".", "_")) for name in body["external_ids"]]
            return {"items": [sha and {"status": "stored", "sha256": sha} for sha in known]}
        self.looks += 1
        if self.looks == 1:
            return {"items": [self.files[i] | {"status": "reading"} for i in body["ids"]]}
        return {"items": [self.files[i] for i in body["ids"]]}

    def send_files(self, path: str, files: list[tuple[str, Path]]) -> object:
        assert path == "/v1/collections/a%2Fb/files"
        names = [name for name, _ in files]
        if "bad.txt" in names:
            raise RequestRefused(413, "more than may be sent", "files.0")
        self.sent.append(names)
        items = []
        for name in names:
            ident = len(self.files) + 1
            is_broken = name.endswith(".pdf")
            self.files[ident] = {
                "id": ident,
                "external_id": name,
                "status": "failed" if is_broken else "stored",
                "reason": "is damaged" if is_broken else None,
                "n_documents": 0 if is_broken else 1,
                "n_refused": 0,
            }
            items.append({"outcome": "created", "file": self.files[ident]})
        return {"items": items}


def ingest(server: ServerDouble, folder: Path) -> Upload:
    upload = send_folder(server, "a/b", find_files(folder), lambda _: None)  # type: ignore[arg-type]
    wait_until_read(server, "a/b", upload, lambda _: None)  # type: ignore[arg-type]
    return upload


def test_what_is_there_is_not_sent_again(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.pdf", "picture.png"):
        (tmp_path / name).write_text(name)
    server = ServerDouble(a_txt=sha256_of(tmp_path / "a.txt"), b_txt="another")
    upload = ingest(server, tmp_path)
    assert server.sent == [["b.txt", "c.pdf"]]
    assert server.looks == 2
    assert upload.sentence() == "1 created, 1 unchanged, 1 failed"
    assert [(each.path, each.reason) for each in upload.failures] == [("c.pdf", "is damaged")]
    assert upload.n_documents == 1


def test_a_refused_file_costs_no_other(tmp_path: Path) -> None:
    for name in ("a.txt", "bad.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("words")
    server = ServerDouble()
    upload = ingest(server, tmp_path)
    assert sorted(name for names in server.sent for name in names) == ["a.txt", "c.txt"]
    assert upload.sentence() == "2 created, 2 failed"
    assert {each.reason for each in upload.failures} == {
        *("its name is not UTF-8", "more than may be sent")
    }


def test_a_file_that_cannot_be_opened_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    files = [(name, tmp_path / name) for name in ("gone.txt", "a.txt")]
    server = ServerDouble()
    upload = send_folder(server, "a/b", files, lambda _: None)  # type: ignore[arg-type]
    assert server.sent == [["a.txt"]]
    assert [(each.path, each.reason) for each in upload.failures] == [
        ("gone.txt", "No such file or directory")
    ]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert ingest(ServerDouble(), tmp_path).sentence() == "nothing found"
