"""A phone that answers each CTI function with what it is told to, notes what it was asked, and how much at once."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LINES = {"response": "success", "body": [{"line": 1, "state": "idle"}, {"line": 2, "state": "idle"}]}
ACCOUNTS = {"response": "success", "body": [{"id": 1, "sip_id": "201", "reg": 1}]}
ANSWERS: dict[str, Any] = {
    "api-get_line_status": LINES,
    "api-get_accounts": ACCOUNTS,
    "api-phone_operation": {"response": "success", "body": True},
    "api-send_key": {"response": "success", "body": "complete"},
    "api-sys_operation": {"response": "success", "body": "savereboot"},
}
Answer = dict[str, Any] | int | Callable[[], dict[str, Any]] | None


def lines(*words: str) -> dict[str, Any]:
    body = [{"line": number, "state": word} for number, word in enumerate(words, start=1)]
    return {"response": "success", "body": body}


class CannedPhone:
    """`answers` by function: JSON, an HTTP status, or None to hang up without a word. `asked`: [(function, values)]."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = dict(ANSWERS)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.seconds = 0.0  # how long each answer takes
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                phone._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # hung up on us: their affair

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)

    def functions(self) -> list[str]:
        with self._lock:
            return [function for function, _ in self.asked]

    def deeds(self) -> list[str]:
        """What was asked beside the harmless questions."""
        return [function for function in self.functions() if "get_" not in function]

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        function = url.path.rpartition("/")[2]
        with self._lock:
            self.asked.append((function, {name: told[0] for name, told in parse_qs(url.query).items()}))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        # Before the answer: the client may ask its next question before this thread runs again.
        with self._lock:
            self.at_once -= 1
        self._answer(request, self.answers.get(function, 404))

    def _answer(self, request: BaseHTTPRequestHandler, answer: Answer) -> None:
        if callable(answer):
            answer = answer()
        if answer is None:
            request.close_connection = True
            return
        status, body = (answer, b"") if isinstance(answer, int) else (200, json.dumps(answer).encode())
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@contextlib.contextmanager
def canned_phones(count: int = 1) -> Iterator[list[CannedPhone]]:
    phones = [CannedPhone() for _ in range(count)]
    try:
        yield phones
    finally:
        for phone in phones:
            phone.close()
