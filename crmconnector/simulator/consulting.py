"""A consultation by the PBX (Atxfer): one channel of the transferer asks a third party while the first one waits.

Simplified against a real Asterisk: the third party is called without Local channels in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crmconnector.simulator import channels as state
from crmconnector.simulator.calls import Call, Leg, Plan
from crmconnector.simulator.channels import Bridge
from crmconnector.simulator.handover import enter, gone, joined_call, other_party, tell_attended

GoesOn = Callable[[Call], None]  # told of the call that follows


@dataclass(eq=False)
class Waiting:
    """The party that hears music, its bridge, and the call it was in."""

    leg: Leg
    bridge: Bridge
    call: Call


@dataclass(eq=False)
class Consultation(Call):
    """`caller` is the transferer. Once it is completed while it rings, it is a plain call of the one who waited."""

    waiting: Waiting | None = None
    goes_on: GoesOn = field(default=lambda _call: None)

    @property
    def parties(self) -> list[Leg]:
        return [*super().parties, *([self.waiting.leg] if self.waiting else [])]

    def hang_up(self, leg: Leg) -> bool:
        waiting = self.waiting
        if waiting is None or self.phase == "ended":
            return super().hang_up(leg)
        if leg.channel is waiting.leg.channel:
            self._first_gives_up(waiting)
        elif leg is self.caller:
            self.complete()
        elif leg is self.winner:
            self.pbx.hangup_request(leg.channel, state.NORMAL)
            self.back()
        else:
            return self.reject(leg)
        return True

    def remote_hangup(self) -> bool:
        if self.waiting is not None and self.waiting.leg.phone is None:
            return self.hang_up(self.waiting.leg)
        return super().remote_hangup()

    def back(self) -> None:
        """Give it up: the third party goes, the two are together again."""
        waiting = self.waiting
        if waiting is None:
            return
        self._end_dials("CANCEL")
        for leg in [*self.legs]:
            self._gone(leg, state.NORMAL)
        own, asked = self.caller, self.winner
        self.pbx.leave(own.channel)
        if asked is not None:
            gone(self.pbx, asked, self)
        self.pbx.emit("Unhold", "call,all", own.channel.headers())
        own.channel.held = False
        self.pbx.music(waiting.leg.channel, False)
        enter(self.pbx, own.channel, waiting.bridge)
        self.pbx.connect_line(own.channel, waiting.leg.channel)
        self.dissolve()
        one, two = (own, waiting.leg) if waiting.call.caller.channel is own.channel else (waiting.leg, own)
        self.goes_on(Call.already_up(self.pbx, self.pace, waiting.call.plan, one, two))

    def complete(self) -> None:
        """The transferer leaves; who waited has the third party, or lets it ring."""
        waiting, own, asked = self.waiting, self.caller, self.winner
        if waiting is None:
            return
        self.pbx.hangup_request(own.channel, state.NORMAL)
        self.pbx.music(waiting.leg.channel, False)
        bridges = [*waiting.bridge.headers()], [*(own.channel.bridge or waiting.bridge).headers()]
        self.pbx.leave(own.channel)
        target = asked.channel if asked else None
        if asked is not None:
            self.pbx.leave(asked.channel)
            enter(self.pbx, asked.channel, waiting.bridge)
        into = waiting.bridge if asked else None
        tell_attended(self.pbx, (own, own), bridges, waiting.leg.channel, target, into)
        if asked is None:
            self._ring_on(waiting, own)
            return
        self.pbx.connect_line(waiting.leg.channel, asked.channel)
        self.pbx.connect_line(asked.channel, waiting.leg.channel)
        gone(self.pbx, own, self)
        self.dissolve()
        self.goes_on(joined_call(waiting.call, self, waiting.leg, asked))

    def _ring_on(self, waiting: Waiting, own: Leg) -> None:
        self.pbx.leave(waiting.leg.channel)
        gone(self.pbx, own, self)
        waiting.leg.channel.exten = own.channel.exten
        self.waiting = None
        self.take_over(waiting.leg)

    def _first_gives_up(self, waiting: Waiting) -> None:
        """Who waited hangs up: the consultation goes on as a call of its own."""
        self.waiting = None
        self.pbx.hangup_request(waiting.leg.channel, state.NORMAL)
        self.pbx.hangup(waiting.leg.channel, state.NORMAL)
        waiting.leg.clear()

    def _answered(self, leg: Leg) -> None:
        if self.waiting is None or self.caller.channel.bridge is None:
            super()._answered(leg)
            return
        own = self.caller.channel
        self.pbx.new_state(leg.channel, state.UP)
        self._introduce_to_caller(leg)
        self._end_dials("CANCEL")
        leg.channel.exten = ""
        self.pbx.dial_end(own, leg.channel, "ANSWER")
        for loser in [*self.legs]:
            self._gone(loser, state.ELSEWHERE)
        enter(self.pbx, leg.channel, self.caller.channel.bridge)

    def _fail(self, cause: int) -> None:
        """Nobody took it: back to who waits."""
        if self.waiting is None:
            super()._fail(cause)
        else:
            self.back()

    def _part(self, leg: Leg) -> None:
        if self.waiting is not None and leg is self.winner:
            self.back()
        else:
            super()._part(leg)


def consult(leg: Leg, plan: Plan, number: str, goes_on: GoesOn) -> Consultation | None:
    """Begin one from this leg; it still has to be started. None: it talks with nobody."""
    call, other, bridge = leg.call, other_party(leg), leg.channel.bridge
    if call.phase != "talking" or other is None or bridge is None:
        return None
    call.pbx.hold(leg.channel, True)
    call.dissolve()
    call.pbx.leave(leg.channel)
    call.pbx.music(other.channel, True)
    asking = Consultation(call.pbx, call.pace, replace(plan, number=number), goes_on=goes_on)
    asking.waiting = Waiting(other.moved_to(asking), bridge, call)
    leg.channel.exten = number
    call.pbx.join(leg.channel)
    return asking
