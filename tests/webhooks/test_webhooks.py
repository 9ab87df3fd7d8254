"""Webhooks: told of what they want to know, signed, repeated, and given up on in the end."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from embedhub import db, jobs
from embedhub.access.caller import Caller, Scope
from embedhub.catalog.service import CatalogInput, create_catalog
from embedhub.config import override_config
from embedhub.errors import Conflict, Forbidden, InvalidInput, NotFound
from embedhub.jobs import Job
from embedhub.webhooks import log, service
from embedhub.webhooks.delivering import deliver_due, forget_old, wait_after
from embedhub.webhooks.sending import post
from embedhub.webhooks.service import Event, WebhookInput, announce
from embedhub.webhooks.signing import headers_of, sign
from tests.factories import make_collection
from tests.webhooks.factories import Receiver, make_webhook, receiving

PAYLOAD = {"n": 2, "pairs": [{"id": 7, "score": 0.97}, {"id": 8, "score": 0.91}]}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver whose network is allowed, and attempts that wait until they are made due."""
    override_config(webhook_networks='["127.0.0.0/8"]', webhook_retry_base_s=3600)
    with receiving() as found:
        yield found
    override_config(
        webhook_networks="[]", webhook_retry_base_s=10, webhook_failures=20, webhook_s=10
    )


def tell(caller: Caller, slug: str = "papers", **more: Any) -> None:
    """Announce that duplicates were found."""
    event = more.pop("event", Event.DUPLICATES_FOUND)
    with db.writing() as session:
        announce(
            session,
            workspace_id=caller.workspace_id,
            event=event,
            owner_slug=slug,
            payload=PAYLOAD,
            **more,
        )


def make_due() -> None:
    """Let the time pass until what waits is due."""
    with db.writing() as session:
        session.execute(text("UPDATE webhook_deliveries SET next_attempt_at = now()"))


def test_a_signature_is_what_the_standard_says() -> None:
    """The example of the Standard Webhooks specification."""
    body = b'{"test": 2432232314}'
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_sent_can_be_verified_with_the_secret(caller: Caller, receiver: Receiver) -> None:
    make_collection(caller)
    _, secret = service.create_webhook(
        caller, WebhookInput(url=receiver.url, events=["duplicates.found"])
    )
    tell(caller)
    assert deliver_due() == 1
    headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    told = orjson.loads(body)
    assert (told["type"], told["collection"], told["catalog"]) == (
        "duplicates.found", "papers", None,
    )  # fmt: skip
    assert told["data"] == PAYLOAD
    assert told["id"] == headers["webhook-id"]


def test_only_who_wants_to_know_is_told(
    caller: Caller, stranger: Caller, sent_jobs: list[tuple[jobs.Job, dict[str, object]]]
) -> None:
    make_collection(caller)
    make_collection(caller, "other")
    make_collection(stranger)
    create_catalog(caller, CatalogInput(slug="papers"))
    everything = make_webhook(caller)
    papers = make_webhook(caller, collections=["papers"])
    catalog = make_webhook(caller, catalogs=["papers"])
    topics = make_webhook(caller, events=["topics.fitted"])
    theirs = make_webhook(stranger)
    paused = make_webhook(caller)
    service.update_webhook(caller, paused, {"status": "paused"})
    sent_jobs.clear()
    tell(caller)
    assert sent_jobs == [(Job.DELIVER, {})]
    tell(caller, "other")
    tell(caller, owner="catalogs")
    tell(caller, "gone")
    counts = {
        webhook_id: len(log.list_deliveries(who, webhook_id))
        for who, webhook_id in [
            *((caller, each) for each in (everything, papers, catalog, topics, paused)),
            (stranger, theirs),
        ]
    }
    assert counts == {everything: 3, papers: 1, catalog: 1, topics: 0, paused: 0, theirs: 0}
    sent_jobs.clear()
    tell(caller, event=Event.LABELS_TRAINED)
    assert sent_jobs == []


def test_what_fails_is_repeated_under_the_same_id_until_it_arrives(
    caller: Caller, receiver: Receiver
) -> None:
    make_collection(caller)
    webhook_id = make_webhook(caller, receiver.url)
    receiver.statuses = [503, 302, 200]
    receiver.headers = {"location": f"{receiver.url}/elsewhere"}
    tell(caller)
    deliver_due()
    first = log.list_deliveries(caller, webhook_id)[0]
    assert (first.status, first.attempts) == ("waiting", 1)
    assert first.error == "answered 503"
    make_due()
    deliver_due()
    assert "redirects are not followed" in str(log.list_deliveries(caller, webhook_id)[0].error)
    make_due()
    deliver_due()
    last = log.list_deliveries(caller, webhook_id)[0]
    assert (last.status, last.attempts, last.answer_status) == ("delivered", 3, 200)
    assert last.answer == "thank you"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 3
    assert deliver_due() == 0
    log.send_again(caller, webhook_id, last.id)
    deliver_due()
    assert len(receiver.got) == 4
    assert service.get_webhook(caller, webhook_id).n_failures == 0


def test_a_webhook_that_fails_on_and_on_is_left_alone_until_a_test_arrives(
    caller: Caller, receiver: Receiver
) -> None:
    override_config(webhook_failures=2)
    make_collection(caller)
    webhook_id = make_webhook(caller, receiver.url)
    receiver.statuses = [500] * 3
    for _ in range(3):
        tell(caller)
    while deliver_due():
        make_due()
    view = service.get_webhook(caller, webhook_id)
    assert (view.status, view.reason, view.n_waiting) == ("failing", "answered 500", 3)
    # What is found meanwhile waits.
    tell(caller)
    assert deliver_due() == 0
    n_before = len(receiver.got)
    receiver.statuses = []
    log.send_test(caller, webhook_id)
    make_due()
    deliver_due()
    assert len(receiver.got) == n_before + 5
    view = service.get_webhook(caller, webhook_id)
    assert (view.status, view.reason, view.n_waiting) == ("active", None, 0)


def test_a_receiver_that_is_gone_is_believed(caller: Caller, receiver: Receiver) -> None:
    make_collection(caller)
    webhook_id = make_webhook(caller, receiver.url)
    receiver.statuses = [410]
    tell(caller)
    deliver_due()
    assert service.get_webhook(caller, webhook_id).status == "failing"
    assert log.list_deliveries(caller, webhook_id)[0].status == "failed"


def test_a_slow_receiver_costs_no_more_than_its_time(receiver: Receiver) -> None:
    override_config(webhook_s=0.2)
    receiver.delay_s = 1
    attempt = post(receiver.url, {}, b"{}")
    assert attempt.error == "no answer within 0.2 seconds"
    assert attempt.took_ms < 900


def test_private_networks_are_asked_only_where_that_is_allowed(
    caller: Caller, receiver: Receiver
) -> None:
    override_config(webhook_networks="[]")
    attempt = post(receiver.url, {}, b"{}")
    assert "private network" in str(attempt.error)
    assert receiver.got == []
    for url in (receiver.url, "http://localhost/", "http://[::1]/", "http://169.254.169.254/"):
        with pytest.raises(InvalidInput, match="private network"):
            make_webhook(caller, url)
    for url in ("ftp://example.org/", "http://a:b@example.org/", "nothing", "", "http://"):
        with pytest.raises(InvalidInput, match="url"):
            make_webhook(caller, url)


def test_bad_input_names_its_field(caller: Caller) -> None:
    for wanted, field in [
        ({"events": []}, "events"),
        ({"events": ["webhook.test"]}, "events"),
        ({"collections": ["nowhere"]}, "collections.0"),
        ({"catalogs": ["nowhere"]}, "catalogs.0"),
        ({"description": "x" * 501}, "description"),
    ]:
        with pytest.raises(InvalidInput) as raised:
            make_webhook(caller, **wanted)  # type: ignore[arg-type]
        assert raised.value.field == field
    override_config(max_webhooks=1)
    try:
        make_webhook(caller)
        with pytest.raises(Conflict, match="at most 1"):
            make_webhook(caller)
    finally:
        override_config(max_webhooks=20)


def test_nobody_but_an_unbound_admin_sees_webhooks(caller: Caller, stranger: Caller) -> None:
    webhook_id = make_webhook(caller)
    with pytest.raises(NotFound):
        service.get_webhook(stranger, webhook_id)
    with pytest.raises(NotFound):
        service.delete_webhook(stranger, webhook_id)
    writer = Caller(caller.workspace_id, None, frozenset({Scope.WRITE}))
    bound = Caller(caller.workspace_id, None, frozenset(Scope), principals=("a",))
    for who in (writer, bound):
        with pytest.raises(Forbidden):
            service.list_webhooks(who)


def test_the_secret_is_sealed_and_renewed(caller: Caller, receiver: Receiver) -> None:
    view, first = service.create_webhook(
        caller, WebhookInput(url=receiver.url, events=["duplicates.found"])
    )
    with db.reading() as session:
        stored = session.execute(text("SELECT secret FROM webhooks")).scalar_one()
    assert first.encode() not in bytes(stored)
    _, second = service.renew_secret(caller, view.id)
    assert second != first
    log.send_test(caller, view.id)
    deliver_due()
    headers, body = receiver.got[0]
    expected = sign(second, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    assert headers["webhook-signature"] == expected


def test_a_deleted_collection_and_old_age_take_deliveries_along(caller: Caller) -> None:
    make_collection(caller)
    webhook_id = make_webhook(caller)
    tell(caller)
    log.send_test(caller, webhook_id)
    with db.writing() as session:
        session.execute(text("DELETE FROM spaces"))
        session.execute(text("DELETE FROM collections"))
    assert [each.event for each in log.list_deliveries(caller, webhook_id)] == ["webhook.test"]
    with db.writing() as session:
        session.execute(
            text("UPDATE webhook_deliveries SET created_at = now() - interval '31 days'")
        )
    assert forget_old() == 1
    service.delete_webhook(caller, webhook_id)
    assert service.list_webhooks(caller) == []


def test_waits_grow_and_end_at_a_day() -> None:
    assert [wait_after(n, 10) for n in (1, 2, 3, 4)] == [10, 40, 160, 640]
    assert wait_after(12, 10) == 24 * 3_600
    assert wait_after(1, 10, retry_after_s=120) == 120
    assert set(headers_of("whsec_AAAA", "1", _moment(), b"")) >= {"webhook-id", "content-type"}


def _moment() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)
