"""The web server in a thread of the tests: real sockets, without the start of a process."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from waitress.server import create_server


@contextmanager
def live_server(threads: int = 8) -> Iterator[str]:
    """Serve the application over the tests' database; yields the address."""
    from django.core.wsgi import get_wsgi_application

    from embedhub.web.intake import limit_intake

    limit_intake()
    server = create_server(
        get_wsgi_application(),
        host="127.0.0.1",
        port=0,
        threads=threads,
        channel_request_lookahead=1,
        asyncore_use_poll=True,
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # Ends the loop: what the loop serves is empty then.
        server.trigger.pull_trigger(server.close)
        thread.join(10)
        # Its threads would keep a connection each, of the hundred that all tests share.
        server.task_dispatcher.shutdown(timeout=10)
        gc.collect()
