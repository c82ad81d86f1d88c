"""Erasing a person: nothing is left in the database, other people keep theirs, and the ledger proves it."""

import re
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.audit.services import record_act
from crmconnector.calls.models import Call, CallCommand, CallNote, CommandChange, CommandStep, Leg
from crmconnector.common.clock import utc_now
from crmconnector.contacts.erasing import Traces, erasures_of
from crmconnector.contacts.models import (
    Contact,
    ContactImport,
    ContactImportChunk,
    ContactImportProblem,
    Erasure,
    NumberChoice,
)
from crmconnector.contacts.services import ContactProblem, save_contact
from crmconnector.listener.models import DeadLetter
from crmconnector.screenpop.models import Pop, PopDecision, PopTest
from crmconnector.users.models import User
from crmconnector.web.contact_acts import join_contacts
from crmconnector.web.erasing import erase_contact
from tests.support.commands import sent_command
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_command, add_leg, add_pop, caller, person

NAME, FORMER, TWIN = "Rosalind Achterberg", "Rosa Unverwechsel", "R. Achterberg-Doppel"
NUMBER, SECOND, SHARED = "+493023125447", "+442079460148", "+49891234567"
FORMS = ["3023125447", "03023125447", "030 23125 447", "2079460148", "20 7946 0148"]


def dump() -> str:
    """Every column of every row of every table as text, files in them included."""
    with connection.cursor() as cursor:
        cursor.execute("select table_name from information_schema.tables where table_schema = 'public' order by 1")
        tables = [row[0] for row in cursor.fetchall()]
        lines: list[str] = []
        for table in tables:
            cursor.execute(f'select t::text from "{table}" t')
            lines += [f"{table}: {row[0]}" for row in cursor.fetchall()]
    text = "\n".join(lines)
    files = [bytes.fromhex(found).decode("utf-8", "ignore") for found in re.findall(r"\\x((?:[0-9a-f]{2})+)", text)]
    return text + "\n".join(files)


def hits() -> list[str]:
    """What is still there, with the table that has it."""
    told = []
    for line in dump().splitlines():
        digits = re.sub(r"[^0-9]", "", line.split(": ", 1)[-1])
        words = [name for name in ("achterberg", FORMER, "rosalind@") if name.casefold() in line.casefold()]
        found = words + [form for form in FORMS if form in line]
        found += [core for core in ("3023125447", "2079460148") if core in digits]
        told += [f"{found} in {line[:200]}"] if found else []
    return told


@pytest.fixture
def life(office: RowOffice, boss: User) -> Contact:
    """A person with a trace in every table that can hold one."""
    agent = office.users[0]
    contact = save_contact(
        contact=Contact(name=FORMER, email="rosalind@example.org"), numbers=[("work", "030 23125 447")], country="DE"
    )
    contact.name, contact.notes = NAME, f"{NAME} is also called {FORMER}"
    numbers = [("work", "030 23125 447"), ("home", "+44 20 7946 0148"), ("desk", SHARED)]
    save_contact(contact=contact, numbers=numbers, country="DE", by=agent)
    join_contacts(actor=agent, keep=contact, gone=office.add_contact(TWIN, "030 23125447"), chosen={})
    office.add_contact("Colleague Stays", SHARED)
    NumberChoice.objects.create(number=NUMBER, contact=contact, user=agent, chosen_at=utc_now())
    record_act(actor=agent, action="contact.changed", target=contact, details={"number": "030/23125-447"})
    record_act(actor=agent, action="card.opened", target=office.pbx, details={"for": NAME, "by": ["x", NUMBER]})
    LogEntry.objects.create(
        user=boss, content_type=ContentType.objects.get_for_model(Contact), object_id=str(contact.pk),
        object_repr=NAME, action_flag=CHANGE, change_message=NAME,
    )  # fmt: skip
    an_incoming_call(office, contact)
    an_outgoing_call(office, contact)
    a_shared_call(office, contact)
    dials_without_a_call(office)
    files_of_contacts()
    DeadLetter.objects.create(
        pbx=office.pbx, at=utc_now(), reason="odd", raw=f"CallerIDNum: 0{NUMBER[3:]}\r\nX: {NAME}"
    )
    PopTest.objects.create(user=agent, by=boss, number="030 23125 447", asked_at=utc_now(), problem=f"no {NUMBER}")
    return contact


def an_incoming_call(office: RowOffice, contact: Contact) -> None:
    call = add_call(office, contact=contact, caller_name="ACHTERBERG R", talked_with=["PJSIP/201", f"Local/{NUMBER}@x"])
    CallNote.objects.create(call=call, user=office.users[0], text=f"{NAME} asks to be called at {NUMBER}")
    leg = call.legs.get()
    command = add_command(leg, "requested", "confirmed", sentence=f"Answered {NUMBER}")
    type(command).objects.filter(pk=command.pk).update(evidence=f"CallerIDNum={NUMBER}")
    CommandChange.objects.filter(command=command).update(evidence=f"line 1: {NAME}")
    people = [person(NAME, id=contact.pk), person("Colleague Stays", id=contact.pk + 100_000)]
    pop = add_pop(call, leg, people=people, caller=caller("several", network_name="ACHTERBERG R"))
    PopDecision.objects.create(
        call=call, user=office.users[0], shown=True, reason="shown", details={"caller": NUMBER, "who": [NAME]},
        pop=pop, decided_at=utc_now(),
    )  # fmt: skip
    add_call(office, number=SECOND, caller_name=NAME)  # never bound to the contact: found by its number


def an_outgoing_call(office: RowOffice, contact: Contact) -> None:
    call = add_call(
        office, number="201", contact=contact, direction="outbound", dialled=NUMBER, far_number=NUMBER, line=None
    )
    add_leg(office, call, far_number="030 23125 447", far_name=NAME, endpoint="PJSIP/trunk")


def a_shared_call(office: RowOffice, contact: Contact) -> None:
    call = add_call(office, number=SHARED, caller_name="Colleague Stays", place=1)
    CallNote.objects.create(call=call, user=office.users[1], text="Keep me")
    add_pop(call, call.legs.get(), people=[person(NAME, id=contact.pk), person("Colleague Stays", id=contact.pk + 7)])


def dials_without_a_call(office: RowOffice) -> None:
    """Nobody saw a call come of the first; the second is a transfer to the person of somebody else's call."""
    never = sent_command(
        office, "make_call", far_number=NUMBER, dial_string=f"0{NUMBER[3:]}", target=f"{NAME} 030/23125-447",
        sentence=f"Not dialled: {NUMBER} is barred.", state="refused",
    )  # fmt: skip
    CommandChange.objects.create(command=never, at=utc_now(), state="refused", by="worker", evidence=f"for {NUMBER}")
    transfer = sent_command(office, "blind_transfer", far_number=SECOND, dial_string=SECOND, target=FORMER)
    CommandStep.objects.create(
        command=transfer, position=1, name="dial", keys="5 digits", expected=f"calling {SECOND}", observed=SECOND
    )
    sent_command(office, "make_call", far_number=SHARED, dial_string=SHARED, target=NAME)


def files_of_contacts() -> None:
    now = utc_now()
    source = ContactImport.objects.create(file_name=f"{NAME}.csv", created_at=now, changed_at=now, by_name="boss")
    source.reading = {"sample": [["Name", "Phone"], [NAME, "030 23125 447"]]}
    source.save()
    for position, content in enumerate([b"Name;Phone\nSomebody;1\nRosa Unverw", b"echsel;030 23125 4", b"47\n"]):
        ContactImportChunk.objects.create(source=source, position=position, content=content)
    ContactImportProblem.objects.create(source=source, line=3, code="twice", sentence=f"{NAME} twice", shown=NUMBER)


def test_after_erasing_nothing_in_the_whole_database_tells_of_the_person(life: Contact, boss: User) -> None:
    before = hits()
    tables = {line.split(" in ", 1)[1].split(":")[0] for line in before}
    assert len(tables) >= 14, tables  # the grep sees what it is to see
    erase_contact(actor=boss, contact=life, reason="Request of 3 March")
    assert hits() == []


def test_calls_stay_as_calls_with_nobody_and_their_notes_go(life: Contact, boss: User) -> None:
    calls = Call.objects.count()
    entry = erase_contact(actor=boss, contact=life, reason="Request")
    assert Call.objects.count() == calls and not Call.objects.filter(contact=life.pk).exists()
    assert Call.objects.filter(caller_number="", caller_e164="", direction="inbound").count() == 2
    assert Call.objects.get(direction="outbound").dialled == "" and CallNote.objects.get().text == "Keep me"
    assert entry.counts["calls"] == 3 and entry.counts["notes"] == 1 and entry.counts["shared_numbers"] == 1


def test_a_command_stays_as_one_to_nobody_and_a_shared_number_stays(life: Contact, boss: User) -> None:
    erase_contact(actor=boss, contact=life, reason="Request")
    dials = CallCommand.objects.filter(leg=None).order_by("requested_at")
    assert [(one.kind, one.far_number, one.dial_string, one.target) for one in dials] == [
        ("make_call", "", "", ""), ("blind_transfer", "", "", ""), ("make_call", SHARED, SHARED, ""),
    ]  # fmt: skip
    assert CommandStep.objects.get().keys == "5 digits"


def test_what_another_contact_shares_stays_for_that_other(life: Contact, boss: User) -> None:
    erase_contact(actor=boss, contact=life, reason="Request")
    other = Contact.objects.get()
    call = Call.objects.get(caller_e164=SHARED)
    assert other.name == "Colleague Stays" and other.numbers.get().e164 == SHARED
    assert call.caller_number == SHARED and Leg.objects.get(call=call).far_number == SHARED
    assert [one["name"] for one in Pop.objects.get(call=call).payload["people"]] == ["Colleague Stays"]
    assert erasures_of(SHARED, country="DE") == []


def test_an_open_card_is_drawn_anew_without_the_person(life: Contact, boss: User) -> None:
    pop = Pop.objects.order_by("pk")[0]
    erase_contact(actor=boss, contact=life, reason="Request")
    fresh = Pop.objects.get(pk=pop.pk)
    assert fresh.version > pop.version and fresh.payload["caller"]["number"] == ""
    assert fresh.payload["caller"]["kind"] == "known"


def test_nobody_is_erased_while_a_call_with_them_lasts(life: Contact, boss: User) -> None:
    Call.objects.filter(contact=life, direction="inbound").update(ended_at=None, state="talking")
    with pytest.raises(ContactProblem, match="lasts just now"):
        erase_contact(actor=boss, contact=life, reason="Request")
    assert Contact.objects.filter(pk=life.pk).exists() and not Erasure.objects.exists()
    Call.objects.update(started_at=utc_now() - timedelta(hours=13))  # its end was never heard
    erase_contact(actor=boss, contact=life, reason="Request")
    assert not Contact.objects.filter(pk=life.pk).exists()


def test_a_reason_with_the_name_is_refused_and_nothing_is_half_erased(life: Contact, boss: User) -> None:
    before = dump()
    with pytest.raises(ContactProblem, match="names the person"):
        erase_contact(actor=boss, contact=life, reason=f"{NAME.lower()} asked")
    assert dump() == before


def test_the_ledger_says_whether_a_number_was_erased_in_any_written_form(
    life: Contact, boss: User, settings: LazySettings
) -> None:
    entry = erase_contact(actor=boss, contact=life, reason="Request")
    assert erasures_of("030 / 23 12 54 47", country="DE") == erasures_of("0044 20 79460148", country="FR") == [entry]
    assert erasures_of("030 23125448", country="DE") == []
    settings.ENCRYPTION_KEYS = ["bmV3LWtleS1uZXcta2V5LW5ldy1rZXktbmV3LWtleS0=", *settings.ENCRYPTION_KEYS]
    assert erasures_of(NUMBER, country="DE") == [entry]
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]  # a stranger's key tells nothing
    assert erasures_of(NUMBER, country="DE") == []
    with pytest.raises(ContactProblem):
        erasures_of("anonymous", country="DE")


def test_the_act_is_recorded_without_the_name(life: Contact, boss: User) -> None:
    erase_contact(actor=boss, contact=life, reason="Request")
    event = AuditEvent.objects.get(action="contact.erased")
    assert event.actor == boss and event.target_type == "contacts.erasure"
    former = AuditEvent.objects.filter(target_type="contacts.contact", target_id=str(life.pk))
    assert former.exists() and {(one.target_name, str(one.details)) for one in former} == {("", "{}")}


def test_the_page_says_before_what_will_happen_and_wants_the_name_typed(
    life: Contact, administrator: Client, agent: Client
) -> None:
    address = f"/contacts/{life.pk}/erase"
    page = administrator.get(address).content.decode()
    assert "4 calls stay in the log" in page and "Colleague Stays" in page and "cannot be undone" in page
    page = administrator.post(address, {"typed_name": "Rosa", "reason": "x"}).content.decode()
    assert "This is not the name of this contact." in page and Contact.objects.filter(pk=life.pk).exists()
    assert agent.post(address, {"typed_name": NAME, "reason": "x"}).status_code == 403
    answer = administrator.post(address, {"typed_name": f" {NAME.upper()} ", "reason": "File 7"})
    assert answer["Location"] == "/contacts/erased" and not Contact.objects.filter(pk=life.pk).exists()
    page = administrator.get("/contacts/erased").content.decode()
    assert "File 7" in page and "1 number stayed for somebody else" in page and NAME not in page
    page = administrator.post("/contacts/erased", {"number": "030 23125447"}).content.decode()
    assert "Yes, this number was erased." in page
    page = administrator.post("/contacts/erased", {"number": "030 23125448"}).content.decode()
    assert "No, this number was never erased here." in page
    assert administrator.get(address).status_code == 404


@pytest.mark.parametrize(
    ("text", "touched"),
    [
        ("+49 (0)30 2312-5447", True), ("0049.30.23125447", True), ("٠٣٠٢٣١٢٥٤٤٧", True),
        ("call ANNA SCHMIDT now", True), ("Anna Schmidtke", False),
        ("030 23125448", False), ("447", True), ("00447", False), ("", False),
        ("Otto", True),
        ("Otto Normal", False),
    ],
)  # fmt: skip
def test_a_trace_is_known_in_any_form_and_nobody_else_is_touched(text: str, touched: bool) -> None:
    traces = Traces(frozenset({1}), frozenset({NUMBER, "447"}), names=frozenset({"Anna Schmidt", "Otto"}))
    assert traces.touches(text) is touched
