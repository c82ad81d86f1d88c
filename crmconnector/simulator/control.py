"""The control plane of the office: what a test, or a person at the control port, may do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmconnector.simulator.phone_control import PhoneControl, Rows
from crmconnector.simulator.story import Colleague, FarEnd
from crmconnector.simulator.switchboard import NoSuch

if TYPE_CHECKING:
    from crmconnector.simulator.calls import Call
    from crmconnector.simulator.office import Office


class Control(PhoneControl):
    """The verbs of an office: those of its phones, and what only a PBX and a story have."""

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._office = office

    async def incoming(
        self,
        number: str,
        name: str = "",
        did: str | None = None,
        target: str | None = None,
        gives_up_after: float | None = None,
        talk_seconds: float | None = None,
        colleagues: Rows | None = None,
    ) -> str:
        """Somebody calls. Answers with the call's id, which is its Linkedid on AMI."""
        helpers = tuple(Colleague(**colleague) for colleague in colleagues or [])
        call = self._office.board.incoming(
            number,
            name,
            did=did,
            target=target,
            gives_up_after=gives_up_after,
            talk_seconds=talk_seconds,
            colleagues=helpers,
        )
        return call.id

    async def remote_hangup(self, call: str | None = None) -> bool:
        """The party outside hangs up. Without an id there must be exactly one call."""
        calls = self._office.board.calls
        if call is None and len(calls) != 1:
            raise NoSuch(f"Say which call: {len(calls)} are up.")
        return self._office.board.call(call or next(iter(calls))).remote_hangup()

    async def far_end(
        self, number: str, outcome: str = "answer", after_seconds: float = 1.0, talk_seconds: float = 3600.0
    ) -> None:
        """What happens when this number is dialled: answer, busy, no_answer or not_found."""
        if outcome not in ("answer", "busy", "no_answer", "not_found"):
            raise ValueError("The outcome is answer, busy, no_answer or not_found.")
        self._office.board.far_ends[number] = FarEnd(outcome, after_seconds, (talk_seconds, talk_seconds))

    async def snapshot(self) -> dict[str, Any]:
        """The office now: phones with their lines, calls, channels, AMI clients, the last scene."""
        office = self._office
        return {
            "phones": self._rows(),
            "calls": {call.id: _call_row(call) for call in office.board.calls.values()},
            "channels": [channel.name for channel in office.pbx.channels.values()],
            "ami": {
                "clients": sum(session.logged_in for session in office.ami.sessions),
                "silent": office.ami.is_silent,
            },
            "scene": office.player.last_scene,
            "tripwires": len(office.journal.trips),
        }

    async def drop_link(self) -> int:
        """Cut every AMI connection; answers how many."""
        return self._office.ami.drop_links()

    async def silence(self, on: bool = True) -> None:
        """Half-open AMI: connections stay and nothing comes out; what would have come meanwhile is lost."""
        self._office.ami.is_silent = on

    async def next_scene(self) -> None:
        """Don't wait: the next scene begins now."""
        if not self._office.is_playing:
            raise NoSuch("No story is being played.")
        self._office.player.now.set()

    async def scene(self, name: str) -> None:
        """Play one scene now, by its name; works without the player too."""
        self._office.player.begin(self._office.player.named(name))


def _call_row(call: Call) -> dict[str, Any]:
    winner = call.winner.phone.extension if call.winner and call.winner.phone else None
    return {
        "kind": call.plan.kind,
        "phase": call.phase,
        "number": call.plan.number,
        "name": call.plan.name,
        "ringing": [leg.phone.extension for leg in call.legs if leg.phone],
        "answered_by": winner,
    }
