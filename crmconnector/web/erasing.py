"""Erasing a person: all parts of the product forget in one transaction, then the desks that showed a card are woken."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.audit.services import record_act
from crmconnector.calls.forgetting import calls_touched, forget_calls, talks_now
from crmconnector.common.clock import utc_now
from crmconnector.contacts.erasing import (
    Counts,
    Traces,
    enter_in_ledger,
    forget_choices,
    forget_contact,
    locked_for_erasing,
    traces_of,
)
from crmconnector.contacts.models import Contact, Erasure
from crmconnector.contacts.services import ContactProblem
from crmconnector.listener.forgetting import forget_dead_letters
from crmconnector.screenpop.forgetting import forget_cards
from crmconnector.screenpop.publisher import wake
from crmconnector.users.models import User


@dataclass(frozen=True, slots=True)
class Outlook:
    """What erasing this contact would reach, as the page says before."""

    traces: Traces
    calls: int
    busy: bool


def outlook(contact: Contact) -> Outlook:
    traces = traces_of(contact)
    calls = calls_touched(traces)
    return Outlook(traces, len(calls), talks_now(call_ids=calls, now=utc_now()))


@transaction.atomic
def erase_contact(*, actor: User, contact: Contact, reason: str) -> Erasure:
    """All traces of the person, or nothing. May raise ContactProblem.

    Numbers that somebody else has too stay for that other. The rows are overwritten; what PostgreSQL keeps of old rows
    goes with its next vacuum, and backups are not touched.
    """
    contact = locked_for_erasing(contact.pk)
    traces = traces_of(contact)
    calls = calls_touched(traces)
    if talks_now(call_ids=calls, now=utc_now()):
        raise ContactProblem(_("A call with this person lasts just now. Erase when it is over."))
    cards, desks = forget_cards(traces=traces, call_ids=calls)
    counts: Counts = {**forget_calls(traces=traces, call_ids=calls), **cards}
    counts["dead_letters"] = forget_dead_letters(traces=traces)
    counts |= forget_contact(contact=contact, traces=traces)
    counts["choices"] += forget_choices(traces=traces)
    counts["shared_numbers"] = len(traces.shared)
    entry = enter_in_ledger(traces=traces, counts=counts, reason=reason, by=actor)
    record_act(actor=actor, action="contact.erased", target=entry, details={"counts": counts})
    transaction.on_commit(lambda: wake(desks))
    return entry
