"""Ask the web server whether everything behind it works."""

import json
import socket
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

ANSWER_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Readiness:
    ready: bool
    waiting_for: tuple[str, ...]


def ask(host: str, port: int, timeout_seconds: float = 2.0) -> Readiness:
    """GET /readyz. 200 is ready; any other answer may name the parts that are not, as JSON."""
    link = HTTPConnection(loopback(host), port, timeout=timeout_seconds)
    try:
        link.request("GET", "/readyz", headers={"Connection": "close"})
        answer = link.getresponse()
        return Readiness(answer.status == 200, _not_ready(answer.read(ANSWER_LIMIT_BYTES)))
    except (OSError, HTTPException):
        return Readiness(False, ("web",))
    finally:
        link.close()


def loopback(host: str) -> str:
    """The address to knock at ourselves when the server listens on all of them."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # compared, not bound


def url(host: str, port: int) -> str:
    shown = loopback(host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def host_name() -> str:
    return socket.gethostname()


def _not_ready(body: bytes) -> tuple[str, ...]:
    try:
        said = json.loads(body)
    except ValueError:
        return ()
    if isinstance(said, dict) and isinstance(said.get("parts"), dict):
        said = said["parts"]
    return tuple(str(name) for name, state in said.items() if _is_bad(state)) if isinstance(said, dict) else ()


def _is_bad(state: Any) -> bool:
    if isinstance(state, dict):
        return not state.get("ok", state.get("ready", True))
    return state is False or (isinstance(state, str) and state.lower() not in {"ok", "ready", "off"})
