"""Places calls: knows the phones, the lines and the teams, and what the world outside does."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

from crmconnector.simulator import channels as state
from crmconnector.simulator.calls import Call, Leg, Plan
from crmconnector.simulator.handover import goes_on, join, let_go, ring_on
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.pbx import Pbx
from crmconnector.simulator.phone import Phone, PhoneLine
from crmconnector.simulator.profiles import PROFILES
from crmconnector.simulator.queueing import QueueCall, Rooms
from crmconnector.simulator.story import Colleague, FarEnd, Group, IncomingScene, Queue, Span, Story
from crmconnector.simulator.switch import REFER_SECONDS, Told


class NoSuch(Exception):
    """Nothing in the office has this name; the text is a sentence."""


class Switchboard:
    """The office's calls that are up, by their id."""

    def __init__(self, story: Story, pace: Pace, pbx: Pbx) -> None:
        self.story, self.pace, self.pbx = story, pace, pbx
        self.calls: dict[str, Call] = {}
        self.rooms: Rooms = defaultdict(list)
        self.parked: dict[str, Call] = {}  # by the place of the car park that one dials
        self.far_ends: dict[str, FarEnd] = {}  # set by a test or a scene, for one dialled number
        self.referrals: dict[str, str] = {}  # how a blind transfer to a number goes, in words of switch.REFERRALS
        self.random = random.Random(story.seed)
        self.phones = {
            phone.extension: Phone(phone, PROFILES[phone.profile], pace, self, self._owner(phone.extension))
            for phone in story.phones
        }

    @property
    def is_quiet(self) -> bool:
        """No call is up and no phone is in use."""
        return not self.calls and all(phone.is_idle for phone in self.phones.values())

    def phone(self, extension: str) -> Phone:
        if extension not in self.phones:
            raise NoSuch(f"No phone has the extension {extension!r}; there are: {', '.join(self.phones)}.")
        return self.phones[extension]

    def call(self, call_id: str) -> Call:
        if call_id not in self.calls:
            raise NoSuch(f"No call {call_id!r} is up.")
        return self.calls[call_id]

    def incoming(
        self,
        number: str,
        name: str = "",
        *,
        did: str | None = None,
        target: str | None = None,
        gives_up_after: float | None = None,
        talk_seconds: float | None = None,
        colleagues: tuple[Colleague, ...] = (),
    ) -> Call:
        """Somebody outside calls a line of the office (or an extension straight away)."""
        line = self.story.line(did) if did else None
        if did and line is None:
            raise NoSuch(f"No line has the number {did!r}.")
        wanted = target or (line.target if line else None)
        if wanted is None:
            raise NoSuch("Say where the call goes: a did or a target.")
        trunk = line.trunk if line else self._trunk()
        plan = Plan(
            "incoming", number, name, gives_up_after=gives_up_after, talk_seconds=talk_seconds, colleagues=colleagues
        )
        call = self._build(plan, wanted)
        channel = self.pbx.new_channel(
            trunk,
            state=state.RING,
            caller_number=number,
            caller_name=name,
            context="from-trunk",
            exten=did or wanted,
        )
        self._up(call, channel.linkedid)
        call.start(channel)
        return call

    def play(self, scene: IncomingScene) -> Call:
        return self.incoming(
            scene.number,
            scene.caller_name,
            did=scene.line,
            target=scene.target,
            gives_up_after=scene.caller_gives_up_after_seconds,
            talk_seconds=self.draw(scene.talk_seconds),
            colleagues=scene.colleagues,
        )

    # What a phone asks for (switch.Switch).

    def answer(self, line: PhoneLine) -> bool:
        leg = _leg(line)
        return leg.call.answer(leg)

    def reject(self, line: PhoneLine) -> bool:
        leg = _leg(line)
        return leg.call.reject(leg)

    def hang_up(self, line: PhoneLine) -> bool:
        leg = _leg(line)
        return leg.call.hang_up(leg)

    def hold(self, line: PhoneLine, held: bool) -> None:
        leg = _leg(line)
        leg.call.hold(leg, held)

    def digit(self, line: PhoneLine, sign: str) -> None:
        """Tones go over the voice path, and the PBX tells nothing of them."""

    def blind_transfer(self, line: PhoneLine, number: str, told: Told) -> None:
        outcome = self.referrals.get(number, "accepted")
        if outcome != "silent":
            self.pace.later(REFER_SECONDS, self._refer, _leg(line), number, outcome, told)

    def _refer(self, leg: Leg, number: str, outcome: str, told: Told) -> None:
        if outcome == "accepted":
            other = let_go(leg, number)
            if other is None:
                outcome = "refused"
            else:
                self.send_on(other, number, leg.call.plan.talk_seconds)
        told(outcome)

    def send_on(self, other: Leg, number: str, talk_seconds: float | None) -> None:
        """The dialplan takes the party that was handed over to its new target."""
        if self._take_back(other, number):
            return
        if self._is_inside(number):
            plan = replace(goes_on(other, number, talk_seconds), colleagues=self._habits())
            call = self._build(plan, number)
        else:
            call = Call(self.pbx, self.pace, self._outside(number))
        self._up(call, other.channel.linkedid)
        call.start(other.channel, other.phone, other.line)

    def attended_transfer(self, held: PhoneLine, consulted: PhoneLine) -> bool:
        one, two = _leg(held), _leg(consulted)
        if two.call.phase == "ringing":
            before = two.call.id
            call = ring_on(one, two)
            if call is not None:
                self.calls.pop(before, None)
                self.calls[call.id] = call
            return call is not None
        call = join(one, two)
        if call is not None:
            self._up(call, call.id)
        return call is not None

    def dial(self, phone: Phone, line: PhoneLine, number: str) -> None:
        """A phone's INVITE: to a colleague, to a team, or to the world outside."""
        inside = self._is_inside(number)
        plan = Plan("internal", number, colleagues=self._habits()) if inside else self._outside(number)
        call = self._build(plan, number) if inside else Call(self.pbx, self.pace, plan)
        channel = self.pbx.new_channel(
            phone.account,
            state=state.RING,
            caller_number=phone.extension,
            caller_name=phone.owner,
            exten=number,
        )
        if self._take_back(Leg(call, channel, phone, line), number):
            return
        self._up(call, channel.linkedid)
        call.start(channel, phone, line)

    def _take_back(self, leg: Leg, number: str) -> bool:
        """Who dials a place of the car park has the party that waits there."""
        parked = self.parked.get(number)
        if parked is None:
            return False
        waiting = parked.caller
        parked.dissolve()
        self.pbx.new_state(leg.channel, state.UP)
        self.pbx.music(waiting.channel, False)
        self.pbx.join(waiting.channel, leg.channel)
        self.keep(Call.already_up(self.pbx, self.pace, parked.plan, waiting, leg))
        return True

    def keep(self, call: Call) -> None:
        """A call that somebody else began is one of the office's."""
        self._up(call, call.id)

    def plan_to(self, number: str) -> Plan:
        """How a number is reached for somebody who is in a call already: one phone, a group, or the world outside."""
        if not self._is_inside(number):
            return self._outside(number)
        group = self.story.group(number) or self.story.queue(number)
        members = tuple(self.phone(one) for one in group.members) if group else (self.phone(number),)
        return Plan("internal", number, targets=members, colleagues=self._habits())

    def draw(self, span: Span) -> float:
        """A time between two, the same in every run of one seed."""
        return self.random.uniform(*span)

    def _build(self, plan: Plan, wanted: str) -> Call:
        """Fill in who rings, and make the kind of call that fits."""
        team: Queue | Group | None = self.story.queue(wanted) or self.story.group(wanted)
        if team is None:
            return Call(self.pbx, self.pace, replace(plan, targets=(self.phone(wanted),)))
        members = tuple(self.phone(member) for member in team.members)
        plan = replace(plan, targets=members, ring_seconds=team.ring_seconds)
        if isinstance(team, Queue):
            return QueueCall(self.pbx, self.pace, plan, queue=team, rooms=self.rooms)
        return Call(self.pbx, self.pace, plan)

    def _outside(self, number: str) -> Plan:
        end = self.far_ends.get(number) or self.story.far_end(number)
        talk = self.draw(end.talk_seconds) if end.outcome == "answer" else None
        return Plan(
            "outgoing", number, far_end=end, talk_seconds=talk, trunk=self._trunk(), outbound_number=self._own_number()
        )

    def _up(self, call: Call, call_id: str) -> None:
        self.calls[call_id] = call
        call.on_end.append(self._down)

    def _down(self, call: Call) -> None:
        self.calls.pop(call.id, None)

    def _is_inside(self, number: str) -> bool:
        return number in self.phones or bool(self.story.queue(number) or self.story.group(number))

    def _habits(self) -> tuple[Colleague, ...]:
        """What the owners of the phones do when a colleague calls."""
        return tuple(
            Colleague(phone.extension, "answer", phone.answers_colleagues_after_seconds)
            for phone in self.story.phones
            if phone.answers_colleagues_after_seconds is not None
        )

    def _owner(self, extension: str) -> str:
        return next((person.name for person in self.story.people if person.extension == extension), "")

    def _own_number(self) -> str:
        return self.story.pbx.lines[0].number if self.story.pbx.lines else ""

    def _trunk(self) -> str:
        return self.story.pbx.trunks[0].endpoint if self.story.pbx.trunks else "trunk"


def _leg(line: PhoneLine) -> Leg:
    if not isinstance(line.leg, Leg):
        raise RuntimeError(f"no call is on line {line.number}")
    return line.leg
