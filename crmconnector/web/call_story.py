"""One call as a timeline, and what was asked of the phone: asked is dashed, proven is solid. Pure over loaded rows."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import Call, CallCommand, CommandState, Leg
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop
from crmconnector.web.words import said_of, spoken_time


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


@dataclass(frozen=True, slots=True)
class Story:
    steps: list[Step]
    commands: list[CommandView]
    pops: list[Pop] = field(default_factory=list)
    rang: float | None = None
    phones: int = 0


LEG_ENDS = {
    "elsewhere": (gettext_noop("stopped ringing"), gettext_noop("Somebody else took the call.")),
    "cancelled": (gettext_noop("stopped ringing"), gettext_noop("The caller gave up.")),
    "no_answer": (gettext_noop("stopped ringing"), gettext_noop("Nobody answered in time.")),
    "busy": (gettext_noop("was busy"), ""),
    "rejected": (gettext_noop("rejected the call"), ""),
    "unseen": (gettext_noop("ended unseen"), gettext_noop("We did not hear the PBX at that time.")),
    "answered": (gettext_noop("left the call"), ""),
    "answered_unconnected": (gettext_noop("left the call"), gettext_noop("It never heard the caller.")),
}
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


def tell(call: Call) -> Story:
    """From a call loaded by `with_story`."""
    legs = list(call.legs.all())
    steps = [_began(call), *(step for leg in legs for step in _leg_steps(leg))]
    if call.ended_at:
        steps.append(Step(call.ended_at, "proven", "proven", _("The call ended"), _talked(call)))
    rang = [(leg.rang_at, leg.answered_at or leg.ended_at) for leg in legs if leg.rang_at]
    until = [end for _began_at, end in rang if end]
    seconds = (min(until) - min(began for began, _end in rang)).total_seconds() if until else None
    commands = sorted((command for leg in legs for command in leg.commands.all()), key=lambda one: one.requested_at)
    return Story(
        steps=sorted(steps, key=lambda step: step.at),
        commands=[_command(command) for command in commands],
        pops=list(call.pops.all()),
        rang=max(0.0, seconds) if seconds is not None else None,
        phones=len({leg.endpoint for leg in legs if leg.rang_at}),
    )


def _began(call: Call) -> Step:
    dialled = _("Dialled %(number)s.") % {"number": call.dialled} if call.dialled else ""
    return Step(
        call.started_at, "proven", "proven", _("The PBX told us of a call"), dialled, f"Linkedid {call.linkedid}"
    )


def _leg_steps(leg: Leg) -> list[Step]:
    who = leg.user.display_name if leg.user else (leg.phone.name if leg.phone else leg.endpoint)
    found = []
    if leg.rang_at:
        found.append(Step(leg.rang_at, "proven", "proven", _("%(who)s: phone rings") % {"who": who}, "", leg.endpoint))
    if leg.answered_at:
        rang = (leg.answered_at - leg.rang_at).total_seconds() if leg.rang_at else None
        why = _("Rang %(time)s.") % {"time": spoken_time(rang)} if rang is not None else ""
        what = _("%(who)s answered") % {"who": who}
        found.append(Step(leg.answered_at, "proven", "proven", what, why, leg.endpoint))
    if leg.ended_at:
        word, why = LEG_ENDS.get(leg.outcome, (gettext_noop("left the call"), ""))
        seen = "unknown" if leg.outcome == "unseen" else ""
        what = f"{who} {_(word)}"
        found.append(Step(leg.ended_at, seen, seen or "point", what, _(why) if why else ""))
    return found


def _talked(call: Call) -> str:
    if call.talk_seconds is None or not call.answered_at:
        return ""
    return _("Talked %(time)s.") % {"time": spoken_time(call.talk_seconds)}


def _command(command: CallCommand) -> CommandView:
    tone, drawing, word = COMMAND_ENDS.get(CommandState(command.state), ("", "asked", gettext_noop("Asked")))
    changes = [change for change in command.changes.all() if change.state != CommandState.GRANTED]
    confirmed = command.state == CommandState.CONFIRMED
    steps = []
    for change in changes:
        last = change is changes[-1]
        state, icon = _dot(CommandState(change.state), solid=confirmed and not last)
        why = change.evidence or _(CHANGE_WHY.get(CommandState(change.state), "")) if _has_words(change) else ""
        steps.append(Step(change.at, state, icon, _(CHANGE_WORDS[CommandState(change.state)]), why))
    told = "" if confirmed else said_of(command, now=utc_now()).text
    title = _("%(what)s, by %(who)s") % {"what": command.get_kind_display(), "who": command.user.display_name}
    return CommandView(title, tone, drawing, _(word), steps, told)


def _has_words(change: object) -> bool:
    return bool(getattr(change, "evidence", "")) or getattr(change, "state", "") in CHANGE_WHY


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
