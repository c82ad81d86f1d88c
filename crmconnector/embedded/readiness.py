"""Ask the web server whether everything behind it works."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

ANSWER_LIMIT_BYTES = 64 * 1024


# A PBX that cannot be reached must not keep the login from being shown: its address is put right on our pages.
PATIENCE_SECONDS = 12.0
REMIND_SECONDS = 6.0


@dataclass(frozen=True)
class Readiness:
    """`answering`: there are pages, whatever else is missing. `waiting_for` names the missing parts, with reasons."""

    ready: bool
    answering: bool
    waiting_for: tuple[str, ...]


class Wait:
    """Conditions to wait for; says now and then what is still missing."""

    def __init__(self, host: str, port: int, say: Callable[[str], None]) -> None:
        self._host = host
        self._port = port
        self._say = say
        self._started_at = time.monotonic()
        self._remind_at = self._started_at + REMIND_SECONDS
        self.missing: tuple[str, ...] = ()

    def ready(self) -> bool:
        return self._ask().ready

    def ready_or_answering(self) -> bool:
        """Everything works; or the pages do, and waiting for the rest has been long enough."""
        found = self._ask()
        late = time.monotonic() - self._started_at > PATIENCE_SECONDS
        if not found.ready and not late and time.monotonic() > self._remind_at:
            self._remind_at += REMIND_SECONDS
            self._say(f"still waiting for {'; '.join(found.waiting_for) or 'the web server'}")
        return found.ready or (found.answering and late)

    def _ask(self) -> Readiness:
        found = ask(self._host, self._port)
        self.missing = () if found.ready else found.waiting_for
        return found


def ask(host: str, port: int, timeout_seconds: float = 1.0) -> Readiness:
    """GET /readyz. 200 is ready; any other answer may name the parts that are not, as JSON."""
    link = HTTPConnection(loopback(host), port, timeout=timeout_seconds)
    try:
        link.request("GET", "/readyz", headers={"Connection": "close"})
        answer = link.getresponse()
        return Readiness(answer.status == 200, True, _not_ready(answer.read(ANSWER_LIMIT_BYTES)))
    except (OSError, HTTPException):
        return Readiness(False, False, ("web",))
    finally:
        link.close()


def loopback(host: str) -> str:
    """The address to knock at ourselves when the server listens on all of them."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # compared, not bound


def url(host: str, port: int) -> str:
    shown = loopback(host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"


def _not_ready(body: bytes) -> tuple[str, ...]:
    try:
        said = json.loads(body)
    except ValueError:
        return ()
    if isinstance(said, dict) and isinstance(said.get("parts"), dict):
        said = said["parts"]
    parts = said.items() if isinstance(said, dict) else ()
    return tuple(_in_words(str(name), state) for name, state in parts if _is_bad(state))


def _in_words(name: str, state: Any) -> str:
    reason = str(state.get("reason", "")) if isinstance(state, dict) else ""
    words = f"{name} ({reason})" if reason else name
    return "".join(sign for sign in words if sign.isprintable())[:200]


def _is_bad(state: Any) -> bool:
    if isinstance(state, dict):
        return not state.get("ok", state.get("ready", True))
    return state is False or (isinstance(state, str) and state.lower() not in {"ok", "ready", "off"})
