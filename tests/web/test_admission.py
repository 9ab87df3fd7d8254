"""Which large bodies may come in, and what the others are told before anybody reads them."""

import pytest

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.access.service import create_key
from embedhub.config import override_config
from embedhub.documents import back_pressure
from embedhub.documents.imports import claim_import
from embedhub.errors import Busy, Forbidden, Unauthenticated
from embedhub.web.admission import ask_staff, refusal_of, refusal_of_staff, status_of
from embedhub.web.intake import UNASKED_BYTES, Declined, Intake
from tests.factories import make_collection

IMPORT = "/v1/collections/papers/documents/import"
UPLOAD = "/admin/console/collection/files/"


def token(caller: Caller, *scopes: str) -> str:
    _, secret = create_key(caller.workspace_id, name="k", scopes=list(scopes or ("write",)))
    return f"Bearer {secret}"


def test_a_known_key_with_room_on_disk_is_let_in(caller: Caller) -> None:
    assert refusal_of(token(caller), IMPORT, "", 1_000) is None


@pytest.mark.parametrize("given", ["", "Basic abc", "Bearer eh_wrong"])
def test_nobody_elses_body_is_read(clean: str, given: str) -> None:
    refusal = refusal_of(given, IMPORT, "", 1_000)
    assert isinstance(refusal, Unauthenticated)
    assert status_of(refusal) == (401, "Unauthorized")


def test_a_key_that_may_not_write_imports_nothing(caller: Caller) -> None:
    assert isinstance(refusal_of(token(caller, "read"), IMPORT, "", 1_000), Forbidden)


def test_a_full_disk_is_told_before_it_is_full(caller: Caller) -> None:
    override_config(spool_free_bytes=2**60)
    try:
        refusal = refusal_of(token(caller), IMPORT, "", 1_000)
    finally:
        override_config(spool_free_bytes=2**30)
    assert isinstance(refusal, Busy)
    assert refusal.retry_after_s > 0
    assert isinstance(refusal_of(token(caller), IMPORT, "", 2**60), Busy)


def test_one_import_too_many_is_told_before_its_body(caller: Caller) -> None:
    make_collection(caller)
    override_config(max_imports=1)
    try:
        running = claim_import(caller, "papers")
        assert isinstance(refusal_of(token(caller), IMPORT, "", 0), Busy)
        going_on = f"import_id={running.import_id}"
        assert refusal_of(token(caller), IMPORT, going_on, 0) is None
        assert refusal_of(token(caller), "/v1/collections/papers/documents", "", 0) is None
    finally:
        override_config(max_imports=4)


def test_a_long_backlog_is_told_too(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back_pressure, "_backlog", (1e18, True))
    assert isinstance(refusal_of(token(caller), IMPORT, "", 0), Busy)


def test_without_the_database_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def gone(_: str) -> None:
        raise OperationalError("x", None, Exception("down"))

    monkeypatch.setattr("embedhub.access.service.authenticate", gone)
    refusal = refusal_of("Bearer eh_any", IMPORT, "", 0)
    assert refusal is not None
    assert status_of(refusal)[0] == 503


@pytest.mark.parametrize("framing", ["Content-Length: 30000000", "Transfer-Encoding: chunked"])
def test_the_parser_stops_where_the_key_turns_out_wrong(clean: str, framing: str) -> None:
    from waitress.adjustments import Adjustments

    parser = Intake(Adjustments(max_request_body_size=1 << 40))
    head = f"POST {IMPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer eh_wrong\r\n{framing}"
    parser.received(f"{head}\r\n\r\n".encode())
    piece = b" " * (1 << 18)
    if "chunked" in framing:
        piece = b"%x\r\n" % len(piece) + piece + b"\r\n"
    n_taken = 0
    while not parser.completed and n_taken < 2 * UNASKED_BYTES:
        if n_taken > UNASKED_BYTES // 2 and parser._asked is not None:
            parser._asked.result(10)
        n_taken += parser.received(piece)
    assert isinstance(parser.error, Declined)
    assert parser.error.code == 401
    assert UNASKED_BYTES <= n_taken <= UNASKED_BYTES + 2 * len(piece)
    status, headers, body = parser.error.to_response()
    assert status == "401 Unauthorized"
    assert ("Content-Type", "application/problem+json") in headers
    assert b"unauthenticated" in body
    parser.close()


def cookies_of(*, permission: str | None = None, is_staff: bool = True) -> str:
    """Return the cookies of a new member of staff who is logged in."""
    from django.contrib.auth.models import Permission, User
    from django.test import Client

    User.objects.filter(username="kim").delete()
    kim = User.objects.create_user("kim", "", "a long password", is_staff=is_staff)
    if permission:
        kim.user_permissions.add(Permission.objects.get(codename=permission))
    client = Client()
    client.force_login(kim)
    return f"theme=dark; sessionid={client.cookies['sessionid'].value}"


def test_files_of_staff_come_in_from_those_who_may_send_them(clean: str) -> None:
    sender = cookies_of(permission="upload_file")
    assert ask_staff(sender, 1_000).result(10) is None
    assert isinstance(refusal_of_staff(sender, 2**60), Busy)
    assert isinstance(refusal_of_staff(cookies_of(), 1_000), Forbidden)
    for unknown in (sender, "sessionid=wrong", "theme=dark", ""):
        # The first one's account is gone since.
        assert isinstance(refusal_of_staff(unknown, 1_000), Unauthenticated)
    nobody = cookies_of(permission="upload_file", is_staff=False)
    assert isinstance(refusal_of_staff(nobody, 1_000), Unauthenticated)


@pytest.mark.parametrize(
    ("path", "is_large"), [(UPLOAD, True), ("/admin/login/", False), (f"{UPLOAD}x/", False)]
)
def test_a_session_lets_in_files_and_no_other_large_body(path: str, *, is_large: bool) -> None:
    from waitress.adjustments import Adjustments

    parser = Intake(Adjustments(max_request_body_size=1 << 40))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nCookie: sessionid=a\r\nContent-Length: 3000000"
    parser.received(f"{head}\r\n\r\n".encode())
    assert (parser.error is None) is is_large
    parser.close()


def test_a_refused_body_says_when_to_come_back() -> None:
    _, headers, body = Declined(Busy("later", 60)).to_response()
    assert ("Retry-After", "60") in headers
    assert b'"code":"busy"' in body


def test_keys_are_looked_up_on_another_thread(clean: str) -> None:
    from embedhub.web.admission import ask

    assert isinstance(ask("Bearer eh_wrong", IMPORT, "", 0).result(10), Unauthenticated)
    with db.reading():
        pass


def test_a_browser_is_told_in_a_page_that_its_form_is_too_large() -> None:
    from waitress.adjustments import Adjustments

    parser = Intake(Adjustments(max_request_body_size=1 << 40))
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nContent-Length: 3000000"
    parser.received(f"{head}\r\n\r\n".encode())
    status, headers, body = parser.error.to_response()
    assert status == "413 Request Entity Too Large"
    assert ("Content-Type", "text/html; charset=utf-8") in headers
    assert b"<h1>Request Entity Too Large</h1>" in body
    assert b"Nothing was stored" in body
