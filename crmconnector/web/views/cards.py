"""What a person does on a card: who it is, a note, an outcome, putting it away. Only on the own card: 404 else.

The card itself comes back by the stream, so the answer to htmx is empty; where a form is refused, or a note is kept,
it is a sentence for that place on the card.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from crmconnector.calls.models import Disposition
from crmconnector.calls.notes import NoteProblem, note_version
from crmconnector.calls.selectors import calls_seen_by
from crmconnector.contacts.listing import first_contacts
from crmconnector.contacts.models import Contact
from crmconnector.contacts.selectors import contacts_seen_by
from crmconnector.contacts.services import ContactProblem
from crmconnector.screenpop.models import Pop
from crmconnector.web import card_acts as acts
from crmconnector.web.access import searched
from crmconnector.web.forms.cards import NewContactForm
from crmconnector.web.people import signed_in

MOST_FOUND = 6
LEAST_TYPED = 2


@require_POST
def choose(request: HttpRequest, pop_id: int) -> HttpResponse:
    """`contact`: whom of the several; empty: none of them after all."""
    pop = _real_pop(request, pop_id)
    contact = _seen_contact(request, request.POST["contact"]) if request.POST.get("contact") else None
    acts.choose_person(actor=signed_in(request), pop=pop, contact=contact)
    return _done(request)


@require_POST
def create(request: HttpRequest, pop_id: int) -> HttpResponse:
    pop, form = _real_pop(request, pop_id), NewContactForm(request.POST)
    if not form.is_valid():
        return _refused(str(next(iter(form.errors.values()))[0]))
    try:
        acts.create_contact(actor=signed_in(request), pop=pop, form=form, country=pop.call.pbx.country)
    except (ContactProblem, acts.CardProblem) as problem:
        return _refused(str(problem))
    return _done(request)


@require_POST
def attach(request: HttpRequest, pop_id: int) -> HttpResponse:
    pop = _real_pop(request, pop_id)
    contact = _seen_contact(request, request.POST.get("contact", ""))
    try:
        acts.attach_to_contact(actor=signed_in(request), pop=pop, contact=contact, country=pop.call.pbx.country)
    except (ContactProblem, acts.CardProblem) as problem:
        return _refused(str(problem))
    return _done(request)


@require_safe
def find(request: HttpRequest, pop_id: int) -> HttpResponse:
    """Contacts to whom the number may be added, while somebody types."""
    pop, text, user = _real_pop(request, pop_id), searched(request), signed_in(request)
    enough = len(text) >= LEAST_TYPED
    found = first_contacts(user, text, country=pop.call.pbx.country, most=MOST_FOUND) if enough else []
    context = {"pop": pop, "found": found, "text": text, "enough": enough}
    return render(request, "screenpop/found.html", context)


@require_POST
def note(request: HttpRequest, pop_id: int) -> HttpResponse:
    """Keeps what stands in the field; the answer is the line below it."""
    pop = _real_pop(request, pop_id)
    text, version = request.POST.get("text", ""), request.POST.get("version", "")[:40]
    try:
        kept = acts.keep_note(actor=signed_in(request), pop=pop, text=text, seen_version=version)
    except NoteProblem as problem:
        return _refused(str(problem))
    said = {"at": kept.note.changed_at, "replaced": kept.replaced, "version": note_version(kept.note)}
    return render(request, "screenpop/note_said.html", {"pop": pop, **said})


@require_POST
def outcome(request: HttpRequest, pop_id: int) -> HttpResponse:
    """`outcome`: the one that was pressed; empty takes it back."""
    pop, wanted = _real_pop(request, pop_id), request.POST.get("outcome", "")
    found = get_object_or_404(Disposition, pk=_key(wanted), enabled=True) if wanted else None
    acts.keep_outcome(actor=signed_in(request), pop=pop, outcome=found)
    return _done(request)


@require_POST
def close(request: HttpRequest, pop_id: int) -> HttpResponse:
    acts.put_away(pop=_own_pop(request, pop_id))
    return _done(request)


@require_POST
def bind(request: HttpRequest, call_id: int) -> HttpResponse:
    """From the call's page: which `contact` it was after all; empty: nobody we know."""
    user = signed_in(request)
    call = get_object_or_404(calls_seen_by(user), pk=call_id)
    contact = _seen_contact(request, request.POST["contact"]) if request.POST.get("contact") else None
    acts.rebind_call(actor=user, call=call, contact=contact)
    return redirect("call", call.pk)


def _own_pop(request: HttpRequest, pop_id: int) -> Pop:
    return get_object_or_404(Pop.objects.select_related("call__pbx"), pk=pop_id, user=signed_in(request))


def _real_pop(request: HttpRequest, pop_id: int) -> Pop:
    """The card of a real call: of a test nothing is kept, and nothing is offered."""
    return get_object_or_404(
        Pop.objects.select_related("call__pbx"), pk=pop_id, user=signed_in(request), call__test=False
    )


def _seen_contact(request: HttpRequest, text: str) -> Contact:
    return get_object_or_404(contacts_seen_by(signed_in(request)), pk=_key(text))


def _key(text: str) -> int:
    """The id that a form sent; what is none is nobody's."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _done(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204) if request.headers.get("HX-Request") else redirect("desk")


def _refused(sentence: str) -> JsonResponse:
    """For the one line under the card; what was typed stays where it is."""
    return JsonResponse({"sentence": sentence}, status=422)
