"""Files for tests, sent through the service that users go through."""

import io
from typing import Any

from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.documents.files import service
from embedhub.documents.files.inputs import parse_fields
from embedhub.documents.files.reading import read_files
from embedhub.documents.files.service import Accepted, FileView
from embedhub.runs import service as runs


def send_file(
    caller: Caller, name: str, content: bytes | str, *, slug: str = "papers", **fields: Any
) -> Accepted:
    """Send a file as a client would."""
    checked = parse_fields({"external_id": name, **fields}, "files.0")
    source = io.BytesIO(content.encode() if isinstance(content, str) else content)
    return service.add_file(caller, slug, checked, source, field="files.0")


def read(accepted: Accepted) -> None:
    """Do the files worker's work on a run."""
    assert accepted.run_id is not None
    runs.carry_out(accepted.run_id, read_files)


def sent_and_read(
    caller: Caller, name: str, content: bytes | str, *, slug: str = "papers", **fields: Any
) -> FileView:
    """Send a file, have it read, and return what became of it."""
    accepted = send_file(caller, name, content, slug=slug, **fields)
    read(accepted)
    return service.get_file(caller, slug, accepted.file.id)


def failed_file(caller: Caller, secret: str) -> int:
    """Return a file that could not be read, closed to all but the keepers, where others may be had.

    Its workspace may have files fetched.
    """
    service.allow_fetching(caller.workspace_id, is_allowed=True)
    accepted = send_file(caller, f"{secret}.pdf", secret, access=["keepers"])
    with db.writing() as session:
        session.execute(text("UPDATE files SET status = 'failed', reason = 'a password is needed'"))
    return accepted.file.id
