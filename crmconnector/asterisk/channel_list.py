"""Who talks with whom, from the PBX's list of channels (CoreShowChannels). Pure.

Two channels hear each other when they are in the same bridge. Between them may be Local channels: pairs of halves whose
names end in ;1 and ;2, of which each half is in a bridge of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .ami_items import Headers
from .ami_values import text


@dataclass(frozen=True, slots=True)
class Listed:
    """One channel of the list; `bridge` is empty while it is in none."""

    name: str
    uniqueid: str
    linkedid: str
    bridge: str

    @property
    def is_local(self) -> bool:
        return self.name.startswith("Local/")

    @property
    def endpoint(self) -> str:
        return self.name.rpartition("-")[0]


def listed(rows: Iterable[Headers]) -> list[Listed]:
    """The channels of the list; rows that name none are left out."""
    found = []
    for row in rows:
        name, uniqueid, linkedid, bridge = (text(row, key) for key in ("Channel", "Uniqueid", "Linkedid", "BridgeId"))
        if name and uniqueid:
            found.append(Listed(name, uniqueid, linkedid or uniqueid, bridge or ""))
    return found


def find(channels: Iterable[Listed], uniqueid: str) -> Listed | None:
    return next((channel for channel in channels if channel.uniqueid == uniqueid), None)


def partners(channels: list[Listed], own: Listed) -> list[Listed]:
    """The real channels that hear this one, through any number of bridges and Local pairs."""
    reached, waiting = {own}, [own]
    while waiting:
        for channel in _next_to(channels, waiting.pop()):
            if channel not in reached:
                reached.add(channel)
                waiting.append(channel)
    return [channel for channel in channels if channel in reached and channel != own and not channel.is_local]


def on_hold_behind(channels: list[Listed], own: Listed) -> list[Listed]:
    """Whom this channel left in the first call while it asks somebody else: of the same story, up, not hearing it."""
    hearing = {own, *partners(channels, own)}
    return [
        channel
        for channel in channels
        if channel.linkedid == own.linkedid and channel.bridge and not channel.is_local and channel not in hearing
    ]


def _next_to(channels: list[Listed], one: Listed) -> list[Listed]:
    return [
        channel
        for channel in channels
        if (one.bridge and channel.bridge == one.bridge)
        or (one.is_local and channel.is_local and channel.name[:-1] == one.name[:-1])
    ]
