import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from embedhub import db
from embedhub.access import recent, service
from embedhub.access.caller import Caller
from embedhub.access.tokens import hash_token
from embedhub.errors import Conflict, InvalidInput, NotFound, Unauthenticated


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    recent.forget_all()
    yield
    recent.forget_all()


def test_a_token_opens_its_workspace_with_the_bounds_of_its_key(caller: Caller) -> None:
    key, token = service.create_key(
        caller.workspace_id,
        name="search page",
        scopes=["read"],
        collection_ids=[4, 3],
        principals=["staff"],
    )
    found = service.authenticate(token)
    assert found == Caller(
        caller.workspace_id, key.id, frozenset({"read"}), frozenset({3, 4}), ("staff",)
    )
    assert token.startswith(key.prefix + "_")


def test_only_the_hash_of_a_token_is_stored(caller: Caller) -> None:
    _, token = service.create_key(caller.workspace_id, name="k")
    with db.reading() as session:
        row = session.execute(text("SELECT to_jsonb(k) AS k, secret_hash FROM api_keys k")).one()
    assert row.secret_hash == hash_token(token)
    assert token.rpartition("_")[2] not in str(row.k)


@pytest.mark.parametrize("token", ["", "eh_", "nonsense", "eh_" + "x" * 10_000, "eh_\ud800"])
def test_what_is_no_token_is_refused(caller: Caller, token: str) -> None:
    with pytest.raises(Unauthenticated):
        service.authenticate(token)


def test_a_revoked_key_is_refused_at_once_in_this_process(caller: Caller) -> None:
    key, token = service.create_key(caller.workspace_id, name="k")
    service.authenticate(token)
    revoked = service.revoke_key(caller.workspace_id, key.id)
    assert revoked.revoked_at is not None
    with pytest.raises(Unauthenticated):
        service.authenticate(token)
    again = service.revoke_key(caller.workspace_id, key.id)
    assert again.revoked_at == revoked.revoked_at


def test_a_key_revoked_elsewhere_is_refused_within_seconds(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "KEPT_S", 0.3)
    _, token = service.create_key(caller.workspace_id, name="k")
    service.authenticate(token)
    with db.writing() as session:
        session.execute(text("UPDATE api_keys SET revoked_at = now()"))
    service.authenticate(token)
    time.sleep(0.35)
    with pytest.raises(Unauthenticated):
        service.authenticate(token)


def test_an_expiring_key_is_not_believed_beyond_its_end(caller: Caller) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.4)
    _, token = service.create_key(caller.workspace_id, name="k", expires_at=soon)
    service.authenticate(token)
    time.sleep(0.5)
    with pytest.raises(Unauthenticated):
        service.authenticate(token)


def test_the_last_use_is_noted_in_the_background_once_a_minute(caller: Caller) -> None:
    _, token = service.create_key(caller.workspace_id, name="k")
    for _ in range(5):
        service.authenticate(token)
    deadline = time.monotonic() + 5
    while (used_at := service.list_keys(caller.workspace_id)[0].last_used_at) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    service.authenticate(token)
    time.sleep(0.1)
    assert service.list_keys(caller.workspace_id)[0].last_used_at == used_at


def test_a_key_of_another_workspace_cannot_be_revoked_or_listed(
    caller: Caller, stranger: Caller
) -> None:
    key, token = service.create_key(caller.workspace_id, name="k")
    with pytest.raises(NotFound):
        service.revoke_key(stranger.workspace_id, key.id)
    service.authenticate(token)
    assert service.list_keys(stranger.workspace_id) == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"principals": ["a", ""]}, "principals.1"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
        ({"expires_at": datetime(2099, 1, 1)}, "expires_at"),  # noqa: DTZ001 - that is the case
    ],
)
def test_a_wrong_key_is_refused_naming_the_part(
    caller: Caller, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        service.create_key(caller.workspace_id, **{"name": "k", **wrong})  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert service.list_keys(caller.workspace_id) == []


def test_workspaces_have_unique_slugs_and_are_made_once(clean: str) -> None:
    made = service.ensure_workspace("ours")
    assert service.ensure_workspace("ours") == made
    assert service.find_workspace("ours").id == made
    with pytest.raises(Conflict):
        service.create_workspace("ours")
    with pytest.raises(InvalidInput):
        service.create_workspace("Not A Slug")
    with pytest.raises(NotFound):
        service.find_workspace("theirs")


def test_what_staff_did_is_written_in_the_same_transaction(caller: Caller) -> None:
    class Undone(Exception):
        pass

    def act(*, fails: bool) -> None:
        with db.writing() as session:
            service.record_staff_action(
                session, staff="ada", action="revoke", subject="key", subject_id=7,
                workspace_id=caller.workspace_id, details={"why": "lost"},
            )  # fmt: skip
            if fails:
                raise Undone

    act(fails=False)
    with pytest.raises(Undone):
        act(fails=True)
    with db.reading() as session:
        rows = session.execute(text("SELECT staff, subject_id, details FROM staff_actions")).all()
    assert [tuple(row) for row in rows] == [("ada", "7", {"why": "lost"})]
