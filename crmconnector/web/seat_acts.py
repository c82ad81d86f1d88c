"""What administrators do to many phones at once, and what everybody does at a free desk: the deed and its audit events
in one transaction. Nothing here enqueues; the views do, after the commit."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.calls.selectors import open_legs
from crmconnector.pbx.models import Pbx
from crmconnector.users.models import User
from phones.connection import address_policy
from phones.imports.plan import Options
from phones.imports.services import apply_import, check_import, undo_import
from phones.models import Assignment, DeviceOrder, OrderKind, Phone, PhoneImport
from phones.orders import OrderProblem, request_order
from phones.seats import bulk_assign, bulk_release, sit_down, swap_phones
from phones.services import PhoneProblem

MOST_TO_ASSIGN = 150  # one field each, and a form has at most DATA_UPLOAD_MAX_NUMBER_FIELDS
MOST_DOCTORS = 50
LONGEST_KEY = 32  # of the button; the phone's id is put behind it


def who_sits(pairs: Iterable[tuple[int, int]]) -> str:
    """(phone, user) pairs as one text: a page carries it, and the deed is refused when it is another one by then."""
    return ",".join(f"{phone_id}-{user_id}" for phone_id, user_id in sorted(pairs))


def seats_shown(seats: Iterable[Assignment]) -> str:
    return who_sits((seat.phone_id, seat.user_id) for seat in seats)


@transaction.atomic
def swap_users(*, actor: User, phone: Phone, other: Phone, shown: str, at: datetime) -> list[Assignment]:
    """May raise PhoneProblem. `shown`: who sat at both when the person decided, as `seats_shown` gives it."""
    made = swap_phones(phone_a=phone, phone_b=other, at=at)
    turned = {phone.pk: other.pk, other.pk: phone.pk}
    _refuse_unseen(shown, who_sits((turned[seat.phone_id], seat.user_id) for seat in made))
    details = {"users": {str(seat.phone_id): seat.user_id for seat in made}}
    record_act(actor=actor, action="phone.swapped", target=phone, details={"with": other.name, **details})
    record_act(actor=actor, action="phone.swapped", target=other, details={"with": phone.name, **details})
    return made


@transaction.atomic
def sit_at(*, actor: User, phone: Phone, at: datetime) -> Assignment:
    """The actor takes a free phone and leaves the others. May raise PhoneProblem."""
    mine = Assignment.objects.filter(user=actor, during__contains=at, during__upper_inf=True).exclude(phone=phone)
    left = list(mine.select_related("phone"))
    busy = open_legs(phone_ids=[seat.phone_id for seat in left], now=at).first()
    if busy is not None:
        name = next(seat.phone.name for seat in left if seat.phone_id == busy.phone_id)
        raise PhoneProblem(_("A call is up on %(phone)s, which you would leave. Finish it first.") % {"phone": name})
    seat = sit_down(user_id=actor.pk, phone=phone, at=at)
    names = [seat.phone.name for seat in left]
    record_act(actor=actor, action="phone.sat_down", target=phone, details={"left": names})
    return seat


@transaction.atomic
def release_many(*, actor: User, phone_ids: Collection[int], shown: str, at: datetime) -> list[Assignment]:
    """May raise PhoneProblem. `shown`: who sat there when the person decided."""
    ended = bulk_release(phone_ids=phone_ids, at=at)
    _refuse_unseen(shown, seats_shown(ended))
    names = dict(Phone.objects.filter(pk__in=phone_ids).values_list("pk", "name"))
    for seat in ended:
        target = Phone(pk=seat.phone_id, name=names[seat.phone_id])
        record_act(actor=actor, action="phone.released", target=target, details={"user_id": seat.user_id, "bulk": True})
    return ended


@transaction.atomic
def assign_many(*, actor: User, pairs: Mapping[int, User], at: datetime) -> list[Assignment]:
    """Phone id -> person, from now on. May raise BulkProblem or PhoneProblem."""
    made = bulk_assign(pairs=[(phone_id, user.pk) for phone_id, user in pairs.items()], at=at)
    names = dict(Phone.objects.filter(pk__in=pairs).values_list("pk", "name"))
    for phone_id, user in pairs.items():
        target = Phone(pk=phone_id, name=names[phone_id])
        details = {"user": user.username, "from": at.isoformat(), "until": None, "bulk": True}
        record_act(actor=actor, action="phone.assigned", target=target, details=details)
    return made


@transaction.atomic
def ask_doctors(
    *, actor: User, phones: Collection[Phone], key: str, now: datetime
) -> tuple[list[DeviceOrder], list[str]]:
    """One order each, at most one per press of the button: (those to enqueue, why others were not asked)."""
    asked, refused = [], []
    for phone in phones:
        try:
            order, made = request_order(
                phone=phone, kind=OrderKind.DOCTOR, user=actor, key=f"{key[:LONGEST_KEY]}-{phone.pk}", now=now
            )
        except OrderProblem as problem:
            refused.append(f"{phone.name}: {problem.sentence}")
            continue
        if made:
            record_act(actor=actor, action="phone.doctor_asked", target=phone, details={"bulk": True})
            asked.append(order)
    return asked, refused


# --- files --------------------------------------------------------------------------------------------------------
def pbx_ids() -> dict[str, int]:
    """PBXes by name, as the rows of a file call them."""
    return dict(Pbx.objects.values_list("name", "pk"))


def check_file(*, actor: User | None, name: str, content: bytes, options: Options, now: datetime) -> PhoneImport:
    """May raise FileRefused. Changes no phone."""
    return check_import(
        user=actor, file_name=name, content=content, options=options, pbxes=pbx_ids(),
        zone=timezone.get_default_timezone(), policy=address_policy(), now=now,
    )  # fmt: skip


@transaction.atomic
def bring_in(*, actor: User | None, import_id: int, leave_bad_out: bool, now: datetime) -> PhoneImport:
    """May raise ImportProblem."""
    done = apply_import(import_id=import_id, by=actor, leave_bad_out=leave_bad_out, pbxes=pbx_ids(), now=now)
    record_act(actor=actor, action="phone_import.brought_in", target=done, details=_counts(done))
    return done


@transaction.atomic
def take_back_file(*, actor: User | None, import_id: int, now: datetime) -> PhoneImport:
    """May raise ImportProblem."""
    done = undo_import(import_id=import_id, by=actor, now=now)
    record_act(actor=actor, action="phone_import.undone", target=done, details=_counts(done))
    return done


def _counts(done: PhoneImport) -> dict[str, object]:
    return {name: value for name, value in done.summary.items() if isinstance(value, int)}


def networks() -> str:
    """Where phones may be, for the page: PHONE_NETWORKS."""
    return ", ".join(str(network) for network in settings.PHONE_NETWORKS)


def _refuse_unseen(shown: str, there: str) -> None:
    if shown != there:
        raise PhoneProblem(_("Who sits there has changed since this page was shown. Nothing was changed. Look again."))
