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
import sys, time, types

def application(environ, start_response):
    time.sleep(1.0 if environ["PATH_INFO"] == "/slow" else 0)
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
        stopper = subprocess.Popen(
            [sys.executable, "-c", f"import time, os; time.sleep(0.3); os.kill({server.pid}, 15)"]
        )
        answer = httpx.get(f"{url}/slow", trust_env=False, timeout=20)
        assert answer.text == "finished"
        stopper.wait()
        assert server.wait(20) == 0
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
