"""From rows to the words of the screens. Pure: no queries beyond what the rows already carry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.dial_text import clean_text
from crmconnector.calls.models import Call, CallCommand, CommandKind, CommandPath, CommandState
from crmconnector.common.clock import COMMAND_RECONCILE_SECONDS
from crmconnector.common.numbers import read_number, shown_number
from crmconnector.screenpop.explain import isolated
from crmconnector.users.models import User
from crmconnector.web.command_words import (
    FELL_BACK,
    NO_REPLY,
    RINGS_YOU,
    RINGS_YOU_INSTEAD,
    SETTLED,
    WORDS,
    KindWords,
    Words,
)


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence about a command: `tone` ok, no, wait or care; `asked` while nothing is proven."""

    tone: str
    icon: str
    text: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How a call came out: a word, the badge's tone, its drawing, and a length when there is one."""

    word: str
    tone: str
    icon: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FarParty:
    """The other side of a call as a list shows it. `known` is False when nobody is behind the number."""

    name: str
    company: str
    number: str
    country: str
    known: bool


@dataclass(frozen=True, slots=True)
class CallRow:
    call: Call
    who: FarParty
    result: Result
    direction: str
    direction_icon: str
    mark: str = ""  # of a missed call: whether anybody has talked to the number since
    returned: bool = False
    note: str = ""  # the first words of a note, with the outcome in front
    dialled: bool = False  # the other side is whom the number that was dialled belongs to

    @property
    def to_call(self) -> str:
        """What its Call button calls; empty when the text that came is no number, whatever digits are in it."""
        return number_to_call(self.call, dialled=self.dialled) if self.who.number else ""


def running_time(seconds: float) -> str:
    """0:07, 12:40, 1:02:03."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def spoken_time(seconds: float) -> str:
    """48 s, 6 min, 1 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("%(n)d s") % {"n": whole}
    minutes = round(whole / 60)
    if minutes < 60:
        return _("%(n)d min") % {"n": minutes}
    return _("%(h)d h %(m)d min") % {"h": minutes // 60, "m": minutes % 60}


def clock_time(at: datetime | None) -> str:
    """10:42:09 in the page's time zone."""
    return timezone.localtime(at).strftime("%H:%M:%S") if at else ""


def day_and_time(at: datetime, *, beside: datetime) -> str:
    """10:42:09, with the day in front when it is another than that of the moment it stands beside: 22 Nov, 10:42:09."""
    local = timezone.localtime(at)
    same_day = local.date() == timezone.localtime(beside).date()
    return date_format(local, "H:i:s" if same_day else "j M, H:i:s")


def short_time(at: datetime, *, beside: datetime) -> str:
    """10:42, with the day in front when it is another than that of the moment it stands beside."""
    local = timezone.localtime(at)
    same_day = local.date() == timezone.localtime(beside).date()
    return date_format(local, "H:i" if same_day else "j M, H:i")


def said_of(command: CallCommand, *, now: datetime, picked_up: bool = False) -> Said:
    """Only an event proves anything; before it the sentence says asked, after it what the PBX confirmed.

    `picked_up`: of a call for which the PBX rang the own phone first: it dials by now.
    """
    words = WORDS[command.kind]
    match command.state:
        case CommandState.CONFIRMED:
            return Said("ok", "proven", _filled(_done(command, words, picked_up), command, command.ended_at))
        case CommandState.UNKNOWN:
            return _not_sure(command, words)
        case CommandState.REQUESTED | CommandState.GRANTED | CommandState.SENT:
            return Said("wait", "asked", _asked(command, words), asked=True)
        case CommandState.CANCELLED:
            return Said("care", "note", command.sentence or _("Not needed any more. Nothing was sent to your phone."))
        case CommandState.EXPIRED:
            return Said("no", "refused", command.sentence or _("Nothing happened in time, so it was withdrawn."))
    return Said("no", "refused", command.sentence or _filled(words.refused, command, None))


def _done(command: CallCommand, words: KindWords, picked_up: bool) -> Words:
    if picked_up or command.kind != CommandKind.MAKE_CALL or command.path != CommandPath.PBX:
        return words.done
    return RINGS_YOU if command.fallback_of_id is None else RINGS_YOU_INSTEAD


def _filled(words: Words, command: CallCommand, at: datetime | None) -> str:
    return str(words) % {"at": clock_time(at), "whom": whom_of(command)}


def whom_of(command: CallCommand) -> str:
    """Whom a command is about, kept apart from the words around it."""
    return isolated(command.target or shown_far_number(command.far_number) or _("the other side"))


def _asked(command: CallCommand, words: KindWords) -> str:
    text = _filled(words.asked, command, command.requested_at)
    if command.fallback_of_id is None:
        return text
    return f"{command.sentence or FELL_BACK} {text}"


def _not_sure(command: CallCommand, words: KindWords) -> Said:
    if command.settled:
        unseen = _filled(words.unseen, command, None)
        return Said("care", "unknown", command.sentence or str(SETTLED[command.path]) % {"unseen": unseen})
    until = clock_time((command.sent_at or command.requested_at) + timedelta(seconds=COMMAND_RECONCILE_SECONDS))
    maybe = _filled(words.maybe, command, None)
    watched = _("We watch the PBX until %(until)s; do not press again.") % {"until": until}
    return Said("care", "unknown", f"{NO_REPLY[command.path]} {maybe} {watched}", asked=True)


_MISSED = ("no_answer", "cancelled", "abandoned")
_PLAIN = {
    "busy": (gettext_noop("Busy"), "", "refused"),
    "rejected": (gettext_noop("Rejected"), "care", "refused"),
    "failed": (gettext_noop("Failed"), "bad", "refused"),
    "transferred": (gettext_noop("Transferred"), "", "between"),
}


def result_of(call: Call, *, why_unseen: str = "") -> Result:
    """Red is for faults alone; a missed call is amber, because it asks for work."""
    if call.merged_into:
        return Result(_("Joined"), "", "between", _("part of another call"))
    if call.ended_at is None and call.parked_place:
        return Result(_("Parked"), "care", "hold", _("at %(place)s") % {"place": call.parked_place})
    if call.ended_at is None:
        return Result(_("Talking") if call.answered_at else _("Ringing"), "good", "half")
    if call.disposition == "answered":
        detail = running_time(call.talk_seconds) if call.talk_seconds is not None else ""
        return Result(_("Talked"), "good", "done", detail)
    if call.disposition in _MISSED:
        word = _("Missed") if call.direction == "inbound" else _("No answer")
        rang = running_time((call.ended_at - call.started_at).total_seconds())
        return Result(word, "care", "missed", _("rang %(time)s") % {"time": rang})
    if call.disposition in _PLAIN:
        word, tone, drawing = _PLAIN[call.disposition]
        return Result(_(word), tone, drawing)
    return Result(_("End not seen"), "care", "unknown", why_unseen or _("the PBX was not heard"))


def far_party(call: Call, *, dialled: bool = False) -> FarParty:
    """The other side: the caller of an incoming call, the dialled number of an outgoing one."""
    if dialled or call.direction == "outbound":
        return _dialled_party(call)
    if call.caller_restricted or not (call.caller_number or call.caller_e164):
        return FarParty(_("Number withheld"), "", "", "", known=False)
    number, country = _written(call.caller_e164 or call.caller_number, call.pbx.country)
    if call.contact:
        return FarParty(call.contact.name, call.contact.company, number, country, known=True)
    if call.direction == "internal":
        return FarParty(call.caller_name or number, "", number, country, known=bool(call.caller_name))
    shown = _("Shown as “%(name)s” by the network") % {"name": call.caller_name} if call.caller_name else ""
    return FarParty(number, shown, number, country, known=False)


def who_began(call: Call) -> str:
    """Who began this call, in a few words; who hides the number stays hidden."""
    if call.caller_restricted and not call.placed_by:
        return _("Number withheld")
    if call.placed_by:
        return call.placed_by.display_name
    return call.caller_name or call.caller_number or call.caller_endpoint or _("Somebody")


def call_row(call: Call, *, why_unseen: str = "", viewer: User | None = None) -> CallRow:
    """Of an internal call that the viewer began, the other side is the one who was called."""
    own = viewer is not None and call.direction == "internal" and call.placed_by_id == viewer.pk
    dialled = own or call.direction == "outbound"
    word, drawing = {
        "inbound": (_("Incoming"), "in"),
        "outbound": (_("Outgoing"), "out"),
        "internal": (_("Internal"), "between"),
    }.get(call.direction, (_("Call"), "point"))
    who = far_party(call, dialled=dialled)
    return CallRow(call, who, result_of(call, why_unseen=why_unseen), word, drawing, dialled=dialled)


def _dialled_party(call: Call) -> FarParty:
    number, country = _written(call.dialled, call.pbx.country)
    if call.contact:
        return FarParty(call.contact.name, call.contact.company, number, country, known=True)
    return FarParty(number or _("Number not known"), "", number, country, known=False)


def number_to_call(call: Call, *, dialled: bool) -> str:
    """The number of the side that is shown: whom the call went to when it was `dialled`, else the caller.

    Numbers of callers come from the network: one that is not plainly a number is offered to nobody. Complete
    when it could be read, else as it came: the digits of a text alone may be somebody else's number.
    """
    came = call.dialled if dialled else call.caller_number or call.caller_e164
    if not is_plain_number(came):
        return ""
    return call.far_number if call.direction != "internal" and call.far_number.startswith("+") else came


def is_plain_number(text: str) -> bool:
    """Digits and what merely separates them, as a person may dial it."""
    return clean_text(text).trouble is None


def shown_far_number(number: str) -> str:
    """A number of Call.far_number for people: written out when it is complete."""
    return shown_number(number, country="") if number.startswith("+") else number


@lru_cache(maxsize=4096)  # a page shows the same numbers again and again; reading one takes a tenth of a millisecond
def _written(number: str, home: str) -> tuple[str, str]:
    """(as people at home write it, country code or empty)"""
    reading = read_number(number, country=home)
    return (shown_number(reading.e164, country=home) if reading.e164 else number), reading.country
