"""What the cards of a batch say: of the past, of the people whom each user may see, and who sent the call."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls import events as ev
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.common.clock import utc_now
from crmconnector.contacts.models import NumberChoice
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import Role, Team
from tests.support.office import RowOffice
from tests.support.story import T0, TRUNK, answered_call, caller, inbound_call

NUMBER, E164 = "03023125447", "+493023125447"
pytestmark = pytest.mark.django_db


def told(office: RowOffice, batch) -> None:
    handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, batch=batch, now=utc_now())


def payload_of(office: RowOffice, place: int = 0) -> dict:
    return Pop.objects.filter(user=office.users[place]).latest("opened_at").payload


def in_team(office: RowOffice, name: str, *places: int) -> Team:
    team = Team.objects.create(name=name)
    team.members.add(*(office.users[place] for place in places))
    return team


def test_a_known_caller_brings_owner_tags_and_the_keys_of_links(office):
    contact = office.add_contact("Ada", NUMBER, company="Engines")
    contact.owner, contact.tags, contact.external_id = office.users[1], ["vip"], "C-1"
    contact.save()
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER))
    card = payload_of(office)
    assert card["caller"]["kind"] == "known" and card["caller"]["e164"] == E164
    assert (card["caller"]["national"], card["extension"]) == (NUMBER, "201")
    assert card["people"][0] | {"owner": "User 202", "tags": ["vip"], "external_id": "C-1"} == card["people"][0]


def test_a_contact_of_another_team_is_counted_and_not_named(office):
    contact = office.add_contact("Secret Person", NUMBER)
    contact.team = in_team(office, "Sales", 1)
    contact.save()
    for place in (0, 1):
        told(office, inbound_call(leg_endpoint=f"PJSIP/20{place + 1}", number=NUMBER, key=f"{place}.1"))
    theirs, mine = payload_of(office, 1), payload_of(office, 0)
    assert (theirs["caller"]["kind"], theirs["people"][0]["name"], theirs["hidden"]) == ("known", "Secret Person", 0)
    assert (mine["caller"]["kind"], mine["people"], mine["hidden"]) == ("unknown", [], 1)
    assert "Secret" not in str(mine)


def test_an_administrator_sees_the_contacts_of_every_team(office):
    contact = office.add_contact("Secret Person", NUMBER)
    contact.team = in_team(office, "Sales")
    contact.save()
    office.users[0].role = Role.ADMINISTRATOR
    office.users[0].save()
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER))
    assert payload_of(office)["people"][0]["name"] == "Secret Person"


def test_one_call_at_two_users_says_to_each_only_what_each_may_see(office):
    contact = office.add_contact("Secret Person", NUMBER)
    contact.team = in_team(office, "Sales", 1)
    contact.save()
    far = caller(NUMBER)
    told(office, [
        ev.CallStarted("1.1", T0, "inbound", False, far, "+493023125100"),
        *(ev.LegRinging("1.1", T0, f"leg-{n}", f"PJSIP/{n}", far, None, "+493023125100") for n in (201, 202)),
    ])  # fmt: skip
    assert [payload_of(office, place)["hidden"] for place in (0, 1)] == [1, 0]


def test_the_own_choice_comes_before_that_of_a_team_mate_and_others_choices_are_not_told(office):
    people = [office.add_contact(name, NUMBER) for name in ("Ada", "Bob", "Cid")]
    in_team(office, "Support", 0, 1)
    in_team(office, "Sales", 2)
    for place in (0, 1, 2):
        NumberChoice.objects.create(number=E164, contact=people[place], user=office.users[place], chosen_at=utc_now())
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER))
    card = payload_of(office)
    assert card["caller"]["kind"] == "several" and len(card["people"]) == 3
    assert [(one["contact"], one["by"], one["own"]) for one in card["choices"]] == [
        (people[0].pk, "", True), (people[1].pk, "User 202", False),
    ]  # fmt: skip
    assert Call.objects.get().contact is None  # offered, never taken


def test_the_last_note_and_outcome_of_the_number_stand_on_the_card(office):
    told(office, answered_call(leg_endpoint="PJSIP/202", number=NUMBER, key="0.1"))
    outcome = Disposition.objects.create(key=1, label="Settled")
    CallNote.objects.create(call=Call.objects.get(), user=office.users[1], text="Wants a credit note", outcome=outcome)
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER))
    card = payload_of(office)
    assert (card["last_calls"][0]["outcome"], card["calls_before"]) == ("Settled", 1)
    assert (card["last_note"]["text"], card["last_note"]["by"]) == ("Wants a credit note", "User 202")


def test_a_test_call_is_no_earlier_call(office):
    told(office, answered_call(leg_endpoint="PJSIP/202", number=NUMBER, key="0.1"))
    Call.objects.update(test=True)
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER))
    assert payload_of(office)["calls_before"] == 0


def test_the_wait_in_the_queue_is_told(office):
    batch = inbound_call(leg_endpoint="PJSIP/201", number=NUMBER)
    told(office, [batch[0], ev.QueueEntered("1.1", T0 - 80, "600"), *batch[1:]])
    card = payload_of(office)
    assert (card["queue"], card["rang_at"] - card["queued_at"]) == ("Service", 80.0)


def internal_call(key="1.1", *, number="202", frm="PJSIP/202", to="PJSIP/201"):
    far = ev.Party(frm, number, "User 202")
    return [
        ev.CallStarted(key, T0, "internal", False, far, "201"),
        ev.LegRinging(key, T0, f"{key}-leg", to, far, None, "201"),
    ]


def test_a_colleague_is_named_with_the_team_and_never_looked_up_among_contacts(office):
    in_team(office, "Support", 1)
    office.add_contact("Somebody else", NUMBER)
    outside = inbound_call(leg_endpoint="PJSIP/203", number=NUMBER, key="0.1")  # looked up in the same batch
    told(office, [*outside, *internal_call(number=NUMBER)])
    card = payload_of(office)
    assert (card["caller"]["kind"], card["caller"]["network_name"]) == ("colleague", "User 202")
    assert (card["caller"]["extension"], card["caller"]["teams"], card["people"]) == ("202", ["Support"], [])


def test_a_colleague_stays_named_while_the_call_is_held(office):
    in_team(office, "Support", 1)
    far = ev.Party("PJSIP/202", "202", "User 202")
    told(office, [*internal_call(), ev.LegAnswered("1.1", T0 + 2, "1.1-leg", "PJSIP/201", far)])
    told(office, [ev.LegHeld("1.1", T0 + 3, "1.1-leg", "PJSIP/201")])
    card = payload_of(office)
    assert (card["state"], card["caller"]["teams"], card["caller"]["extension"]) == ("held", ["Support"], "202")


def test_a_withheld_caller_is_never_looked_up(office):
    office.add_contact("Ada", NUMBER)
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER, restricted=True))
    card = payload_of(office)
    assert (card["caller"]["kind"], card["people"], card["caller"]["written"]) == ("withheld", [], "")


def blind_transfer(office):
    """User 202 talks with the caller for two minutes, then sends the call to 201 without asking."""
    far = caller(NUMBER)
    told(office, [
        *inbound_call(leg_endpoint="PJSIP/202", number=NUMBER),
        ev.LegAnswered("1.1", T0 + 5, "1.1-leg", "PJSIP/202", far),
        ev.CallAnswered("1.1", T0 + 5, "1.1-leg", "PJSIP/202"),
    ])  # fmt: skip
    told(office, [ev.LegEnded("1.1", T0 + 125, "1.1-leg", "PJSIP/202", "answered", None)])
    told(office, [ev.LegRinging("1.1", T0 + 126, "second", "PJSIP/201", far, None, "+493023125100")])
    return far


def test_a_transferred_call_says_who_sent_it_and_the_sender_sees_where_it_went(office):
    far = blind_transfer(office)
    sent = payload_of(office, 0)["sent_by"]
    assert sent == {"user": office.users[1].pk, "name": "User 202", "kind": "blind", "seconds": 120}
    closed = payload_of(office, 1)["closed"]
    assert (closed["reason"], closed["who"], closed["talks"]) == ("transferred", "User 201", False)
    told(office, [ev.LegAnswered("1.1", T0 + 130, "second", "PJSIP/201", far)])
    assert payload_of(office, 1)["closed"]["talks"] is True


def test_after_an_attended_transfer_the_card_of_the_asked_colleague_becomes_the_callers(office):
    office.add_contact("Ada", NUMBER)
    far, colleague = caller(NUMBER), ev.Party("PJSIP/202", "202", "User 202")
    told(office, [
        *inbound_call(leg_endpoint="PJSIP/202", number=NUMBER),
        ev.LegAnswered("1.1", T0 + 5, "1.1-leg", "PJSIP/202", far),
        ev.CallAnswered("1.1", T0 + 5, "1.1-leg", "PJSIP/202"),
    ])  # fmt: skip
    told(office, [
        ev.CallStarted("2.1", T0 + 30, "internal", False, colleague, "201"),
        ev.LegRinging("2.1", T0 + 30, "2.1-leg", "PJSIP/201", colleague, None, "201"),
        ev.LegAnswered("2.1", T0 + 35, "2.1-leg", "PJSIP/201", colleague),
    ])  # fmt: skip
    assert payload_of(office, 0)["caller"]["kind"] == "colleague"
    told(office, [
        ev.CallMerged("2.1", T0 + 65, "1.1"),
        ev.LegChanged("1.1", T0 + 65, "2.1-leg", "PJSIP/201", far),
        ev.LegEnded("1.1", T0 + 65, "1.1-leg", "PJSIP/202", "answered", None),
    ])  # fmt: skip
    card = payload_of(office, 0)
    assert (card["caller"]["kind"], card["people"][0]["name"]) == ("known", "Ada")
    assert (card["sent_by"]["name"], card["sent_by"]["kind"], card["sent_by"]["seconds"]) == (
        "User 202",
        "attended",
        60,
    )
    assert payload_of(office, 1)["closed"]["who"] == "User 201"


def test_who_a_person_said_it_is_stays_when_the_pbx_tells_the_caller_again(office):
    people = [office.add_contact(name, NUMBER) for name in ("Ada", "Bob")]
    told(office, inbound_call(leg_endpoint="PJSIP/201", number=NUMBER))
    Call.objects.update(contact=people[1])
    people[1].numbers.all().delete()  # only Ada has the number now, so a look-up alone would bind the call to Ada
    told(office, [ev.CallChanged("1.1", T0 + 1, "inbound", ev.Party(TRUNK, NUMBER, "ADA"), "+493023125100")])
    assert Call.objects.get().contact == people[1]


def test_many_cards_with_choices_notes_and_teams_take_no_query_each(office):
    in_team(office, "Support", 0, 1)
    for place in range(12):
        number = f"0302312600{place:02d}"
        for name in ("Ada", "Bob"):
            office.add_contact(f"{name} {place}", number)
        told(office, answered_call(leg_endpoint="PJSIP/202", number=number, key=f"old.{place}"))

    def storm(prefix, count):
        return [
            event
            for place in range(count)
            for event in inbound_call(
                leg_endpoint="PJSIP/201", number=f"0302312600{place:02d}", key=f"{prefix}.{place}"
            )
        ]

    with CaptureQueriesContext(connection) as few:
        told(office, storm("1", 2))
    with CaptureQueriesContext(connection) as many:
        told(office, storm("2", 12))
    assert len(many) == len(few)


def test_a_choice_made_while_a_batch_is_written_is_not_overwritten_by_it(office):
    """The batch read both calls before; it may write only what its own events changed."""
    ada, late = office.add_contact("Ada", NUMBER), office.add_contact("Late", "030 1234567")
    for key in ("1.1", "2.1"):
        told(office, inbound_call(leg_endpoint="PJSIP/201", number="anonymous", key=key))
    batch = [
        ev.CallChanged("2.1", T0 + 1, "inbound", caller("0301234567"), "+493023125100"),
        ev.CallEnded("1.1", T0 + 1, "no_answer", None, None),
        ev.CallEnded("2.1", T0 + 1, "no_answer", None, None),
    ]
    ledger = CallLedger(office.pbx, batch)
    Call.objects.filter(linkedid="1.1").update(contact=ada)
    for event in batch:
        ledger.apply(event)
    ledger.save()
    assert [call.contact for call in Call.objects.order_by("linkedid")] == [ada, late]
