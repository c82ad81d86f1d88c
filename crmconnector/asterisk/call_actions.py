"""The AMI actions that the verbs of a call take: values in, one action out, or BadHeader and nothing is sent.

Asterisk reads much into a value: `&` opens a second leg, a comma adds options, `${…}` runs functions, and a Hangup of
`/…/` is a regular expression that ends every call it fits. So each value must look like what it is, in full; nothing is
repaired. A channel is named by its Uniqueid, which no other channel ever gets; its name may be reused after a restart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .actions import HeaderValue
from .ami_errors import BadHeader

REJECTED: Final = 21  # Q.850: call rejected
NORMAL: Final = 16
RING_SECONDS: Final = 25
TONE_MILLISECONDS: Final = 120
# Headers of the INVITE with which a desk phone picks up by itself where its account allows that; else it rings.
PICK_UP: Final = (
    "PJSIP_HEADER(add,Call-Info)=<sip:crmconnector.invalid>;answer-after=0",
    "PJSIP_HEADER(add,Alert-Info)=<http://crmconnector.invalid>;info=alert-autoanswer;delay=0",
)

_UNIQUEID = re.compile(r"(?:[A-Za-z0-9_.-]{1,100}-)?[0-9]{1,12}\.[0-9]{1,10}")
_CHANNEL = re.compile(r"[A-Za-z][A-Za-z0-9]{1,19}/[A-Za-z0-9_.+@:;-]{1,130}")
_ENDPOINT = re.compile(r"(?:PJSIP|SIP|IAX2|SCCP|DAHDI)/[A-Za-z0-9_.+@-]{1,80}")
_CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_EXTENSION = re.compile(r"[0-9]{1,20}")
_TONE = re.compile(r"[0-9A-D*#]")
_ID = re.compile(r"[0-9a-f-]{36}")
_ROOM = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its name and its headers, without Action and ActionID."""

    name: str
    headers: Mapping[str, HeaderValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that the PBX begins at a user's own phone. `shown` is what the phone shows, `own` its own extension.

    `snippet` is the context of our dialplan (deploy/asterisk), empty without it.
    """

    endpoint: str
    number: str = field(repr=False)
    shown: str = field(repr=False)
    own: str
    context: str
    command: str
    snippet: str = ""


def hang_up(uniqueid: str, *, cause: int = NORMAL) -> Action:
    """End one channel; a ringing one with REJECTED: this phone declines, others ring on."""
    return Action("Hangup", {"Channel": _checked("Channel", _UNIQUEID, uniqueid), "Cause": str(int(cause))})


def blind_transfer(uniqueid: str, *, number: str, context: str) -> Action:
    """Send whoever talks with this channel to that number; this channel ends."""
    return Action("BlindTransfer", _to(uniqueid, number, context))


def ask_first(uniqueid: str, *, number: str, context: str) -> Action:
    """Put the other party on hold and ring that number from this channel.

    Asterisk plays itself the feature code and the digits, so it works where transfers by feature code work: in a Dial
    with t (for the called) or T (for the caller).
    """
    return Action("Atxfer", _to(uniqueid, number, context))


def back_to_caller(uniqueid: str) -> Action:
    """Give the consultation up: the party on hold is there again."""
    return Action("CancelAtxfer", {"Channel": _checked("Channel", _UNIQUEID, uniqueid)})


def put_together(first: str, second: str) -> Action:
    """Two channels hear each other from now on; those they heard before end."""
    one, other = (_checked(f"Channel{n}", _UNIQUEID, uniqueid) for n, uniqueid in ((1, first), (2, second)))
    return Action("Bridge", {"Channel1": one, "Channel2": other, "Tone": "no"})


def park(uniqueid: str, *, own_channel: str) -> Action:
    """Park this channel. `own_channel` is the NAME of the one it talks with: it hears the place, and gets it back."""
    own = _checked("TimeoutChannel", _CHANNEL, own_channel)
    parked = _checked("Channel", _UNIQUEID, uniqueid)
    return Action("Park", {"Channel": parked, "TimeoutChannel": own, "AnnounceChannel": own})


def play_tone(uniqueid: str, digit: str) -> Action:
    """One tone to the party behind this channel."""
    tone = {"Digit": _checked("Digit", _TONE, digit), "Duration": str(TONE_MILLISECONDS)}
    return Action("PlayDTMF", {"Channel": _checked("Channel", _UNIQUEID, uniqueid), **tone})


def mute(uniqueid: str, *, on: bool) -> Action:
    """What this phone says is not passed on. By a function of the channel: the action MuteAudio needs `system`."""
    channel = _checked("Channel", _UNIQUEID, uniqueid)
    return Action("Setvar", {"Channel": channel, "Variable": "MUTEAUDIO(in)", "Value": "on" if on else "off"})


def into_room(uniqueid: str, other: str = "", *, room: str, snippet: str) -> Action:
    """Send one channel, or two that talk with each other at once, into the conference room of our dialplan."""
    where = {"Context": _checked("Context", _CONTEXT, snippet), "Exten": f"c{_checked('Exten', _ROOM, room)}"}
    headers = {"Channel": _checked("Channel", _UNIQUEID, uniqueid), **where, "Priority": "1"}
    if other:
        headers |= {"ExtraChannel": _checked("ExtraChannel", _UNIQUEID, other), "ExtraPriority": "1"}
        headers |= {f"Extra{name}": value for name, value in where.items()}
    return Action("Redirect", headers)


def do_not_disturb(extension: str, *, on: bool, snippet: str, command: str) -> Action:
    """Have our dialplan write the PBX's own note. It runs on a Local channel: no phone rings."""
    who = _checked("Variable", _EXTENSION, extension)
    channel = f"Local/dnd@{_checked('Channel', _CONTEXT, snippet)}"
    variables = [f"CRM_EXTENSION={who}", f"CRM_WANTED={'on' if on else 'off'}", _marked(command)]
    how = {"Application": "NoOp", "Async": "true", "Timeout": "3000"}
    return Action("Originate", {"Channel": channel, **how, "Variable": variables})


def is_undisturbed(extension: str) -> Action:
    """Whether that note is there: `Value` of the answer is 1 or 0."""
    return Action("Getvar", {"Variable": f"DB_EXISTS(DND/{_checked('Variable', _EXTENSION, extension)})"})


def call_from_phone(dial: Dial) -> Action:
    """Ring the user's own phone; once it is picked up it dials, as if the number had been dialled on it.

    With our dialplan the phone shows whom, and the called party sees the user's own number. Without it Asterisk would
    show the called party what the phone was shown: so the phone's own number is given as the number, whom as the name.
    """
    endpoint = _checked("Channel", _ENDPOINT, dial.endpoint)
    shown, own = _checked("CallerID", _NUMBER, dial.shown), _checked("CallerID", _EXTENSION, dial.own)
    number, context = _checked("Exten", _NUMBER, dial.number), _checked("Context", _CONTEXT, dial.context)
    variables = [_marked(dial.command), *(PICK_UP if endpoint.startswith("PJSIP/") else ())]
    if dial.snippet:
        where = {"Context": _checked("Context", _CONTEXT, dial.snippet), "Exten": "call"}
        where["CallerID"] = f'"{shown}" <{shown}>'
        variables += [f"CRM_FROM={own}", f"CRM_TO={number}", f"CRM_CONTEXT={context}"]
    else:
        where = {"Context": context, "Exten": number, "CallerID": f'"{shown}" <{own}>'}
    how = {"Channel": endpoint, **where, "Priority": "1", "Async": "true", "Timeout": str(RING_SECONDS * 1000)}
    return Action("Originate", {**how, "Variable": variables})


def _to(uniqueid: str, number: str, context: str) -> dict[str, HeaderValue]:
    return {
        "Channel": _checked("Channel", _UNIQUEID, uniqueid),
        "Context": _checked("Context", _CONTEXT, context),
        "Exten": _checked("Exten", _NUMBER, number),
    }


def _marked(command: str) -> str:
    """The command's id as a channel variable, for those who read the PBX's own log."""
    return f"CRM_COMMAND={_checked('Variable', _ID, command)}"


def _checked(header: str, pattern: re.Pattern[str], value: str) -> str:
    """Raises BadHeader naming the header, never the value: it may be a number or a name."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BadHeader(f"AMI header {header}: the value does not look like what belongs there")
    return value
