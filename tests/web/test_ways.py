"""The pages of ways: what can be done, by which way, why not and where that is cured; and deciding on it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from crmconnector.audit.models import AuditEvent
from crmconnector.calls.models import PathPolicy
from crmconnector.calls.verbs import VERBS
from crmconnector.calls.ways import Decision, decide_ways
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.web.ways_page import VerbLine, lines_of_house, lines_of_phone
from phones.models import Calibration, Phone
from tests.support.office import RowOffice

ALL_ACTIONS = sorted({action.lower() for row in VERBS.values() for action in row.pbx})
HOUSE = "/ways"


@pytest.fixture
def linked(office: RowOffice) -> RowOffice:
    """The PBX allows everything and has our dialplan."""
    PbxLink.objects.update(may_send=ALL_ACTIONS)
    Pbx.objects.update(snippet_context="crmconnector")
    return office


def at(phone: Phone) -> dict[str, VerbLine]:
    return {line.kind: line for line in lines_of_phone(Phone.objects.get(pk=phone.pk))}


def learn(phone: Phone, *sequences: str, outcome: str = "worked") -> None:
    for sequence in sequences:
        Calibration.objects.create(
            phone=phone, phone_name=phone.name, model=phone.model, firmware=phone.firmware, sequence=sequence,
            outcome=outcome, extension="202, 203", by_name="boss", at=utc_now(), ended_at=utc_now(),
            timings=[{"step": "open the transfer screen", "milliseconds": 400}],
        )  # fmt: skip


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


# ---- what is said


def test_what_asterisk_cannot_do_is_plainly_absent(linked: RowOffice) -> None:
    lines = at(linked.phones[0])
    for kind in ("hold", "resume", "answer", "keys"):
        assert lines[kind].cells[1].state == "absent" and not lines[kind].both
    assert "cannot hold" in lines["hold"].cells[1].why and "cannot answer" in lines["answer"].cells[1].why
    assert lines["park"].cells[0].state == "absent"


def test_the_usual_way_is_used_and_said_to_be_that(linked: RowOffice) -> None:
    lines = at(linked.phones[0])
    assert (lines["make_call"].used, lines["make_call"].because) == ("phone", "The usual way.")
    assert (lines["blind_transfer"].used, lines["blind_transfer"].because) == ("pbx", "The usual way.")
    assert lines["hold"].because == "The only way there is."


def test_keys_that_were_never_calibrated_lead_to_the_calibration(linked: RowOffice) -> None:
    phone = linked.phones[0]
    cell = at(phone)["blind_transfer"].cells[0]
    assert (cell.state, cell.word) == ("blocked", "not calibrated")
    assert cell.url == reverse("phone-calibrate", args=[phone.pk])


def test_once_calibrated_every_phone_of_the_kind_may(linked: RowOffice) -> None:
    learn(linked.phones[0], "blind_transfer")
    assert at(linked.phones[1])["blind_transfer"].cells[0].state == "ready"
    Phone.objects.filter(pk=linked.phones[1].pk).update(firmware="1.0.9.99")
    assert at(linked.phones[1])["blind_transfer"].cells[0].word == "not calibrated"


def test_an_action_that_the_pbx_forbids_is_named_with_its_cure(linked: RowOffice) -> None:
    PbxLink.objects.update(may_send=[one for one in ALL_ACTIONS if one != "blindtransfer"])
    cell = at(linked.phones[0])["blind_transfer"].cells[1]
    assert (cell.state, cell.word) == ("blocked", "the PBX does not allow it")
    assert "BlindTransfer" in cell.cure and cell.url == reverse("pbx", args=[linked.pbx.pk])


def test_a_pbx_that_has_not_told_its_rights_is_not_said_to_forbid(linked: RowOffice) -> None:
    PbxLink.objects.update(may_send=None)
    assert at(linked.phones[0])["park"].cells[1].word == "not known yet"
    assert {line.kind: line for line in lines_of_house()}["park"].cells[1].word == "not known yet"


def test_what_was_decided_and_cannot_be_is_not_replaced_quietly(linked: RowOffice) -> None:
    decide_ways(phone=None, wanted={"blind_transfer": Decision("phone")})
    line = at(linked.phones[0])["blind_transfer"]
    assert (line.used, line.used_words) == ("", "not possible now") and "not taken quietly" in line.because


@pytest.mark.parametrize(
    ("change", "kind", "way", "word"),
    [
        ("passcode", "hold", 0, "the phone takes no orders"), ("away", "hang_up", 1, "PBX not heard"),
        ("snippet", "conference", 1, "our dialplan is not installed"),
    ],
)  # fmt: skip
def test_each_thing_in_the_way_is_said(linked: RowOffice, change: str, kind: str, way: int, word: str) -> None:
    if change == "passcode":
        Phone.objects.update(passcode_refused_at=utc_now())
    elif change == "away":
        PbxLink.objects.update(state="down")
    else:
        Pbx.objects.update(snippet_context="")
    cell = at(linked.phones[0])[kind].cells[way]
    assert cell.word == word and cell.cure and cell.url


def test_a_phone_without_an_account_has_no_way_by_a_pbx(linked: RowOffice) -> None:
    phone = linked.phones[0]
    phone.accounts.all().delete()
    line = at(phone)["park"]
    assert (line.used, line.cells[1].word) == ("", "PBX not heard")


def test_the_house_is_told_by_the_pbx_that_allows_least(linked: RowOffice) -> None:
    house = {line.kind: line for line in lines_of_house()}
    assert house["park"].cells[1].state == "ready" and house["blind_transfer"].cells[0].word == "not calibrated"
    strict = Pbx.objects.create(name="Strict", host="127.0.0.2", username="crm", secret="x", country="DE")
    PbxLink.objects.create(pbx=strict, state="connected", heard_at=utc_now(), may_send=["originate"])
    cell = {line.kind: line for line in lines_of_house()}["park"].cells[1]
    assert cell.state == "blocked" and cell.url == reverse("pbx", args=[strict.pk])


def test_the_house_counts_on_how_many_kinds_of_phone_keys_are_known_to_work(linked: RowOffice) -> None:
    learn(linked.phones[0], "blind_transfer", "attended_start")
    house = {line.kind: line for line in lines_of_house()}
    assert house["blind_transfer"].cells[0].cure == "Worked on 1 kind of phone."
    assert house["attended_start"].cells[0].word == "not calibrated"  # its other halves were never seen to work


# ---- the pages


def test_the_pages_show_every_verb_and_decide_only_where_there_are_two_ways(
    linked: RowOffice, administrator: Client
) -> None:
    for address in (HOUSE, f"/phones/{linked.phones[0].pk}/ways"):
        html = page(administrator, address)
        assert html.count('<th scope="row">') == len(VERBS)
        assert html.count("<select") == sum(len(row.ways()) > 1 for row in VERBS.values())
        assert 'name="way-hold"' not in html and "absent" in html


def test_the_page_of_a_phone_shows_the_same_verbs(linked: RowOffice, administrator: Client) -> None:
    html = page(administrator, f"/phones/{linked.phones[0].pk}")
    section = html[html.index("What can be done on this phone") :]
    assert section.count("by the PBX") >= 8 and f'href="/phones/{linked.phones[0].pk}/ways"' in section


def test_deciding_is_kept_and_recorded_and_counts_at_once(linked: RowOffice, administrator: Client) -> None:
    administrator.post(HOUSE, {"way-hang_up": "pbx", "fall-hang_up": "on"})
    row = PathPolicy.objects.get()
    assert (row.phone, row.kind, row.path, row.fall_back) == (None, "hang_up", "pbx", True)
    event = AuditEvent.objects.get(action="ways.set")
    assert (event.actor_name, event.details) == (
        "boss", {"of": "all phones", "ways": {"hang_up": "pbx, then the other"}}
    )  # fmt: skip
    line = at(linked.phones[0])["hang_up"]
    assert (line.used, line.because, line.fall_back) == ("pbx", "Decided for all phones.", True)


def test_saving_the_same_again_records_nothing(linked: RowOffice, administrator: Client) -> None:
    administrator.post(HOUSE, {"way-hang_up": "pbx"})
    told = administrator.post(HOUSE, {"way-hang_up": "pbx"}, follow=True).content.decode()
    assert "Nothing was different." in told and AuditEvent.objects.filter(action="ways.set").count() == 1


def test_one_phone_may_differ_and_goes_back_to_the_rest(linked: RowOffice, administrator: Client) -> None:
    phone = linked.phones[0]
    address = f"/phones/{phone.pk}/ways"
    administrator.post(HOUSE, {"way-hang_up": "pbx"})
    administrator.post(address, {"way-hang_up": "phone"})
    assert at(phone)["hang_up"].because == "Decided for this phone."
    assert at(linked.phones[1])["hang_up"].used == "pbx"
    assert "as all phones (by the PBX)" in page(administrator, address)
    assert "as all phones (by the phone, then the other)" in page(administrator, address), "of calling a number"
    assert "usual (by the phone, then the other)" in page(administrator, HOUSE)
    administrator.post(address, {"way-hang_up": ""})
    assert at(phone)["hang_up"].used == "pbx"
    assert AuditEvent.objects.filter(action="ways.set", target_name=phone.name).count() == 2


def test_the_decision_for_all_is_not_shown_as_the_phones_own(linked: RowOffice, administrator: Client) -> None:
    administrator.post(HOUSE, {"way-hang_up": "pbx"})
    html = page(administrator, f"/phones/{linked.phones[0].pk}/ways")
    chosen = re.search(r'<select name="way-hang_up".*?</select>', html, re.DOTALL)
    assert chosen and '<option value="" selected' in chosen[0]


@pytest.mark.parametrize(
    "fields", [{"way-hang_up": "pigeon"}, {"fall-hang_up": "on"}, {"way-blind_transfer": "phone\x00"}]
)
def test_nonsense_is_refused_at_the_field_and_nothing_is_kept(
    linked: RowOffice, administrator: Client, fields: dict[str, str]
) -> None:
    html = administrator.post(HOUSE, fields).content.decode()
    assert "Nothing was saved" in html and 'class="err"' in html and PathPolicy.objects.count() == 0


def test_a_way_that_does_not_exist_is_not_smuggled_in(linked: RowOffice, administrator: Client) -> None:
    administrator.post(HOUSE, {"way-hold": "pbx", "way-park": "phone"})
    assert PathPolicy.objects.count() == 0


def test_what_was_calibrated_is_listed_by_model_and_firmware(linked: RowOffice, administrator: Client) -> None:
    phone = linked.phones[0]
    assert "Nothing yet" in page(administrator, reverse("phone-models"))
    learn(phone, "blind_transfer", outcome="failed")
    learn(phone, "blind_transfer", "conference")
    html = page(administrator, reverse("phone-models"))
    assert html.count('class="badge good"') == 2 and "did not work" not in html and html.count("never tried") == 3
    assert "GRP2614" in html and "firmware not known" in html
