"""The AMI actions that ask for something, and their answers with Asterisk's list framing.

A list is: `Response: Success` with `EventList: start`, one event an item, then an event with `EventList: Complete`.
Every message carries the ActionID of its action; where in the message, and which headers, is as Asterisk 22 does it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from crmconnector.simulator.ami.wire import Headers, escape_name
from crmconnector.simulator.channels import Channel
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.story import Queue
from crmconnector.simulator.switchboard import Switchboard

Action = dict[str, str]  # header names in lower case
Answer = Iterator[Headers]
FIRMWARE = "1.0.13.30"


def echo_of(action: Action) -> Headers:
    return [("ActionID", action["actionid"])] if "actionid" in action else []


def ping(_board: Switchboard, action: Action) -> Answer:
    yield [("Response", "Success"), *echo_of(action), ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}")]


def core_show_channels(board: Switchboard, action: Action) -> Answer:
    echo = echo_of(action)
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


def status(board: Switchboard, action: Action) -> Answer:
    echo = echo_of(action)
    yield _start(echo, "Channel status will follow")
    items = [*board.pbx.channels.values()]
    for channel in items:
        yield _status_item(channel, echo)
    yield [*_complete("StatusComplete", echo, len(items)), ("Items", str(len(items)))]


def _status_item(channel: Channel, echo: Headers) -> Headers:
    return [
        ("Event", "Status"),
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
        ("Nativeformats", "(ulaw|alaw)"),
        ("Readformat", "ulaw"),
        ("Readtrans", ""),
        ("Writeformat", "ulaw"),
        ("Writetrans", ""),
        ("Callgroup", "0"),
        ("Pickupgroup", "0"),
        ("Seconds", str(_age(channel))),
        *echo,
    ]


def queue_status(board: Switchboard, action: Action) -> Answer:
    echo = echo_of(action)
    yield _start(echo, "Queue status will follow")
    count = 0
    for queue in board.story.pbx.queues:
        if action.get("queue", queue.extension) != queue.extension:
            continue
        for item in _queue_items(board, queue):
            count += 1
            yield [*item, *echo]
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
    interface = f"PJSIP/{phone.account}"
    zeros = ("CallsTaken", "LastCall", "LastPause", "LoginTime")
    return [
        ("Event", "QueueMember"),
        ("Queue", queue.extension),
        ("Name", phone.owner or interface),
        ("Location", interface),
        ("StateInterface", interface),
        ("Membership", "static"),
        ("Penalty", "0"),
        *((key, "0") for key in zeros),
        ("InCall", "0"),
        ("Status", MEMBER_STATUS[_device(phone)]),
        ("Paused", "0"),
        ("PausedReason", ""),
        ("Wrapuptime", "0"),
    ]


MEMBER_STATUS = {"Not in use": "1", "In use": "2", "Unavailable": "5", "Ringing": "6", "Ringing and In use": "7"}


def _device(phone: Phone) -> str:
    """The device state of a phone in Asterisk's words."""
    if not phone.profile.registered:
        return "Unavailable"
    rings = any(line.state == "ringing" for line in phone.lines)
    talks = any(line.state in ("calling", "ringback", "connected", "onhold") for line in phone.lines)
    if rings:
        return "Ringing and In use" if talks else "Ringing"
    return "In use" if talks else "Not in use"


def pjsip_show_endpoints(board: Switchboard, action: Action) -> Answer:
    """Phones and trunks alike: nothing but the name and the missing registration tells them apart."""
    echo = echo_of(action)
    yield _start(echo, "A listing of Endpoints follows, presented as EndpointList events")
    for phone in board.phones.values():
        contact = f"{phone.account}/{_contact(phone)}," if phone.profile.registered else ""
        yield _endpoint(board, phone.account, f"{phone.account}-auth", contact, _device(phone), echo)
    for trunk in board.story.pbx.trunks:
        used = any(channel.endpoint == trunk.endpoint for channel in board.pbx.channels.values())
        contact = f"{trunk.endpoint}/sip:carrier.example,"
        yield _endpoint(board, trunk.endpoint, "", contact, "In use" if used else "Not in use", echo)
    yield _complete("EndpointListComplete", echo, len(board.phones) + len(board.story.pbx.trunks))


def _endpoint(board: Switchboard, name: str, auths: str, contacts: str, state: str, echo: Headers) -> Headers:
    return [
        ("Event", "EndpointList"),
        *echo,
        ("ObjectType", "endpoint"),
        ("ObjectName", name),
        ("Transport", ""),
        ("Aor", name),
        ("Auths", auths),
        ("OutboundAuths", ""),
        ("Contacts", contacts),
        ("DeviceState", state),
        ("ActiveChannels", str(sum(channel.endpoint == name for channel in board.pbx.channels.values()))),
    ]


def pjsip_show_contacts(board: Switchboard, action: Action) -> Answer:
    """The registrations. UserAgent tells make, model and firmware of a phone."""
    echo = echo_of(action)
    yield _start(echo, "A listing of Contacts follows, presented as ContactList events")
    there = [phone for phone in board.phones.values() if phone.profile.registered]
    for phone in there:
        mac = phone.story.mac.lower()
        yield [
            ("Event", "ContactList"),
            *echo,
            ("ObjectType", "contact"),
            ("ObjectName", f"{phone.account};@{mac}"),
            ("ViaAddr", "127.0.0.1"),
            ("QualifyTimeout", "3.000000"),
            ("Qualify2xxOnly", "false"),
            ("CallId", f"{mac}@127.0.0.1"),
            ("RegServer", ""),
            ("PruneOnBoot", "no"),
            ("Path", ""),
            ("Endpoint", phone.account),
            ("ViaPort", "5060"),
            ("AuthenticateQualify", "no"),
            ("Uri", _contact(phone)),
            ("QualifyFrequency", "60"),
            ("UserAgent", f"Grandstream {phone.story.model} {FIRMWARE}"),
            ("ExpirationTime", str(int(time.time()) + 3600)),
            ("OutboundProxy", ""),
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


ACTIONS: dict[str, Callable[[Switchboard, Action], Answer]] = {
    "ping": ping,
    "coreshowchannels": core_show_channels,
    "status": status,
    "queuestatus": queue_status,
    "pjsipshowendpoints": pjsip_show_endpoints,
    "pjsipshowcontacts": pjsip_show_contacts,
}
