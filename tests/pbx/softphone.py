"""One soft phone in a process of its own: `python -m tests.pbx.softphone`, settings as JSON in LAB_PHONE."""

from __future__ import annotations

import os
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

from tests.pbx.softphone_cti import CtiFace
from tests.pbx.softphone_http import Answer, Parameters, Responder, serve
from tests.pbx.softphone_settings import from_environment
from tests.pbx.softphone_sip import DECLINE, Refused, SipPhone


class Front:
    """The phone's web server. Shut, its port refuses every connection, while the phone itself goes on."""

    def __init__(self, port: int, respond: Responder) -> None:
        self._port, self._respond = port, respond
        self._server: ThreadingHTTPServer | None = None
        self.open()

    def open(self) -> None:
        if self._server is None:
            self._server = serve("127.0.0.1", self._port, self._respond)

    def shut(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class ControlFace:
    """What the person in front of the phone does, and what they see. For tests only, on a port of its own."""

    def __init__(self, phone: SipPhone, cti: CtiFace, front: Front) -> None:
        self.phone, self.cti, self.front = phone, cti, front
        self._deeds: dict[str, Callable[[Parameters], Any]] = {
            "call": self._call,
            "answer": lambda asked: phone.answer(hold_others=asked.get("hold_others") != "no"),
            "deflect": lambda asked: phone.deflect(asked["number"]),
            "ringing_dialog": lambda _: phone.ringing_dialog(),
            "reject": lambda asked: phone.reject(int(asked.get("code") or DECLINE)),
            "hangup": lambda _: phone.hang_up(),
            "hold": lambda _: phone.hold(phone.line_in("connected")),
            "resume": lambda _: phone.resume(phone.line_in("onhold")),
            "digits": lambda asked: phone.send_digits(phone.line_in("connected"), asked["digits"]),
            "transfer": lambda asked: phone.transfer_blind(phone.line_in("connected"), asked["number"]),
            "complete_transfer": lambda _: phone.transfer_attended(
                phone.line_in("onhold"), phone.line_in("connected", "calling")
            ),
            "on_ring": lambda asked: phone.set_on_ring(asked["do"], asked.get("forward_to", "")),
            "state": lambda _: self._state(),
            "journal": lambda _: list(cti.journal),
            "shut_cti": lambda _: front.shut(),
            "register": lambda _: phone.register(),
            "clear": lambda _: self._clear(),
            "forget": lambda _: self._forget(),
            "timeline": lambda _: list(phone.timeline),
        }

    def respond(self, path: str, parameters: Parameters) -> Answer:
        deed = self._deeds.get(path.removeprefix("/control/"))
        if deed is None:
            return 404, {"error": f"no such deed: {path}"}
        try:
            return 200, {"result": self.phone.do(lambda: deed(parameters))}
        except Refused as error:
            return 409, {"error": str(error)}

    def _call(self, asked: Parameters) -> int:
        line = self.phone.call(
            asked["number"],
            from_number=asked.get("from_number"),
            from_name=asked.get("from_name"),
            replaces=asked.get("replaces", ""),
            hold_others=asked.get("hold_others") != "no",
        )
        return line.number

    def _clear(self) -> None:
        self.front.open()
        self.phone.set_on_ring("ring")
        for line in self.phone.live_lines():
            self.phone.hang_up(line)

    def _forget(self) -> None:
        self.phone.timeline.clear()
        self.cti.journal.clear()

    def _state(self) -> dict[str, Any]:
        lines = [
            {key: value for key, value in vars(line).items() if key != "call"}
            for line in self.phone.lines
            if line.state != "idle"
        ]
        return {"registered": self.phone.registered, "lines": lines}


def main() -> None:
    settings = from_environment(os.environ)
    phone = SipPhone(settings)
    cti = CtiFace(phone)
    control = ControlFace(phone, cti, Front(settings.cti_port, cti.respond))
    serve("127.0.0.1", settings.control_port, control.respond)
    phone.run()


if __name__ == "__main__":
    main()
