"""What people and networks write is text wherever it is shown, and does not turn the words around it."""

from collections.abc import Callable

import pytest
from django.template.loader import render_to_string
from django.test import Client

from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import Contact, ContactImport, ContactImportProblem
from crmconnector.pbx.models import Line
from crmconnector.screenpop.models import CardLink, PopDecision, PopReceipt, PopRule
from crmconnector.screenpop.selectors import open_cards
from tests.support.call_bar import call_on_desk, own_leg_of
from tests.support.isolation import HOSTILE, assert_harmless, links_of
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_command, add_pop, caller, person

E164 = "+493023125447"
Shown = Callable[[RowOffice, Client], str]


def card(office: RowOffice, *, state: str = "ringing", **payload: object) -> str:
    call = add_call(office, state="ringing", ended_at=None, answered_at=None)
    pop = add_pop(call, call.legs.get(), state=state, **payload)
    return render_to_string("screenpop/card.html", open_cards(user=pop.user)[0].context())


def choose_list(office: RowOffice, _boss: Client) -> str:
    people = [
        person(HOSTILE, id=1, company=HOSTILE, title=HOSTILE, initials=""),
        person(HOSTILE, id=2, number_label=HOSTILE),
    ]
    choices = [{"contact": 1, "by": HOSTILE, "own": False, "at": 1.0}]
    return card(office, caller=caller("several", number=HOSTILE), people=people, choices=choices)


def known_card(office: RowOffice, _boss: Client) -> str:
    CardLink.objects.create(label=HOSTILE[:40], template="https://crm.example.org/?{name}")
    who = person(HOSTILE, company=HOSTILE, title=HOSTILE, number_label=HOSTILE, notes=HOSTILE, tags=[HOSTILE],
                 owner_id=9, owner=HOSTILE)  # fmt: skip
    last = [{"kind": "talked", "seconds": 3, "with": HOSTILE, "at": 1.0, "outcome": HOSTILE}]
    known = caller("known", network_name=HOSTILE, prefix=HOSTILE)
    return card(office, caller=known, people=[who], last_calls=last, queue=HOSTILE, rule="prefix")


def last_note(office: RowOffice, _boss: Client) -> str:
    return card(office, last_note={"text": HOSTILE, "by": HOSTILE, "at": 1.0})


def sent_by(office: RowOffice, _boss: Client) -> str:
    sent = {"user": office.users[1].pk, "name": HOSTILE, "kind": "blind", "seconds": 9}
    call = add_call(office, state="ringing", ended_at=None, answered_at=None)
    CallNote.objects.create(call=call, user=office.users[1], text=HOSTILE)
    pop = add_pop(call, call.legs.get(), sent_by=sent)
    return render_to_string("screenpop/card.html", open_cards(user=pop.user)[0].context())


def closed_card(office: RowOffice, _boss: Client) -> str:
    end = {"reason": "transferred", "who": HOSTILE, "seconds": 2, "talks": True}
    return card(office, state="closed", caller=caller("known"), people=[person(HOSTILE)], closed=end, ended_at=1.0,
                answered_at=1.0)  # fmt: skip


def colleague_card(office: RowOffice, _boss: Client) -> str:
    return card(office, caller=caller("colleague", network_name=HOSTILE, teams=[HOSTILE], extension="202"))


def unknown_card(office: RowOffice, _boss: Client) -> str:
    return card(office, caller=caller("unknown", network_name=HOSTILE, written=HOSTILE, number=""))


def attach_results(office: RowOffice, _boss: Client) -> str:
    office.add_contact(HOSTILE, "030 1234567", company=HOSTILE)
    return _found(office, "Zed")


def attach_nothing(office: RowOffice, _boss: Client) -> str:
    return _found(office, HOSTILE)


def _found(office: RowOffice, text: str) -> str:
    call = add_call(office, state="ringing")
    pop, own = add_pop(call, call.legs.get()), Client()
    own.force_login(office.users[0])
    return own.get(f"/desk/pops/{pop.pk}/find", {"q": text}).content.decode()


def transfer_list(office: RowOffice, _boss: Client) -> str:
    office.add_contact(HOSTILE, "030 1234567", company=HOSTILE)
    office.users[1].full_name = HOSTILE
    office.users[1].save()
    return _targets(office, "Zed")


def transfer_nobody(office: RowOffice, _boss: Client) -> str:
    return _targets(office, HOSTILE)


def consultation(office: RowOffice, _boss: Client) -> str:
    office.users[1].full_name = HOSTILE
    office.users[1].save()
    pop = call_on_desk(office)
    add_command(own_leg_of(pop), "requested", "confirmed", kind="attended_start", target=HOSTILE, far_number="202",
                pbx=office.pbx)  # fmt: skip
    return render_to_string("screenpop/card.html", open_cards(user=pop.user)[0].context())


def _targets(office: RowOffice, text: str) -> str:
    pop, own = call_on_desk(office), Client()
    own.force_login(office.users[0])
    return own.get(f"/desk/pops/{pop.pk}/targets", {"q": text}).content.decode()


def explained(office: RowOffice, boss: Client) -> str:
    return _opened(boss, f"/calls/{_reasoned(office).pk}")


def reasons_page(office: RowOffice, boss: Client) -> str:
    _reasoned(office)
    return _opened(boss, "/pops")


def _reasoned(office: RowOffice) -> Call:
    """A call of a hostile caller to hostile people: a card shown to one, none to the other by a rule of the house."""
    for user in office.users[:2]:
        user.full_name = HOSTILE
        user.save()
    line = Line.objects.create(pbx=office.pbx, did="+49301", label=HOSTILE)
    rule = PopRule.objects.create(line=line, when=PopRule.When.NEVER)
    call = add_call(office, caller_name=HOSTILE, caller_number=HOSTILE[:30], caller_e164="")
    pop = add_pop(call, call.legs.get())
    add_command(call.legs.get(), "requested", "confirmed")
    at = utc_now()
    PopReceipt.objects.create(pop=pop, desk="a" * 8, browser=HOSTILE[:60], delivered_at=at, seen_at=at)
    PopDecision.objects.create(call=call, user=office.users[0], endpoint=HOSTILE[:80], shown=True, reason="ring",
                               pop=pop, decided_at=at)  # fmt: skip
    PopDecision.objects.create(call=call, user=office.users[1], endpoint="PJSIP/202", shown=False, reason="rule",
                               details={"because": "line", "rule": rule.pk}, decided_at=at)  # fmt: skip
    return call


def call_page(office: RowOffice, boss: Client) -> str:
    outcome = Disposition.objects.create(key=1, label=HOSTILE[:40], enabled=True)
    call = add_call(office)
    office.add_contact(HOSTILE, E164, company=HOSTILE)
    office.users[1].full_name = HOSTILE
    office.users[1].save()
    CallNote.objects.create(call=call, user=office.users[1], text=HOSTILE, outcome=outcome)
    return _opened(boss, f"/calls/{call.pk}?find=Zed")


def call_page_nobody(office: RowOffice, boss: Client) -> str:
    return _opened(boss, f"/calls/{add_call(office).pk}", find=HOSTILE)


def import_problems(office: RowOffice, boss: Client) -> str:
    now = utc_now()
    one = ContactImport.objects.create(file_name=HOSTILE, by=None, by_name=HOSTILE, created_at=now, changed_at=now,
                                       state="done", ended_at=now, format="csv")  # fmt: skip
    ContactImportProblem.objects.create(source=one, line=2, code="email", sentence="Left out.", shown=HOSTILE,
                                        refused=False)  # fmt: skip
    return _opened(boss, f"/contacts/import/{one.pk}")


def merge_search(office: RowOffice, boss: Client) -> str:
    one, _other = _two(office)
    return _opened(boss, f"/contacts/{one.pk}/merge", q="Zed") + _opened(boss, f"/contacts/{one.pk}/merge", q=HOSTILE)


def merge_compare(office: RowOffice, boss: Client) -> str:
    one, other = _two(office)
    return _opened(boss, f"/contacts/{one.pk}/merge?with={other.pk}")


def _two(office: RowOffice) -> list[Contact]:
    found = [office.add_contact(HOSTILE, "030 1234567", company=HOSTILE) for _ in range(2)]
    Contact.objects.filter(pk=found[1].pk).update(notes=HOSTILE, title=HOSTILE, tags=[HOSTILE], name=HOSTILE + "2")
    return found


def _opened(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query or None)
    assert answer.status_code == 200, address
    return answer.content.decode()


PLACES: list[Shown] = [
    choose_list, known_card, last_note, sent_by, closed_card, colleague_card, unknown_card, attach_results,
    attach_nothing, transfer_list, transfer_nobody, consultation, explained, reasons_page, call_page,
    call_page_nobody, import_problems, merge_search, merge_compare,
]  # fmt: skip


@pytest.mark.parametrize("shown", PLACES, ids=lambda one: one.__name__)
def test_a_hostile_name_is_text_and_isolated(shown: Shown, office: RowOffice, administrator: Client) -> None:
    assert_harmless(shown(office, administrator))


@pytest.mark.parametrize("shown", [choose_list, known_card, unknown_card, colleague_card, closed_card],
                         ids=lambda one: one.__name__)  # fmt: skip
def test_every_link_of_a_card_that_leaves_the_desk_opens_apart_and_gives_no_hold_of_it(
    shown: Shown, office: RowOffice, administrator: Client
) -> None:
    for link in links_of(shown(office, administrator)):
        if "target" in link or link["href"].startswith("http"):
            assert link.get("target") in ("crm", "_blank") and "noopener" in link.get("rel", "").split(), link


def test_links_to_the_crm_name_their_tab_and_leave_the_desk_where_it_is(office: RowOffice) -> None:
    CardLink.objects.create(label="CRM", template="https://crm.example.org/?{e164}")
    known = caller("known", e164=E164)
    links = links_of(card(office, caller=known, people=[person(external_link="https://crm.example.org/c/1")]))
    outside = [link for link in links if link["href"].startswith("http")]
    assert [(link["target"], link["rel"]) for link in outside] == [("crm", "noopener")] * 2
