"""The step before the service: what it refuses to begin with, what a killed worker left behind."""

import uuid
from pathlib import Path

import pytest

from embedhub import db, jobs
from embedhub.access.caller import Caller
from embedhub.encoders import get_encoder
from embedhub.jobs import Job
from embedhub.local import prepare
from embedhub.local.errors import LocalError
from embedhub.local.home import Credentials, Home
from embedhub.local.migrate import migrate
from embedhub.local.queries import has_leases
from embedhub.spaces.queries import doctor, ledger
from tests.factories import encode_everything, make_collection, send_texts


@pytest.mark.parametrize("version", ["0.8.3", "0.7"])
def test_a_pgvector_that_can_lose_rows_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(doctor, "pgvector_version", lambda _session: version)
    with pytest.raises(LocalError, match=rf"pgvector {version} can corrupt .* install 0\.8\.4"):
        migrate()


def test_what_a_killed_worker_leased_need_not_wait_at_the_next_start(
    caller: Caller,
    clean: str,
    tmp_path: Path,
    sent_jobs: list[tuple[jobs.Job, dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The queue of this process is that of no database.
    monkeypatch.setattr("embedhub.local.migrate.declare_queues", lambda: None)
    home = Home.at(tmp_path)
    home.make()
    home.write_credentials(Credentials("default", "eh_x", "admin", "x"))
    prepare.prepare(home, clean)
    assert prepare.is_prepared(home, clean)
    make_collection(caller)
    send_texts(caller, ["text"])
    key = get_encoder("hashing-64").description.key
    with db.writing() as session:
        (row,) = ledger.lease_fresh(session, encoder=key, limit=9, token=uuid.uuid4(), lease_s=3600)
    assert has_leases(clean)
    assert encode_everything() == 0
    sent_jobs.clear()

    assert not prepare.is_prepared(home, clean)
    prepare.prepare(home, clean)

    assert prepare.is_prepared(home, clean)
    assert sent_jobs == [(Job.EMBED, {})]
    with db.writing() as session:
        (again,) = ledger.lease_tried(
            session, encoder=key, limit=9, max_attempts=5, token=uuid.uuid4(), lease_s=3600
        )
    assert (again.owner_id, again.attempts) == (row.owner_id, 2)
