"""The web server: one process of waitress over the WSGI application, or several behind one socket.

Waitress reads a request whole, chunked or not, before the application sees it, spilling large
bodies to disk: the application always gets a true CONTENT_LENGTH.
"""

import argparse
import logging
import signal
import socket
import sys

from waitress.server import create_server

from embedhub.config import get_config
from embedhub.local.web_processes import WebProcesses, listen, process_count

# A client that sends nothing for this long is gone, seconds.
CHANNEL_TIMEOUT_S = 120
# A thread that has waited for the database waits at most so long for one that computes: Python's
# own 5 ms, at each of the twenty statements that store a part of an import, were a third of it.
SWITCH_INTERVAL_S = 0.001


def serve(listener: socket.socket, *, when_warm: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get a few seconds to finish.

    With `when_warm` no connection is accepted before the default encoder is loaded: others answer.
    """
    from embedhub import wsgi
    from embedhub.web.intake import limit_intake

    config = get_config()
    # Python's own answer to SIGTERM would cut off the requests under way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    if when_warm:
        wsgi.warming.join()
    limit_intake()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    server = create_server(
        wsgi.application,
        sockets=[listener],
        threads=config.web_threads,
        # The largest body of any path; `limit_intake` sets a smaller one where less is enough.
        max_request_body_size=config.max_import_bytes,
        # Large imports come in many pieces; each costs the loop that serves all connections.
        recv_bytes=1 << 20,
        channel_timeout=CHANNEL_TIMEOUT_S,
        # Reads on while a request is answered, and so notices when its client disconnects.
        channel_request_lookahead=1,
        connection_limit=1000,
        ident="embedhub",
        clear_untrusted_proxy_headers=True,
        asyncore_use_poll=True,
    )
    server.run()


def main(arguments: list[str]) -> None:
    """Run the web server of the command line."""
    parser = argparse.ArgumentParser(prog="embedhub.local.web")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    # Given by the process that started us: its listening socket.
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--when-warm", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if chosen.socket is not None:
        serve(socket.socket(fileno=chosen.socket), when_warm=chosen.when_warm)
        return
    listener = listen(chosen.host, chosen.port)
    n_processes = process_count()
    if n_processes == 1:
        serve(listener)
    else:
        sys.exit(WebProcesses(listener, n_processes).run())


if __name__ == "__main__":
    main(sys.argv[1:])
