"""The AMI actions that ask for something, and their answers with Asterisk's list framing.

A list is: `Response: Success` with `EventList: start`, one event an item, then an event with `EventList: Complete`.
Every message carries the ActionID of its action.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from crmconnector.simulator.ami_wire import Headers, escape_name
from crmconnector.simulator.channels import Channel
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.story import Queue
from crmconnector.simulator.switchboard import Switchboard

Answer = Iterator[Headers]


def ping(_board: Switchboard, echo: Headers) -> Answer:
    yield [("Response", "Success"), *echo, ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}")]


def core_show_channels(board: Switchboard, echo: Headers) -> Answer:
    yield _start(echo, "Channels will follow")
    items = [*board.pbx.channels.values()]
    for channel in items:
        hours, rest = divmod(_age(channel), 3600)
        yield [
            ("Event", "CoreShowChannel"),
            *echo,
            *channel.headers(),
            ("Application", channel.application),
            ("ApplicationData", channel.application_text),
            ("Duration", f"{hours:02}:{rest // 60:02}:{rest % 60:02}"),
            ("BridgeId", channel.bridge.uniqueid if channel.bridge else ""),
        ]
    yield _complete("CoreShowChannelsComplete", echo, len(items))


def status(board: Switchboard, echo: Headers) -> Answer:
    yield _start(echo, "Channel status will follow")
    items = [*board.pbx.channels.values()]
    for channel in items:
        yield _status_item(channel, echo)
    yield [*_complete("StatusComplete", echo, len(items)), ("Items", str(len(items)))]


def _status_item(channel: Channel, echo: Headers) -> Headers:
    return [
        ("Event", "Status"),
        *echo,
        ("Privilege", "Call"),
        *channel.headers(),
        ("Type", "PJSIP"),
        ("DNID", channel.exten),
        ("EffectiveConnectedLineNum", channel.connected_number or "<unknown>"),
        ("EffectiveConnectedLineName", escape_name(channel.connected_name)),
        ("TimeToHangup", "0"),
        ("BridgeID", channel.bridge.uniqueid if channel.bridge else ""),
        ("Application", channel.application),
        ("Data", channel.application_text),
        ("Nativeformats", "(ulaw)"),
        ("Readformat", "ulaw"),
        ("Readtrans", ""),
        ("Writeformat", "ulaw"),
        ("Writetrans", ""),
        ("Callgroup", "0"),
        ("Pickupgroup", "0"),
        ("Seconds", str(_age(channel))),
    ]


def queue_status(board: Switchboard, echo: Headers) -> Answer:
    yield _start(echo, "Queue status will follow")
    count = 0
    for queue in board.story.pbx.queues:
        for item in _queue_items(board, queue):
            count += 1
            yield [item[0], *echo, *item[1:]]
    yield _complete("QueueStatusComplete", echo, count)


def _queue_items(board: Switchboard, queue: Queue) -> Answer:
    room = board.rooms[queue.extension]
    zeros = ("Holdtime", "TalkTime", "Completed", "Abandoned", "ServiceLevel")
    yield [
        ("Event", "QueueParams"),
        ("Queue", queue.extension),
        ("Max", "0"),
        ("Strategy", "ringall"),
        ("Calls", str(len(room))),
        *((key, "0") for key in zeros),
        ("ServicelevelPerf", "0.0"),
        ("ServicelevelPerf2", "0.0"),
        ("Weight", "0"),
    ]
    for member in queue.members:
        yield _member_item(queue, board.phone(member))
    for position, call in enumerate(room, 1):
        caller = call.caller.channel
        yield [
            ("Event", "QueueEntry"),
            ("Queue", queue.extension),
            ("Position", str(position)),
            ("Channel", caller.name),
            ("Uniqueid", caller.uniqueid),
            ("CallerIDNum", caller.caller_number or "unknown"),
            ("CallerIDName", caller.caller_name or "unknown"),
            ("ConnectedLineNum", caller.connected_number or "unknown"),
            ("ConnectedLineName", caller.connected_name or "unknown"),
            ("Wait", str(_age(caller))),
            ("Priority", "0"),
        ]


def _member_item(queue: Queue, phone: Phone) -> Headers:
    """Status 1 = not in use, 2 = in use, 5 = unavailable."""
    interface = f"PJSIP/{phone.account}"
    in_use = "1" if phone.is_idle else "2"
    zeros = ("CallsTaken", "LastCall", "LastPause", "LoginTime")
    return [
        ("Event", "QueueMember"),
        ("Queue", queue.extension),
        ("Name", interface),
        ("Location", interface),
        ("StateInterface", interface),
        ("Membership", "static"),
        ("Penalty", "0"),
        *((key, "0") for key in zeros),
        ("InCall", "0" if phone.is_idle else "1"),
        ("Status", in_use if phone.profile.registered else "5"),
        ("Paused", "0"),
        ("PausedReason", ""),
        ("Wrapuptime", "0"),
    ]


def pjsip_show_endpoints(board: Switchboard, echo: Headers) -> Answer:
    yield _start(echo, "A listing of Endpoints follows, presented as EndpointList events")
    for phone in board.phones.values():
        state = "Not in use" if phone.is_idle else "In use"
        channels = (channel.name for channel in board.pbx.channels.values() if channel.endpoint == phone.account)
        yield [
            ("Event", "EndpointList"),
            *echo,
            ("ObjectType", "endpoint"),
            ("ObjectName", phone.account),
            ("Transport", "transport-udp"),
            ("Aor", phone.account),
            ("Auths", f"{phone.account}-auth"),
            ("OutboundAuths", ""),
            ("Contacts", f"{phone.account}/{_contact(phone)}" if phone.profile.registered else ""),
            ("DeviceState", state if phone.profile.registered else "Unavailable"),
            ("ActiveChannels", ",".join(channels)),
        ]
    yield _complete("EndpointListComplete", echo, len(board.phones))


def pjsip_show_contacts(board: Switchboard, echo: Headers) -> Answer:
    yield _start(echo, "A listing of Contacts follows, presented as ContactList events")
    there = [phone for phone in board.phones.values() if phone.profile.registered]
    for phone in there:
        yield [
            ("Event", "ContactList"),
            *echo,
            ("ObjectType", "contact"),
            ("ObjectName", f"{phone.account};@{phone.story.mac.lower()}"),
            ("Endpoint", phone.account),
            ("Uri", _contact(phone)),
            ("UserAgent", f"Grandstream {phone.story.model} 1.0.13.30"),
            ("Status", "Reachable"),
            ("RoundtripUsec", "1200"),
        ]
    yield _complete("ContactListComplete", echo, len(there))


def _contact(phone: Phone) -> str:
    return f"sip:{phone.account}@127.0.0.1:5060"


def _age(channel: Channel) -> int:
    return int(time.time() - channel.started_at)


def _start(echo: Headers, message: str) -> Headers:
    return [("Response", "Success"), *echo, ("EventList", "start"), ("Message", message)]


def _complete(event: str, echo: Headers, count: int) -> Headers:
    return [("Event", event), *echo, ("EventList", "Complete"), ("ListItems", str(count))]


ACTIONS: dict[str, Callable[[Switchboard, Headers], Answer]] = {
    "ping": ping,
    "coreshowchannels": core_show_channels,
    "status": status,
    "queuestatus": queue_status,
    "pjsipshowendpoints": pjsip_show_endpoints,
    "pjsipshowcontacts": pjsip_show_contacts,
}
