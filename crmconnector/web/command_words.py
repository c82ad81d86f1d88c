"""What is said of a command, by its kind: asked, proven, not done, not sure; and why a verb cannot be asked for now.

Short, active, present. `%(at)s` is a clock time, `%(whom)s` a name or number kept apart from the words around it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crmconnector.calls.models import CommandKind

Words = str | Promise


@dataclass(frozen=True, slots=True)
class KindWords:
    """`asked`: nothing is proven. `done`: the PBX proved it. `refused`: nothing happened, and what to do.
    `maybe`: ends "It may or may not have …". `unseen`: what the PBX did not see when we stopped looking."""

    asked: Words
    done: Words
    refused: Words
    maybe: Words
    unseen: Words


WORDS: Final[Mapping[str, KindWords]] = {
    CommandKind.MAKE_CALL: KindWords(
        _("Call asked at %(at)s, waiting for the PBX."),
        _("Calling %(whom)s. The PBX confirmed it at %(at)s."),
        _("Not dialled. You can press again."),
        _("It may or may not have dialled."),
        _("the PBX saw no call either. Look at your phone, then press again."),
    ),
    CommandKind.ANSWER: KindWords(
        _("Answer asked at %(at)s, waiting for the PBX."),
        _("Answered on your desk phone. The PBX confirmed it at %(at)s."),
        _("Not answered: your phone refused. Answer on the handset."),
        _("It may or may not have answered."),
        _("the PBX saw no answer either. Answer on the handset, or press again."),
    ),
    CommandKind.REJECT: KindWords(
        _("Reject asked at %(at)s. It still rings."),
        _("Rejected. The PBX confirmed it at %(at)s."),
        _("Not rejected. Reject on the handset, or press again."),
        _("It may or may not have been rejected."),
        _("the PBX saw it ring on. Reject on the handset, or press again."),
    ),
    CommandKind.HANG_UP: KindWords(
        _("Hang-up asked at %(at)s. The call still goes on."),
        _("Hung up. The PBX confirmed it at %(at)s."),
        _("Not hung up. Put the handset down, or press again."),
        _("It may or may not have hung up."),
        _("the PBX saw the call go on. Put the handset down, or press again."),
    ),
    CommandKind.HOLD: KindWords(
        _("Hold asked at %(at)s. The caller can still hear you."),
        _("On hold. The PBX confirmed it at %(at)s."),
        _("Not held. The caller can still hear you. Press again, or hold on the phone."),
        _("The caller may or may not hear you."),
        _("the PBX saw no hold. The caller may still hear you. Press again, or hold on the phone."),
    ),
    CommandKind.RESUME: KindWords(
        _("Resume asked at %(at)s. The caller is still on hold."),
        _("Resumed: you hear each other. The PBX confirmed it at %(at)s."),
        _("Not resumed. The caller is still on hold. Press again, or resume on the phone."),
        _("The caller may or may not hear you again."),
        _("the PBX saw the hold go on. Press again, or resume on the phone."),
    ),
    CommandKind.BLIND_TRANSFER: KindWords(
        _("Transfer to %(whom)s asked at %(at)s. The caller is still with you."),
        _("Transferred to %(whom)s. The PBX confirmed it at %(at)s."),
        _("Not transferred. The caller is still with you."),
        _("The caller may or may not be on the way to %(whom)s."),
        _("the PBX saw no transfer. Look at your phone before you press again."),
    ),
    CommandKind.ATTENDED_START: KindWords(
        _("Asking %(whom)s since %(at)s, waiting for the PBX."),
        _("%(whom)s is being asked. The PBX confirmed it at %(at)s."),
        _("%(whom)s was not called. The caller is still with you."),
        _("%(whom)s may or may not be called now."),
        _("the PBX saw nobody called. Look at your phone before you press again."),
    ),
    CommandKind.ATTENDED_COMPLETE: KindWords(
        _("Put together asked at %(at)s. Both are still with you."),
        _("Both hear each other. The PBX confirmed it at %(at)s."),
        _("Not put together. Both are still with you."),
        _("They may or may not hear each other."),
        _("the PBX did not see them talk. Look at your phone before you press again."),
    ),
    CommandKind.ATTENDED_CANCEL: KindWords(
        _("Back to the caller asked at %(at)s."),
        _("You are back with the caller. The PBX confirmed it at %(at)s."),
        _("You are not back with the caller yet. Press again, or use the phone."),
        _("You may or may not be back with the caller."),
        _("the PBX did not see you go back. Look at your phone before you press again."),
    ),
    CommandKind.CONFERENCE: KindWords(
        _("All three asked at %(at)s. They do not hear each other yet."),
        _("All three hear each other. The PBX confirmed it at %(at)s."),
        _("Not put together. The two do not hear each other."),
        _("All three may or may not hear each other."),
        _("the PBX did not see all three together. Look at your phone before you press again."),
    ),
    CommandKind.DTMF: KindWords(
        _("Tones asked at %(at)s."),
        _("Tones sent. The PBX confirmed it at %(at)s."),
        _("The tones were not sent. Type them again, or on the phone."),
        _("The tones may or may not have been sent."),
        _("the PBX does not tell. Ask the other side before you type them again."),
    ),
    CommandKind.MUTE: KindWords(
        _("Mute asked at %(at)s. The caller can still hear you."),
        _("Muted. The PBX confirmed it at %(at)s."),
        _("Not muted. The caller can still hear you. Press again, or mute on the phone."),
        _("The caller may or may not hear you."),
        _("the PBX does not tell. The caller may still hear you. Mute on the phone."),
    ),
    CommandKind.UNMUTE: KindWords(
        _("Unmute asked at %(at)s. The caller cannot hear you yet."),
        _("Not muted any more. The PBX confirmed it at %(at)s."),
        _("Still muted. The caller cannot hear you. Press again."),
        _("The caller may or may not hear you."),
        _("the PBX does not tell. Ask the caller before you press again."),
    ),
    CommandKind.PARK: KindWords(
        _("Park asked at %(at)s. The caller is still with you."),
        _("Parked. The PBX confirmed it at %(at)s."),
        _("Not parked. The caller is still with you."),
        _("The caller may or may not be parked."),
        _("the PBX did not see it parked. Look at your phone before you press again."),
    ),
    CommandKind.DND_ON: KindWords(
        _("Do not disturb asked at %(at)s. Calls still ring."),
        _("Calls do not ring on your phone. The PBX confirmed it at %(at)s."),
        _("Do not disturb is not on. Calls still ring."),
        _("Do not disturb may or may not be on."),
        _("the PBX does not tell. Press again."),
    ),
    CommandKind.DND_OFF: KindWords(
        _("Do not disturb off asked at %(at)s. Calls do not ring yet."),
        _("Calls ring on your phone again. The PBX confirmed it at %(at)s."),
        _("Do not disturb is still on. Calls do not ring."),
        _("Do not disturb may or may not be off."),
        _("the PBX does not tell. Press again."),
    ),
    CommandKind.KEYS: KindWords(
        _("Keys asked at %(at)s."),
        _("The keys did what they should. The PBX confirmed it at %(at)s."),
        _("The keys were not pressed. Nothing changed."),
        _("The keys may or may not have been pressed."),
        _("the PBX saw no change. Look at your phone before you press again."),
    ),
}
NO_REPLY: Final[Mapping[str, Words]] = {"phone": _("No answer from your phone."), "pbx": _("No answer from the PBX.")}
SETTLED: Final[Mapping[str, Words]] = {
    "phone": _("No answer from your phone, and %(unseen)s"),
    "pbx": _("No answer to our order, and %(unseen)s"),
}
FELL_BACK: Final = _("Your phone did not take it, so the PBX was asked.")
# The PBX rings the own phone first: nobody is called before that is picked up.
RINGS_YOU: Final = _("The PBX is calling you. Pick up and it dials %(whom)s. The PBX confirmed it at %(at)s.")
RINGS_YOU_INSTEAD: Final = _(
    "Your phone did not take it; the PBX is calling you. Pick up and it dials %(whom)s. The PBX confirmed it at %(at)s."
)
GONE: Final[Mapping[str, Words]] = {
    "no_answer": _("%(whom)s did not answer. The caller is back with you."),
    "left": _("%(whom)s hung up. The caller is back with you."),
}
GONE_HELD: Final[Mapping[str, Words]] = {
    "no_answer": _("%(whom)s did not answer. The caller is on hold: resume the call."),
    "left": _("%(whom)s hung up. The caller is on hold: resume the call."),
}
CONSULTING: Final[Mapping[str, Words]] = {
    "asked": _("is being called"),
    "ringing": _("rings and cannot hear the caller"),
    "talking": _("talks with you and cannot hear the caller"),
    "": _("was called; the PBX does not tell us more"),
}
# Codes of screenpop.callbar.Offer and calls.verbs.Choice.
WHY_NOT: Final[Mapping[str, Words]] = {
    "test": _("This is a test: nobody is calling."),
    "no_call": _("The PBX shows no call on your phone here."),
    "several_legs": _("Two of your phones or lines are in this call. Use the phone itself."),
    "asked": _("Asked already. Wait for its end; do not press again."),
    "not_ringing": _("The call still rings."),
    "not_dialling": _("Nobody has answered yet."),
    "not_held": _("The caller is on hold. Resume the call first."),
    "not_now": _("This cannot be done as the call stands now."),
    "consulting": _("You are asking somebody. End that first."),
    "ask_first": _("Ask somebody first."),
    "not_asked_yet": _("The PBX has not called anybody yet."),
    "phone_cannot": _("Your phone offers no way to do this."),
    "not_calibrated": _(
        "The keys for this were not tried on this phone model yet. An administrator can calibrate them."
    ),
    "phone_refuses": _("Your phone takes no orders now. Use the phone itself."),
    "pbx_away": _("The PBX does not answer us. Use the phone itself."),
    "no_snippet": _("The PBX lacks our piece of dialplan for this. An administrator can add it."),
    "pbx_forbids": _("Our user may not do this on the PBX. An administrator can allow it."),
    "no_way": _("There is no way to do this here."),
}


def why_not(code: str) -> str:
    """A reason in words; empty for none."""
    return str(WHY_NOT.get(code, WHY_NOT["not_now"])) if code else ""
