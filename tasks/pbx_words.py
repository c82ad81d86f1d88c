"""What is said of a deed by the PBX that was not done, or perhaps was. Nothing here asks or sends."""

from collections.abc import Mapping
from typing import Final

from crmconnector.asterisk import ami
from crmconnector.calls.models import CommandKind, CommandState
from crmconnector.calls.services import Outcome

GONE: Final = "This call is over: the PBX no longer has your end of it. Nothing changed."
# Asterisk's own words, action by action.
NO_CHANNEL: Final = frozenset({"no such channel", "channel specified does not exist", "channel does not exist"})
NOT: Final[Mapping[str, str]] = {
    CommandKind.MAKE_CALL: "Not dialled",
    CommandKind.HANG_UP: "Not hung up",
    CommandKind.REJECT: "Not rejected",
    CommandKind.BLIND_TRANSFER: "Not transferred",
    CommandKind.ATTENDED_START: "Nobody was asked",
    CommandKind.ATTENDED_COMPLETE: "Not put together",
    CommandKind.ATTENDED_CANCEL: "Not back with the caller",
    CommandKind.CONFERENCE: "No conference",
    CommandKind.DTMF: "No tones sent",
    CommandKind.MUTE: "Not muted",
    CommandKind.UNMUTE: "Still muted",
    CommandKind.PARK: "Not parked",
    CommandKind.DND_ON: "Do not disturb is not on",
    CommandKind.DND_OFF: "Do not disturb is not off",
}
MAYBE: Final[Mapping[str, str]] = {
    CommandKind.MAKE_CALL: "It may or may not have dialled.",
    CommandKind.HANG_UP: "It may or may not have hung up.",
    CommandKind.REJECT: "It may or may not have been rejected.",
    CommandKind.BLIND_TRANSFER: "It may or may not have been transferred.",
    CommandKind.ATTENDED_START: "It may or may not be ringing there.",
    CommandKind.ATTENDED_COMPLETE: "They may or may not have been put together.",
    CommandKind.ATTENDED_CANCEL: "You may or may not be back with the caller.",
    CommandKind.CONFERENCE: "Not everybody may be in the conference.",
    CommandKind.DTMF: "Some tones may have been sent.",
    CommandKind.MUTE: "You may or may not be muted.",
    CommandKind.UNMUTE: "You may or may not still be muted.",
    CommandKind.PARK: "The call may or may not be parked.",
    CommandKind.DND_ON: "Do not disturb may or may not be on.",
    CommandKind.DND_OFF: "Do not disturb may or may not be off.",
}


def outcome_of(error: ami.AmiError, kind: str, *, begun: bool) -> Outcome:
    """`begun`: the PBX took an action of this deed already, so that "nothing happened" can no longer be said."""
    if isinstance(error, ami.Unclear):
        sentence = f"No answer from the PBX. {MAYBE[kind]} We watch the PBX; do not press again."
        return Outcome(CommandState.UNKNOWN, "pbx_silent", sentence)
    if begun:
        sentence = f"The PBX stopped in the middle. {MAYBE[kind]} Look at your phone."
        return Outcome(CommandState.UNKNOWN, "half_done", sentence)
    if isinstance(error, ami.Refused):
        return _refused(error, kind)
    if isinstance(error, ami.BadHeader):
        sentence = f"{NOT[kind]}: this cannot be sent to the PBX as it is."
        return Outcome(CommandState.FAILED, "cannot_be_sent", sentence, True)
    sentence = f"{NOT[kind]}: the PBX cannot be reached now. Nothing was sent. You can press again."
    return Outcome(CommandState.FAILED, "pbx_away", sentence, True)


def _refused(error: ami.Refused, kind: str) -> Outcome:
    """The PBX's own words are shown, short and without what could fool a screen."""
    said = "".join(char for char in error.reply.message[:100] if char.isprintable()).strip().rstrip(".")
    if said.lower() in NO_CHANNEL:
        return Outcome(CommandState.REFUSED, "gone", GONE, True)
    if "permission denied" in said.lower():
        sentence = (
            "our user may not do that on the PBX. Nothing changed. The page of the PBX says which right is missing."
        )
        return Outcome(CommandState.REFUSED, "pbx_forbids", f"{NOT[kind]}: {sentence}", True)
    sentence = f"{NOT[kind]}: the PBX refused ({said}). Nothing changed."
    return Outcome(CommandState.REFUSED, "pbx_refused", sentence, True)
