"""What a phone needs of the telephone network, and the simplest network there is: far ends that follow a script.

`Switch` is what a phone calls. The network calls back on the phone's line:

    phone.line_for_call()     the line a new call may take; None = every line is used, do not disturb, or it restarts
    line.leg = …              the network's end of the line, while a call is on it
    line.show("ringing", number, name)    then show("connected"), or end("missed" | "elsewhere" | "")
    line.ring_back()          the far end rings
    line.fail()               nobody took the call; the phone shows `failed` for a while

The office has a network with a PBX (switchboard.py); `ScriptedSwitch` is for phones without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from crmconnector.simulator.pace import Pace

if TYPE_CHECKING:
    from crmconnector.simulator.phone import Phone
    from crmconnector.simulator.phone_line import PhoneLine

ALERT_SECONDS = 0.1  # from the INVITE to the "180 Ringing"
REFER_SECONDS = 0.3  # from the REFER to the NOTIFY
OUTCOMES = ("answer", "busy", "no_answer", "not_found")
REFERRALS = ("accepted", "refused", "silent", "busy")  # silent: no NOTIFY ever comes
Told = Callable[[str], None]  # is given "accepted", "refused" or "busy", or is never called


class CallThere(Protocol):
    @property
    def id(self) -> str: ...


class NetworkLeg(Protocol):
    """The network's end of a line. A phone only keeps it."""

    @property
    def call(self) -> CallThere: ...


class Switch(Protocol):
    """The deeds answer False when they make no sense now. Lines given to them have a leg."""

    def dial(self, phone: Phone, line: PhoneLine, number: str) -> None:
        """The phone's INVITE. Sets line.leg."""

    def answer(self, line: PhoneLine) -> bool: ...

    def reject(self, line: PhoneLine) -> bool: ...

    def hang_up(self, line: PhoneLine) -> bool: ...

    def hold(self, line: PhoneLine, held: bool) -> None: ...

    def digit(self, line: PhoneLine, sign: str) -> None:
        """A tone (DTMF) for the far end."""

    def blind_transfer(self, line: PhoneLine, number: str, told: Told) -> None:
        """The phone's REFER. When it is accepted the line ends first and then `told` is called."""

    def attended_transfer(self, held: PhoneLine, consulted: PhoneLine) -> bool:
        """Join the far ends of two lines; both lines end. `consulted` may still be ringing."""


@dataclass(frozen=True)
class Script:
    """What a far end does when it is dialled. `talk_seconds` None = it never hangs up by itself."""

    outcome: str = "answer"
    after_seconds: float = 1.0
    talk_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"The outcome is one of {', '.join(OUTCOMES)}.")


@dataclass(eq=False)
class ScriptedCall:
    """One call between a phone's line and a far end; it is its own leg."""

    id: str
    phone: Phone
    line: PhoneLine
    number: str  # of the far end
    name: str = ""
    held: bool = False
    digits: str = ""
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    @property
    def call(self) -> ScriptedCall:
        return self


class ScriptedSwitch:
    """A network in memory for any number of phones. Every outcome is set beforehand, by the dialled number."""

    def __init__(self, pace: Pace, default: Script | None = None) -> None:
        self.pace = pace
        self.default = default or Script()
        self.scripts: dict[str, Script] = {}  # by the dialled number
        self.referrals: dict[str, str] = {}  # a word of REFERRALS, by the number a call is transferred to
        self.calls: dict[str, ScriptedCall] = {}
        self.joined: list[tuple[str, str]] = []  # transfers that worked: customer's number, number he came to
        self._serial = 0

    # What a test or a control port does.

    def incoming(self, phone: Phone, number: str, name: str = "") -> PhoneLine | None:
        """Somebody calls this phone. None: the phone says busy."""
        line = phone.line_for_call()
        if line is None:
            return None
        self._up(phone, line, number, name)
        line.show("ringing", number, name)
        return line

    def remote_answer(self, line: PhoneLine) -> bool:
        """The far end that was dialled answers now."""
        return line.state in ("calling", "ringback") and self._connect(line, self._call(line))

    def remote_refuse(self, line: PhoneLine) -> bool:
        """The far end that was dialled is busy or does not exist."""
        if line.state not in ("calling", "ringback"):
            return False
        self._down(line)
        line.fail()
        return True

    def remote_hangup(self, line: PhoneLine) -> bool:
        """The far end hangs up, in whatever state the line is."""
        if line.leg is None:
            return False
        if line.state in ("calling", "ringback"):
            return self.remote_refuse(line)
        self._down(line)
        line.end("missed" if line.state == "ringing" else "")
        return True

    # What the phone asks for.

    def dial(self, phone: Phone, line: PhoneLine, number: str) -> None:
        call = self._up(phone, line, number)
        script = self.scripts.get(number, self.default)
        if script.outcome in ("answer", "no_answer"):
            self._after(call, ALERT_SECONDS, line.ring_back)
        deed = self.remote_answer if script.outcome == "answer" else self.remote_refuse
        self._after(call, ALERT_SECONDS + script.after_seconds, deed, line)

    def answer(self, line: PhoneLine) -> bool:
        return line.state == "ringing" and self._connect(line, self._call(line))

    def reject(self, line: PhoneLine) -> bool:
        if line.state != "ringing":
            return False
        return self.hang_up(line)

    def hang_up(self, line: PhoneLine) -> bool:
        if line.leg is None:
            return False
        self._down(line)
        line.end()
        return True

    def hold(self, line: PhoneLine, held: bool) -> None:
        self._call(line).held = held

    def digit(self, line: PhoneLine, sign: str) -> None:
        self._call(line).digits += sign

    def blind_transfer(self, line: PhoneLine, number: str, told: Told) -> None:
        outcome = self.referrals.get(number, "accepted")
        if outcome != "silent":
            self._after(self._call(line), REFER_SECONDS, self._referred, line, number, outcome, told)

    def attended_transfer(self, held: PhoneLine, consulted: PhoneLine) -> bool:
        if held.leg is None or consulted.leg is None:
            return False
        self.joined.append((self._call(held).number, self._call(consulted).number))
        return self.hang_up(consulted) and self.hang_up(held)

    def _referred(self, line: PhoneLine, number: str, outcome: str, told: Told) -> None:
        if outcome == "accepted":
            self.joined.append((self._call(line).number, number))
            self.hang_up(line)
        told(outcome)

    def _connect(self, line: PhoneLine, call: ScriptedCall) -> bool:
        self._stop(call)
        line.show("connected", call.number, call.name)
        talk = self.scripts.get(call.number, self.default).talk_seconds
        if talk is not None:
            self._after(call, talk, self.remote_hangup, line)
        return True

    def _up(self, phone: Phone, line: PhoneLine, number: str, name: str = "") -> ScriptedCall:
        self._serial += 1
        call = ScriptedCall(f"scripted-{self._serial}", phone, line, number, name)
        self.calls[call.id] = call
        line.leg = call
        return call

    def _down(self, line: PhoneLine) -> None:
        call = self._call(line)
        self._stop(call)
        del self.calls[call.id]
        line.leg = None

    def _call(self, line: PhoneLine) -> ScriptedCall:
        if not isinstance(line.leg, ScriptedCall):
            raise RuntimeError(f"no call is on line {line.number}")
        return line.leg

    def _after(self, call: ScriptedCall, seconds: float, deed: Callable[..., Any], *arguments: Any) -> None:
        call.timers.append(self.pace.later(seconds, deed, *arguments))

    def _stop(self, call: ScriptedCall) -> None:
        for timer in call.timers:
            timer.cancel()
        call.timers.clear()
