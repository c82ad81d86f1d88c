"""How a phone is, in words: a lamp, a word and one detail."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from crmconnector.web.words import clock_time
from phones.models import Assignment, Phone


@dataclass(frozen=True, slots=True)
class PhoneHealth:
    lamp: str
    tone: str
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PhoneRow:
    phone: Phone
    health: PhoneHealth
    seat: Assignment | None


def phone_health(phone: Phone) -> PhoneHealth:
    """A refused passcode matters most: until a person acts, no button works."""
    if phone.passcode_refused_at:
        return PhoneHealth("ready", "care", _("Passcode refused"), _("buttons do not work"))
    status = getattr(phone, "status", None)
    if status is None or status.reachable is None:
        return PhoneHealth("idle", "", _("Never asked"), _("first button or check will tell"))
    if status.reachable:
        return PhoneHealth("ready", "", _("Reachable"), _("last asked %(at)s") % {"at": clock_time(status.looked_at)})
    detail = _("since %(at)s. %(why)s") % {"at": clock_time(status.since), "why": status.sentence}
    return PhoneHealth("off", "bad", _("Unreachable"), detail.strip())


def phone_row(phone: Phone) -> PhoneRow:
    """From a phone loaded by `phones_overview`."""
    seats = getattr(phone, "seats_now", [])
    return PhoneRow(phone, phone_health(phone), seats[0] if seats else None)
