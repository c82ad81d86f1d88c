"""What people did about a call since its card was written: who they said it is, what they noted, the outcome.

The stored payload is the listener's; what people do lives in rows of its own and is laid over the payload whenever a
card is drawn. So neither can overwrite the other, and a card that is drawn again is always true.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.calls.notes import note_version
from crmconnector.contacts.models import Contact, ContactNumber
from crmconnector.screenpop.links import FilledLink, fill, web_link
from crmconnector.screenpop.models import CardLink, Pop
from crmconnector.screenpop.payload import PersonFacts, in_groups, person_payload
from crmconnector.screenpop.staff import NOBODY, Member, staff

Payload = dict[str, Any]
_WHY_NOBODY = {
    "several": gettext_noop("More than one person has this number."),
    "withheld": gettext_noop("Withheld callers are logged without a contact."),
    "colleague": gettext_noop("An extension is a colleague’s; no contact is looked for."),
}
_WHY_THIS_PERSON = {
    "exact": gettext_noop("Exact number match."),
    "national": gettext_noop("Matched as a number written without its plus or country code."),
    "prefix": gettext_noop("Matched behind an outside-line prefix."),
    "suffix": gettext_noop("Matched by the last digits; those before them are country code or prefix."),
    "service": gettext_noop("Matched as a service number of this country."),
}
OPEN_KINDS = ("known", "several", "unknown")  # in which somebody may say who it is


def presented(pops: Sequence[Pop]) -> list[Payload]:
    """The payloads to draw, in the same order; a fixed number of queries for all of them."""
    if not pops:
        return []
    bound = _bound_people(pops)
    notes = _notes(pops)
    outcomes = list(Disposition.objects.filter(enabled=True)) if any(_talked(pop.payload) for pop in pops) else []
    links = list(CardLink.objects.all()) if any(pop.payload["state"] != "closed" for pop in pops) else []
    return [_present(pop, bound, notes, outcomes, links) for pop in pops]


def _present(
    pop: Pop,
    bound: Mapping[tuple[int, int], dict[str, Any] | None],
    notes: Mapping[int, Sequence[CallNote]],
    outcomes: Sequence[Disposition],
    links: Sequence[CardLink],
) -> Payload:
    card = {**pop.payload, "people": _offered(pop.payload), "waited": _waited(pop.payload)}
    if (pop.call_id, pop.user_id) in bound:
        card = _with_person(card, bound[pop.call_id, pop.user_id])
    card["note"] = _note(notes.get(pop.call_id, ()), pop.user_id)
    card["outcomes"] = outcomes if _talked(card) and card["state"] == "closed" else []
    card["talked"] = _talked(card)
    card["why"] = _why(card)
    if sent_by := card.get("sent_by"):
        card["sent_note"] = _note(notes.get(pop.call_id, ()), sent_by["user"])
    if card["state"] != "closed":
        card["links"] = card_links(card, links, call_id=pop.call_id)
    return card


def _why(card: Mapping[str, Any]) -> str:
    """Why this person, or nobody, is named: one sentence, by the rule of contacts.matching that found them."""
    kind, prefix = card["caller"]["kind"], card["caller"].get("prefix", "")
    if card.get("bound"):
        return _("Chosen by a person, not by the number.")
    if kind != "known":
        named = kind == "unknown" and card["caller"]["network_name"] and not card.get("test")
        return _("The name comes from the network, not from you.") if named else _(_WHY_NOBODY.get(kind, ""))
    if card["rule"] == "prefix" and prefix:
        return _("Matched behind the outside-line prefix %(prefix)s.") % {"prefix": prefix}
    return _(_WHY_THIS_PERSON.get(card["rule"], ""))


def _offered(payload: Mapping[str, Any]) -> list[Payload]:
    """The people in the order in which they are offered, each with what was chosen before."""
    choices = payload.get("choices") or []
    chosen = {one["contact"]: one for one in reversed(choices)}
    return [{**one, "choice": chosen.get(one["id"])} for one in in_groups(payload["people"], choices)]


def _waited(payload: Mapping[str, Any]) -> float | None:
    """Seconds in the queue before somebody answered."""
    since, until = payload.get("queued_at"), payload.get("answered_at")
    return until - since if since is not None and until is not None else None


def card_links(card: Payload, links: Sequence[CardLink], *, call_id: int) -> list[FilledLink]:
    """The contact's own link to the CRM first, then the house's; those that lack a value are left out."""
    person = card["people"][0] if card["caller"]["kind"] == "known" and card["people"] else {}
    values = link_values(card, person, call_id=call_id)
    found = [FilledLink(link.label, url) for link in links if (url := fill(link.template, values))]
    own = web_link(person.get("external_link", ""))
    return [FilledLink("", own), *found] if own else found


def link_values(card: Payload, person: Mapping[str, Any], *, call_id: int) -> dict[str, object]:
    caller, line = card["caller"], card.get("line") or {}
    withheld = caller["kind"] == "withheld"
    return {
        "number": "" if withheld else caller["written"],
        "e164": caller.get("e164", ""),
        "national": caller.get("national", ""),
        "name": person.get("name") or ("" if withheld else caller["network_name"]),
        "contact_id": person.get("id", ""),
        "external_id": person.get("external_id", ""),
        "call_id": call_id,
        "extension": card.get("extension", ""),
        "line": line.get("did", ""),
        "queue": card.get("queue") or "",
    }


def _with_person(card: Payload, person: Payload | None) -> Payload:
    """The card of the person whom somebody chose or made; `others` is the way back to the list."""
    if person is None:
        return card
    of_list = next((one for one in card["people"] if one["id"] == person["id"]), None)
    others = card["people"] if card["caller"]["kind"] == "several" else []
    return {
        **card,
        "caller": {**card["caller"], "kind": "known"},
        "people": [of_list or person],
        "others": others,
        "bound": card["caller"]["kind"],
        "rule": card["rule"] if card["caller"]["kind"] == "known" else "",
    }


def _bound_people(pops: Sequence[Pop]) -> dict[tuple[int, int], Payload | None]:
    """(call, user) -> the contact that the call is bound to, when the card does not show just that one already."""
    open_pops = [pop for pop in pops if pop.payload["caller"]["kind"] in OPEN_KINDS]
    if not open_pops:
        return {}
    calls = Call.objects.filter(pk__in={pop.call_id for pop in open_pops}, contact__isnull=False)
    contacts = dict(calls.order_by().values_list("pk", "contact"))
    wanted = [pop for pop in open_pops if pop.call_id in contacts and not _shows_only(pop, contacts[pop.call_id])]
    if not wanted:
        return {}
    people = _contacts({contacts[pop.call_id] for pop in wanted})
    members = staff({pop.user_id for pop in wanted})
    return {
        (pop.call_id, pop.user_id): _seen(
            people.get(contacts[pop.call_id]), members.get(pop.user_id, NOBODY), pop.payload["caller"]
        )
        for pop in wanted
    }


def _shows_only(pop: Pop, contact_id: int) -> bool:
    people = pop.payload["people"]
    return len(people) == 1 and people[0]["id"] == contact_id


def _contacts(ids: set[int]) -> dict[int, Contact]:
    found = Contact.objects.filter(pk__in=ids).select_related("owner").prefetch_related("numbers")
    return {contact.pk: contact for contact in found}


def _seen(contact: Contact | None, member: Member, caller: Mapping[str, Any]) -> Payload | None:
    if contact is None or not member.may_see(contact.team_id):
        return None
    label = next((row.label for row in contact.numbers.all() if _same(row, caller)), "")
    return person_payload(
        PersonFacts(
            contact.pk,
            contact.name,
            contact.company,
            contact.title,
            label,
            contact.notes,
            contact.tags,
            contact.owner_id,
            contact.owner.display_name if contact.owner else "",
            contact.external_id,
            contact.external_link,
        )
    )


def _same(row: ContactNumber, caller: Mapping[str, Any]) -> bool:
    return bool(row.e164) and row.e164 == caller.get("e164")


def _notes(pops: Sequence[Pop]) -> dict[int, list[CallNote]]:
    """Only where a note can be: while or after somebody talked, or when a colleague sent the call."""
    ids = {pop.call_id for pop in pops if _talked(pop.payload) or pop.payload.get("sent_by")}
    found: dict[int, list[CallNote]] = defaultdict(list)
    if ids:
        for note in CallNote.objects.filter(call__in=ids).select_related("user", "outcome"):
            found[note.call_id].append(note)
    return found


def _note(notes: Sequence[CallNote], user_id: int | None) -> dict[str, Any]:
    note = next((one for one in notes if one.user_id == user_id), None)
    return {
        "text": note.text if note else "",
        "version": note_version(note),
        "at": note.changed_at if note and note.text else None,
        "outcome": note.outcome_id if note else None,
        "outcome_label": note.outcome.label if note and note.outcome else "",
    }


def _talked(payload: Mapping[str, Any]) -> bool:
    """So that a note or an outcome may be due; of a test nothing is kept."""
    return payload.get("answered_at") is not None and not payload.get("test")
