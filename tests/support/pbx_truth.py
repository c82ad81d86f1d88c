"""What is true at the simulated PBX: its own channels and bridges, and a book of what began; never from our rows."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from crmconnector.simulator.channels import Channel
from crmconnector.simulator.running import RunningOffice


@dataclass(frozen=True)
class End:
    """One channel now. `with_` are the endpoints that hear it."""

    uniqueid: str
    endpoint: str
    state: str  # down, ring, ringing, up
    held: bool
    with_: tuple[str, ...]
    muted: bool = False


@dataclass(frozen=True)
class Begun:
    """A channel that was made, or a bridge that was entered: at some moment of the monotonic clock."""

    at: float
    event: str
    endpoint: str
    uniqueid: str
    linkedid: str
    exten: str


@dataclass
class PbxTruth:
    office: RunningOffice
    begun: list[Begun] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.office._office.pbx.listeners.insert(0, self._note)

    def ends(self, *endpoints: str) -> tuple[End, ...]:
        """The channels of these endpoints ("201") now, oldest first."""
        return self._in_office(self._ends(endpoints))

    def since(self, at: float, event: str, endpoint: str) -> list[Begun]:
        with self._lock:
            return [one for one in self.begun if one.at >= at and (one.event, one.endpoint) == (event, endpoint)]

    def tones(self, extension: str) -> str:
        """What the far end heard: keys of this phone's calls, and tones that the PBX itself played into them."""
        return self._in_office(self._tones(extension))

    def moved(self, endpoint: str, since: float) -> bool:
        """Whether anything of this endpoint was told since."""
        with self._lock:
            return any(one.at >= since and one.endpoint == endpoint for one in self.begun)

    async def _ends(self, endpoints: tuple[str, ...]) -> tuple[End, ...]:
        channels = self.office._office.pbx.channels.values()
        return tuple(_end(one) for one in channels if one.endpoint in endpoints)

    async def _tones(self, extension: str) -> str:
        pbx, phone = self.office._office.pbx, self.office._office.phone(extension)
        own = [one for one in pbx.channels.values() if one.endpoint == phone.account]
        far = [other for one in own if one.bridge for other in one.bridge.channels if other is not one]
        played = "".join("".join(pbx.heard.get(one.uniqueid, [])) for one in far)
        return "".join(line.dtmf for line in phone.lines) + played

    def _in_office(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.office._loop).result(10)

    def _note(self, headers: list[tuple[str, str]]) -> None:
        told = dict(headers)
        name = told.get("Channel", "")
        if not name or "Linkedid" not in told:  # not every event tells a channel whole
            return
        endpoint = name.partition("/")[2].rpartition("-")[0]
        row = Begun(time.monotonic(), told["Event"], endpoint, told["Uniqueid"], told["Linkedid"], told["Exten"])
        with self._lock:
            self.begun.append(row)


def _end(channel: Channel) -> End:
    words = {0: "down", 4: "ring", 5: "ringing", 6: "up"}
    others = channel.bridge.channels if channel.bridge else []
    heard = tuple(one.endpoint for one in others if one is not channel)
    return End(channel.uniqueid, channel.endpoint, words[channel.state], channel.held, heard, channel.muted)
