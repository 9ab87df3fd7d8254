"""Imports as things with an id: resumed after any end, counted with what they store, bounded."""

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access.caller import Caller
from embedhub.config import get_config, override_config
from embedhub.documents import back_pressure, import_batches, streams, turns
from embedhub.documents.importing import Importer, import_documents, send_on
from embedhub.documents.imports import (
    ImportedLines,
    claim_import,
    create_import,
    forget_old,
    get_import,
    list_imports,
    refused_lines,
    some_refused_lines,
)
from embedhub.documents.service import list_documents
from embedhub.errors import Busy, Conflict, Forbidden, InvalidInput, NotFound
from embedhub.spaces.doctor import examine
from embedhub.spaces.queries import shelves
from tests.factories import SilentProgress, encode_everything, make_collection, send

PROJECT = Path(__file__).parents[2]
# Imports 10 lines a commit and is killed while it stores its third batch.
KILLED = """
import os, signal, sys
from embedhub.access.caller import Caller
from embedhub.documents import import_batches
from embedhub.documents.importing import Importer, send_on
from embedhub.documents.imports import claim_import
from embedhub.documents import all_new
workspace_id, import_id = int(sys.argv[1]), int(sys.argv[2])
import_batches.COMMITTED_EVERY = 10
caller = Caller.for_workspace(workspace_id)
answer_with, n_batches = all_new.answer_with_new, 0
def die_in_the_third(*arguments, **named):
    global n_batches
    n_batches += 1
    waits = answer_with(*arguments, **named)
    if n_batches == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return waits
all_new.answer_with_new = die_in_the_third
lines = [b'{"external_id": "%d", "text": "text %d"}' % (n, n) for n in range(50)]
claim = claim_import(caller, "papers", import_id=import_id)
for _ in send_on(Importer(caller, "papers", lines), claim):
    pass
"""


def lines_of(n: int) -> list[bytes]:
    return [b'{"external_id": "%d", "text": "text %d"}\n' % (i, i) for i in range(n)]


def go_on(
    caller: Caller, import_id: int, lines: list[bytes], from_line: int = 1, *, more: bool = False
) -> list[ImportedLines]:
    importer = Importer(caller, "papers", lines, from_line=from_line)
    claim = claim_import(
        caller, "papers", import_id=import_id, from_line=from_line, meanwhile=importer.read_ahead
    )
    return list(send_on(importer, claim, more=more))


@pytest.mark.parametrize("from_line", [1, 15, 21])
def test_an_import_killed_in_the_middle_goes_on_and_doubles_nothing(
    caller: Caller, from_line: int
) -> None:
    make_collection(caller)
    import_id = create_import(caller, "papers").id
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(caller.workspace_id), str(import_id)],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    state = get_import(caller, "papers", import_id)
    assert (state.n_lines, state.next_line, state.counts["created"]) == (20, 21, 20)
    assert len(list_documents(caller, "papers").documents) == 20
    go_on(caller, import_id, lines_of(50)[from_line - 1 :], from_line)
    state = get_import(caller, "papers", import_id)
    assert (state.status, state.n_lines) == ("finished", 50)
    assert state.counts == {"created": 50, "updated": 0, "unchanged": 0, "stale": 0}
    encode_everything()
    report = examine()
    assert report.is_clean
    assert (report.n_documents, report.n_chunks, report.n_vectors) == (50, 50, 50)


def test_an_import_without_a_sign_of_life_is_called_broken(caller: Caller) -> None:
    make_collection(caller)
    import_id = create_import(caller, "papers").id
    claim_import(caller, "papers", import_id=import_id)
    assert get_import(caller, "papers", import_id).status == "running"
    with db.writing() as session:
        session.execute(text("UPDATE imports SET updated_at = now() - interval '10 minutes'"))
    state = get_import(caller, "papers", import_id)
    assert state.status == "broken"
    assert "send on" in (state.error or "")


def test_the_later_request_goes_on_and_the_earlier_one_stops(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 10)
    make_collection(caller)
    import_id = create_import(caller, "papers").id

    def overtaken() -> Iterator[bytes]:
        for place, line in enumerate(lines_of(50)):
            if place == 25:
                go_on(caller, import_id, lines_of(50))
            yield line

    claim = claim_import(caller, "papers", import_id=import_id)
    with pytest.raises(Conflict, match="another request"):
        list(send_on(Importer(caller, "papers", overtaken()), claim))
    state = get_import(caller, "papers", import_id)
    assert (state.status, state.n_lines, state.counts["created"]) == ("finished", 50, 50)
    assert state.counts["unchanged"] == 0
    assert examine().is_clean


def test_a_broken_stream_says_where_to_go_on(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 10)
    make_collection(caller)

    def broken() -> Iterator[bytes]:
        yield from lines_of(25)
        raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError):
        list(import_documents(caller, "papers", broken()))
    (state,) = list_imports(caller, "papers")
    assert (state.status, state.next_line) == ("broken", 21)
    assert state.error == "the stream broke off"


def test_lines_may_not_be_left_out(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.05)
    make_collection(caller)
    import_id = create_import(caller, "papers").id
    go_on(caller, import_id, lines_of(5), more=True)
    assert get_import(caller, "papers", import_id).status == "waiting"
    with pytest.raises(InvalidInput, match="line 6 comes next") as refused:
        claim_import(caller, "papers", import_id=import_id, from_line=8)
    assert refused.value.field == "from_line"
    # The refused request has taken nothing away from the import.
    assert get_import(caller, "papers", import_id).status == "waiting"
    with pytest.raises(InvalidInput, match="import_id"):
        claim_import(caller, "papers", from_line=2)


def test_a_part_waits_for_the_lines_before_it(caller: Caller) -> None:
    make_collection(caller)
    import_id = create_import(caller, "papers").id
    waiting = threading.Event()
    stored: list[int] = []

    def second() -> None:
        waiting.set()
        parts = go_on(caller, import_id, lines_of(20)[10:], from_line=11)
        stored.append(sum(len(part.outcomes) for part in parts))

    thread = threading.Thread(target=second)
    thread.start()
    assert waiting.wait(10)
    go_on(caller, import_id, lines_of(10), more=True)
    thread.join(20)
    assert stored == [10]
    assert get_import(caller, "papers", import_id).n_lines == 20


def test_refused_lines_are_kept_however_many(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "REPORT_ROWS", 100)
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 150)
    make_collection(caller, filterable={"year": "number"})
    bad = [b'{"external_id": "%d", "text": 7}' % n for n in range(330)]
    odd = [
        b'{"external_id": "odd", "\\u0000": 1}',
        b'{"external_id": "typed", "text": "x", "metadata": {"year": "soon"}}',
        b'{"external_id": "good", "text": "x"}',
    ]
    list(import_documents(caller, "papers", bad + odd))
    (state,) = list_imports(caller, "papers")
    assert (state.n_errors, state.counts["created"], state.n_lines) == (332, 1, 333)
    pages = list(refused_lines(caller, "papers", state.id))
    assert [len(page) for page in pages] == [100, 100, 100, 32]
    found = [error for page in pages for error in page]
    assert [error.line for error in found] == list(range(1, 333))
    assert (found[0].external_id, found[0].message) == ("0", "document.text: must be a string")
    assert found[-2].external_id == "odd"
    assert "metadata.year" in found[-1].message
    assert [
        each.line for each in some_refused_lines(caller, "papers", state.id, after=7, limit=2)
    ] == [8, 9]
    with pytest.raises(Forbidden):
        refused_lines(caller.narrowed(["staff"]), "papers", state.id)


def test_an_import_belongs_to_its_collection_and_workspace(
    caller: Caller, stranger: Caller
) -> None:
    make_collection(caller)
    make_collection(caller, "others")
    make_collection(stranger)
    import_id = create_import(caller, "papers").id
    for who, slug in ((stranger, "papers"), (caller, "others")):
        for ask in (
            lambda who=who, slug=slug: get_import(who, slug, import_id),
            lambda who=who, slug=slug: refused_lines(who, slug, import_id),
            lambda who=who, slug=slug: claim_import(who, slug, import_id=import_id),
        ):
            with pytest.raises(NotFound):
                ask()


def test_who_may_not_see_every_document_does_not_hear_how_many_came(caller: Caller) -> None:
    make_collection(caller)
    import_id = create_import(caller, "papers").id
    bound = caller.narrowed(["staff"])
    with pytest.raises(Forbidden):
        get_import(bound, "papers", import_id)
    with pytest.raises(Forbidden):
        list_imports(bound, "papers")


def test_too_many_imports_at_once_are_told_to_come_back(caller: Caller) -> None:
    make_collection(caller)
    override_config(max_imports=1)
    try:
        first = claim_import(caller, "papers")
        with pytest.raises(Busy) as refused:
            claim_import(caller, "papers")
        assert refused.value.retry_after_s > 0
        # Who goes on with the one that runs is not one more.
        claim_import(caller, "papers", import_id=first.import_id)
    finally:
        override_config(max_imports=4)
    claim_import(caller, "papers")


def test_a_long_backlog_stops_an_import_between_two_commits(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_batches, "COMMITTED_EVERY", 10)
    monkeypatch.setattr(back_pressure, "BACKLOG_KEPT_S", 0)
    monkeypatch.setattr(back_pressure, "_backlog", (0.0, False))
    make_collection(caller)
    override_config(max_backlog=15)
    try:
        with pytest.raises(Busy, match="wait for their vectors"):
            list(import_documents(caller, "papers", lines_of(50)))
        (state,) = list_imports(caller, "papers")
        assert (state.status, state.n_lines) == ("broken", 20)
        with pytest.raises(Busy):
            claim_import(caller, "papers", import_id=state.id)
        encode_everything()
        go_on(caller, state.id, lines_of(30))
    finally:
        override_config(max_backlog=2_000_000)
    assert get_import(caller, "papers", state.id).counts["created"] == 30


def test_a_new_shelf_is_not_indexed_in_the_midst_of_an_import(
    caller: Caller, sent_jobs: list[object]
) -> None:
    from embedhub.spaces.indexes import grow_space

    make_collection(caller, dimension=8)
    random = np.random.default_rng(1)
    lines = [
        orjson.dumps({"external_id": str(n), "vector": random.normal(size=8).tolist()})
        for n in range(60)
    ]
    override_config(shelf_rows=20)

    def outgrown() -> list[tuple[int, str]]:
        with db.reading() as session:
            return [(each.id, each.kind) for each in shelves.outgrown_spaces(session, rows=20)]

    try:
        import_id = create_import(caller, "papers").id
        go_on(caller, import_id, lines[:40], more=True)
        dense = next(ident for ident, kind in outgrown() if kind == "dense")
        result = grow_space(SilentProgress(), {"space_id": dense})
        assert result["waits_for"] == "an import"
        assert result["rows_moved"] == 40
        # Asked for again only when the import has ended.
        assert dense not in [ident for ident, _ in outgrown()]
        go_on(caller, import_id, lines[40:], from_line=41)
        assert dense in [ident for ident, _ in outgrown()]
        result = grow_space(SilentProgress(), {"space_id": dense})
        assert "waits_for" not in result
        with db.reading() as session:
            found = session.execute(
                text("SELECT shelf_id = id, is_indexed FROM spaces WHERE id = :id"), {"id": dense}
            ).one()
            n_rows = session.execute(
                text("SELECT count(*) FROM embeddings WHERE shelf_id = :id"), {"id": dense}
            ).scalar_one()
        assert tuple(found) == (True, True)
        assert n_rows == 60
    finally:
        override_config(shelf_rows=10_000)
    assert examine().is_clean


def test_a_vector_is_the_same_whatever_it_was_sent_with(caller: Caller) -> None:
    """One at a time over REST, many in an import, as numbers or base64: nothing has changed."""
    make_collection(caller, dimension=33)
    vectors = np.random.default_rng(5).normal(size=(40, 33)).astype(np.float32)
    for n, vector in enumerate(vectors):
        send(caller, {"external_id": str(n), "vector": vector.astype(float).tolist()})
    packed = [
        orjson.dumps({"external_id": str(n), "vector": base64.b64encode(v.tobytes()).decode()})
        for n, v in enumerate(vectors)
    ]
    (part,) = import_documents(caller, "papers", packed)
    assert {each.outcome.value for each in part.outcomes} == {"unchanged"}


@pytest.mark.parametrize("number", ["1e39", "-1e300"])
def test_a_vector_that_is_not_finite_is_an_error_of_its_line(caller: Caller, number: str) -> None:
    make_collection(caller, dimension=2)
    nan = base64.b64encode(np.array([1, np.nan], dtype="<f4").tobytes())
    lines = [
        b'{"external_id": "a", "vector": [1, %s]}' % number.encode(),
        b'{"external_id": "b", "vector": [1, 1]}',
        b'{"external_id": "c", "vector": "%s"}' % nan,
        b'{"external_id": "d", "vector": [0, 0]}',
        b'{"external_id": "e", "vector": [0, true]}',
    ]
    (part,) = import_documents(caller, "papers", lines)
    assert [error.line for error in part.errors] == [1, 3, 4, 5]
    assert all("document.vector" in error.message for error in part.errors)
    assert len(part.outcomes) == 1


def test_everything_a_document_holds_arrives_by_copy(caller: Caller) -> None:
    make_collection(caller)
    whole = {
        "external_id": "ä/1",
        "title": "Tïtle",
        "text": "tab\there, newline\nthere, \\N and 東京",
        "url": "https://example.org/ä",
        "metadata": {"year": 2020, "tags": ["a", "b"], "nested": {"deep": None}},
        "access": ["staff", "keepers"],
        "source_version": 2**63 - 1,
        "language": "german",
        "expires_at": "2031-02-03T04:05:06.789+01:00",
    }
    send(caller, whole, {"external_id": "hidden", "text": "x", "access": []})
    with db.reading() as session:
        row = session.execute(
            text("""
            SELECT d.url, d.metadata, d.access, d.source_version, d.language,
                   to_char(d.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS'),
                   v.title, v.text, c.text = v.text
            FROM documents d JOIN document_versions v ON v.document_id = d.id
            JOIN chunks c ON c.document_id = d.id WHERE external_id = 'ä/1'
        """)
        ).one()
        nobody = session.execute(
            text("SELECT access FROM documents WHERE external_id = 'hidden'")
        ).scalar_one()
    assert row[:5] == (whole["url"], whole["metadata"], ["keepers", "staff"], 2**63 - 1, "german")
    assert row[5] == "2031-02-03T03:05:06.789"
    assert row[6:] == (whole["title"], whole["text"], True)
    assert nobody == []
    assert {each.outcome.value for each in send(caller, whole)} == {"unchanged"}
    encode_everything()
    assert examine().is_clean


def test_old_imports_are_forgotten_with_their_reports(caller: Caller) -> None:
    make_collection(caller)
    list(import_documents(caller, "papers", [b"{bad"]))
    list(import_documents(caller, "papers", [b"{bad"]))
    assert forget_old() == 0
    old = min(each.id for each in list_imports(caller, "papers"))
    with db.writing() as session:
        session.execute(
            text("UPDATE imports SET updated_at = now() - make_interval(days => :d) WHERE id = :i"),
            {"d": get_config().import_days + 1, "i": old},
        )
    assert forget_old() == 1
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM import_errors")).scalar_one() == 1
