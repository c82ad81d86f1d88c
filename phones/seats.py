"""Who sits where, for two phones or many at once: all of it in one transaction, or nothing with the reasons.

A seat is an `Assignment`: a user has a phone from one instant until another, the end not included. The database
refuses two users on one phone at one time and checks it row by row, so seats are ended before new ones are made. What
is over is kept: a seat is shortened, and deleted only where nothing of it would be left.

Locks are taken in one order, users before phones and each by rising id, so that two people never wait for each other.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from psycopg.types.range import TimestamptzRange

from crmconnector.common.clock import utc_now
from phones.models import Assignment, Phone
from phones.services import PhoneProblem

ROWS_AT_ONCE = 1000
MOST_AT_ONCE = 500  # phones in one act of a person


class BulkProblem(PhoneProblem):
    """Nothing was done; `reasons`: the phone's id -> why this one cannot be."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__(_("Nothing was changed. The reasons stand at the phones."))
        self.reasons = dict(reasons)


def present_seats(phone_ids: Collection[int], *, at: datetime) -> dict[int, Assignment]:
    """Who has these phones at that time, with the users; one query."""
    rows = Assignment.objects.filter(phone__in=phone_ids, during__contains=at).select_related("user")
    return {row.phone_id: row for row in rows}


@transaction.atomic
def swap_phones(*, phone_a: Phone, phone_b: Phone, at: datetime) -> list[Assignment]:
    """The two who have these phones at that time have the other's from then on, each as long as before.

    One of them may be free: then its neighbour's user simply moves.
    """
    if phone_a.pk == phone_b.pk:
        raise PhoneProblem(_("Choose another phone than this one."))
    phones = _locked_phones([phone_a.pk, phone_b.pk])
    _refuse_overtaken(phones, at=at)
    seats = _locked_seats(phones, at=at)
    if not seats:
        raise PhoneProblem(_("Nobody has either phone now, so there is nothing to swap."))
    if len({seat.user_id for seat in seats}) < len(seats):
        raise PhoneProblem(_("Both phones have the same user, so there is nothing to swap."))
    other = {phone_a.pk: phone_b.pk, phone_b.pk: phone_a.pk}
    wanted = [
        Assignment(
            phone_id=other[seat.phone_id], user_id=seat.user_id, during=TimestamptzRange(at, seat.during.upper, "[)")
        )
        for seat in seats
    ]
    end_seats([(seat, at) for seat in seats])
    return _made(wanted, phones)


@transaction.atomic
def sit_down(*, user_id: int, phone: Phone, at: datetime, take_over: bool = False) -> Assignment:
    """Hot desk: the user takes this phone and leaves the others; seats with an end of their own stay.

    Refused when somebody else has it, unless `take_over`, and when it is promised to somebody later.
    """
    _lock_users([user_id])
    begun = max(at, utc_now())  # who waited for the lock must see what was done in that time
    leaving = Assignment.objects.filter(user=user_id, during__contains=begun, during__upper_inf=True)
    leaving = leaving.exclude(phone=phone)
    phones = _locked_phones([phone.pk, *leaving.values_list("phone_id", flat=True)])
    there = _locked_seats([phone.pk], at=begun)
    end_seats([(seat, at) for seat in leaving.select_for_update(of=("self",), no_key=True).order_by("pk")])
    if there and there[0].user_id == user_id:
        return there[0]
    if there and not take_over:
        raise PhoneProblem(_("Somebody sits at %(phone)s. Choose a free phone.") % {"phone": phone.name})
    end_seats([(seat, at) for seat in there])
    return _made([Assignment(phone=phone, user_id=user_id, during=TimestamptzRange(at, None, "[)"))], phones)[0]


@transaction.atomic
def bulk_assign(
    *, pairs: Iterable[tuple[int, int]], at: datetime, until_at: datetime | None = None
) -> list[Assignment]:
    """(phone, user) each, from `at` on. Raises BulkProblem with a reason for every phone that cannot be given."""
    wanted = list(pairs)
    if until_at is not None and until_at <= at:
        raise PhoneProblem(_("The end must be later than the start."))
    _refuse_too_many(wanted)
    during = TimestamptzRange(at, until_at, "[)")
    active = _lock_users({user_id for _phone, user_id in wanted})
    phones = _locked_phones({phone_id for phone_id, _user in wanted})
    taken = _taken(phones, during)
    reasons: dict[int, str] = {}
    seen: set[int] = set()
    for phone_id, user_id in wanted:
        reason = _why_not(phone_id, user_id, phones, active, taken)
        if phone_id in seen:
            reason = _("It is in the list twice.")
        if reason:
            reasons[phone_id] = reason
        seen.add(phone_id)
    if reasons:
        raise BulkProblem(reasons)
    return _made([Assignment(phone_id=one, user_id=user_id, during=during) for one, user_id in wanted], phones)


@transaction.atomic
def bulk_release(*, phone_ids: Collection[int], at: datetime) -> list[Assignment]:
    """End whatever seats hold on these phones at that time; the ended ones, with their users. Future ones stay.

    A phone that is free already is no problem; one that does not exist is.
    """
    _refuse_too_many(phone_ids)
    phones = _locked_phones(phone_ids)
    gone = set(phone_ids) - set(phones)
    if gone:
        raise BulkProblem(dict.fromkeys(gone, _("This phone is gone.")))
    seats = _locked_seats(phones, at=at)
    end_seats([(seat, at) for seat in seats])
    return seats


@transaction.atomic
def release_phone(*, phone: Phone, at: datetime) -> list[Assignment]:
    """End whatever assignment holds at `at`, keeping its history. Future ones stay."""
    ended = list(Assignment.objects.select_for_update().filter(phone=phone, during__contains=at))
    end_seats((seat, at) for seat in ended)
    return ended


def end_seats(ends: Iterable[tuple[Assignment, datetime]]) -> None:
    """End each seat at its instant; one that begins just then goes altogether. Two statements a thousand."""
    shortened, emptied = [], []
    for seat, at in ends:
        if seat.during.lower is not None and seat.during.lower >= at:
            emptied.append(seat.pk)
            continue
        seat.during = TimestamptzRange(seat.during.lower, at, "[)")
        shortened.append(seat)
    if emptied:
        Assignment.objects.filter(pk__in=emptied).delete()
    write_during(shortened)


def write_during(seats: Collection[Assignment]) -> None:
    """Store the new times of existing seats: one statement a thousand, where bulk_update would build a huge CASE."""
    if seats:
        Assignment.objects.bulk_create(
            seats, update_conflicts=True, unique_fields=["id"], update_fields=["during"], batch_size=ROWS_AT_ONCE
        )


def _why_not(
    phone_id: int,
    user_id: int,
    phones: Mapping[int, Phone],
    active: Mapping[int, bool],
    taken: Mapping[int, Assignment],
) -> str:
    if phone_id not in phones:
        return _("This phone is gone.")
    if not active.get(user_id):
        return _("This person may not sign in.") if user_id in active else _("This person is gone.")
    if phone_id in taken:
        return _("%(name)s has it in that time. Release it first.") % {"name": taken[phone_id].user}
    return ""


def _refuse_too_many(wanted: Collection[object]) -> None:
    if len(wanted) > MOST_AT_ONCE:
        raise PhoneProblem(_("Too many phones at once: 500 is the most. Bring in a CSV file for more."))


def _lock_users(user_ids: Collection[int]) -> dict[int, bool]:
    """Each person's seats change under a lock, so that nobody sits down at two desks at once: id -> may sign in."""
    rows = get_user_model().objects.select_for_update(of=("self",), no_key=True).filter(pk__in=user_ids).order_by("pk")
    return dict(rows.values_list("pk", "is_active"))


def _locked_phones(phone_ids: Collection[int]) -> dict[int, Phone]:
    rows = Phone.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(phone_ids)).order_by("pk")
    return {phone.pk: phone for phone in rows.only("pk", "name")}


def _refuse_overtaken(phone_ids: Collection[int], *, at: datetime) -> None:
    """While this waited for the lock, somebody else was quicker: what the person looked at is no more."""
    since = Assignment.objects.filter(phone__in=list(phone_ids), during__startswith__gt=at)
    if since.filter(during__startswith__lte=utc_now()).exists():
        raise PhoneProblem(_("Somebody changed who sits there at the same moment. Look again."))


def _locked_seats(phone_ids: Collection[int], *, at: datetime) -> list[Assignment]:
    rows = Assignment.objects.select_for_update(of=("self",), no_key=True).filter(
        phone__in=list(phone_ids), during__contains=at
    )
    return list(rows.select_related("user").order_by("pk"))


def _taken(phone_ids: Collection[int], during: TimestamptzRange) -> dict[int, Assignment]:
    rows = Assignment.objects.filter(phone__in=list(phone_ids), during__overlap=during).select_related("user")
    return {row.phone_id: row for row in rows.order_by("-during")}


def _made(seats: list[Assignment], phones: Mapping[int, Phone]) -> list[Assignment]:
    """Make them; what a seat of the future or a racing administrator forbids is said with the phone's name."""
    try:
        with transaction.atomic():
            return Assignment.objects.bulk_create(seats, batch_size=ROWS_AT_ONCE)
    except IntegrityError as error:
        if "phone_has_one_user_at_a_time" not in str(error):
            raise
    names = ", ".join(sorted({phones[seat.phone_id].name for seat in seats}))
    raise PhoneProblem(_("Promised to somebody for a later time: %(names)s. Look at its page.") % {"names": names})
