"""What a PBX would list in mid-stream: the answer to CoreShowChannels, worked out from the events up to then.

Independent of the tracker: it only keeps the newest headers of every channel that has begun and not hung up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Headers = dict[str, Any]
_OWNERS = ("", "Dest", "LocalOne", "LocalTwo")
_KEPT = (
    "Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum",
    "ConnectedLineName", "Exten", "Context", "Linkedid", "Uniqueid",
)  # fmt: skip


def headers_of(entry: Mapping[str, Any]) -> Headers:
    return dict(entry.get("headers", entry))


class LivingChannels:
    """Follows a stream; `listing()` is what CoreShowChannels would answer now."""

    def __init__(self) -> None:
        self._channels: dict[str, Headers] = {}
        self._applications: dict[str, str] = {}

    def take(self, headers: Headers) -> None:
        kind = headers.get("Event")
        for owner in _OWNERS:
            self._note(headers, owner, new=kind == "Newchannel")
        uid = headers.get("Uniqueid", "")
        if kind == "Hangup":
            self._channels.pop(uid, None)
        elif kind == "Rename" and uid in self._channels:
            self._channels[uid]["Channel"] = headers["Newname"]
        elif kind == "BridgeEnter" and uid in self._channels:
            self._channels[uid]["BridgeId"] = headers["BridgeUniqueid"]
        elif kind == "BridgeLeave" and uid in self._channels:
            self._channels[uid]["BridgeId"] = ""
        elif kind == "DialBegin":
            self._applications[headers["DestUniqueid"]] = "AppDial" if uid else "AppDial2"
        elif kind == "QueueCallerJoin":
            self._applications[uid] = "Queue"

    def _note(self, headers: Headers, owner: str, *, new: bool) -> None:
        uid = headers.get(owner + "Uniqueid")
        if uid is None or not (new or uid in self._channels):
            return
        known = self._channels.setdefault(uid, {"BridgeId": ""})
        known.update({key: headers[owner + key] for key in _KEPT if owner + key in headers})

    def listing(self, *, applications: bool = True) -> list[Headers]:
        """`FullyBooted` is not part of it. `applications=False`: as if the PBX told no Application."""
        rows = [{"Event": "CoreShowChannel", **channel} for channel in self._channels.values()]
        if applications:
            rows = [{**row, "Application": self._applications.get(row["Uniqueid"], "")} for row in rows]
        return [*rows, {"Event": "CoreShowChannelsComplete", "EventList": "Complete", "ListItems": str(len(rows))}]


def with_gap(stream: Sequence[Mapping[str, Any]], lost: int, back: int, *, applications: bool = True) -> list[Headers]:
    """The stream without the events from `lost` up to `back`: there we log in again and ask for the list."""
    living = LivingChannels()
    for entry in stream[:back]:
        living.take(headers_of(entry))
    rest = [headers_of(entry) for entry in stream[back:]]
    listing = living.listing(applications=applications)
    return [*(headers_of(entry) for entry in stream[:lost]), {"Event": "FullyBooted"}, *listing, *rest]
