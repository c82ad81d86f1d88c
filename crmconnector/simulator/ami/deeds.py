"""The AMI actions that do something with calls, and which actions a user may send. Answers in Asterisk's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from crmconnector.simulator.ami.actions import Action, echo_of
from crmconnector.simulator.ami.wire import Headers
from crmconnector.simulator.channels import Channel
from crmconnector.simulator.operator import Impossible, Operator
from crmconnector.simulator.switchboard import Switchboard

_CALLER = re.compile(r'\s*"?(?P<name>[^"<]*)"?\s*<(?P<number>[^>]*)>\s*')
_NOTE = re.compile(r"DB_EXISTS\(DND/([0-9]+)\)")
RING_MILLISECONDS = 30_000
FAILURES = {"5": "Failure", "3": "Failure", "0": "Failure", "4": "Success"}


def obey(board: Switchboard, action: Action) -> Headers:
    """Do it, or say why not."""
    try:
        said = DEEDS[action["action"].lower()](Operator(board), action)
    except Impossible as problem:
        return [("Response", "Error"), *echo_of(action), ("Message", str(problem))]
    return [("Response", "Success"), *echo_of(action), *said]


def _message(text: str) -> Headers:
    return [("Message", text)]


def _hangup(operator: Operator, action: Action) -> Headers:
    operator.hang_up(action.get("channel", ""))
    return _message("Channel Hungup")


def _blind_transfer(operator: Operator, action: Action) -> Headers:
    operator.blind_transfer(action.get("channel", ""), action.get("exten", ""))
    return _message("Transfer succeeded")


def _atxfer(operator: Operator, action: Action) -> Headers:
    operator.ask_first(action.get("channel", ""), action.get("exten", ""))
    return _message("Atxfer successfully queued")


def _cancel_atxfer(operator: Operator, action: Action) -> Headers:
    operator.back_to_first(action.get("channel", ""))
    return _message("CancelAtxfer successfully queued")


def _bridge(operator: Operator, action: Action) -> Headers:
    operator.put_together(action.get("channel1", ""), action.get("channel2", ""))
    return _message("Channels have been bridged")


def _park(operator: Operator, action: Action) -> Headers:
    operator.park(action.get("channel", ""))
    return _message("Park successful")


def _play_dtmf(operator: Operator, action: Action) -> Headers:
    operator.tone(action.get("channel", ""), action.get("digit", ""))
    return _message("DTMF successfully queued")


def _setvar(operator: Operator, action: Action) -> Headers:
    if action.get("variable") == "MUTEAUDIO(in)":
        operator.mute(action.get("channel", ""), action.get("value") == "on")
    elif "channel" in action:
        operator.leg(action["channel"])
    return _message("Variable Set")


def _getvar(operator: Operator, action: Action) -> Headers:
    asked = action.get("variable", "")
    note = _NOTE.fullmatch(asked)
    value = str(int(note[1] in operator.pbx.undisturbed)) if note else ""
    return [("Variable", asked), ("Value", value)]


def _redirect(operator: Operator, action: Action) -> Headers:
    """Into a conference room of the product's dialplan (c and its number), or to an extension."""
    names = [action[key] for key in ("channel", "extrachannel") if action.get(key)]
    exten = action.get("exten", "")
    if not re.fullmatch(r"c[0-9]+", exten):
        raise Impossible("Redirect failed, channel not up")
    operator.into_room(names, exten[1:])
    return _message("Redirect successful" if len(names) == 1 else "Dual Redirect successful")


def _originate(operator: Operator, action: Action) -> Headers:
    """To a phone first, which dials when it is picked up; or the product's dialplan by itself: a note in the PBX."""
    variables = dict(one.partition("=")[::2] for one in action.get("variable", "").splitlines())
    technology, _, rest = action.get("channel", "").partition("/")
    if technology == "Local":
        _note(operator, rest.partition("@")[0], variables)
    elif technology == "PJSIP":
        _ring_first(operator, rest, action, variables)
    else:
        raise Impossible("Originate failed")
    return _message("Originate successfully queued")


def _note(operator: Operator, exten: str, variables: Mapping[str, str]) -> None:
    if exten != "dnd" or not variables.get("CRM_EXTENSION"):
        raise Impossible("Extension does not exist.")
    change = operator.pbx.undisturbed.add if variables.get("CRM_WANTED") == "on" else operator.pbx.undisturbed.discard
    change(variables["CRM_EXTENSION"])


def _ring_first(operator: Operator, account: str, action: Action, variables: Mapping[str, str]) -> None:
    caller = _CALLER.fullmatch(action.get("callerid", ""))
    shown = (caller["number"], caller["name"].strip()) if caller else ("", "")
    number = variables.get("CRM_TO") or action.get("exten", "")

    def came_to(reason: str, channel: Channel) -> None:
        said = [("Response", FAILURES[reason]), ("Channel", channel.name), ("Context", action.get("context", ""))]
        said += [("Exten", action.get("exten", "")), ("Reason", reason), ("Uniqueid", channel.uniqueid)]
        said += [("CallerIDNum", shown[0] or "<unknown>"), ("CallerIDName", shown[1] or "<unknown>")]
        operator.pbx.emit("OriginateResponse", "call,all", echo_of(action), said)

    operator.call_first(account, number, shown, int(action.get("timeout") or RING_MILLISECONDS) / 1000, came_to)


DEEDS: dict[str, Callable[[Operator, Action], Headers]] = {
    "originate": _originate,
    "hangup": _hangup,
    "blindtransfer": _blind_transfer,
    "atxfer": _atxfer,
    "cancelatxfer": _cancel_atxfer,
    "bridge": _bridge,
    "park": _park,
    "playdtmf": _play_dtmf,
    "setvar": _setvar,
    "getvar": _getvar,
    "redirect": _redirect,
}
# With the classes of which one is enough. A real Asterisk wants `system` for the two PJSIPShow…
_CALL, _REPORTING = "call,all", "system,reporting,all"
RIGHTS = {
    "Atxfer": ("Attended transfer.", _CALL),
    "BlindTransfer": ("Blind transfer channel(s) to the given destination", _CALL),
    "Bridge": ("Bridge two channels already in the PBX.", _CALL),
    "CancelAtxfer": ("Cancel an attended transfer.", _CALL),
    "CoreShowChannels": ("List currently active channels.", _REPORTING),
    "Events": ("Control Event Flow.", "<none>"),
    "Getvar": ("Gets a channel variable or function value.", "call,reporting,all"),
    "Hangup": ("Hangup channel.", "system,call,all"),
    "ListCommands": ("List available manager commands.", "<none>"),
    "Login": ("Login Manager.", "<none>"),
    "Logoff": ("Logoff Manager.", "<none>"),
    "Originate": ("Originate a call.", "originate,all"),
    "Park": ("Park a channel.", _CALL),
    "Ping": ("Keepalive command.", "<none>"),
    "PJSIPShowContacts": ("Lists PJSIP Contacts.", _REPORTING),
    "PJSIPShowEndpoints": ("Lists PJSIP endpoints.", _REPORTING),
    "PlayDTMF": ("Play DTMF signal on a specific channel.", _CALL),
    "QueueStatus": ("Show queue status.", "<none>"),
    "Redirect": ("Redirect (transfer) a call.", _CALL),
    "Setvar": ("Sets a channel variable or function value.", _CALL),
    "Status": ("List channel status.", "system,call,reporting,all"),
}


def list_commands(action: Action) -> Headers:
    rows = [(name, f"{what}  (Priv: {rights})") for name, (what, rights) in RIGHTS.items()]
    return [("Response", "Success"), *echo_of(action), *rows]
