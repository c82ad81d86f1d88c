"""The pretend Asterisk: makes channels and bridges and tells every listener, with the events Asterisk 22 would send."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable

from crmconnector.simulator.ami.wire import Headers
from crmconnector.simulator.channels import CAUSES, DOWN, RING, RINGING, UP, Bridge, Channel

Listener = Callable[[Headers], None]
CALL, AGENT = "call,all", "agent,all"


class Pbx:
    """Holds what is up now and emits the events of each change. It decides nothing: calls.py does."""

    def __init__(self, seed: int, timestamps: bool = False) -> None:
        self.booted_at = time.time()
        self.channels: dict[str, Channel] = {}
        self.listeners: list[Listener] = []
        self.timestamps = timestamps
        self.heard: dict[str, list[str]] = {}  # tones played to a channel, by its Uniqueid
        self.undisturbed: set[str] = set()  # extensions, as the dialplan notes them (database family DND)
        self._random = random.Random(seed)
        self._epoch_serial = 0
        self._name_serial = 0
        self._devices: dict[str, str] = {}

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
        self._tell_device(endpoint)
        return channel

    def new_state(self, channel: Channel, state: int) -> None:
        if channel.state != state:
            channel.state = state
            self.emit("Newstate", CALL, channel.headers())
            self._tell_device(channel.endpoint)

    def connect_line(self, channel: Channel, other: Channel) -> None:
        """The display of this party shows who is, or will be, at the other end. Silent when it shows it already."""
        before = (channel.connected_number, channel.connected_name)
        channel.connected_number, channel.connected_name = other.caller_number, other.caller_name
        if before != (other.caller_number, other.caller_name):
            self.tell_connected_line(channel)

    def tell_connected_line(self, channel: Channel) -> None:
        self.emit("NewConnectedLine", CALL, channel.headers())

    def new_caller_id(self, channel: Channel, number: str, name: str) -> None:
        """The dialplan gives a party another number to show, as for a call that leaves the house."""
        channel.caller_number, channel.caller_name = number, name
        shown = [("CID-CallingPres", "0 (Presentation Allowed, Not Screened)")]
        self.emit("NewCallerid", CALL, channel.headers(), shown)

    def dial_begin(self, caller: Channel, dest: Headers, dial_string: str) -> None:
        """`dest` are the headers of the dialled channel: a queue tells them as they were before it filled them."""
        self.emit("DialBegin", CALL, caller.headers(), dest, [("DialString", dial_string)])

    def dial_ringing(self, caller: Channel, dest: Channel) -> None:
        self.emit("DialState", CALL, caller.headers(), dest.headers("Dest"), [("DialStatus", "RINGING")])

    def dial_end(self, caller: Channel, dest: Channel, status: str) -> None:
        self.emit("DialEnd", CALL, caller.headers(), dest.headers("Dest"), [("DialStatus", status)])

    def join(self, *members: Channel, is_room: bool = False) -> Bridge:
        """Put channels together in a new bridge."""
        bridge = Bridge(str(uuid.UUID(int=self._random.getrandbits(128), version=4)), is_room=is_room)
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
        self.music(channel, False)
        bridge.channels.remove(channel)
        channel.bridge = None
        self.emit("BridgeLeave", CALL, bridge.headers(), channel.headers())
        if not bridge.channels:
            self.emit("BridgeDestroy", CALL, bridge.headers())

    def hangup_request(self, channel: Channel, cause: int | None, sip_code: int | None = None) -> None:
        """This party wants to go. Asterisk leaves the cause out when it has noted none yet."""
        said = [] if cause is None else [("Cause", str(cause))]
        self.emit("HangupRequest", CALL, channel.headers(), said, _tech(sip_code))

    def soft_hangup(self, channel: Channel, sip_code: int | None = None) -> None:
        """The dialplan of the caller's channel has ended."""
        self.emit("SoftHangupRequest", CALL, channel.headers(), [("Cause", "16")], _tech(sip_code))

    def hangup(self, channel: Channel, cause: int, sip_code: int | None = None) -> None:
        del self.channels[channel.uniqueid]
        self.leave(channel)
        why = [("Cause", str(cause)), ("Cause-txt", CAUSES[cause])]
        self.emit("Hangup", CALL, channel.headers(), why, _tech(sip_code))
        self._tell_device(channel.endpoint)

    def hold(self, channel: Channel, held: bool) -> None:
        """A party puts the other on hold, who then hears music."""
        if channel.held == held:
            return
        channel.held = held
        if held:
            self.emit("Hold", CALL, channel.headers(), [("MusicClass", "default")])
        else:
            self.emit("Unhold", CALL, channel.headers())
        other = self.talking_with(channel)
        if other is not None:
            self.music(other, held)

    def music(self, channel: Channel, plays: bool) -> None:
        if channel.hears_music == plays:
            return
        channel.hears_music = plays
        if plays:
            self.emit("MusicOnHoldStart", CALL, channel.headers(), [("Class", "default")])
        else:
            self.emit("MusicOnHoldStop", CALL, channel.headers())

    def talking_with(self, channel: Channel) -> Channel | None:
        """The other channel of the bridge."""
        others = channel.bridge.channels if channel.bridge else []
        return next((other for other in others if other is not channel), None)

    def _tell_device(self, endpoint: str) -> None:
        """A phone or trunk is used otherwise than before."""
        states = {channel.state for channel in self.channels.values() if channel.endpoint == endpoint}
        busy = bool(states & {RING, UP})
        word = ("RINGINUSE" if busy else "RINGING") if RINGING in states else ("INUSE" if busy else "NOT_INUSE")
        if self._devices.get(endpoint, "NOT_INUSE") != word:
            self._devices[endpoint] = word
            self.emit("DeviceStateChange", CALL, [("Device", f"PJSIP/{endpoint}"), ("State", word)])


def _tech(sip_code: int | None) -> Headers:
    """The SIP answer behind a cause; a channel that ended normally has none."""
    return [] if sip_code is None else [("TechCause", str(sip_code))]
