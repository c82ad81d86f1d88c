"""Transfers at the PBX: what Asterisk tells, in its order, when a phone hands a call over.

Simplified against a real Asterisk: nobody hears a busy tone (the PBX says `accepted` to every blind transfer, unless a
script says otherwise), a customer who gives up while the new phone rings ends as any caller does, and both parties of
an attended transfer get the older Linkedid at once.
"""

from __future__ import annotations

from crmconnector.simulator import channels as state
from crmconnector.simulator.ami.wire import Headers
from crmconnector.simulator.calls import Call, Leg, Plan
from crmconnector.simulator.channels import Bridge, Channel
from crmconnector.simulator.pbx import CALL, Pbx


def other_party(leg: Leg) -> Leg | None:
    """With whom this leg talks."""
    call = leg.call
    return call.caller if leg is call.winner else call.winner


def let_go(leg: Leg, number: str) -> Leg | None:
    """A blind transfer: the transferer leaves, the other party stays with its channel and is answered.

    Gives that party; its old call has ended. None: there is nobody to hand over.
    """
    call, other = leg.call, other_party(leg)
    if call.phase != "talking" or other is None:
        return None
    pbx = call.pbx
    pbx.hold(leg.channel, False)
    bridge = leg.channel.bridge
    pbx.emit(
        "BlindTransfer",
        CALL,
        [("Result", "Success")],
        leg.channel.headers("Transferer"),
        other.channel.headers("Transferee"),
        bridge.headers() if bridge else [],
        [("IsExternal", "Yes"), ("Context", "from-internal"), ("Extension", number)],
    )
    call.before_handover(leg)
    other.channel.exten = number
    pbx.leave(other.channel)
    pbx.leave(leg.channel)
    gone(pbx, leg, call)
    call.dissolve()
    return other


def goes_on(other: Leg, number: str, talk_seconds: float | None) -> Plan:
    """The call of a party that was handed over, to a phone or a team of the office."""
    if other.phone is not None:
        return Plan("internal", number, talk_seconds=talk_seconds)
    channel = other.channel
    return Plan("incoming", channel.caller_number, channel.caller_name, talk_seconds=talk_seconds)


def join(held: Leg, consulted: Leg) -> Call | None:
    """An attended transfer, both parties talk: the held party enters the bridge of the other one."""
    one, two = other_party(held), other_party(consulted)
    if held.call.phase != "talking" or consulted.call.phase != "talking" or one is None or two is None:
        return None
    pbx, first_bridge, bridge = held.call.pbx, held.channel.bridge, consulted.channel.bridge
    if bridge is None or first_bridge is None:
        return None
    pbx.hold(held.channel, False)
    pbx.hold(consulted.channel, False)
    before = [*first_bridge.headers()], [*bridge.headers()]
    pbx.leave(one.channel)
    pbx.leave(consulted.channel)
    enter(pbx, one.channel, bridge)
    tell_attended(pbx, (held, consulted), before, one.channel, two.channel, bridge)
    held.call.before_handover(held)
    consulted.call.before_handover(consulted)
    pbx.connect_line(one.channel, two.channel)
    pbx.connect_line(two.channel, one.channel)
    pbx.leave(held.channel)
    for leg in (consulted, held):
        gone(pbx, leg, leg.call)
        leg.call.dissolve()
    return joined_call(held.call, consulted.call, one, two)


def ring_on(held: Leg, consulted: Leg) -> Call | None:
    """A blonde transfer: the second phone still rings, and now it rings for the held party."""
    one, call = other_party(held), consulted.call
    if held.call.phase != "talking" or call.phase != "ringing" or one is None or consulted is not call.caller:
        return None
    pbx = call.pbx
    pbx.hold(held.channel, False)
    first_bridge = held.channel.bridge
    before: tuple[Headers, Headers] = (first_bridge.headers() if first_bridge else [], [])
    tell_attended(pbx, (held, consulted), before, one.channel, None, None)
    held.call.before_handover(held)
    pbx.leave(held.channel)
    pbx.leave(one.channel)
    gone(pbx, held, held.call)
    held.call.dissolve()
    one.channel.exten = consulted.channel.exten
    gone(pbx, consulted, call)
    call.take_over(one)
    return call


def joined_call(first: Call, second: Call, one: Leg, two: Leg) -> Call:
    talk = first.plan.talk_seconds or second.plan.talk_seconds
    number = two.channel.caller_number
    kind = first.plan.kind
    if kind == "incoming":
        plan = Plan(kind, first.plan.number, first.plan.name, talk_seconds=talk)
    else:
        plan = Plan(kind, number, two.channel.caller_name, talk_seconds=talk)
    for channel in (one.channel, two.channel):
        channel.linkedid = _older(one.channel.linkedid, two.channel.linkedid)
    return Call.already_up(first.pbx, first.pace, plan, one, two)


def _older(one: str, two: str) -> str:
    return min(one, two, key=lambda uniqueid: [int(part) for part in uniqueid.split(".")])


def gone(pbx: Pbx, leg: Leg, call: Call) -> None:
    """The transferer's channel ends, and his line."""
    if leg is call.caller:
        pbx.soft_hangup(leg.channel)
    pbx.hangup(leg.channel, state.NORMAL)
    leg.clear()


def enter(pbx: Pbx, channel: Channel, bridge: Bridge) -> None:
    bridge.channels.append(channel)
    channel.bridge = bridge
    pbx.emit("BridgeEnter", CALL, bridge.headers(), channel.headers())


def tell_attended(
    pbx: Pbx,
    transferers: tuple[Leg, Leg],
    bridges: tuple[Headers, Headers],
    transferee: Channel,
    target: Channel | None,
    into: Bridge | None,
) -> None:
    """`bridges` are the two calls' bridges as they were; the target is left out when it only rings."""
    first, second = transferers
    dest = [("DestType", "Bridge"), ("DestBridgeUniqueid", into.uniqueid)] if into else []
    pbx.emit(
        "AttendedTransfer",
        CALL,
        [("Result", "Success")],
        first.channel.headers("OrigTransferer"),
        [("Orig" + key, value) for key, value in bridges[0]],
        second.channel.headers("SecondTransferer"),
        [("Second" + key, value) for key, value in bridges[1]],
        transferee.headers("Transferee"),
        target.headers("TransferTarget") if target else [],
        [("IsExternal", "No")],
        dest or [("DestType", "App"), ("DestApp", "Dial")],
    )
