"""Binding calls to the contact behind them, afterwards: one call by a person's word, earlier ones by their number."""

from django.db.models import Exists, OuterRef

from crmconnector.calls.models import Call
from crmconnector.contacts.models import Contact, ContactNumber

SLICE = 500
MOST_SLICES = 20  # ten thousand calls of one number; older ones stay as they are


def bind_call(*, call_id: int, contact: Contact | None) -> bool:
    """Say who the caller of one call was; None: nobody knows. False when it was so already."""
    changed = Call.objects.filter(pk=call_id).exclude(contact=contact)
    return bool(changed.update(contact=contact))


def bind_earlier_calls(*, contact_id: int) -> int:
    """Give this contact the calls without a contact that came from its numbers; returns how many.

    Only numbers that nobody else has: a number of two people does not tell whose an old call was. Newest first, in
    slices, so that no statement holds many rows.
    """
    return sum(_bind(contact_id, e164) for e164 in _own_numbers(contact_id))


def _own_numbers(contact_id: int) -> list[str]:
    others = ContactNumber.objects.filter(e164=OuterRef("e164")).exclude(contact=contact_id)
    national = ContactNumber.objects.filter(match_key=OuterRef("match_key"), e164="").exclude(contact=contact_id)
    own = ContactNumber.objects.filter(contact=contact_id).exclude(e164="")
    return list(own.filter(~Exists(others), ~Exists(national)).order_by().values_list("e164", flat=True).distinct())


def _bind(contact_id: int, e164: str) -> int:
    unbound = Call.objects.filter(caller_e164=e164, contact=None, test=False).exclude(caller_e164="")
    bound = 0
    for _slice in range(MOST_SLICES):
        ids = list(unbound.order_by("-started_at").values_list("pk", flat=True)[:SLICE])
        if not ids:
            break
        bound += Call.objects.filter(pk__in=ids, contact=None).update(contact=contact_id)
    return bound
