"""Webhooks for tests, and a receiver on this machine that answers as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from typing import Any

from embedhub.access.caller import Caller
from embedhub.webhooks import log, service
from embedhub.webhooks.service import WebhookInput


@dataclass
class Receiver:
    """A local server: `statuses` are answered in turn, then 200; what it got is kept."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver for a block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append(({name.lower(): v for name, v in self.headers.items()}, body))
            sleep(receiver.delay_s)
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"thank you")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def make_webhook(caller: Caller, url: str = "https://example.org/hook", **wanted: Any) -> int:
    """Make a webhook of everything and return its id."""
    given = {"events": ["duplicates.found", "anomalies.flagged"], **wanted}
    view, _ = service.create_webhook(caller, WebhookInput(url=url, **given))
    return view.id


def webhook_names(caller: Caller) -> dict[str, object]:
    """Return a webhook and a delivery of it, to fill into paths."""
    webhook_id = make_webhook(caller)
    return {"webhook_id": webhook_id, "delivery_id": log.send_test(caller, webhook_id).id}
