"""The pretend Asterisk: makes channels and bridges and tells every listener, with the events Asterisk 22 would send."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable

from crmconnector.simulator import channels as q850
from crmconnector.simulator.ami_wire import Headers
from crmconnector.simulator.channels import CAUSES, DOWN, UP, Bridge, Channel

Listener = Callable[[Headers], None]
CALL, AGENT = "call,all", "agent,all"


class Pbx:
    """Holds what is up now and emits the events of each change. It decides nothing: calls.py does."""

    def __init__(self, seed: int, timestamps: bool = False) -> None:
        self.booted_at = time.time()
        self.channels: dict[str, Channel] = {}
        self.listeners: list[Listener] = []
        self.timestamps = timestamps
        self._random = random.Random(seed)
        self._epoch_serial = 0
        self._name_serial = 0

    def emit(self, event: str, privilege: str, *groups: Headers) -> None:
        headers: Headers = [("Event", event), ("Privilege", privilege)]
        if self.timestamps:
            headers.append(("Timestamp", f"{time.time():.6f}"))
        for group in groups:
            headers += group
        for listener in self.listeners:
            listener(headers)

    def new_channel(self, endpoint: str, *, linkedid: str = "", state: int = DOWN, **known: str) -> Channel:
        """Make a channel and say so. `known` fills the caller, context and exten of the Channel.

        Without a linkedid the channel starts a call of its own: its Linkedid is its Uniqueid.
        """
        uniqueid = f"{int(time.time())}.{self._epoch_serial}"
        name = f"PJSIP/{endpoint}-{self._name_serial:08x}"
        self._epoch_serial += 1
        self._name_serial += 1
        channel = Channel(name, uniqueid, linkedid or uniqueid, endpoint, time.time(), state)
        for key, value in known.items():
            setattr(channel, key, value)
        self.channels[uniqueid] = channel
        self.emit("Newchannel", CALL, channel.headers())
        return channel

    def new_state(self, channel: Channel, state: int) -> None:
        if channel.state != state:
            channel.state = state
            self.emit("Newstate", CALL, channel.headers())

    def connect_line(self, channel: Channel, number: str, name: str) -> None:
        """The display of this party changes: somebody else is at the other end."""
        channel.connected_number, channel.connected_name = number, name
        self.emit("NewConnectedLine", CALL, channel.headers())

    def dial_begin(self, caller: Channel, dest: Channel, dial_string: str) -> None:
        self.emit("DialBegin", CALL, caller.headers(), dest.headers("Dest"), [("DialString", dial_string)])

    def dial_ringing(self, caller: Channel, dest: Channel) -> None:
        self.emit("DialState", CALL, caller.headers(), dest.headers("Dest"), [("DialStatus", "RINGING")])

    def dial_end(self, caller: Channel, dest: Channel, status: str) -> None:
        self.emit("DialEnd", CALL, caller.headers(), dest.headers("Dest"), [("DialStatus", status)])

    def join(self, *members: Channel) -> Bridge:
        """Put channels together in a new bridge."""
        bridge = Bridge(str(uuid.UUID(int=self._random.getrandbits(128), version=4)))
        self.emit("BridgeCreate", CALL, bridge.headers())
        for channel in members:
            bridge.channels.append(channel)
            channel.bridge = bridge
            self.emit("BridgeEnter", CALL, bridge.headers(), channel.headers())
        return bridge

    def leave(self, channel: Channel) -> None:
        """Take a channel out of its bridge; the last one out ends the bridge."""
        bridge = channel.bridge
        if bridge is None:
            return
        bridge.channels.remove(channel)
        channel.bridge = None
        self.emit("BridgeLeave", CALL, bridge.headers(), channel.headers())
        if not bridge.channels:
            self.emit("BridgeDestroy", CALL, bridge.headers())

    def hangup_request(self, channel: Channel, cause: int) -> None:
        self.emit("HangupRequest", CALL, channel.headers(), [("Cause", str(cause))])

    def hangup(self, channel: Channel, cause: int) -> None:
        if self.channels.pop(channel.uniqueid, None) is None:
            return
        self.leave(channel)
        self.emit("Hangup", CALL, channel.headers(), [("Cause", str(cause)), ("Cause-txt", CAUSES[cause])])

    def hold(self, channel: Channel, held: bool) -> None:
        channel.held = held
        self.emit("Hold" if held else "Unhold", CALL, channel.headers())

    def talking_with(self, channel: Channel) -> Channel | None:
        """The other channel of the bridge."""
        others = channel.bridge.channels if channel.bridge else []
        return next((other for other in others if other is not channel), None)

    def is_up(self, channel: Channel) -> bool:
        return channel.state == UP and channel.uniqueid in self.channels


__all__ = ["AGENT", "CALL", "Pbx", "q850"]
