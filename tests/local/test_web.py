"""The web process finishes what it was asked before it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx

from embedhub.local.network import answers, free_port

# An application that takes its time, in the place of ours: what is tested is the server around it.
SLOW_APPLICATION = """
import os, signal, sys, time, types

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        # Asked to stop while it is at work, however loaded the machine.
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1.0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"finished"]

sys.modules["embedhub.wsgi"] = types.SimpleNamespace(application=application)
from embedhub.local.web import main
main(["--port", sys.argv[1]])
"""


def test_a_request_under_way_is_answered_after_sigterm(tmp_path: Path) -> None:
    port = free_port("127.0.0.1", 0)
    script = tmp_path / "serve.py"
    script.write_text(textwrap.dedent(SLOW_APPLICATION))
    server = subprocess.Popen(
        [sys.executable, str(script), str(port)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not answers(url, "/"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        answer = httpx.get(f"{url}/slow", trust_env=False, timeout=20)
        assert answer.text == "finished"
        assert server.wait(20) == 0
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
