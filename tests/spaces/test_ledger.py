"""The ledger: nothing accepted is lost, nothing newer is overwritten, nothing is encoded twice."""

import uuid
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.access.service import create_workspace
from embedhub.config import get_config, override_config
from embedhub.documents.service import delete_documents, wait_until_indexed
from embedhub.encoders import Encoder, get_encoder
from embedhub.spaces import ledger
from embedhub.spaces.doctor import examine
from embedhub.spaces.queries import ledger as queries
from embedhub.spaces.queries.ledger import LeasedRow
from embedhub.spaces.service import list_dead, retry_dead
from tests.factories import encode_everything, make_collection, send, send_texts
from workers.upkeep import sweep

KEY = get_encoder("hashing-64").description.key


class CountingEncoder:
    """The hashing encoder; counts texts, and raises on the poison it is told of."""

    def __init__(self, poison: str = "\0") -> None:
        self.inner = get_encoder("hashing-64")
        self.description = self.inner.description
        self.poison = poison
        self.texts: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        if any(self.poison in each for each in texts):
            raise RuntimeError("bad text")
        return self.inner.encode_documents(texts)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    counting = CountingEncoder()
    monkeypatch.setattr(ledger, "get_encoder", lambda name: counting)
    return counting


@pytest.fixture
def quick_retries(database: str) -> None:
    override_config(retry_base_s=0.001)


def scalar(statement: str, **facts: object) -> int:
    with db.reading() as session:
        return int(session.execute(text(statement), facts).scalar() or 0)


def vectors_of(external_id: str) -> int:
    return scalar(
        "SELECT count(*) FROM embeddings e JOIN documents d ON d.id = e.document_id"
        " WHERE d.external_id = :id",
        id=external_id,
    )


def lease(limit: int = 100) -> tuple[uuid.UUID, list[LeasedRow]]:
    token = uuid.uuid4()
    with db.writing() as session:
        rows = queries.lease_fresh(session, encoder=KEY, limit=limit, token=token, lease_s=60)
    return token, rows


def store(token: uuid.UUID, rows: Sequence[LeasedRow]) -> None:
    vectors = get_encoder("hashing-64").encode_documents([str(row.owner_id) for row in rows])
    by_input = {row.input: vectors[place] for place, row in enumerate(rows)}
    ledger.store(KEY, rows=rows, vectors=by_input, token=token)


def test_an_accepted_document_rings_the_doorbell_and_gets_its_vector(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    make_collection(caller)
    send_texts(caller, ["one fish", "two fish"])
    assert [job for job, _ in sent_jobs] == [jobs.Job.EMBED]
    assert encode_everything() == 2
    report = examine()
    assert (report.n_vectors, report.n_pending, report.is_clean) == (2, 0, True)


def test_the_same_text_is_encoded_once_in_a_workspace(
    caller: Caller, encoder: CountingEncoder
) -> None:
    make_collection(caller)
    make_collection(caller, "copies")
    send_texts(caller, ["red fish", "red fish"])
    encode_everything()
    assert len(set(encoder.texts)) == 1
    encoder.texts.clear()
    send_texts(caller, ["red fish"], slug="copies")
    send_texts(caller, ["red fish", "red fish"], metadata={"seen": True})
    assert encode_everything() == 0
    assert encoder.texts == []
    assert examine().is_clean


def test_another_workspace_does_not_share_vectors(
    caller: Caller, stranger: Caller, encoder: CountingEncoder
) -> None:
    for who in (caller, stranger):
        make_collection(who)
        send_texts(who, ["red fish"])
        encode_everything()
    assert len(encoder.texts) == 2


def test_a_text_changed_between_lease_and_store_keeps_its_new_vector(caller: Caller) -> None:
    make_collection(caller)
    send(caller, {"external_id": "a", "text": "first"})
    token, rows = lease()
    send(caller, {"external_id": "a", "text": "second"})
    store(token, rows)
    encode_everything()
    report = examine()
    assert report.is_clean
    assert (report.n_chunks, report.n_vectors, report.n_pending) == (1, 1, 0)
    expected = get_encoder("hashing-64").encode_documents(["second"])[0]
    with db.reading() as session:
        stored = session.execute(text("SELECT vector::text FROM embeddings")).scalar_one()
    assert np.allclose(np.array(eval(stored)), expected, atol=1e-6)


def test_a_document_deleted_between_lease_and_store_stays_deleted(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["stays", "goes"])
    token, rows = lease()
    delete_documents(caller, "papers", external_ids=["1"])
    store(token, rows)
    report = examine()
    assert (report.n_documents, report.n_vectors, report.n_pending) == (1, 1, 0)
    assert report.is_clean


def test_a_lease_that_was_lost_settles_nothing(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["text"])
    token, rows = lease()
    with db.writing() as session:
        session.execute(text("UPDATE pending SET lease_token = gen_random_uuid()"))
        assert queries.settle(session, token=token, rows=rows) == 0
    assert scalar("SELECT count(*) FROM pending") == 1


def test_a_killed_worker_costs_a_lease(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["text"])
    lease()
    assert encode_everything() == 0
    with db.writing() as session:
        session.execute(text("UPDATE pending SET leased_until = now() - interval '1 second'"))
    assert encode_everything() == 1
    assert examine().n_vectors == 1


@pytest.mark.usefixtures("quick_retries")
def test_one_bad_text_dies_alone_with_its_reason_and_can_be_retried(
    caller: Caller, encoder: CountingEncoder, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    encoder.poison = "poison"
    make_collection(caller)
    send_texts(caller, [f"fish {i}" if i != 13 else "poison" for i in range(40)])
    for _ in range(get_config().max_attempts):
        with db.writing() as session:
            session.execute(text("UPDATE pending SET not_before = now()"))
        encode_everything()
    report = examine()
    assert (report.n_vectors, report.n_pending, report.n_dead) == (39, 0, 1)
    [letter] = list_dead(caller)
    assert (letter.external_id, letter.reason) == ("13", "RuntimeError: bad text")
    assert letter.attempts == get_config().max_attempts
    state = wait_until_indexed(caller, "papers", ["12", "13"], timeout_s=0)
    assert state.pending == []
    assert state.dead == [("13", "RuntimeError: bad text")]
    encoder.poison = "\0"
    sent_jobs.clear()
    assert retry_dead(caller) == 1
    assert [job for job, _ in sent_jobs] == [jobs.Job.EMBED]
    encode_everything()
    assert examine().n_dead == 0
    assert vectors_of("13") == 1


def test_a_stranger_cannot_retry_our_dead(caller: Caller, stranger: Caller) -> None:
    make_collection(caller)
    send_texts(caller, ["text"])
    with db.writing() as session:
        session.execute(text("UPDATE pending SET dead_at = now()"))
    assert list_dead(stranger) == []
    assert retry_dead(stranger) == 0
    assert retry_dead(caller) == 1


def test_a_text_that_kills_its_worker_is_found_by_ever_smaller_batches(caller: Caller) -> None:
    """Each round leases and then dies: the share of innocent rows leased with it shrinks."""
    make_collection(caller)
    send_texts(caller, [f"fish {i}" for i in range(300)])
    sizes = []
    with db.writing() as session:
        queries.lease_fresh(session, encoder=KEY, limit=256, token=uuid.uuid4(), lease_s=60)
    for _ in range(get_config().max_attempts - 1):
        with db.writing() as session:
            session.execute(text("UPDATE pending SET leased_until = now() - interval '1 second'"))
            session.execute(
                text("UPDATE pending SET not_before = now() - attempts * interval '1 second'")
            )
            rows = queries.lease_tried(
                session, encoder=KEY, limit=256, max_attempts=5, token=uuid.uuid4(), lease_s=60
            )
        sizes.append(len(rows))
    assert sizes == [64, 16, 4, 1]
    with db.writing() as session:
        session.execute(text("UPDATE pending SET leased_until = now() - interval '1 second'"))
    sweep()
    [letter] = list_dead(caller)
    assert "stopped" in letter.reason


def test_an_encoder_that_is_not_there_costs_no_attempts(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_collection(caller)
    send_texts(caller, ["text"])
    monkeypatch.setattr(ledger, "get_encoder", _raise_unknown)
    ledger.encode_batch(KEY)
    assert scalar("SELECT attempts FROM pending") == 0
    assert scalar("SELECT count(*) FROM pending WHERE last_error LIKE '%no encoder%'") == 1


def _raise_unknown(name: str) -> Encoder:
    from embedhub.errors import InvalidInput

    raise InvalidInput(f"no encoder {name!r} is configured", "encoder")


def test_workspaces_take_turns(clean: str) -> None:
    callers = [Caller.for_workspace(create_workspace(f"w{i}", "W")) for i in range(3)]
    for place, who in enumerate(callers):
        make_collection(who)
        send_texts(who, [f"{place} {i}" for i in range(20 if place == 0 else 4)])
    _, rows = lease(limit=9)
    leased = [row.workspace_id for row in rows]
    assert sorted(leased.count(who.workspace_id) for who in callers) == [3, 3, 3]


def test_the_urgent_come_first(caller: Caller) -> None:
    make_collection(caller)
    send_texts(caller, [f"bulk {i}" for i in range(50)])
    send(caller, {"external_id": "now", "text": "somebody waits"})
    _, [row] = lease(limit=1)
    assert row.owner_id == scalar("SELECT max(id) FROM chunks")


def test_the_sweep_rings_for_what_is_left(
    caller: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    make_collection(caller)
    send_texts(caller, ["text"])
    sent_jobs.clear()
    sweep()
    assert (jobs.Job.EMBED, {}) in sent_jobs
    encode_everything()
    sent_jobs.clear()
    sweep()
    assert sent_jobs == []
