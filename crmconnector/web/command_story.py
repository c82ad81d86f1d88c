"""What was asked of a phone in a call, step by step: asked is dashed, proven is solid. Pure over loaded rows."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import CallCommand, CommandPath, CommandState
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.explain import isolated
from crmconnector.web.step_words import KeyStep, tell_steps
from crmconnector.web.words import said_of


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    state: str  # proven, asked, refused, unknown or empty; "solid" too when the way to the next step is proven
    icon: str
    what: str
    why: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class CommandView:
    title: str
    tone: str
    icon: str
    word: str
    steps: list[Step]
    sentence: str
    keys: list[KeyStep]  # of a key sequence, else none


COMMAND_ENDS = {
    CommandState.CONFIRMED: ("good", "proven", gettext_noop("Confirmed")),
    CommandState.REFUSED: ("bad", "refused", gettext_noop("Refused")),
    CommandState.FAILED: ("bad", "refused", gettext_noop("Did not happen")),
    CommandState.EXPIRED: ("care", "refused", gettext_noop("Withdrawn")),
    CommandState.CANCELLED: ("", "note", gettext_noop("Not needed")),
    CommandState.UNKNOWN: ("care", "unknown", gettext_noop("Not sure")),
}
CHANGE_WORDS = {
    CommandState.REQUESTED: gettext_noop("Requested"),
    CommandState.GRANTED: gettext_noop("Taken up"),
    CommandState.SENT: gettext_noop("Sent"),
    CommandState.CONFIRMED: gettext_noop("Confirmed"),
    CommandState.REFUSED: gettext_noop("Refused"),
    CommandState.FAILED: gettext_noop("Did not happen"),
    CommandState.UNKNOWN: gettext_noop("Not sure"),
    CommandState.EXPIRED: gettext_noop("Withdrawn"),
    CommandState.CANCELLED: gettext_noop("Not needed"),
}
CHANGE_WHY = {
    CommandState.REQUESTED: gettext_noop("The button on the desk was pressed."),
    CommandState.SENT: gettext_noop("Once. What the phone replied proves nothing yet."),
    CommandState.UNKNOWN: gettext_noop("The phone did not reply. It was not sent again."),
}
WHY_BY_PBX = {
    **CHANGE_WHY,
    CommandState.SENT: gettext_noop("Once, to the PBX. What it replied proves nothing yet."),
    CommandState.UNKNOWN: gettext_noop("The PBX did not reply. It was not sent again."),
}
WHY_SECOND = gettext_noop("The phone did nothing, so the PBX was asked.")


def tell_command(command: CallCommand) -> CommandView:
    tone, drawing, word = COMMAND_ENDS.get(CommandState(command.state), ("", "asked", gettext_noop("Asked")))
    changes = [change for change in command.changes.all() if change.state != CommandState.GRANTED]
    confirmed = command.state == CommandState.CONFIRMED
    steps = []
    for change in changes:
        last = change is changes[-1]
        state, icon = _dot(CommandState(change.state), solid=confirmed and not last)
        why = change.evidence or _usual_why(command, CommandState(change.state))
        steps.append(Step(change.at, state, icon, _(CHANGE_WORDS[CommandState(change.state)]), why))
    told = "" if confirmed else said_of(command, now=utc_now()).text
    title = _("%(what)s, by %(who)s") % {"what": command.get_kind_display(), "who": isolated(command.user.display_name)}
    return CommandView(
        title,
        tone,
        drawing,
        _(word),
        steps,
        told,
        tell_steps(command.steps.all(), live=command.ended_at is None and not command.settled),
    )


def _usual_why(command: CallCommand, state: CommandState) -> str:
    if state == CommandState.REQUESTED and command.fallback_of_id is not None:
        return _(WHY_SECOND)
    words = (WHY_BY_PBX if command.path == CommandPath.PBX else CHANGE_WHY).get(state)
    return _(words) if words else ""


def _dot(state: CommandState, *, solid: bool) -> tuple[str, str]:
    """Class and drawing: only what leads to a proof is drawn solid."""
    if solid:
        return "solid", "proven"
    if state == CommandState.CONFIRMED:
        return "proven", "proven"
    if state == CommandState.UNKNOWN:
        return "unknown", "unknown"
    if state in (CommandState.REFUSED, CommandState.FAILED, CommandState.EXPIRED):
        return "refused", "refused"
    return "asked", "asked"
