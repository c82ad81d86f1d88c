"""One call of the pretend office: phones' lines and the PBX's channels move together here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crmconnector.simulator import channels as state
from crmconnector.simulator.channels import Channel
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.pbx import Pbx
from crmconnector.simulator.phone import Phone, PhoneLine
from crmconnector.simulator.story import Colleague, FarEnd

ALERT_SECONDS = 0.1  # from the INVITE to the phone's "180 Ringing"
FAILED_SECONDS = 3.0  # how long a phone shows a failed call


@dataclass(eq=False)
class Leg:
    """One party: a channel, and the phone's line it belongs to (none for the world outside)."""

    call: Call
    channel: Channel
    phone: Phone | None = None
    line: PhoneLine | None = None

    def show(self, word: str, number: str = "", name: str = "") -> None:
        if self.line is not None:
            self.line.show(word, number, name)

    def clear(self) -> None:
        if self.line is not None:
            self.line.clear()


@dataclass(frozen=True)
class Plan:
    """Who calls whom, and how it goes. Times in story seconds; None = nobody acts by himself."""

    kind: str  # incoming, outgoing or internal
    number: str  # the far number as a phone shows it: the caller's, or the one dialled
    name: str = ""
    targets: tuple[Phone, ...] = ()
    far_end: FarEnd | None = None
    ring_seconds: float = 60.0
    gives_up_after: float | None = None
    talk_seconds: float | None = None
    colleagues: tuple[Colleague, ...] = ()
    trunk: str = "trunk"
    dialled: str = ""


@dataclass(eq=False)
class Call:
    """A call from its first channel to its last. Its id is the Linkedid."""

    pbx: Pbx
    pace: Pace
    plan: Plan
    phase: str = "ringing"  # ringing, talking, ended
    legs: list[Leg] = field(default_factory=list)  # those that are being dialled
    winner: Leg | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    on_end: list[Callable[[Call], None]] = field(default_factory=list)
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _caller: Leg | None = None

    @property
    def caller(self) -> Leg:
        if self._caller is None:
            raise RuntimeError("a call has no caller before it starts")
        return self._caller

    @property
    def id(self) -> str:
        return self.caller.channel.linkedid

    def start(self, channel: Channel, phone: Phone | None = None, line: PhoneLine | None = None) -> None:
        """Begin with the caller's channel; `phone` and `line` are his when he is one of the office."""
        self._caller = Leg(self, channel, phone, line)
        if line is not None:
            line.leg = self._caller
        if self.plan.gives_up_after is not None:
            self._after("gives up", self.plan.gives_up_after, self.hang_up, self.caller)
        self._arrive()
        self._ring_everybody()

    # What the parties do. Each answers False when it makes no sense now.

    def answer(self, leg: Leg) -> bool:
        """The first to answer wins, the others stop ringing."""
        if leg not in self.legs or self.phase != "ringing":
            return False
        self._stop_timers()
        self.phase, self.winner = "talking", leg
        self.legs.remove(leg)
        self._answered(leg)
        number, name = self.seen_by(leg)
        leg.show("connected", number, name)
        self.caller.show("connected", self.plan.number, self.plan.name)
        if self.plan.talk_seconds is not None:
            self._after("talked out", self.plan.talk_seconds, self.remote_hangup)
        return True

    def reject(self, leg: Leg) -> bool:
        if leg not in self.legs:
            return False
        self._drop(leg, "BUSY", state.BUSY)
        self._if_nobody_rings(state.BUSY)
        return True

    def hang_up(self, leg: Leg) -> bool:
        """One party puts the receiver down, in whatever phase the call is."""
        if self.phase == "ended":
            return False
        if self.phase == "talking":
            self._part(leg)
            return True
        if leg is not self.caller:
            return self.reject(leg)
        self._stop_timers()
        self.pbx.hangup_request(leg.channel, state.UNKNOWN if leg.phone is None else state.INTERWORKING)
        self._abandon()
        return True

    def remote_hangup(self) -> bool:
        """The party outside the office hangs up."""
        outside = next((leg for leg in (self.caller, *self.legs, self.winner) if leg and leg.phone is None), None)
        return outside is not None and self.hang_up(outside)

    def hold(self, leg: Leg, held: bool) -> None:
        self.pbx.hold(leg.channel, held)

    def seen_by(self, leg: Leg) -> tuple[str, str]:
        """Number and name this leg's phone shows."""
        if leg is self.caller:
            return self.plan.number, self.plan.name
        return self.caller.channel.caller_number, self.caller.channel.caller_name

    # How it rings.

    def _arrive(self) -> None:
        """The caller has reached the dialplan; a queue answers him here."""

    def _ring_everybody(self) -> None:
        for phone in self.plan.targets:
            self._ring_phone(phone)
        if self.plan.far_end is not None:
            self._ring_far_end(self.plan.far_end)
        self._after("round over", self.plan.ring_seconds, self._round_over)
        self._if_nobody_rings(state.NO_ANSWER)

    def _ring_phone(self, phone: Phone) -> None:
        """Dial one phone. One that is not registered gets no channel at all, as in Asterisk."""
        if not phone.profile.registered:
            return
        channel = self.pbx.new_channel(phone.account, linkedid=self.id)
        channel.caller_number = phone.extension
        leg = Leg(self, channel, phone, phone.free_line())
        if leg.line is not None:
            leg.line.leg = leg
        self.legs.append(leg)
        self._dialled(leg, phone.account)
        if leg.line is None:
            self._drop(leg, "BUSY", state.BUSY)
        else:
            self._after(f"alert {phone.extension}", ALERT_SECONDS, self._alert, leg)

    def _alert(self, leg: Leg) -> None:
        self.pbx.new_state(leg.channel, state.RINGING)
        self.pbx.dial_ringing(self.caller.channel, leg.channel)
        leg.show("ringing", *self.seen_by(leg))
        for colleague in self.plan.colleagues:
            if leg.phone is not None and colleague.extension == leg.phone.extension:
                deed = self.answer if colleague.deed == "answer" else self.reject
                self._after(f"deed of {colleague.extension}", colleague.after_seconds, deed, leg)

    def _ring_far_end(self, end: FarEnd) -> None:
        channel = self.pbx.new_channel(self.plan.trunk, linkedid=self.id, context="from-trunk")
        channel.caller_number = self.plan.dialled
        leg = Leg(self, channel)
        self.legs.append(leg)
        self._dialled(leg, f"{self.plan.dialled}@{self.plan.trunk}")
        if end.outcome in ("answer", "no_answer"):
            self._after("far alert", ALERT_SECONDS, self._alert, leg)
        self._after("far end", end.after_seconds + ALERT_SECONDS, self._far_end_acts, leg, end.outcome)

    def _far_end_acts(self, leg: Leg, outcome: str) -> None:
        if outcome == "answer":
            self.answer(leg)
            return
        status, cause = {
            "busy": ("BUSY", state.BUSY),
            "no_answer": ("NOANSWER", state.UNKNOWN),
            "not_found": ("NOANSWER", state.UNALLOCATED),
        }[outcome]
        self._drop(leg, status, cause)
        self._if_nobody_rings(cause)

    def _dialled(self, leg: Leg, dial_string: str) -> None:
        caller = self.caller.channel
        leg.channel.connected_number, leg.channel.connected_name = caller.caller_number, caller.caller_name
        self.pbx.dial_begin(caller, leg.channel, dial_string)

    def _round_over(self) -> None:
        for leg in [*self.legs]:
            self._drop(leg, "NOANSWER", state.UNKNOWN)
        self._if_nobody_rings(state.NO_ANSWER)

    def _if_nobody_rings(self, cause: int) -> None:
        if not self.legs and self.phase == "ringing":
            self._fail(cause)

    # How it goes on and ends.

    def _answered(self, leg: Leg) -> None:
        """A plain Dial: the losers first, then the winner."""
        caller = self.caller.channel
        self.pbx.new_state(leg.channel, state.UP)
        for loser in [*self.legs]:
            self._drop(loser, "CANCEL", state.ELSEWHERE)
        self.pbx.dial_end(caller, leg.channel, "ANSWER")
        self.pbx.new_state(caller, state.UP)
        self.pbx.join(leg.channel, caller)

    def _drop(self, leg: Leg, status: str, cause: int) -> None:
        """A dialled party is out of it."""
        self.legs.remove(leg)
        self.pbx.dial_end(self.caller.channel, leg.channel, status)
        self.pbx.hangup(leg.channel, cause)
        leg.clear()

    def _abandon(self) -> None:
        """The caller goes while it rings."""
        for leg in [*self.legs]:
            self._drop(leg, "CANCEL", state.UNKNOWN)
        self._finish(state.INTERWORKING)

    def _fail(self, cause: int) -> None:
        """Nobody took the call. A phone that dialled shows the failure for a while."""
        line = self.caller.line
        self._stop_timers()
        self._finish(cause)
        if line is not None:
            line.show("failed", self.plan.number, self.plan.name)
            self.pace.later(FAILED_SECONDS, line.clear_failed)

    def _part(self, leg: Leg) -> None:
        """Two who talked part; `leg` hung up first."""
        self._stop_timers()
        self.pbx.hangup_request(leg.channel, state.NORMAL)
        for party in (self.winner, self.caller):
            if party is not None:
                self.pbx.leave(party.channel)
        if self.winner is not None:
            self.pbx.hangup(self.winner.channel, state.NORMAL)
            self.winner.clear()
        self._finish(state.NORMAL)

    def _finish(self, cause: int) -> None:
        self._stop_timers()
        self.phase = "ended"
        self.pbx.hangup(self.caller.channel, cause)
        self.caller.clear()
        self.ended.set()
        for hook in self.on_end:
            hook(self)

    def _after(self, name: str, seconds: float, deed: Callable[..., Any], *arguments: Any) -> None:
        self._timers[name] = self.pace.later(seconds, deed, *arguments)

    def _stop_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
