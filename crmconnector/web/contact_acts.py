"""What a person does to contacts: the service's write, its calls, and its audit event, in one transaction."""

from collections.abc import Mapping

from django.db import transaction

from crmconnector.audit.services import record_act
from crmconnector.calls.backfill import bind_earlier_calls
from crmconnector.calls.forgetting import move_calls
from crmconnector.contacts.merging import Merged, lock_both, merge_contacts
from crmconnector.contacts.models import Contact
from crmconnector.contacts.services import save_contact
from crmconnector.users.models import User
from crmconnector.web.forms.contacts import ContactForm


@transaction.atomic
def keep_contact(*, actor: User, form: ContactForm, numbers: list[tuple[str, str]], country: str) -> Contact:
    """May raise ContactProblem; ContactStale when somebody saved it after the form was opened."""
    made = form.instance.pk is None
    contact = save_contact(
        contact=form.save(commit=False), numbers=numbers, country=country, by=actor, seen=form.cleaned_data.get("seen")
    )
    calls = bind_earlier_calls(contact_id=contact.pk)
    changed = {
        "changed": [name for name in form.changed_data if name != "seen"],
        "numbers": len(numbers),
        "calls": calls,
    }
    record_act(actor=actor, action="contact.added" if made else "contact.changed", target=contact, details=changed)
    return contact


@transaction.atomic
def join_contacts(*, actor: User, keep: Contact, gone: Contact, chosen: Mapping[str, str]) -> Merged:
    """May raise ContactProblem and AlreadyMerged."""
    lock_both(keep.pk, gone.pk)
    calls = move_calls(gone_id=gone.pk, keep_id=keep.pk)
    merged = merge_contacts(keep=keep, gone=gone, chosen=chosen, by=actor)
    calls += bind_earlier_calls(contact_id=keep.pk)
    details = {"gone_id": merged.gone_id, "numbers": merged.numbers, "calls": calls}
    record_act(actor=actor, action="contact.merged", target=merged.contact, details=details)
    return merged
