"""The test's hand on one soft phone: pick up, hang up, look at the display."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from tests.pbx.children import stop_child, wait_until
from tests.pbx.softphone_settings import PhoneSettings

SHOWN_FIRST = ("ringing", "connected", "calling", "onhold")


@dataclass
class LabPhone:
    """A soft phone in its own process. Deeds raise LookupError when the phone cannot do them now."""

    settings: PhoneSettings
    endpoint: str  # its name in the PBX, for example PJSIP/1001
    child: Popen[bytes] = field(repr=False)
    log: Path = field(repr=False)

    cti_host = "127.0.0.1"

    @property
    def extension(self) -> str:
        return self.settings.extension

    @property
    def cti_port(self) -> int:
        return self.settings.cti_port

    @property
    def control_port(self) -> int:
        return self.settings.control_port

    @property
    def passcode(self) -> str:
        return self.settings.passcode

    def call(
        self,
        number: str,
        *,
        from_number: str | None = None,
        from_name: str | None = None,
        replaces: str | None = None,
        hold_others: bool = True,
    ) -> int:
        """Dial `number`; the trunk may show any caller (`anonymous` withholds it). Returns the line, 1 the first.

        `replaces` takes another phone's ringing call (see `ringing_dialog`). A desk phone holds its other calls, a
        carrier's line does not.
        """
        asked = {"number": number, "from_number": from_number, "from_name": from_name, "replaces": replaces}
        asked["hold_others"] = None if hold_others else "no"
        return int(self.control("call", **{key: value for key, value in asked.items() if value is not None}))

    def answer(self, *, hold_others: bool = True) -> None:
        self.control("answer", hold_others="yes" if hold_others else "no")

    def deflect(self, number: str) -> None:
        """Send the ringing call on to `number` (302)."""
        self.control("deflect", number=number)

    def ringing_dialog(self) -> str:
        """What another phone must name to take the call that rings here (INVITE with Replaces)."""
        return str(self.control("ringing_dialog"))

    def reject(self, code: int = 603) -> None:
        self.control("reject", code=str(code))

    def hangup(self) -> None:
        self.control("hangup")

    def hold(self) -> None:
        self.control("hold")

    def resume(self) -> None:
        self.control("resume")

    def send_digits(self, digits: str) -> None:
        """Press digits in the connected call (RFC 4733 tones)."""
        self.control("digits", digits=digits)

    def transfer(self, number: str) -> None:
        """Blind transfer of the connected call by SIP REFER."""
        self.control("transfer", number=number)

    def complete_transfer(self) -> None:
        """Put the party on hold and the one we talk to together (REFER with Replaces)."""
        self.control("complete_transfer")

    def on_ring(self, do: str, *, forward_to: str = "") -> None:
        """What the phone does with calls from now on: ring, answer, busy (486), reject (603) or forward (302)."""
        self.control("on_ring", do=do, forward_to=forward_to)

    def lines(self) -> list[dict[str, Any]]:
        """The lines in use: number, state, remote_number, remote_name, dialled, digits_heard."""
        found: list[dict[str, Any]] = self.control("state")["lines"]
        return found

    def state(self) -> str:
        """What is most urgent on the display: ringing, connected, calling, onhold or idle."""
        states = {line["state"] for line in self.lines()}
        return next((state for state in SHOWN_FIRST if state in states), "idle")

    def registered(self) -> bool:
        return bool(self.control("state")["registered"])

    def wait_state(self, state: str, timeout: float = 10) -> None:
        """Wait until a line has that state; `idle`: until no line is in use. Raises TimeoutError."""
        self.wait_lines(state, 1, timeout)

    def wait_lines(self, state: str, count: int, timeout: float = 10) -> None:
        """Wait until so many lines have that state at once."""

        def reached() -> bool:
            lines = self.lines()
            return not lines if state == "idle" else sum(line["state"] == state for line in lines) >= count

        wait_until(reached, f"phone {self.extension} to have {count} × {state}", timeout_seconds=timeout)

    def journal(self) -> list[dict[str, Any]]:
        """Every CTI request the phone saw: at, path, parameters (passcode blanked), answer."""
        found: list[dict[str, Any]] = self.control("journal")
        return found

    def shut_cti(self) -> None:
        """Nobody answers at the phone's web server any more; the phone itself goes on. `clear` opens it again."""
        self.control("shut_cti")

    def timeline(self) -> list[dict[str, Any]]:
        """What the phone lived through, by the machine's monotonic clock: at, line, event, number, name, dialled."""
        found: list[dict[str, Any]] = self.control("timeline")
        return found

    def register(self) -> None:
        """Register with the PBX now, as a phone does by itself every few minutes."""
        self.control("register")

    def clear(self) -> None:
        """End every call, also one that the PBX forgot, and just ring from now on."""
        self.control("clear")

    def forget(self) -> None:
        """Start the timeline and the journal anew."""
        self.control("forget")

    def control(self, deed: str, **fields: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.control_port, timeout=6)
        try:
            connection.request("POST", f"/control/{deed}", json.dumps(fields), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status == 409:
            raise LookupError(f"phone {self.extension}: {json.loads(body)['error']}")
        if response.status != 200:
            raise RuntimeError(f"phone {self.extension}: {deed} failed: {body.decode(errors='replace')[:200]}")
        return json.loads(body)["result"]

    def is_up(self) -> bool:
        if self.child.poll() is not None:
            raise RuntimeError(f"phone {self.extension} ended at its start:\n{self.log.read_text()[-2000:]}")
        try:
            return self.registered()
        except OSError:
            return False

    def stop(self) -> None:
        stop_child(self.child, patience_seconds=0.5)
