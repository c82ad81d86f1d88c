"""What the PBX itself can be asked to do with calls: ring a phone and dial, hand over, ask first, park, conference.

A channel is named by its Uniqueid or by its name, as Asterisk takes both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from crmconnector.simulator import channels as state
from crmconnector.simulator.calls import ALERT_SECONDS, Call, Leg, Plan
from crmconnector.simulator.channels import Bridge, Channel
from crmconnector.simulator.consulting import Consultation, consult
from crmconnector.simulator.handover import enter, gone, joined_call, let_go, other_party
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.switchboard import Switchboard

PICK_UP_SECONDS = 0.4  # until a phone obeys the header by which it is to pick up by itself
PARKING = range(701, 721)


class Impossible(Exception):
    """The text is what Asterisk answers."""


@dataclass(eq=False)
class FirstRing(Call):
    """The PBX rings a phone of the office; picked up, it goes on as if the number had been dialled there."""

    begun: Callable[[Call], None] = field(default=lambda _call: None)
    picked_up: Callable[[Leg], None] = field(default=lambda _leg: None)
    came_to: Callable[[str], None] = field(default=lambda _reason: None)  # Reason of OriginateResponse

    def ring(self, channel: Channel, phone: Phone, seconds: float) -> None:
        line = phone.line_for_call()
        leg = self._caller = Leg(self, channel, phone, line)
        self.begun(self)
        self.pbx.emit("DialBegin", "call,all", channel.headers("Dest"), [("DialString", phone.account)])
        if line is None:
            self._over(leg, "BUSY", state.BUSY, "5")
            return
        line.leg = leg
        self._after("alert", ALERT_SECONDS, self._alert, leg)
        self._after("patience", seconds, self._over, leg, "NOANSWER", state.NO_ANSWER, "3")

    def answer(self, leg: Leg) -> bool:
        if self.phase != "ringing":
            return False
        self.pbx.new_state(leg.channel, state.UP)
        self._tell("DialEnd", leg, "ANSWER")
        self.dissolve()
        leg.show("connected", self.plan.number, self.plan.name)
        self.came_to("4")
        self.picked_up(leg)
        return True

    def reject(self, leg: Leg) -> bool:
        return self._over(leg, "BUSY", state.BUSY, "5")

    def hang_up(self, leg: Leg) -> bool:
        return self._over(leg, "NOANSWER", state.NORMAL, "3")

    def _alert(self, leg: Leg) -> None:
        self.pbx.new_state(leg.channel, state.RINGING)
        self._tell("DialState", leg, "RINGING")
        leg.show("ringing", self.plan.number, self.plan.name)
        if leg.phone is not None and leg.phone.profile.obeys_pick_up:
            self._after("picks up", PICK_UP_SECONDS, leg.phone.accept, leg.line)

    def _over(self, leg: Leg, status: str, cause: int, reason: str) -> bool:
        if self.phase != "ringing":
            return False
        self.dissolve()
        self._tell("DialEnd", leg, status)
        self.pbx.hangup(leg.channel, cause)
        leg.clear()
        self.came_to(reason)
        return True

    def _tell(self, event: str, leg: Leg, status: str) -> None:
        """No channel dials it, so there are the headers of the dialled one alone."""
        self.pbx.emit(event, "call,all", leg.channel.headers("Dest"), [("DialStatus", status)])


@dataclass(eq=False)
class Room(Call):
    """A conference: whoever hangs up leaves it, and the last one ends it."""

    number: str = ""
    bridge: Bridge | None = None
    members: list[Leg] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"room {self.number}"

    @property
    def parties(self) -> list[Leg]:
        return [*self.members]

    def take(self, leg: Leg) -> None:
        member = leg.moved_to(self)
        if not self.members:
            self._caller, self.phase = member, "talking"
        self.members.append(member)
        leg.channel.application, leg.channel.application_text = "ConfBridge", self.number
        if self.bridge is None:
            self.bridge = self.pbx.join(leg.channel, is_room=True)
        else:
            enter(self.pbx, leg.channel, self.bridge)
        if leg.line is not None:
            leg.line.turn("connected")  # nobody tells a phone that it is in a room: it shows whom it showed

    def hang_up(self, leg: Leg) -> bool:
        if leg not in self.members:
            return False
        self.members.remove(leg)
        self.pbx.hangup_request(leg.channel, state.NORMAL)
        self.pbx.hangup(leg.channel, state.NORMAL)
        leg.clear()
        if not self.members:
            self.dissolve()
        return True

    def remote_hangup(self) -> bool:
        outside = next((leg for leg in self.members if leg.phone is None), None)
        return outside is not None and self.hang_up(outside)


@dataclass(eq=False)
class Parked(Call):
    """One party that waits at a place of the car park until somebody dials it."""

    def wait(self, leg: Leg) -> None:
        self._caller, self.phase = leg.moved_to(self), "talking"

    def hang_up(self, leg: Leg) -> bool:
        if self.phase == "ended":
            return False
        self.dissolve()
        self.pbx.hangup(leg.channel, state.NORMAL)
        leg.clear()
        return True


class Operator:
    """The deeds, on one switchboard. Raises Impossible, and has then done nothing."""

    def __init__(self, board: Switchboard) -> None:
        self.board, self.pbx, self.pace = board, board.pbx, board.pace

    def leg(self, name: str) -> Leg:
        for call in self.board.calls.values():
            for leg in call.parties:
                if name in (leg.channel.uniqueid, leg.channel.name) and leg.channel.uniqueid in self.pbx.channels:
                    return leg
        raise Impossible("No such channel")

    def hang_up(self, name: str) -> None:
        leg = self.leg(name)
        leg.call.hang_up(leg)

    def call_first(
        self, account: str, number: str, shown: tuple[str, str], seconds: float, came_to: Callable[[str, Channel], None]
    ) -> None:
        """Ring this phone showing (number, name); once picked up it dials `number`. Asterisk takes the order anyway
        and tells later what came of it."""
        phone = next((one for one in self.board.phones.values() if one.account == account), None)
        channel = self.pbx.new_channel(account, caller_number=account, caller_name=phone.owner if phone else "")
        if phone is None or not phone.registered:
            self.pbx.hangup(channel, state.UNKNOWN)
            self.pace.later(0, came_to, "0", channel)
            return
        self.pbx.new_caller_id(channel, *shown)
        self.pbx.connect_line(channel, channel)
        call = FirstRing(self.pbx, self.pace, Plan("internal", shown[0], shown[1]))
        call.came_to = lambda reason: came_to(reason, channel)
        call.begun = self._up
        call.picked_up = lambda leg: self._dials(leg, phone, number)
        call.ring(channel, phone, seconds)

    def _dials(self, leg: Leg, phone: Phone, number: str) -> None:
        leg.channel.exten = number
        self.pbx.new_caller_id(leg.channel, phone.extension, phone.owner)
        self.board.send_on(leg, number, None)

    def blind_transfer(self, name: str, number: str) -> None:
        leg = self.leg(name)
        talk = leg.call.plan.talk_seconds
        other = let_go(leg, number)
        if other is None:
            raise Impossible("Transfer failed")
        self.board.send_on(other, number, talk)

    def ask_first(self, name: str, number: str) -> None:
        leg = self.leg(name)
        if isinstance(leg.call, Consultation) and leg.call.waiting is not None:
            raise Impossible("Atxfer failed")
        asking = consult(leg, self.board.plan_to(number), number, self._up)
        if asking is None:
            raise Impossible("Atxfer failed")
        asking.take_place_of(leg)
        self._up(asking)
        asking.start(leg.channel, leg.phone, leg.line)

    def back_to_first(self, name: str) -> None:
        call = self.leg(name).call
        if not isinstance(call, Consultation) or call.waiting is None:
            raise Impossible("Unable to cancel attended transfer")
        call.back()

    def put_together(self, first: str, second: str) -> None:
        """Two far ends hear each other from now on; those they heard before end."""
        one, two = self.leg(first), self.leg(second)
        left = [leg for leg in (other_party(one), other_party(two)) if leg is not None]
        calls = (one.call, two.call)
        bridge = two.channel.bridge
        if bridge is None or one.channel.bridge is None or len(left) != 2 or calls[0] is calls[1]:
            raise Impossible("Bridge failed")
        for leg in left:
            self.pbx.leave(leg.channel)
            gone(self.pbx, leg, leg.call)
        self.pbx.leave(one.channel)
        enter(self.pbx, one.channel, bridge)
        self.pbx.connect_line(one.channel, two.channel)
        self.pbx.connect_line(two.channel, one.channel)
        for call in calls:
            call.dissolve()
        self._up(joined_call(*calls, one, two))

    def park(self, name: str) -> None:
        leg = self.leg(name)
        own = other_party(leg)
        place = next((str(one) for one in PARKING if str(one) not in self.board.parked), None)
        if own is None or leg.call.phase != "talking" or place is None:
            raise Impossible("Park failed")
        old = leg.call
        self.pbx.leave(leg.channel)
        self.pbx.leave(own.channel)
        old.before_handover(own)
        old.dissolve()
        parked = Parked(self.pbx, self.pace, replace(old.plan, talk_seconds=None))
        parked.wait(leg)
        self._up(parked)
        self.board.parked[place] = parked
        parked.on_end.append(lambda _call: self._free(place))
        said = [("ParkingLot", "default"), ("ParkingSpace", place), ("ParkingTimeout", "45"), ("ParkingDuration", "0")]
        self.pbx.emit("ParkedCall", "call,all", leg.channel.headers("Parkee"), own.channel.headers("Parker"), said)
        self.pbx.music(leg.channel, True)
        gone(self.pbx, own, old)

    def _free(self, place: str) -> None:
        self.board.parked.pop(place, None)

    def tone(self, name: str, digit: str) -> None:
        self.pbx.heard.setdefault(self.leg(name).channel.uniqueid, []).append(digit)

    def mute(self, name: str, on: bool) -> None:
        self.leg(name).channel.muted = on

    def into_room(self, names: list[str], number: str) -> None:
        legs = [self.leg(name) for name in names]
        room = self.board.calls.get(f"room {number}")
        if not isinstance(room, Room):
            room = Room(self.pbx, self.pace, Plan("internal", number), number=number)
            self._up(room)
        for leg in legs:
            self._take_out(leg, legs)
        for leg in legs:
            room.take(leg)

    def _take_out(self, leg: Leg, together: list[Leg]) -> None:
        """Whoever is left alone by it hangs up, unless it comes along."""
        call, coming = leg.call, [one.channel for one in together]
        self.pbx.leave(leg.channel)
        if isinstance(call, Consultation) and call.waiting is not None and leg.channel is call.waiting.leg.channel:
            self.pbx.music(leg.channel, False)
            call.waiting = None
            return
        if call.phase == "ended":
            return
        call.dissolve()
        for other in call.parties:
            if other.channel not in coming and other.channel.uniqueid in self.pbx.channels:
                gone(self.pbx, other, call)

    def _up(self, call: Call) -> None:
        self.board.keep(call)
