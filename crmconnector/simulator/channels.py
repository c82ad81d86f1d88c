"""Channels and bridges of the pretend Asterisk, and their headers as Asterisk 22 writes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from crmconnector.simulator.ami.wire import Headers, escape_name

STATES = {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}
DOWN, RING, RINGING, UP = 0, 4, 5, 6

# Q.850 causes with Asterisk's words.
UNKNOWN, UNALLOCATED, NORMAL, BUSY, NO_ANSWER, REJECTED, ELSEWHERE, INTERWORKING = 0, 1, 16, 17, 19, 21, 26, 127
CAUSES = {
    UNKNOWN: "Unknown",
    UNALLOCATED: "Unallocated (unassigned) number",
    NORMAL: "Normal Clearing",
    BUSY: "User busy",
    NO_ANSWER: "User alerting, no answer",
    REJECTED: "Call Rejected",
    ELSEWHERE: "Answered elsewhere",
    INTERWORKING: "Interworking, unspecified",
}

SIP_CODES = {UNALLOCATED: 404, BUSY: 486, REJECTED: 603}


@dataclass
class Channel:
    """One party's connection to the PBX. Numbers and names are unescaped here; "" = Asterisk knows nothing."""

    name: str
    uniqueid: str
    linkedid: str
    endpoint: str
    started_at: float
    state: int = DOWN
    caller_number: str = ""
    caller_name: str = ""
    connected_number: str = ""
    connected_name: str = ""
    context: str = "from-internal"
    exten: str = "s"
    priority: int = 1
    application: str = "AppDial"
    application_text: str = "(Outgoing Line)"
    bridge: Bridge | None = None
    held: bool = False
    hears_music: bool = False
    muted: bool = False  # what this party says is not passed on

    def headers(self, prefix: str = "") -> Headers:
        """The fourteen headers every channel event carries; the second channel of an event has the prefix Dest."""
        plain: Headers = [
            ("Channel", self.name),
            ("ChannelState", str(self.state)),
            ("ChannelStateDesc", STATES[self.state]),
            ("CallerIDNum", self.caller_number or "<unknown>"),
            ("CallerIDName", escape_name(self.caller_name)),
            ("ConnectedLineNum", self.connected_number or "<unknown>"),
            ("ConnectedLineName", escape_name(self.connected_name)),
            ("Language", "en"),
            ("AccountCode", ""),
            ("Context", self.context),
            ("Exten", self.exten),
            ("Priority", str(self.priority)),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
        ]
        return [(prefix + key, value) for key, value in plain]


@dataclass
class Bridge:
    """Channels that hear each other."""

    uniqueid: str
    channels: list[Channel] = field(default_factory=list)
    is_room: bool = False  # of a conference

    def headers(self) -> Headers:
        return [
            ("BridgeUniqueid", self.uniqueid),
            ("BridgeType", "base" if self.is_room else "basic"),
            ("BridgeTechnology", "softmix" if self.is_room else "simple_bridge"),
            ("BridgeCreator", "ConfBridge" if self.is_room else "<unknown>"),
            ("BridgeName", "<unknown>"),
            ("BridgeNumChannels", str(len(self.channels))),
            ("BridgeVideoSourceMode", "none"),
        ]
