"""The web server process: waitress over the WSGI application.

Waitress reads a request whole, chunked or not, before the application sees it, spilling large
bodies to disk: the application always gets a true CONTENT_LENGTH.
"""

import argparse
import logging
import signal
import sys

from waitress.server import create_server

from embedhub.config import get_config

# A client that sends nothing for this long is gone, seconds.
CHANNEL_TIMEOUT_S = 120


def serve(host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get a few seconds to finish."""
    from embedhub.web.intake import limit_intake
    from embedhub.wsgi import application

    config = get_config()
    limit_intake()
    server = create_server(
        application,
        host=host,
        port=port,
        threads=config.web_threads,
        # The largest body of any path; `limit_intake` sets a smaller one where less is enough.
        max_request_body_size=config.max_import_bytes,
        channel_timeout=CHANNEL_TIMEOUT_S,
        connection_limit=1000,
        ident="embedhub",
        clear_untrusted_proxy_headers=True,
        asyncore_use_poll=True,
    )
    # Python's own answer to SIGTERM would cut off the requests under way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    server.run()


def main(arguments: list[str]) -> None:
    """Run the web server of the command line."""
    parser = argparse.ArgumentParser(prog="embedhub.local.web")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    serve(chosen.host, chosen.port)


if __name__ == "__main__":
    main(sys.argv[1:])
