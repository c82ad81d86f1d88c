"""Small HTTP servers for the soft phone: one that looks like a desk phone's CTI face, one for the tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Parameters = dict[str, str]
Answer = tuple[int, Any]  # HTTP status, then an object for JSON or text for HTML
Responder = Callable[[str, Parameters], Answer]
LONGEST_BODY = 65536


def parameters_of(query: str) -> Parameters:
    """`a=1&b=%2B` -> {"a": "1", "b": "+"}. A plus stays a plus; of a repeated name the first counts."""
    found: Parameters = {}
    for pair in query.split("&"):
        name, separator, value = pair.partition("=")
        if separator:
            found.setdefault(unquote(name), unquote(value))
    return found


def serve(host: str, port: int, respond: Responder) -> ThreadingHTTPServer:
    """Answer GET and POST (parameters in the query or as a JSON body) in threads of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY)
            body = self.rfile.read(length)
            self._answer(json.loads(body) if body.startswith(b"{") else {})

        def _answer(self, more: Parameters) -> None:
            path, _, query = self.path.partition("?")
            try:
                status, content = respond(path, {**parameters_of(query), **more})
            except Exception as error:
                status, content = 500, f"<html><body><h1>{type(error).__name__}</h1></body></html>"
            kind = "text/html" if isinstance(content, str) else "application/json"
            reply = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the request line holds the passcode."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
