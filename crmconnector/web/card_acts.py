"""What a person does on a card or with its settings: the service's write, the audit event where a contact or a setting
changes, and the new version of every card of that call, in one transaction. The streams wake after the commit.
"""

from functools import partial

from django.db import transaction

from crmconnector.audit.services import record_act
from crmconnector.calls.backfill import bind_call, bind_earlier_calls
from crmconnector.calls.models import Call, Disposition
from crmconnector.calls.notes import Kept, add_usual_outcomes, record_outcome, save_note
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact, NumberChoice
from crmconnector.contacts.services import attach_number, save_contact
from crmconnector.screenpop.models import CardLink, Pop
from crmconnector.screenpop.publisher import touch_pops, wake
from crmconnector.users.models import User
from crmconnector.web.forms.cards import CardLinkForm, NewContactForm, OutcomeForm


class CardProblem(Exception):
    """Why nothing was changed; a sentence that may be shown."""


@transaction.atomic
def choose_person(*, actor: User, pop: Pop, contact: Contact | None) -> None:
    """It was this person of the several with this number: bound to the call and remembered for the next one."""
    if contact is not None and (key := pop.payload["caller"].get("key", "")):
        NumberChoice.objects.update_or_create(
            number=key[:16], user=actor, defaults={"contact": contact, "chosen_at": utc_now()}
        )
    if bind_call(call_id=pop.call_id, contact=contact):
        chosen = {"contact": contact.pk if contact else None}
        record_act(actor=actor, action="call.contact_chosen", target=pop.call, details=chosen)
    redraw_cards(pop.call_id)


@transaction.atomic
def create_contact(*, actor: User, pop: Pop, form: NewContactForm, country: str) -> Contact:
    """A contact with the caller's number; a second press gives the one that was made. May raise ContactProblem."""
    call = Call.objects.select_for_update(of=("self",)).select_related("contact").get(pk=pop.call_id)
    made = NumberChoice.objects.filter(user=actor, number=_key(pop), contact=call.contact_id or 0).first()
    if made:
        return made.contact
    contact = form.save(commit=False)
    contact.owner = actor
    contact = save_contact(
        contact=contact, numbers=[(form.cleaned_data["label"], _number(pop))], country=country, by=actor
    )
    record_act(actor=actor, action="contact.added", target=contact, details={"call": pop.call_id})
    _bind(actor, pop, contact)
    return contact


@transaction.atomic
def attach_to_contact(*, actor: User, pop: Pop, contact: Contact, country: str) -> None:
    """The caller's number becomes one of this contact's. May raise ContactProblem."""
    attach_number(contact=contact, written=_number(pop), label="", country=country, by=actor)
    record_act(actor=actor, action="contact.number_attached", target=contact, details={"call": pop.call_id})
    _bind(actor, pop, contact)


@transaction.atomic
def rebind_call(*, actor: User, call: Call, contact: Contact | None) -> None:
    """From the call's page: it was somebody else."""
    if bind_call(call_id=call.pk, contact=contact):
        chosen = {"contact": contact.pk if contact else None}
        record_act(actor=actor, action="call.contact_chosen", target=call, details=chosen)
        redraw_cards(call.pk)


@transaction.atomic
def keep_note(*, actor: User, pop: Pop, text: str, seen_version: str) -> Kept:
    """No new version of the card: the writer has it on the screen. Who got the call from the writer sees it at once."""
    kept = save_note(call=pop.call, user=actor, text=text, seen_version=seen_version)
    others = Pop.objects.filter(call=pop.call_id).exclude(user=actor).exclude(state=Pop.State.CLOSED)
    _touch([(pop.call_id, user_id) for user_id in others.values_list("user", flat=True)])
    return kept


@transaction.atomic
def keep_outcome(*, actor: User, pop: Pop, outcome: Disposition | None) -> None:
    record_outcome(call=pop.call, user=actor, outcome=outcome)
    _touch([(pop.call_id, actor.pk)])


@transaction.atomic
def put_away(*, pop: Pop) -> None:
    """A closed card that asks nothing more of its user; it does not come back when the page is loaded again."""
    row = Pop.objects.select_for_update().get(pk=pop.pk)
    if row.state == Pop.State.CLOSED and not row.payload.get("dismissed"):
        row.payload = {**row.payload, "dismissed": True}
        row.save(update_fields=["payload"])


def redraw_cards(call_id: int) -> None:
    """Every card of this call gets a new version, so that all desks draw it again."""
    _touch([(call_id, user_id) for user_id in Pop.objects.filter(call=call_id).values_list("user", flat=True)])


@transaction.atomic
def save_outcome(*, actor: User, form: OutcomeForm) -> Disposition:
    made = form.instance.pk is None
    outcome = form.save()
    details = {"changed": form.changed_data, "key": outcome.key}
    record_act(actor=actor, action="outcome.added" if made else "outcome.changed", target=outcome, details=details)
    return outcome


@transaction.atomic
def take_usual_outcomes(*, actor: User) -> list[Disposition]:
    added = add_usual_outcomes()
    for outcome in added:
        record_act(actor=actor, action="outcome.added", target=outcome, details={"key": outcome.key})
    return added


@transaction.atomic
def save_card_link(*, actor: User, form: CardLinkForm) -> CardLink:
    made = form.instance.pk is None
    link = form.save()
    action = "card_link.added" if made else "card_link.changed"
    record_act(actor=actor, action=action, target=link, details={"template": link.template})
    return link


def _bind(actor: User, pop: Pop, contact: Contact) -> None:
    """The call, and all earlier ones of this number when nobody else has it, are this contact's."""
    NumberChoice.objects.update_or_create(
        number=_key(pop), user=actor, defaults={"contact": contact, "chosen_at": utc_now()}
    )
    bind_call(call_id=pop.call_id, contact=contact)
    bind_earlier_calls(contact_id=contact.pk)
    redraw_cards(pop.call_id)


def _key(pop: Pop) -> str:
    caller = pop.payload["caller"]
    return str(caller.get("key") or caller["written"])[:16]


def _number(pop: Pop) -> str:
    """The caller's number as it was read, so that the next call matches exactly; never what a browser sends."""
    caller = pop.payload["caller"]
    return str(caller.get("e164") or caller["written"])


def _touch(pairs: list[tuple[int, int]]) -> None:
    if pairs:
        users = touch_pops(legs=pairs, now=utc_now())
        transaction.on_commit(partial(wake, users))
