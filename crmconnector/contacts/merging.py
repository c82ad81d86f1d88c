"""Two contacts that are one person become one. It cannot be undone; the history says what each field was."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.contacts.models import Contact, ContactChange, ContactNumber, NumberChoice
from crmconnector.contacts.services import (
    FIELDS,
    MOST_NUMBERS,
    NUMBERS,
    ContactProblem,
    add_change,
    lock_contact,
    told,
    told_numbers,
)
from crmconnector.users.models import User

BOTH = ("notes", "tags")  # fields of which one can keep both
FROM_KEPT, FROM_GONE, FROM_BOTH = "keep", "gone", "both"
LONGEST_NOTES = 10_000
MOST_TAGS = 20


class AlreadyMerged(ContactProblem):
    """The same two were merged before: a second click, or a colleague was quicker. Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What moved. `numbers`: how many the kept contact got."""

    contact: Contact
    gone_id: int
    numbers: int
    choices: int


def lock_both(keep_id: int, gone_id: int) -> tuple[Contact, Contact]:
    """Both rows, locked in one order for everybody, so that two merges of the same pair wait for each other."""
    if keep_id == gone_id:
        raise ContactProblem(_("Choose another contact: one cannot be merged with itself."))
    merges = ContactChange.objects.filter(contact=keep_id, kind=ContactChange.Kind.MERGED)
    locked = {pk: Contact.objects.select_for_update().filter(pk=pk).first() for pk in sorted((keep_id, gone_id))}
    keep, gone = locked[keep_id], locked[gone_id]
    if keep is not None and gone is None and merges.filter(details__gone_id=gone_id).exists():
        raise AlreadyMerged(_("These two are one contact already."))
    return keep or lock_contact(keep_id), gone or lock_contact(gone_id)


@transaction.atomic
def merge_contacts(*, keep: Contact, gone: Contact, chosen: Mapping[str, str], by: User | None) -> Merged:
    """Unite numbers, choices and history in `keep`, fields as `chosen` (field -> keep, gone or both); delete `gone`.

    Calls stand above contacts: whoever calls this moves them before, in the same transaction. May raise
    ContactProblem and AlreadyMerged.
    """
    keep, gone = lock_both(keep.pk, gone.pk)
    before, was = {**told(keep), NUMBERS: told_numbers(keep)}, {**told(gone), NUMBERS: told_numbers(gone)}
    for field in FIELDS:
        _take(field, keep, gone, chosen.get(field, FROM_KEPT))
    moved = _unite_numbers(keep, gone)
    choices = NumberChoice.objects.filter(contact=gone).update(contact=keep)
    ContactChange.objects.filter(contact=gone).update(contact=keep)
    gone_id = gone.pk
    gone.delete()
    keep.save()
    after = {**told(keep), NUMBERS: told_numbers(keep)}
    changed = {field: [before[field], text] for field, text in after.items() if before[field] != text}
    details = {**changed, "gone_id": gone_id, "gone": {field: text for field, text in was.items() if text}}
    add_change(contact=keep, kind=ContactChange.Kind.MERGED, details=details, by=by)
    return Merged(keep, gone_id, moved, choices)


def _take(field: str, keep: Contact, gone: Contact, choice: str) -> None:
    mine, other = getattr(keep, field), getattr(gone, field)
    if choice == FROM_GONE:
        setattr(keep, field, other)
    elif choice == FROM_BOTH and field == "tags":
        keep.tags = list(dict.fromkeys([*mine, *other]))[:MOST_TAGS]
    elif choice == FROM_BOTH and field == "notes":
        keep.notes = "\n\n".join(dict.fromkeys(text for text in (mine, other) if text))[:LONGEST_NOTES]


def _unite_numbers(keep: Contact, gone: Contact) -> int:
    """Numbers that `keep` has already, however written, go with `gone`; a label that was missing is taken over."""
    had = list(keep.numbers.all())
    fresh: list[ContactNumber] = []
    for row in gone.numbers.all():
        same = next((one for one in had if one.written == row.written or (row.e164 and one.e164 == row.e164)), None)
        if same is None:
            fresh.append(row)
        elif not same.label and row.label:
            same.label = row.label
            same.save(update_fields=["label"])
    if len(had) + len(fresh) > MOST_NUMBERS:
        raise ContactProblem(_("Together they have more than %(most)d numbers.") % {"most": MOST_NUMBERS})
    return ContactNumber.objects.filter(pk__in=[row.pk for row in fresh]).update(contact=keep)
