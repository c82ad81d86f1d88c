"""A call that waits in a queue: the caller is answered at once by the PBX, the members ring in rounds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from crmconnector.simulator import channels as state
from crmconnector.simulator.ami.wire import Headers
from crmconnector.simulator.calls import Call, Leg
from crmconnector.simulator.pbx import AGENT
from crmconnector.simulator.story import Queue

Rooms = defaultdict[str, list["QueueCall"]]  # who waits, by the queue's extension, the longest waiting first


@dataclass(eq=False)
class QueueCall(Call):
    """Differs from a plain call by the queue's own events and by ringing again when nobody answers."""

    queue: Queue | None = None
    rooms: Rooms = field(default_factory=lambda: defaultdict(list))
    joined_at: float = 0.0
    joined_as: int = 1
    rang_at: float = 0.0
    waited_seconds: int = 0
    answered_at: float = 0.0

    @property
    def _queue(self) -> Queue:
        if self.queue is None:
            raise RuntimeError("a queue call needs a queue")
        return self.queue

    @property
    def room(self) -> list[QueueCall]:
        return self.rooms[self._queue.extension]

    def _arrive(self) -> None:
        caller = self.caller.channel
        self.joined_at = self.pace.now()
        self.room.append(self)
        self.joined_as = len(self.room)
        caller.context, caller.exten = "queues", self._queue.extension
        caller.application, caller.application_text = "Queue", self._queue.extension
        self.pbx.new_state(caller, state.UP)
        caller.priority = 2
        place = [("Position", str(self.joined_as)), ("Count", str(len(self.room)))]
        self._tell("QueueCallerJoin", self._named(), place)
        self.pbx.music(caller, True)

    def _ring_everybody(self) -> None:
        self.rang_at = self.pace.now()
        super()._ring_everybody()

    def _ring_phones(self) -> None:
        """A queue makes and dials one channel after the other."""
        for phone in self._reachable():
            leg = self._open(phone)
            self._dialled(leg, f"PJSIP/{leg.channel.endpoint}")

    def _introduce(self, leg: Leg) -> None:
        """A queue tells the member who calls only when his phone rings."""

    def _introduce_to_caller(self, leg: Leg) -> None:
        if leg is self.winner:
            super()._introduce_to_caller(leg)

    def _dialled(self, leg: Leg, dial_string: str) -> None:
        """AgentCalled knows the caller already, DialBegin tells the channel as it was made."""
        as_made = leg.channel.headers("Dest")
        caller = self.caller.channel
        leg.channel.exten = caller.exten
        leg.channel.connected_number, leg.channel.connected_name = caller.caller_number, caller.caller_name
        self._tell("AgentCalled", leg.channel.headers("Dest"), self._named(), self._member(leg))
        self.pbx.dial_begin(caller, as_made, dial_string)

    def _rings(self, leg: Leg) -> None:
        super()._rings(leg)
        self.pbx.tell_connected_line(leg.channel)

    def _answered(self, leg: Leg) -> None:
        caller = self.caller.channel
        self.waited_seconds, self.answered_at = self._since(self.joined_at), self.pace.now()
        self.pbx.new_state(leg.channel, state.UP)
        self.pbx.dial_end(caller, leg.channel, "ANSWER")
        self._end_dials("CANCEL")
        self._introduce_to_caller(leg)
        for loser in [*self.legs]:
            self.pbx.dial_end(caller, loser.channel, "CANCEL")  # Asterisk ends the dial of a queue's loser twice
            self._gone(loser, state.ELSEWHERE)
        self.pbx.music(caller, False)
        self._leave_room()
        times = [("HoldTime", str(self.waited_seconds)), ("RingTime", str(self._since(self.rang_at)))]
        self._tell("AgentConnect", leg.channel.headers("Dest"), self._named(), self._member(leg), times)
        self.pbx.join(leg.channel, caller)

    def _round_over(self) -> None:
        rang = [("RingTime", str(self._since(self.rang_at) * 1000))]
        self._end_dials("NOANSWER")
        for leg in [*self.legs]:
            self._gone(leg, state.UNKNOWN)
            self._tell("AgentRingNoAnswer", leg.channel.headers("Dest"), self._named(), self._member(leg), rang)
        self._if_nobody_rings(state.NORMAL)

    def _if_nobody_rings(self, _cause: int) -> None:
        """Nobody took it in this round: the queue rests and rings again."""
        if not self.legs and self.phase == "ringing":
            self._after("round over", self._queue.retry_seconds, self._ring_everybody)

    def _abandon(self) -> None:
        caller = self.caller.channel
        self.pbx.hangup_request(caller, None)
        self.pbx.music(caller, False)
        self._end_dials("CANCEL")
        self._end_dials("CANCEL")
        place = [("Position", str(self.room.index(self) + 1)), ("OriginalPosition", str(self.joined_as))]
        self._tell("QueueCallerAbandon", self._named(), place, [("HoldTime", str(self._since(self.joined_at)))])
        for leg in [*self.legs]:
            self._gone(leg, state.UNKNOWN)
        self._leave_room()
        self.pbx.soft_hangup(caller)
        self._finish(state.UNKNOWN)

    def _before_parting(self, leg: Leg) -> None:
        self.pbx.hangup_request(leg.channel, None)
        self._complete("agent" if leg is self.winner else "caller")

    def before_handover(self, _leg: Leg) -> None:
        self._complete("transfer")

    def _complete(self, why: str) -> None:
        winner = self.winner
        if winner is None:
            return
        times = [("HoldTime", str(self.waited_seconds)), ("TalkTime", str(self._since(self.answered_at)))]
        said = (self._named(), self._member(winner), times, [("Reason", why)])
        self._tell("AgentComplete", winner.channel.headers("Dest"), *said)

    def _leave_room(self) -> None:
        position = self.room.index(self) + 1
        self.room.remove(self)
        self._tell("QueueCallerLeave", self._named(), [("Position", str(position)), ("Count", str(len(self.room)))])

    def _tell(self, event: str, *groups: Headers) -> None:
        self.pbx.emit(event, AGENT, self.caller.channel.headers(), *groups)

    def _named(self) -> Headers:
        return [("Queue", self._queue.extension)]

    def _member(self, leg: Leg) -> Headers:
        interface = f"PJSIP/{leg.channel.endpoint}"
        return [("Interface", interface), ("MemberName", leg.channel.caller_name or interface)]

    def _since(self, moment: float) -> int:
        return int(self.pace.now() - moment)
