"""A command that behaves like `vllm serve`, starts in a tenth of a second and knows no model, for tests.

    python tests/fake_vllm.py [OPTIONS] serve MODEL --host 127.0.0.1 --port 8000 --served-model-name MODEL …

The options before `serve` say what goes wrong; those after it are vLLM's, and are taken as they come.
`/about` tells what the server was started with.
"""

import argparse
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

MEMORY = """\
(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1011] EngineCore failed to start.
(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1011] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1011]   File "/venv/vllm/v1/engine/core.py", line 1002, in run
(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1011]     self.weight = torch.empty(rows, columns)
(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1011] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate \
1.25 GiB. GPU 0 has a total capacity of 79.11 GiB of which 512.00 MiB is free.
(APIServer pid=6) Traceback (most recent call last):
(APIServer pid=6)   File "/venv/bin/vllm", line 8, in <module>
(APIServer pid=6)     sys.exit(main())
(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""
TAKEN = "OSError: [Errno 98] Address already in use"


def main() -> None:
    given = parsed()
    said = f"(APIServer pid=6) INFO 11-24 12:44:10 [api_utils.py:286] non-default args: {sys.argv}\n{given.say}\n"
    sys.stdout.write(said)
    sys.stdout.flush()
    if given.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for away in [False] * given.children + [True] * given.strays:
        start_child(away=away, deaf=given.ignore_sigterm)
    time.sleep(given.slow)
    if given.crash == "memory":
        sys.exit(MEMORY)
    if given.crash == "error":
        raise ValueError("the model's config.json has no architecture")
    if given.crash == "signal":
        os.kill(os.getpid(), signal.SIGKILL)
    if given.port_taken and is_among_first(given.port_taken, given.counter):
        sys.exit(TAKEN)
    if given.dies_at_restart and not is_among_first(1, given.counter):
        sys.exit("ValueError: it starts once only")
    if given.crash_after is not None:
        threading.Timer(given.crash_after, os._exit, [3]).start()
    http.server.ThreadingHTTPServer((given.host, given.port), handler(given)).serve_forever()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", type=float, default=0, help="seconds until it answers")
    parser.add_argument("--crash", choices=["memory", "error", "signal"], help="at start")
    parser.add_argument("--crash-after", type=float, help="seconds of serving")
    parser.add_argument("--port-taken", type=int, default=0, help="how many of the first starts find their port taken")
    parser.add_argument("--dies-at-restart", action="store_true")
    parser.add_argument("--counter", help="file that counts the starts")
    parser.add_argument("--ignore-sigterm", action="store_true")
    parser.add_argument("--children", type=int, default=0, help="child processes")
    parser.add_argument("--strays", type=int, default=0, help="grandchildren that leave group and session")
    parser.add_argument("--say", default="", help="a line for the log")
    parser.add_argument("--sick", help="answers 503 while this file exists")
    parser.add_argument("--locked", action="store_true", help="wants a key")
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", required=True)
    given, _ = parser.parse_known_args()
    return given


def is_among_first(count: int, counter: str) -> bool:
    """Whether this start is one of the first `count`."""
    with Path(counter).open("a", encoding="utf-8") as file:
        file.write(".")
        file.flush()
        return file.tell() <= count


def start_child(*, away: bool, deaf: bool) -> None:
    body = "import time; time.sleep(600)"
    if deaf:
        body = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {body}"
    if away:
        # Its parent ends at once, so that nobody who looks for children of the server finds it.
        body = f"import os; os.fork() and os._exit(0); os.setsid(); {body}"
    subprocess.Popen([sys.executable, "-S", "-c", body])  # noqa: S603


def handler(given: argparse.Namespace) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sick = given.sick and Path(given.sick).exists()
            about = {"args": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(), "pid": os.getpid()}  # noqa: PTH109
            answers = {"/health": {}, "/v1/models": {"data": [{"id": given.served_model_name}]}, "/about": about}
            body = json.dumps(answers.get(self.path)).encode()
            locked = given.locked and self.path.startswith("/v1/")
            self.send_response(503 if sick else 401 if locked else 200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


if __name__ == "__main__":
    main()
