"""What a person asks of a phone, and who may: the order's row and its audit event in one transaction, before anything
is sent. Nothing here enqueues; the view does, after the commit."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.contrib.auth.models import Permission
from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import get_random_string
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.calls.selectors import open_legs
from crmconnector.users.models import Role, User
from crmconnector.users.selectors import administrators_who_can_sign_in
from phones.models import DeviceOrder, OrderKind, Phone
from phones.orders import PERMISSIONS, OrderProblem, request_order
from phones.selectors import phones_had_by

CONFIRMATION_SALT = "phones.order"
CONFIRMATION_SECONDS = 600
KEY_LENGTH = 24
GUARDED = (OrderKind.LOCK, OrderKind.UNLOCK, OrderKind.REBOOT, OrderKind.RESET)
_ACTIONS: Mapping[str, str] = {
    OrderKind.LOOK: "phone.check_requested",
    OrderKind.KEYS: "phone.keys_requested",
    OrderKind.LOCK: "phone.lock_requested",
    OrderKind.UNLOCK: "phone.unlock_requested",
    OrderKind.REBOOT: "phone.restart_requested",
    OrderKind.RESET: "phone.reset_requested",
}
RIGHTS = ("reboot_phone", "reset_phone", "lock_phone")  # codenames, in the order of the page


# --- who may ------------------------------------------------------------------------------------------------------


def phones_seen_by(user: User, *, at: datetime) -> QuerySet[Phone]:
    """An administrator sees every phone, anybody else those that they have now."""
    return Phone.objects.all() if user.is_administrator else phones_had_by(user_id=user.pk, at=at)


def may_order(user: User, kind: str) -> bool:
    """By the role and, for what is guarded, by a permission of the person's own."""
    needed = PERMISSIONS.get(kind)
    return user.is_administrator and (needed is None or user.has_perm(needed))


def rights_of(user: User) -> set[str]:
    """Which of RIGHTS the person has now, codenames."""
    return {codename for codename in RIGHTS if user.is_administrator and user.has_perm(f"phones.{codename}")}


def rights_given(user: User) -> set[str]:
    """Which of RIGHTS are written down for the person; the first administrator has all without that."""
    if user.is_superuser:
        return set(RIGHTS)
    return set(user.user_permissions.filter(_rights()).values_list("codename", flat=True))


def who_may_grant(codenames: Iterable[str]) -> dict[str, list[str]]:
    """Names of those who may give each of these rights to somebody: administrators who can sign in and have it."""
    people = administrators_who_can_sign_in().prefetch_related("user_permissions").order_by("full_name", "username")
    held = [(person, {right.codename for right in person.user_permissions.all()}) for person in people]
    return {
        codename: [one.display_name for one, own in held if one.is_superuser or codename in own]
        for codename in codenames
    }  # fmt: skip


def grantable_by(actor: User) -> set[str]:
    """Nobody gives what they do not have; a right that nobody has any more may be given by any administrator."""
    if not actor.is_administrator:
        return set()
    own = rights_of(actor)
    lacking = [codename for codename in RIGHTS if codename not in own]
    return own | {codename for codename, names in (who_may_grant(lacking) if lacking else {}).items() if not names}


def set_phone_rights(*, actor: User, person: User, wanted: Collection[str]) -> dict[str, list[str]]:
    """Give and take the person's rights over phones as far as the actor may; what changed, for the audit event.

    Somebody who is no administrator keeps none. Runs inside the transaction that saves the person.
    """
    if person.is_superuser:
        return {}  # has all of them, whatever is ticked
    stored, allowed, asked = rights_given(person), grantable_by(actor), set(wanted) & set(RIGHTS)
    after = (stored - allowed) | (asked & allowed) if person.role == Role.ADMINISTRATOR else set()
    given, taken = after - stored, stored - after
    person.user_permissions.add(*Permission.objects.filter(_rights(), codename__in=given))
    person.user_permissions.remove(*Permission.objects.filter(_rights(), codename__in=taken))
    changed = {"rights_given": sorted(given), "rights_taken": sorted(taken)}
    return {what: names for what, names in changed.items() if names}


def _rights() -> Q:
    return Q(content_type__app_label="phones", content_type__model="phone", codename__in=RIGHTS)


# --- asking -------------------------------------------------------------------------------------------------------


def new_key() -> str:
    """For a button: pressed twice it asks once."""
    return get_random_string(KEY_LENGTH)


def new_confirmation(*, user: User, phone: Phone, kind: str) -> str:
    """What the page of one guarded order carries: good for this person, this phone, this deed, once, ten minutes."""
    return signing.dumps([user.pk, phone.pk, str(kind), new_key()], salt=CONFIRMATION_SALT)


def key_of_confirmation(text: str, *, user: User, phone: Phone, kind: str) -> str | None:
    """The idempotency key inside; None when it is forged, too old, or was made for something else."""
    try:
        told = signing.loads(text, salt=CONFIRMATION_SALT, max_age=CONFIRMATION_SECONDS)
    except signing.BadSignature:
        return None
    if not isinstance(told, list) or told[:3] != [user.pk, phone.pk, str(kind)]:
        return None
    return str(told[3])


def call_on(phone: Phone, *, now: datetime) -> str:
    """Why the phone must be left alone now: a call is up, or was at the last look. Empty when nothing speaks against
    it. The worker looks again before it sends."""
    status = getattr(phone, "status", None)
    if open_legs(phone_ids=[phone.pk], now=now).exists():
        return _("A call is up on this phone. Wait until it is over.")
    if status is not None and any(word != "idle" for word in status.lines):
        return _("A line was in use when the phone was looked at last. Check the phone now, then try again.")
    return ""


@transaction.atomic
def ask_phone(
    *, actor: User, phone: Phone, kind: OrderKind, key: str, now: datetime, argument: str = ""
) -> tuple[DeviceOrder, bool]:
    """(order, was made now). Recorded with the row itself, so before any request. May raise OrderProblem."""
    order, made = request_order(phone=phone, kind=kind, user=actor, key=key, now=now, argument=argument)
    if made:
        details = {"order": str(order.pk), **({"argument": argument} if argument else {})}
        record_act(actor=actor, action=_ACTIONS[kind], target=phone, details=details)
    return order, made


def asked_before(*, actor: User, key: str) -> bool:
    """Whether this button was pressed already: the same again changes nothing and is no error."""
    return DeviceOrder.objects.filter(user=actor, idempotency_key=key).exists()


def who_sits_at(phone: Phone, *, now: datetime) -> User | None:
    seat = phone.assignments.filter(during__contains=now).select_related("user").first()
    return seat.user if seat else None


def refuse_keys_of_others(*, actor: User, phone: Phone, now: datetime) -> None:
    """Keys of a phone at which somebody sits are that person's alone. Raises OrderProblem."""
    sitting = who_sits_at(phone, now=now)
    if sitting is not None and sitting.pk != actor.pk:
        text = _("%(name)s sits at this phone, so its keys are not pressed from here. Nothing was sent.")
        raise OrderProblem("somebody_sits_there", text % {"name": sitting.display_name})
