"""How a phone is, in words: a lamp, a word and one detail; its lines, its firmware. Pure over loaded rows."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import Leg
from crmconnector.web.phone_calls import LEG_WORDS
from crmconnector.web.words import day_and_time
from phones.drivers.base import LineWord
from phones.drivers.grandstream.models import FirmwareVerdict, family_of, firmware_verdict
from phones.identity import Identity, identity_of_phone, source_words
from phones.models import Assignment, Phone, PhoneStatus, SipAccount

# What a phone said of its lines longer ago tells nothing about now.
LINES_BELIEVED_SECONDS = 120
_STRONGEST = ("talking", "held", "ringing")
LINE_WORDS: dict[str, tuple[str, str]] = {
    LineWord.IDLE: ("idle", gettext_noop("Free")),
    LineWord.RINGING: ("ringing", gettext_noop("Ringing")),
    LineWord.DIALING: ("ready", gettext_noop("A number is being entered")),
    LineWord.CALLING: ("ready", gettext_noop("Calling")),
    LineWord.CONNECTED: ("talking", gettext_noop("Connected")),
    LineWord.ON_HOLD: ("held", gettext_noop("On hold")),
    LineWord.FAILED: ("off", gettext_noop("The last call failed")),
}
_IN_USE = ("talking", gettext_noop("In use, the phone does not say how"))


@dataclass(frozen=True, slots=True)
class PhoneHealth:
    lamp: str
    tone: str
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FirmwareView:
    """Which firmware, whether it takes commands, and how we know."""

    model: str
    text: str
    tone: str
    icon: str
    word: str
    detail: str = ""
    model_source: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class PhoneRow:
    phone: Phone
    health: PhoneHealth
    seat: Assignment | None
    firmware: FirmwareView
    looked: str = ""
    accounts: list[SipAccount] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LineOfPhone:
    """One line as the phone told it when it was looked at last."""

    number: int
    lamp: str
    word: str


def status_of(phone: Phone) -> PhoneStatus | None:
    return getattr(phone, "status", None)


def phone_health(phone: Phone, *, now: datetime, legs: Sequence[Leg] = (), unheard: bool = False) -> PhoneHealth:
    """What it does comes first, by the PBX before the phone; what keeps us from it stands beside.

    `legs`: the open ones of this phone. `unheard`: nobody hears its PBX now, so they tell nothing.
    """
    status, troubles = status_of(phone), _troubles(phone, now)
    tone = next((tone for tone, _text in troubles), "")
    details = [text for _tone, text in troubles]
    leg = None if unheard else strongest(legs)
    if leg is not None:
        return PhoneHealth(leg.state, tone, _(LEG_WORDS[leg.state]), "; ".join(details))
    if status is None or status.reachable is None:
        return PhoneHealth("idle", tone, _("Never asked"), "; ".join(details) or _("first button or check will tell"))
    if not status.reachable:
        return PhoneHealth("off", "bad", _("Unreachable"), "; ".join(details))
    if unregistered_accounts(phone):
        return PhoneHealth("idle", tone or "care", _("Not registered"), "; ".join(details))
    if not details and status.answer_milliseconds is not None:
        details = [_("answers in %(n)s ms") % {"n": status.answer_milliseconds}]
    used = line_in_use(status, now)
    if used:
        lamp, word = used
        return PhoneHealth(lamp, tone, word, "; ".join(details))
    if status.do_not_disturb:
        return PhoneHealth("held", tone or "care", _("Do not disturb"), "; ".join(details))
    return PhoneHealth("ready", tone, _("Reachable"), "; ".join(details))


def _troubles(phone: Phone, now: datetime) -> list[tuple[str, str]]:
    """(tone, words), the worst first. A refused passcode matters most: until a person acts, no button works."""
    status, found = status_of(phone), []
    if phone.passcode_refused_at:
        found.append(("care", _("passcode refused, buttons do not work")))
    if status is not None and status.reachable is False:
        since = day_and_time(status.since, beside=now) if status.since else ""
        text = _("no answer since %(at)s") % {"at": since} if since else _("no answer")
        found.append(("bad", f"{text}. {status.sentence}".rstrip(" .") if status.sentence else text))
    elif status is not None and status.reachable and status.reason_code and not phone.passcode_refused_at:
        found.append(("care", status.sentence.rstrip(" .") or _("answers, but refuses what we ask")))
    lost = [account.extension for account in unregistered_accounts(phone)]
    if lost:
        found.append(("care", _("ext. %(extensions)s not registered") % {"extensions": ", ".join(lost)}))
    return found


def strongest(legs: Iterable[Leg]) -> Leg | None:
    """Talking says more than a held call, and that more than one that rings."""
    known = [leg for leg in legs if leg.state in LEG_WORDS]
    return min(known, key=lambda leg: _STRONGEST.index(leg.state), default=None)


def line_in_use(status: PhoneStatus, now: datetime) -> tuple[str, str] | None:
    """(lamp, word) of the first line that was not free, while what the phone said is fresh enough to be believed."""
    if not status.reachable or status.looked_at is None:
        return None
    if now - status.looked_at > timedelta(seconds=LINES_BELIEVED_SECONDS):
        return None
    used = [line for line in lines_of(status) if line.lamp != "idle"]
    return (used[0].lamp, used[0].word) if used else None


def lines_of(status: PhoneStatus | None) -> list[LineOfPhone]:
    """Every line of the last look. A word that we do not know means that the line is in use."""
    words = status.lines if status is not None and isinstance(status.lines, list) else []
    told = [LINE_WORDS.get(str(word), _IN_USE) for word in words]
    return [LineOfPhone(place, lamp, _(word)) for place, (lamp, word) in enumerate(told, start=1)]


def unregistered_accounts(phone: Phone) -> list[SipAccount]:
    """Accounts that are not registered: by the PBX's word where it has one, else by the phone's own."""
    status = status_of(phone)
    return [
        account for account in phone.accounts.all()
        if account.registered_at_pbx is False
        or (account.registered_at_pbx is None and registered_by_phone(status, account) is False)
    ]  # fmt: skip


def registered_by_phone(status: PhoneStatus | None, account: SipAccount) -> bool | None:
    """What the phone says of this account; None when it was not asked, or does not know it."""
    for told in status.accounts if status is not None and isinstance(status.accounts, list) else []:
        named = str(told.get("sip_id") or "")  # a phone that does not tell it is believed by position
        if named == account.extension if named else told.get("account") == account.position:
            return bool(told.get("registered"))
    return None


def firmware_view(identity: Identity, *, now: datetime) -> FirmwareView:
    """The verdict on model and firmware: fit for commands, too old, or not to be told."""
    verdict = firmware_verdict(identity.model, identity.firmware)
    tone, icon, word, detail = "", "", _("not known"), ""
    if verdict is FirmwareVerdict.OK:
        tone, icon, word = "good", "tick", _("takes commands")
    elif verdict is FirmwareVerdict.TOO_OLD:
        tone, icon, word = "care", "warn", _("too old for commands")
        detail = _("needs %(version)s or newer") % {"version": least_firmware(identity.model)}
    elif verdict is FirmwareVerdict.UNKNOWN_MODEL and identity.firmware:
        detail = _("not in our table") if identity.model else _("model not known")
    return FirmwareView(
        identity.model, identity.firmware, tone, icon, word, detail,
        source_words(identity.model_source, identity, now=now) if identity.model else "",
        source_words(identity.firmware_source, identity, now=now) if identity.firmware else "",
    )  # fmt: skip


def least_firmware(model: str) -> str:
    family = family_of(model)
    return ".".join(str(part) for part in family.minimum_firmware) if family else ""


def phone_row(phone: Phone, *, now: datetime, legs: Sequence[Leg] = (), deaf: Collection[int] = ()) -> PhoneRow:
    """From a phone loaded by `phones_overview`. `deaf`: PBXes that nobody hears now."""
    seats, accounts = getattr(phone, "seats_now", []), list(phone.accounts.all())
    unheard = any(account.pbx_id in deaf for account in accounts)
    health = phone_health(phone, now=now, legs=legs, unheard=unheard)
    view = firmware_view(identity_of_phone(phone), now=timezone.localtime(now))
    status = status_of(phone)
    looked = day_and_time(status.looked_at, beside=now) if status and status.looked_at else ""
    return PhoneRow(phone, health, seats[0] if seats else None, view, looked, accounts)
