"""The worker that encodes loads the default encoder before the first text comes."""

import threading
from collections.abc import Callable

import pytest

from embedhub.encoders import SUPPLIED, is_loaded
from workers import app, embed


def test_the_default_encoder_is_loaded(configure: Callable[[str, object], None]) -> None:
    configure("default_encoder", "hashing-24")
    assert not is_loaded("hashing-24")
    embed.load_default_encoder()
    assert is_loaded("hashing-24")


@pytest.mark.parametrize("name", ["not-configured", SUPPLIED])
def test_a_default_that_cannot_be_loaded_stops_no_worker(
    configure: Callable[[str, object], None], name: str
) -> None:
    configure("default_encoder", name)
    embed.load_default_encoder()


@pytest.mark.parametrize(("queue", "loads"), [("embed", True), ("upkeep", False)])
def test_only_the_worker_of_its_queue_loads_one(
    monkeypatch: pytest.MonkeyPatch, queue: str, loads: bool
) -> None:
    started: list[str] = []
    monkeypatch.setattr(app.amqp.queues, "_consume_from", {queue: app.amqp.queues[queue]})
    monkeypatch.setattr(embed, "load_default_encoder", lambda: started.append(queue))
    monkeypatch.setattr(threading.Thread, "start", lambda thread: thread.run())
    embed.warm_up()
    assert bool(started) is loads
