"""Hand-written AMI streams: a few words a step, the headers of a real Asterisk 22."""

from typing import Any

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.events import CallEnded, CallEvent, LegEnded, Party
from crmconnector.calls.tracker import CallTracker

STATES = {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}


class AmiStream:
    """Sends each step to a tracker, `repeat` times, and collects what it tells in `told`."""

    def __init__(self, *trunks: str, repeat: int = 1) -> None:
        self.tracker = CallTracker(trunks=trunks)
        self.repeat = repeat
        self.now = 1_000.0
        self.told: list[CallEvent] = []
        self.channels: dict[str, dict[str, str]] = {}
        self.sent: list[dict[str, str]] = []

    def send(self, event: str, **headers: str) -> None:
        self.now += 1
        message = {"Event": event, **{key.replace("_", "-"): value for key, value in headers.items()}}
        self.sent.append(message)
        parsed = parse(message, self.now)
        for _ in range(self.repeat if parsed is not None else 0):
            self.told += self.tracker.feed(parsed)

    def only(self, *kinds: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kinds)]

    # --- channels ---

    def new(self, uid: str, name: str, *, call: str = "", state: int = 0, number: str = "", exten: str = "") -> str:
        self.channels[uid] = {
            "Uniqueid": uid,
            "Linkedid": call or uid,
            "Channel": name,
            "ChannelState": str(state),
            "ChannelStateDesc": STATES[state],
            "CallerIDNum": number or "<unknown>",
            "CallerIDName": "<unknown>",
            "ConnectedLineNum": "<unknown>",
            "ConnectedLineName": "<unknown>",
            "Exten": exten,
        }
        self.send("Newchannel", **self.channels[uid])
        return uid

    def caller(self, uid: str, name: str, number: str, exten: str) -> str:
        """A channel that calls us: from a phone or a trunk."""
        return self.new(uid, name, state=4, number=number, exten=exten)

    def known(self, uid: str, name: str, **facts: Any) -> str:
        """A channel that the stream never announced: it began before we listened."""
        sent = self.sent, self.told
        self.sent, self.told, repeat, self.repeat = [], [], self.repeat, 0
        self.new(uid, name, **facts)
        (self.sent, self.told), self.repeat = sent, repeat
        return uid

    def local(self, one: str, two: str, name: str, *, call: str = "") -> tuple[str, str]:
        call = call or one
        self.new(one, f"Local/{name};1", call=call)
        self.new(two, f"Local/{name};2", call=call, state=4)
        self.send("LocalBridge", **self._as("LocalOne", one), **self._as("LocalTwo", two))
        return one, two

    def state(self, uid: str, state: int) -> None:
        self.channels[uid].update(ChannelState=str(state), ChannelStateDesc=STATES[state])
        self.send("Newstate", **self.channels[uid])

    def rings(self, uid: str) -> None:
        self.state(uid, 5)

    def up(self, uid: str) -> None:
        self.state(uid, 6)

    def number(self, uid: str, number: str, presentation: str = "0 (Presentation Allowed, Not Screened)") -> None:
        self.channels[uid]["CallerIDNum"] = number
        self.send("NewCallerid", **self.channels[uid], **{"CID-CallingPres": presentation})

    def linked(self, uid: str, linkedid: str) -> None:
        """From its next event on this channel carries another Linkedid."""
        self.channels[uid]["Linkedid"] = linkedid

    def hangup(self, uid: str, cause: int = 16) -> None:
        self.send("Hangup", **self.channels[uid], Cause=str(cause))

    def hangups(self, *uids: str, cause: int = 16) -> None:
        for uid in uids:
            self.hangup(uid, cause)

    def _as(self, prefix: str, uid: str) -> dict[str, str]:
        return {prefix + key: value for key, value in self.channels[uid].items()}

    # --- dials and bridges ---

    def dial(self, source: str | None, dest: str, dial_string: str = "") -> None:
        own = self.channels[source] if source else {}
        self.send("DialBegin", **own, **self._as("Dest", dest), DialString=dial_string)

    def dial_end(self, source: str | None, dest: str, status: str, **more: str) -> None:
        own = self.channels[source] if source else {}
        self.send("DialEnd", **own, **self._as("Dest", dest), DialStatus=status, **more)

    def rung(self, source: str, uid: str, name: str, *, call: str, number: str = "") -> str:
        """A phone is dialled and rings."""
        self.new(uid, name, call=call, number=number)
        self.dial(source, uid)
        self.rings(uid)
        return uid

    def enter(
        self, uid: str, bridge: str, *, swap: str = "", kind: str = "basic", technology: str = "simple_bridge"
    ) -> None:
        more = {"SwapUniqueid": swap} if swap else {}
        self.send(
            "BridgeEnter",
            **self.channels[uid],
            BridgeUniqueid=bridge,
            BridgeType=kind,
            BridgeTechnology=technology,
            **more,
        )

    def leave(self, uid: str, bridge: str) -> None:
        self.send("BridgeLeave", **self.channels[uid], BridgeUniqueid=bridge)

    def answers(self, source: str, uid: str, bridge: str) -> None:
        """The phone picks up, Dial() ends well, both enter the bridge."""
        self.up(uid)
        self.dial_end(source, uid, "ANSWER")
        if self.channels[source]["ChannelState"] != "6":
            self.up(source)
        self.enter(uid, bridge)
        self.enter(source, bridge)

    # --- queues and resync ---

    def queue(self, event: str, uid: str, queue: str) -> None:
        self.send(f"QueueCaller{event}", **self.channels[uid], Queue=queue)

    def listed(self, uid: str, *, bridge: str = "", application: str = "", application_data: str = "") -> None:
        self.send(
            "CoreShowChannel",
            **self.channels[uid],
            BridgeId=bridge,
            Application=application,
            ApplicationData=application_data,
        )

    def list_ends(self, items: int | None = None) -> None:
        more = {} if items is None else {"ListItems": str(items)}
        self.send("CoreShowChannelsComplete", **more)


# --- what many stories begin with, and what is asked of all ---

ADA = Party("PJSIP/trunk", "+442079460123", None)


def ada_calls(pbx: AmiStream, uid: str = "1.1") -> str:
    return pbx.caller(uid, "PJSIP/trunk-00000001", "+442079460123", "25101")


def local_member(pbx: AmiStream, ada: str, number: int) -> tuple[str, str, str]:
    """A queue or group member behind a Local channel: A -> ;1 = ;2 -> phone."""
    one, two = pbx.local(f"1.{number}1", f"1.{number}2", f"20{number}@from-queue-{number}", call=ada)
    pbx.dial(ada, one)
    phone = pbx.rung(two, f"1.{number}3", f"PJSIP/20{number}-000000{number}3", call=ada)
    pbx.rings(one)
    return one, two, phone


def ended(pbx: AmiStream) -> list[tuple[str, str, str | None]]:
    return [(event.endpoint, event.outcome, event.answered_by) for event in pbx.only(LegEnded)]


def dispositions(pbx: AmiStream) -> list[str]:
    return [event.disposition for event in pbx.only(CallEnded)]
