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

    def moved_to(self, call: Call) -> Leg:
        """The same party in another call."""
        leg = Leg(call, self.channel, self.phone, self.line)
        if self.line is not None:
            self.line.leg = leg
        return leg

    def clear(self, why: str = "") -> None:
        """The call is over for this party; see PhoneLine.end."""
        if self.line is not None:
            self.line.end(why)


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
    outbound_number: str = ""  # what the office shows to the world; "" = the extension


@dataclass(eq=False)
class Call:
    """A call from its first channel to its last. Its id is the Linkedid."""

    pbx: Pbx
    pace: Pace
    plan: Plan
    phase: str = "ringing"  # ringing, talking, ended
    legs: list[Leg] = field(default_factory=list)  # those that are being dialled
    winner: Leg | None = None
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

    def take_place_of(self, leg: Leg) -> None:
        """This leg will be the caller of this call, which is about to start."""
        self._caller = leg.moved_to(self)

    @property
    def parties(self) -> list[Leg]:
        """Everybody who has a channel in it."""
        found = [self._caller, self.winner, *self.legs]
        return [leg for leg in found if leg is not None]

    def start(self, channel: Channel, phone: Phone | None = None, line: PhoneLine | None = None) -> None:
        """Begin with the caller's channel; `phone` and `line` are his when he is one of the office."""
        self._caller = Leg(self, channel, phone, line)
        if line is not None:
            line.leg = self._caller
        if self.plan.gives_up_after is not None:
            self._after("gives up", self.plan.gives_up_after, self.hang_up, self.caller)
        targets = (f"PJSIP/{target.account}" for target in self.plan.targets)
        channel.application, channel.application_text = "Dial", "&".join(targets)
        self._arrive()
        self._ring_everybody()

    @classmethod
    def already_up(cls, pbx: Pbx, pace: Pace, plan: Plan, one: Leg, two: Leg) -> Call:
        """The call of two parties who talk already, put together by a third."""
        call = cls(pbx, pace, plan, phase="talking")
        call._caller, call.winner = one.moved_to(call), two.moved_to(call)
        for leg, other in ((call._caller, call.winner), (call.winner, call._caller)):
            leg.show("connected", other.channel.caller_number, other.channel.caller_name)
        call._talk_on()
        return call

    def take_over(self, one: Leg) -> None:
        """Another party takes the caller's place while it rings."""
        for leg in self.legs:
            leg.channel.linkedid = one.channel.linkedid
        self._caller = one.moved_to(self)
        for leg in self.legs:
            self._introduce(leg)
            if leg.line is not None and leg.line.state == "ringing":
                leg.show("ringing", *self.seen_by(leg))
        if len(self.legs) == 1:
            self._introduce_to_caller(self.legs[0])

    def dissolve(self) -> None:
        """The call is over as such; what is left of its channels belongs to another one."""
        self._stop_timers()
        self.phase = "ended"
        for hook in self.on_end:
            hook(self)

    def before_handover(self, leg: Leg) -> None:
        """This leg is about to hand the call over; a queue tells that its member is done."""

    # What the parties do. Each answers False when it makes no sense now.

    def answer(self, leg: Leg) -> bool:
        """The first to answer wins, the others stop ringing."""
        if leg not in self.legs:
            return False  # rejected, or another was faster
        self._stop_timers()
        self.phase, self.winner = "talking", leg
        self.legs.remove(leg)
        self._answered(leg)
        number, name = self.seen_by(leg)
        leg.show("connected", number, name)
        self.caller.show("connected", self.plan.number, self.plan.name)
        self._talk_on()
        return True

    def _talk_on(self) -> None:
        if self.plan.talk_seconds is not None:
            self._after("talked out", self.plan.talk_seconds, self.remote_hangup)

    def reject(self, leg: Leg) -> bool:
        if leg not in self.legs:
            return False
        self._refused(leg, "BUSY", state.BUSY)
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
        self._ring_phones()
        if self.plan.far_end is not None:
            self._ring_far_end(self.plan.far_end)
        if len(self.legs) == 1:
            self._introduce_to_caller(self.legs[0])
        self._after("round over", self.plan.ring_seconds, self._round_over)
        for leg in [*self.legs]:
            if leg.phone is not None and leg.line is None:  # every line is in use: 486 at once
                self._refused(leg, "BUSY", state.BUSY)
        self._if_nobody_rings(state.NORMAL)

    def _ring_phones(self) -> None:
        """A Dial makes all channels first and then tells that they are dialled."""
        for leg in [self._open(phone) for phone in self._reachable()]:
            self._dialled(leg, leg.channel.endpoint)

    def _reachable(self) -> list[Phone]:
        """A phone that is not registered gets no channel at all, as in Asterisk; nor does one with the PBX's own note
        that it is not to be disturbed."""
        asleep = self.pbx.undisturbed
        return [phone for phone in self.plan.targets if phone.registered and phone.extension not in asleep]

    def _open(self, phone: Phone) -> Leg:
        channel = self.pbx.new_channel(
            phone.account, linkedid=self.id, caller_number=phone.extension, caller_name=phone.owner
        )
        leg = Leg(self, channel, phone, phone.line_for_call())
        if leg.line is not None:
            leg.line.leg = leg
            self._after(f"alert {phone.extension}", ALERT_SECONDS, self._alert, leg)
        self.legs.append(leg)
        self._introduce(leg)
        return leg

    def _introduce(self, leg: Leg) -> None:
        """A Dial tells the dialled party who calls before it rings."""
        leg.channel.exten = self.caller.channel.exten
        self.pbx.connect_line(leg.channel, self.caller.channel)

    def _introduce_to_caller(self, leg: Leg) -> None:
        """A Dial of one party tells the caller at once whom he reaches; of several, when one has answered."""
        self.pbx.connect_line(self.caller.channel, leg.channel)

    def _dialled(self, leg: Leg, dial_string: str) -> None:
        self.pbx.dial_begin(self.caller.channel, leg.channel.headers("Dest"), dial_string)

    def _alert(self, leg: Leg) -> None:
        self._rings(leg)
        self.pbx.dial_ringing(self.caller.channel, leg.channel)
        leg.show("ringing", *self.seen_by(leg))
        if self.caller.line is not None:
            self.caller.line.ring_back()
        for colleague in self.plan.colleagues:
            if leg.phone is not None and colleague.extension == leg.phone.extension:
                deed = self.answer if colleague.deed == "answer" else self.reject
                self._after(f"deed of {colleague.extension}", colleague.after_seconds, deed, leg)

    def _rings(self, leg: Leg) -> None:
        self.pbx.new_state(leg.channel, state.RINGING)

    def _ring_far_end(self, end: FarEnd) -> None:
        """Leave the house by the trunk, with the house's number and not the extension's."""
        caller = self.caller.channel
        caller.context = "to-trunk"
        self.pbx.new_caller_id(caller, self.plan.outbound_number or caller.caller_number, caller.caller_name)
        channel = self.pbx.new_channel(self.plan.trunk, linkedid=self.id, context="from-trunk")
        leg = Leg(self, channel)
        self.legs.append(leg)
        channel.exten = caller.exten
        self.pbx.new_caller_id(channel, self.plan.number, "")
        self._introduce(leg)
        self._dialled(leg, f"{self.plan.number}@{self.plan.trunk}")
        if end.outcome in ("answer", "no_answer"):
            self._after("far alert", ALERT_SECONDS, self._alert, leg)
        self._after("far end", end.after_seconds + ALERT_SECONDS, self._far_end_acts, leg, end.outcome)

    def _far_end_acts(self, leg: Leg, outcome: str) -> None:
        if outcome == "answer":
            self.answer(leg)
        elif outcome == "busy":
            self._refused(leg, "BUSY", state.BUSY)
        elif outcome == "not_found":
            self._refused(leg, "NOANSWER", state.UNALLOCATED)
        else:
            self._round_over()

    def _refused(self, leg: Leg, status: str, cause: int) -> None:
        """A dialled party says no; the others ring on."""
        code = state.SIP_CODES[cause]
        self.pbx.hangup_request(leg.channel, cause, code)
        self.pbx.dial_end(self.caller.channel, leg.channel, status)
        self._gone(leg, cause, code)
        self._if_nobody_rings(cause)

    def _round_over(self) -> None:
        """It has rung long enough."""
        self._end_dials("NOANSWER")
        for leg in [*self.legs]:
            self._gone(leg, state.UNKNOWN)
        self._if_nobody_rings(state.NORMAL)

    def _if_nobody_rings(self, cause: int) -> None:
        if not self.legs and self.phase == "ringing":
            self._fail(cause)

    # How it goes on and ends.

    def _answered(self, leg: Leg) -> None:
        """A plain Dial: first the losers' dials end, then the winner's."""
        caller = self.caller.channel
        self.pbx.new_state(leg.channel, state.UP)
        self._introduce_to_caller(leg)
        self._end_dials("CANCEL")
        leg.channel.exten = ""
        self.pbx.dial_end(caller, leg.channel, "ANSWER")
        self.pbx.new_state(caller, state.UP)
        for loser in [*self.legs]:
            self._gone(loser, state.ELSEWHERE)
        self.pbx.join(leg.channel, caller)

    def _end_dials(self, status: str) -> None:
        for leg in self.legs:
            self.pbx.dial_end(self.caller.channel, leg.channel, status)

    def _gone(self, leg: Leg, cause: int, sip_code: int | None = None) -> None:
        """A dialled party's channel ends and his phone is quiet."""
        self.legs.remove(leg)
        self.pbx.hangup(leg.channel, cause, sip_code)
        leg.clear("elsewhere" if cause == state.ELSEWHERE else "")

    def _abandon(self) -> None:
        """The caller goes while it rings: SIP 487 to him, and 500 in the dialled channels."""
        caller = self.caller.channel
        self.pbx.hangup_request(caller, state.INTERWORKING, 487)
        self._end_dials("CANCEL")
        self.pbx.soft_hangup(caller, 487)
        for leg in [*self.legs]:
            self._gone(leg, state.INTERWORKING, 500)
        self._finish(state.INTERWORKING, 487)

    def _fail(self, cause: int) -> None:
        """Nobody took the call. A phone that dialled shows the failure for a while."""
        self._stop_timers()
        self.caller.channel.priority += 1
        self.pbx.soft_hangup(self.caller.channel)
        if self.caller.line is not None:
            self.caller.line.fail()
        self._finish(cause, state.SIP_CODES.get(cause))

    def _part(self, leg: Leg) -> None:
        """Two who talked part; `leg` hung up first."""
        self._stop_timers()
        winner = self.winner
        if winner is None:
            return
        self._before_parting(leg)
        for party in (leg, self.caller if leg is winner else winner):
            self.pbx.leave(party.channel)
        self.pbx.soft_hangup(self.caller.channel)
        self.pbx.hangup(winner.channel, state.NORMAL)
        winner.clear()
        self._finish(state.NORMAL)

    def _before_parting(self, leg: Leg) -> None:
        self.pbx.hangup_request(leg.channel, state.NORMAL)

    def _finish(self, cause: int, sip_code: int | None = None) -> None:
        self._stop_timers()
        self.phase = "ended"
        self.pbx.hangup(self.caller.channel, cause, sip_code)
        if self.caller.line is not None and self.caller.line.leg is self.caller:
            self.caller.clear()
        for hook in self.on_end:
            hook(self)

    def _after(self, name: str, seconds: float, deed: Callable[..., Any], *arguments: Any) -> None:
        """One timer a name: setting it anew ends the old one."""
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self.pace.later(seconds, deed, *arguments)

    def _stop_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
