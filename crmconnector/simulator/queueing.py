"""A call that waits in a queue: the caller is answered at once by the PBX, the members ring in rounds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from crmconnector.simulator import channels as state
from crmconnector.simulator.ami_wire import Headers
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
        self.joined_at = self.pace.now()
        self.room.append(self)
        self.joined_as = len(self.room)
        self.pbx.new_state(self.caller.channel, state.UP)
        place = [("Position", str(self.joined_as)), ("Count", str(len(self.room)))]
        self._tell("QueueCallerJoin", self._named(), place)

    def _ring_everybody(self) -> None:
        self.rang_at = self.pace.now()
        super()._ring_everybody()

    def _dialled(self, leg: Leg, dial_string: str) -> None:
        self._tell("AgentCalled", leg.channel.headers("Dest"), self._named(), self._member(leg))
        self.pbx.dial_begin(self.caller.channel, leg.channel, dial_string)

    def _answered(self, leg: Leg) -> None:
        self.waited_seconds = self._since(self.joined_at)
        self.answered_at = self.pace.now()
        self.pbx.new_state(leg.channel, state.UP)
        self.pbx.dial_end(self.caller.channel, leg.channel, "ANSWER")
        for loser in [*self.legs]:
            self._drop(loser, "CANCEL", state.ELSEWHERE)
        self._leave_room()
        times = [("RingTime", str(self._since(self.rang_at))), ("HoldTime", str(self.waited_seconds))]
        self._tell("AgentConnect", leg.channel.headers("Dest"), self._named(), self._member(leg), times)
        self.pbx.join(leg.channel, self.caller.channel)

    def _drop(self, leg: Leg, status: str, cause: int) -> None:
        """Asterisk ends the dial of a queue's loser twice."""
        if status == "CANCEL":
            self.pbx.dial_end(self.caller.channel, leg.channel, status)
        super()._drop(leg, status, cause)

    def _round_over(self) -> None:
        for leg in [*self.legs]:
            rang = [("RingTime", str(self._since(self.rang_at) * 1000))]
            self._drop(leg, "NOANSWER", state.UNKNOWN)
            self._tell("AgentRingNoAnswer", leg.channel.headers("Dest"), self._named(), self._member(leg), rang)
        self._if_nobody_rings(state.NO_ANSWER)

    def _if_nobody_rings(self, _cause: int) -> None:
        """Nobody took it in this round: the queue rests and rings again."""
        if not self.legs and self.phase == "ringing":
            self._after("round over", self._queue.retry_seconds, self._ring_everybody)

    def _abandon(self) -> None:
        for leg in [*self.legs]:
            self._drop(leg, "CANCEL", state.UNKNOWN)
        place = [("Position", str(self.room.index(self) + 1)), ("OriginalPosition", str(self.joined_as))]
        self._tell("QueueCallerAbandon", self._named(), place, [("HoldTime", str(self._since(self.joined_at)))])
        self._leave_room()
        self._finish(state.UNKNOWN)

    def _part(self, leg: Leg) -> None:
        winner = self.winner
        super()._part(leg)
        if winner is not None:
            times = [("HoldTime", str(self.waited_seconds)), ("TalkTime", str(self._since(self.answered_at)))]
            reason = [("Reason", "agent" if leg is winner else "caller")]
            self._tell(
                "AgentComplete", winner.channel.headers("Dest"), self._named(), self._member(winner), times, reason
            )

    def _leave_room(self) -> None:
        position = self.room.index(self) + 1
        self.room.remove(self)
        self._tell("QueueCallerLeave", self._named(), [("Position", str(position)), ("Count", str(len(self.room)))])

    def _tell(self, event: str, *groups: Headers) -> None:
        self.pbx.emit(event, AGENT, self.caller.channel.headers(), *groups)

    def _named(self) -> Headers:
        return [("Queue", self._queue.extension)]

    def _member(self, leg: Leg) -> Headers:
        return [("Interface", f"PJSIP/{leg.channel.endpoint}"), ("MemberName", f"PJSIP/{leg.channel.endpoint}")]

    def _since(self, moment: float) -> int:
        return int(self.pace.now() - moment)
