"""What one command asks of the PBX, over the worker's own link: one table, a function for each kind of command.

What comes out: `sent`, and the listener proves it by what it hears; `confirmed` where the PBX's own answer is the proof
and no event will ever tell (mute, do not disturb); `refused` or `failed` when surely nothing happened; else `unknown`.
A deed of several actions that broke off after the first is `unknown` too: something happened.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from crmconnector.asterisk import ami, call_actions
from crmconnector.asterisk.channel_list import Listed, find, listed, on_hold_behind, partners
from crmconnector.calls.models import CallCommand, CommandKind, CommandState
from crmconnector.calls.services import Grant, Outcome
from crmconnector.common.clock import GRANT_VALID_SECONDS
from crmconnector.pbx.models import Pbx
from phones.models import SipAccount
from tasks.pbx_link import ask_channels, send_action
from tasks.pbx_words import GONE, MAYBE, outcome_of

# After a tone of TONE_MILLISECONDS: what the far end needs to hear two of the same digit as two.
TONE_PAUSE_SECONDS: Final = 0.08
NOTE_SECONDS: Final = 1.5  # the PBX's dialplan has written its note long before
NOTE_LOOK_SECONDS: Final = 0.1

log = structlog.get_logger(__name__)


class NotDone(Exception):
    """It cannot be done as things are, and nothing was sent; the outcome says why."""

    def __init__(self, code: str, sentence: str, state: CommandState = CommandState.REFUSED) -> None:
        super().__init__(code)
        self.outcome = Outcome(state, code, sentence, nothing_happened=True)


class Errand:
    """One grant being carried out: what was sent under it so far, and where to."""

    def __init__(self, grant: Grant, pbx: Pbx) -> None:
        self.command: CallCommand = grant.command
        self.pbx = pbx
        self.done = 0  # actions that the PBX took
        self._number = 0
        self._until = grant.granted_monotonic + GRANT_VALID_SECONDS

    def send(self, action: call_actions.Action) -> None:
        """One action, once. The first one only while the grant is fresh: a frozen worker sends nothing late."""
        self._number += 1
        name = str(self.command.pk) if self._number == 1 else f"{self.command.pk}/{self._number}"
        not_after = None if self.done else self._until
        send_action(self.pbx, action.name, action.headers, name, not_after=not_after)
        self.done += 1

    @property
    def uniqueid(self) -> str:
        """Of the user's own end of the call."""
        if self.command.leg is None:
            raise NotDone("no_leg", "There is no call that this could mean. Nothing was sent.")
        return self.command.leg.uniqueid

    def channels(self) -> list[Listed]:
        """What the PBX has now. A list that does not come is no deed that is unclear: nothing was sent."""
        try:
            return listed(ask_channels(self.pbx))
        except ami.AmiError as error:
            raise NotDone(
                "no_list", "The PBX did not say who talks with whom. Nothing was sent. You can press again.",
                CommandState.FAILED,
            ) from error  # fmt: skip

    def own(self, channels: list[Listed], uniqueid: str = "") -> Listed:
        """The user's own end in the list: its Uniqueid, and its endpoint with it."""
        found = find(channels, uniqueid or self.uniqueid)
        if found is None:
            raise NotDone("gone", GONE)
        if self.command.endpoint and found.endpoint != self.command.endpoint:
            raise NotDone("another_end", "The PBX has another phone at this end of the call. Nothing was sent.")
        return found

    def extension(self) -> str:
        """The number that others dial to reach the user's own phone."""
        return own_extension(self.command)


def own_extension(command: CallCommand) -> str:
    accounts = SipAccount.objects.filter(pbx=command.pbx_id, endpoint=command.endpoint)
    return accounts.values_list("extension", flat=True).first() or command.endpoint.rpartition("/")[2]


def has_note(command: CallCommand, pbx: Pbx) -> bool | None:
    """Whether the PBX has the note that this phone is not to be disturbed; None: it does not say. Changes nothing."""
    question = call_actions.is_undisturbed(own_extension(command))
    told = send_action(pbx, question.name, question.headers).headers.get("Value", "")
    return {"1": True, "0": False}.get(told if isinstance(told, str) else told[0])


def by_pbx(grant: Grant) -> Outcome:
    """Carry it out by the PBX, once. Every error of the link becomes an outcome."""
    kind, pbx = grant.kind, grant.command.pbx
    deed = DEEDS.get(kind)
    if deed is None or pbx is None:
        return Outcome(CommandState.FAILED, "no_way", "Your PBX cannot be asked for this. Nothing was sent.",
                       nothing_happened=True)  # fmt: skip
    errand = Errand(grant, pbx)
    try:
        return deed(errand) or Outcome(CommandState.SENT)
    except NotDone as problem:
        return problem.outcome
    except ami.AmiError as error:
        log.info("pbx_deeds.not_done", kind=kind, error=type(error).__name__, done=errand.done)
        return outcome_of(error, kind, begun=errand.done > 0)


# --- the deeds: None is "sent" ------------------------------------------------------------------------------------


def _make_call(errand: Errand) -> None:
    command, pbx = errand.command, errand.pbx
    shown = command.far_number or command.dial_string
    errand.send(
        call_actions.call_from_phone(
            call_actions.Dial(
                endpoint=command.endpoint, number=command.dial_string, shown=shown, own=errand.extension(),
                context=pbx.inside_context, command=str(command.pk), snippet=pbx.snippet_context,
            )
        )
    )  # fmt: skip


def _hang_up(errand: Errand) -> None:
    errand.send(call_actions.hang_up(errand.uniqueid))


def _reject(errand: Errand) -> None:
    errand.send(call_actions.hang_up(errand.uniqueid, cause=call_actions.REJECTED))


def _blind_transfer(errand: Errand) -> None:
    number = errand.command.dial_string
    errand.send(call_actions.blind_transfer(errand.uniqueid, number=number, context=errand.pbx.inside_context))


def _attended_start(errand: Errand) -> None:
    number = errand.command.dial_string
    errand.send(call_actions.ask_first(errand.uniqueid, number=number, context=errand.pbx.inside_context))


def _attended_complete(errand: Errand) -> None:
    """Leaving the consultation puts the two together. With a second call on the phone they are bridged."""
    if errand.command.other_leg is None:
        errand.send(call_actions.hang_up(errand.uniqueid))
        return
    channels = errand.channels()
    first = errand.own(channels)
    second = errand.own(channels, errand.command.other_leg.uniqueid)
    held, asked = _only(partners(channels, first)), _only(partners(channels, second))
    errand.send(call_actions.put_together(held.uniqueid, asked.uniqueid))


def _attended_cancel(errand: Errand) -> None:
    if errand.command.other_leg is None:
        errand.send(call_actions.back_to_caller(errand.uniqueid))
    else:  # a call of its own on the phone: it ends, and the first one is taken back on the handset
        errand.send(call_actions.hang_up(errand.command.other_leg.uniqueid))


def _conference(errand: Errand) -> None:
    """Whoever is on hold goes in first, then those who talk now, both in one action. The room is the command's own.

    The other way round the PBX would take our leaving the consultation for the transfer's completion.
    """
    if not errand.pbx.snippet_context:
        raise NotDone(
            "no_snippet",
            "Your PBX has no conference for this: our dialplan is not installed on it. An administrator can add it.",
        )
    channels = errand.channels()
    first = errand.own(channels)
    talking = errand.own(channels, errand.command.other_leg.uniqueid) if errand.command.other_leg else first
    asked = _only(partners(channels, talking))
    held = _only(partners(channels, first) if talking is not first else on_hold_behind(channels, first))
    where = {"room": f"{errand.command.pk.int % 10**12:012}", "snippet": errand.pbx.snippet_context}
    errand.send(call_actions.into_room(held.uniqueid, **where))
    errand.send(call_actions.into_room(talking.uniqueid, asked.uniqueid, **where))


def _park(errand: Errand) -> None:
    channels = errand.channels()
    own = errand.own(channels)
    errand.send(call_actions.park(_only(partners(channels, own)).uniqueid, own_channel=own.name))


def _dtmf(errand: Errand) -> Outcome:
    """Tones go to the far end of the call, never through our own: there `##` would be a feature code."""
    digits = errand.command.digits
    if not re.fullmatch(r"[0-9A-D*#]{1,40}", digits):
        raise NotDone("no_tones", "Only 0–9, A–D, * and # can be sent as tones. Nothing was sent.")
    channels = errand.channels()
    far = _only(partners(channels, errand.own(channels))).uniqueid
    pace = call_actions.TONE_MILLISECONDS / 1000 + TONE_PAUSE_SECONDS
    for digit in digits:
        errand.send(call_actions.play_tone(far, digit))
        time.sleep(pace)
    return _confirmed(f"The PBX took {len(digits)} tones for the far end.")


def _mute(errand: Errand) -> Outcome:
    return _muted(errand, on=True)


def _unmute(errand: Errand) -> Outcome:
    return _muted(errand, on=False)


def _muted(errand: Errand, *, on: bool) -> Outcome:
    errand.send(call_actions.mute(errand.uniqueid, on=on))
    return _confirmed(f"The PBX {'passes on nothing of what you say' if on else 'passes on what you say'}.")


def _dnd_on(errand: Errand) -> Outcome:
    return _undisturbed(errand, on=True)


def _dnd_off(errand: Errand) -> Outcome:
    return _undisturbed(errand, on=False)


def _undisturbed(errand: Errand, *, on: bool) -> Outcome:
    """Have the note written, then look whether it is there: asking may be repeated, writing may not."""
    snippet, who = errand.pbx.snippet_context, errand.extension()
    if not snippet:
        raise NotDone(
            "no_snippet",
            "Your PBX offers no do-not-disturb: our dialplan is not installed on it. An administrator can add it.",
        )
    errand.send(call_actions.do_not_disturb(who, on=on, snippet=snippet, command=str(errand.command.pk)))
    end = time.monotonic() + NOTE_SECONDS
    while time.monotonic() < end:
        if has_note(errand.command, errand.pbx) is on:
            return _confirmed(f"The PBX {'has' if on else 'no longer has'} the note.")
        time.sleep(NOTE_LOOK_SECONDS)
    return Outcome(
        CommandState.UNKNOWN, "not_seen", f"The PBX took it but does not show it. {MAYBE[errand.command.kind]}"
    )


def _confirmed(evidence: str) -> Outcome:
    return Outcome(CommandState.CONFIRMED, evidence=evidence)


def _only(found: list[Listed]) -> Listed:
    """Exactly one must be meant; nothing is guessed."""
    if not found:
        raise NotDone("nobody_there", "The PBX sees nobody at the other end yet. Nothing was sent.")
    if len(found) > 1:
        raise NotDone(
            "several", "Several people are in this call, and it cannot be told whom you mean. Nothing was sent."
        )
    return found[0]


DEEDS: Final[Mapping[str, Callable[[Errand], Outcome | None]]] = {
    CommandKind.MAKE_CALL: _make_call,
    CommandKind.HANG_UP: _hang_up,
    CommandKind.REJECT: _reject,
    CommandKind.BLIND_TRANSFER: _blind_transfer,
    CommandKind.ATTENDED_START: _attended_start,
    CommandKind.ATTENDED_COMPLETE: _attended_complete,
    CommandKind.ATTENDED_CANCEL: _attended_cancel,
    CommandKind.CONFERENCE: _conference,
    CommandKind.DTMF: _dtmf,
    CommandKind.MUTE: _mute,
    CommandKind.UNMUTE: _unmute,
    CommandKind.PARK: _park,
    CommandKind.DND_ON: _dnd_on,
    CommandKind.DND_OFF: _dnd_off,
}
