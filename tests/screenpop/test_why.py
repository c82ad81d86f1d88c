"""The sentence on a card that says why just this person is named."""

import pytest
from django.template.loader import render_to_string

from crmconnector.common.clock import utc_now
from crmconnector.contacts.matching import MatchRule
from crmconnector.listener.dispatch import handle_batch
from crmconnector.pbx.models import Pbx
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.selectors import open_cards
from tests.support.office import RowOffice
from tests.support.story import inbound_call
from tests.support.web_story import add_call, add_pop, caller, person

pytestmark = pytest.mark.django_db
SENTENCES = {
    "exact": "Exact number match.",
    "national": "Matched as a number written without its plus or country code.",
    "prefix": "Matched behind the outside-line prefix 0.",
    "suffix": "Matched by the last digits; those before them are country code or prefix.",
    "service": "Matched as a service number of this country.",
}


def drawn(office: RowOffice) -> str:
    return "".join(render_to_string("screenpop/card.html", card.context()) for card in open_cards(user=office.users[0]))


@pytest.mark.parametrize(
    ("stored", "rings", "rule"),
    [
        ("030 23125447", "03023125447", "exact"),
        ("33142685300", "+33142685300", "national"),
        ("030 23125447", "003023125447", "prefix"),
        ("115", "115", "service"),
    ],
)
def test_the_rule_that_found_the_caller_stands_on_the_card(office, stored, rings, rule) -> None:
    Pbx.objects.filter(pk=office.pbx.pk).update(outside_prefixes="0")
    office.pbx = Pbx.objects.get(pk=office.pbx.pk)
    office.add_contact("Ada", stored)
    batch = inbound_call(leg_endpoint="PJSIP/201", number=rings)
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())
    assert Pop.objects.get().payload["rule"] == rule
    assert f"<bdi>{SENTENCES[rule]}</bdi>" in drawn(office)


@pytest.mark.parametrize("rule", [rule.value for rule in MatchRule if rule is not MatchRule.EXTENSION])
def test_every_rule_that_names_a_person_has_its_sentence(office, rule) -> None:
    call = add_call(office, state="ringing")
    add_pop(call, call.legs.get(), caller=caller("known", prefix="0"), people=[person()], rule=rule)
    assert f"<bdi>{SENTENCES[rule]}</bdi>" in drawn(office)


def test_a_card_from_before_the_prefix_was_kept_still_says_the_rule(office) -> None:
    call = add_call(office, state="ringing")
    add_pop(call, call.legs.get(), caller=caller("known"), people=[person()], rule="prefix")
    assert "<bdi>Matched behind an outside-line prefix.</bdi>" in drawn(office)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("several", "More than one person has this number."),
        ("withheld", "Withheld callers are logged without a contact."),
        ("colleague", "An extension is a colleague’s; no contact is looked for."),
    ],
)
def test_a_card_that_names_no_contact_says_why(office, kind, said) -> None:
    call = add_call(office, state="ringing")
    people = [person(), person("Bob", id=2)] if kind == "several" else []
    add_pop(call, call.legs.get(), caller=caller(kind, extension="202"), people=people)
    assert f"<bdi>{said}</bdi>" in drawn(office)


def test_a_name_of_the_network_is_told_as_what_it_is_and_a_bare_number_says_nothing(office) -> None:
    call = add_call(office, state="ringing")
    pop = add_pop(call, call.legs.get(), caller=caller("unknown", network_name="ADA L"))
    assert "The name comes from the network, not from you." in drawn(office)
    pop.payload["caller"]["network_name"] = ""
    pop.save()
    assert "<bdi></bdi>" in drawn(office)
