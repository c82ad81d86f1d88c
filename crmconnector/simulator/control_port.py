"""The control plane as JSON over loopback HTTP: `POST /incoming {"number": "030…", "target": "204"}`.

The answer is `{"result": …}`, or 400 and `{"error": "a sentence"}`. Verbs without arguments may be asked with GET.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

from crmconnector.simulator.httpd import Reply, Request
from crmconnector.simulator.phone_control import PhoneControl
from crmconnector.simulator.switchboard import NoSuch

READS = ("snapshot", "journal", "tripwires")
LOOPBACK = ("127.0.0.1", "localhost")


class ControlPort:
    """A handler for HttpDoor."""

    def __init__(self, control: PhoneControl) -> None:
        self._control = control
        self._verbs = verbs(control)

    async def handle(self, request: Request) -> Reply:
        refusal = _refuse(request)
        if refusal:
            return _json(403, {"error": refusal})
        verb = request.path.strip("/")
        if verb not in self._verbs or (request.method != "POST" and verb not in READS):
            return _json(404, {"error": f"No such verb; known are: {', '.join(self._verbs)}."})
        try:
            deed: Callable[..., Awaitable[Any]] = getattr(self._control, verb)
            return _json(200, {"result": await deed(**_arguments(deed, request.body))})
        except (NoSuch, ValueError, TypeError) as error:
            return _json(400, {"error": str(error)})


def verbs(control: PhoneControl) -> list[str]:
    """The public methods of a control plane are what can be asked for, and nothing else is."""
    methods = inspect.getmembers(type(control), inspect.iscoroutinefunction)
    return [name for name, _ in methods if not name.startswith("_")]


def _refuse(request: Request) -> str:
    """A web page in the browser must not drive the office: its form posts no JSON, its host name is not ours."""
    if request.headers.get("host", "").rpartition(":")[0] not in LOOPBACK:
        return "Only 127.0.0.1 and localhost are served."
    if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
        return "Send Content-Type: application/json."
    return ""


def _arguments(deed: Callable[..., Any], body: bytes) -> dict[str, Any]:
    values = json.loads(body or b"{}")
    if not isinstance(values, dict):
        raise ValueError("The body must be a JSON object.")
    inspect.signature(deed).bind(**values)
    return values


def _json(status: int, answer: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(answer, ensure_ascii=False).encode())
