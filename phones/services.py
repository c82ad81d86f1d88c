"""Writes about phones. Every refusal is a `PhoneProblem` with a sentence for the person who asked."""

from datetime import datetime

from django.db import IntegrityError, transaction
from psycopg.types.range import TimestamptzRange

from phones.drivers.errors import SENTENCES, Reason
from phones.health import Kind, Sight
from phones.lease import disown
from phones.looks import look_at_once, note
from phones.models import Assignment, Phone


class PhoneProblem(Exception):
    """What could not be done, and what to do instead; safe to show."""


def assign_phone(*, phone: Phone, user_id: int, from_at: datetime, until_at: datetime | None = None) -> Assignment:
    """Give a phone to a user for a time. Refused when somebody else has it in any part of that time."""
    if until_at is not None and until_at <= from_at:
        raise PhoneProblem("The end must be later than the start.")
    try:
        with transaction.atomic():
            return Assignment.objects.create(
                phone=phone, user_id=user_id, during=TimestamptzRange(from_at, until_at, "[)")
            )
    except IntegrityError as error:
        if "phone_has_one_user_at_a_time" not in str(error):
            raise
        raise PhoneProblem(f"{phone.name} is assigned to somebody in that time. Release it first.") from None


@transaction.atomic
def save_phone(*, phone: Phone, passcode_entered: bool) -> Phone:
    """Store a phone and have it looked at at once.

    A newly entered passcode lifts the stop that a refused one had put on it; what the phone says to the old passcode
    in this moment no longer counts.
    """
    if passcode_entered:
        phone.passcode_refused_at = None
        disown(phone_id=phone.pk)
    phone.save()
    look_at_once(phone_id=phone.pk)
    return phone


def note_phone_answered(*, phone_id: int, at: datetime) -> None:
    """A phone gave a believable answer: its breaker closes, its next look is in a minute."""
    note(phone_id=phone_id, sight=Sight(Kind.ANSWERED), at=at)


def note_phone_silent(*, phone_id: int, at: datetime, reason_code: str, sentence: str) -> None:
    """A phone did not answer, or not as itself: it is looked at again within seconds."""
    note(phone_id=phone_id, sight=Sight(Kind.SILENT, reason_code, sentence), at=at)


def note_passcode_refused(
    *, phone_id: int, at: datetime, reason_code: str = Reason.UNAUTHORIZED, sentence: str = ""
) -> None:
    """The phone refused our passcode: nothing more is sent to it until a person enters a new one."""
    Phone.objects.filter(pk=phone_id, passcode_refused_at=None).update(passcode_refused_at=at)
    said = sentence or SENTENCES[Reason.UNAUTHORIZED][0]
    note(phone_id=phone_id, sight=Sight(Kind.PASSCODE_REFUSED, reason_code, said), at=at)
