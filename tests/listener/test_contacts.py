"""The listener asks who is registered, by whatever way its rights allow, and a PBX that says no loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crmconnector.asterisk.ami import AmiClient
from crmconnector.calls.models import Call
from crmconnector.common.clock import utc_now
from crmconnector.listener import contacts
from crmconnector.listener.contacts import ContactWatch
from crmconnector.listener.fence import Fenced, next_epoch
from crmconnector.pbx.connection import ami_address
from crmconnector.pbx.models import PbxLink
from crmconnector.simulator.running import running_office
from phones.contact_data import SEEN_AGAIN_AFTER, Registration, keep_registrations
from phones.identity import Source, identity_of_phone
from phones.models import Phone, SipAccount
from tests.support.fake_ami import QUICK, Received, Session, event
from tests.support.listening_post import FakeOffice, LoopThread, leading
from tests.support.office import RowOffice
from tests.support.processes import eventually
from tests.support.simulated import rows_for, small_story

AGENT = "Grandstream GRP2614 1.0.13.24"
LISTS = {"PJSIPShowContacts": "Lists PJSIP Contacts.  (Priv: system,all)"}
ASKS = {"Getvar": "Gets a channel variable.  (Priv: call,reporting,all)"}


def contact(name: str, **changes: str) -> dict[str, str]:
    return {
        "ObjectType": "contact", "ObjectName": f"{name};@ab12", "Endpoint": name, "Uri": f"sip:{name}@127.0.0.1:5060",
        "UserAgent": AGENT, "Status": "Reachable", "ViaAddr": "127.0.0.1", **changes,
    }  # fmt: skip


class Registrar:
    """The part of a pretend PBX that knows registrations; counts what it was asked."""

    def __init__(self, office: FakeOffice) -> None:
        self.contacts = [contact("201"), contact("202")]
        self.lost_rows = 0
        self.values: dict[str, str] = {}
        self.questions: list[str] = []
        self.refuse = ""  # the words of a no to the list
        office.ami.handlers |= {"PJSIPShowContacts": self.list, "Getvar": self.getvar}

    def list(self, session: Session, action: Received) -> None:
        self.questions.append("list")
        if self.refuse:
            session.answer(action, "Error", self.refuse)
            return
        session.answer(action, "Success", "A listing of Contacts follows", EventList="start")
        for row in self.contacts[self.lost_rows :]:
            session.send(event("ContactList", ActionID=action.id, **row))
        count = str(len(self.contacts))
        session.send(event("ContactListComplete", ActionID=action.id, EventList="Complete", ListItems=count))

    def getvar(self, session: Session, action: Received) -> None:
        question = action.headers["Variable"]
        self.questions.append(question)
        session.answer(action, "Success", Variable=question, Value=self.values.get(question, ""))


@pytest.fixture
def registrar(pbx: FakeOffice) -> Registrar:
    return Registrar(pbx)


@contextlib.contextmanager
def watching(rows: RowOffice, **times: float) -> Iterator[ContactWatch]:
    """A watch on a link of its own that is up."""
    thread = LoopThread()
    epoch = next_epoch(pbx_id=rows.pbx.pk, now=utc_now())

    async def begin() -> tuple[ContactWatch, AmiClient, Any]:
        client = AmiClient(ami_address(rows.pbx), back_off=QUICK, list_deadline=0.3)
        return ContactWatch(rows.pbx.pk, epoch, client, **times), client, asyncio.create_task(client.run())

    watch, client, _running = thread.do(begin())
    try:
        eventually(lambda: client.state().connected)
        watch.thread = thread  # type: ignore[attr-defined]
        yield watch
    finally:
        thread.do(client.close())
        thread.stop()


def look(watch: ContactWatch) -> None:
    watch.thread.do(watch.look())  # type: ignore[attr-defined]


def account(extension: str) -> SipAccount:
    return SipAccount.objects.get(extension=extension)


def test_one_list_tells_who_is_registered_and_who_is_not(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    pbx.commands |= LISTS
    with watching(rows) as watch:
        look(watch)
    one, gone = account("201"), account("203")
    assert (one.registered_at_pbx, one.user_agent, one.contact_address) == (True, AGENT, "127.0.0.1")
    assert one.contact_seen_at is not None
    assert (gone.registered_at_pbx, gone.user_agent, gone.contact_seen_at) == (False, "", None)
    assert registrar.questions == ["list"]


def test_with_the_least_rights_single_questions_tell_the_same(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    pbx.commands |= ASKS
    registrar.values = {
        "PJSIP_ENDPOINT(201,aors)": "201", "PJSIP_AOR(201,contact)": "201;@ab12",
        "PJSIP_CONTACT(201;@ab12,user_agent)": AGENT, "PJSIP_CONTACT(201;@ab12,status)": "Reachable",
        "PJSIP_CONTACT(201;@ab12,uri)": "sip:201@127.0.0.1:5060", "PJSIP_ENDPOINT(202,aors)": "202",
    }  # fmt: skip
    with watching(rows) as watch:
        look(watch)
        look(watch)
    assert (account("201").registered_at_pbx, account("201").user_agent) == (True, AGENT)
    assert account("202").registered_at_pbx is False, "the PBX knows it, and it has no contact"
    assert account("203").registered_at_pbx is None, "the PBX does not know it: nothing is known"
    assert registrar.questions.count("PJSIP_ENDPOINT(203,aors)") == 1, "each time costs the PBX a line in its log"
    assert "list" not in registrar.questions, "what our rights do not allow is not tried"


def test_the_old_driver_is_asked_in_its_own_words(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    SipAccount.objects.filter(extension="202").update(endpoint="SIP/202")
    pbx.commands |= ASKS
    registrar.values = {
        "SIPPEER(202,status)": "OK (2 ms)", "SIPPEER(202,useragent)": AGENT, "SIPPEER(202,ip)": "192.0.2.9",
    }  # fmt: skip
    with watching(rows) as watch:
        look(watch)
    one = account("202")
    assert (one.registered_at_pbx, one.user_agent, one.contact_address) == (True, AGENT, "192.0.2.9")


def test_an_incomplete_list_takes_nobody_away(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    pbx.commands |= LISTS
    registrar.lost_rows = 1
    with watching(rows) as watch:
        look(watch)
    assert not SipAccount.objects.exclude(registered_at_pbx=None).exists()


def test_a_pbx_where_nobody_is_registered_says_so_in_its_own_way(
    rows: RowOffice, pbx: FakeOffice, registrar: Registrar
):
    pbx.commands |= LISTS
    registrar.refuse = "No Contacts found"
    with watching(rows) as watch:
        look(watch)
    assert SipAccount.objects.filter(registered_at_pbx=False).count() == 3


def test_a_no_is_remembered_and_the_single_questions_are_tried(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    pbx.ami.handlers["ListCommands"] = lambda session, action: session.answer(action, "Error", "Invalid command")
    registrar.refuse = "Permission denied"
    registrar.values = {"PJSIP_ENDPOINT(201,aors)": "201"}
    with watching(rows) as watch:
        look(watch)
        look(watch)
    assert registrar.questions.count("list") == 1
    assert account("201").registered_at_pbx is False


def test_an_answer_that_is_none_changes_nothing(
    rows: RowOffice, pbx: FakeOffice, registrar: Registrar, caplog: pytest.LogCaptureFixture
):
    pbx.commands |= ASKS
    del pbx.ami.handlers["Getvar"]  # then it says "Done", without a value
    with watching(rows) as watch:
        look(watch)
    assert not SipAccount.objects.exclude(registered_at_pbx=None).exists()
    assert "contacts_failed" not in caplog.text, "it is no fault of ours"


def test_with_the_right_to_list_alone_nothing_else_is_asked(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    SipAccount.objects.filter(extension="203").update(endpoint="SIP/203")
    pbx.commands |= LISTS
    with watching(rows) as watch:
        look(watch)
    assert registrar.questions == ["list"]
    assert account("203").registered_at_pbx is None


def test_a_list_that_never_ends_is_given_up_and_the_single_questions_are_tried(
    rows: RowOffice, pbx: FakeOffice, registrar: Registrar
):
    pbx.commands |= LISTS | ASKS
    del pbx.ami.handlers["PJSIPShowContacts"]  # then it says "Done", and no more
    registrar.values = {"PJSIP_ENDPOINT(201,aors)": "201"}
    with watching(rows) as watch:
        look(watch)
        assert account("201").registered_at_pbx is None
        look(watch)
    assert account("201").registered_at_pbx is False


def test_who_leads_no_longer_writes_nothing(rows: RowOffice, pbx: FakeOffice, registrar: Registrar):
    pbx.commands |= LISTS
    with watching(rows) as watch:
        next_epoch(pbx_id=rows.pbx.pk, now=utc_now())
        with pytest.raises(Fenced):
            look(watch)
    assert account("201").registered_at_pbx is None


@pytest.mark.timeout(60)
def test_the_leader_asks_after_its_login_and_again(
    rows: RowOffice, pbx: FakeOffice, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(contacts.ContactWatch, "__init__", _hurried(contacts.ContactWatch.__init__))
    pbx.commands |= LISTS
    with leading(rows.pbx):
        eventually(lambda: account("201").registered_at_pbx)
        registrar.contacts = [contact("202")]
        eventually(lambda: account("201").registered_at_pbx is False)
        assert account("201").user_agent == AGENT, "its last words tell what phone it was"
        assert PbxLink.objects.get(pbx=rows.pbx).state == PbxLink.State.CONNECTED


def _hurried(init: Any) -> Any:
    def quick(self: Any, *args: Any) -> None:
        init(self, *args, every_seconds=0.1, after_login_seconds=0.05)

    return quick


@pytest.mark.timeout(60)
def test_a_leader_whose_question_fails_goes_on_hearing_calls(
    rows: RowOffice, pbx: FakeOffice, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(contacts.ContactWatch, "__init__", _hurried(contacts.ContactWatch.__init__))
    rounds: list[int] = []

    def fault_of_ours(pbx_id: int) -> list[str]:
        rounds.append(pbx_id)
        raise ZeroDivisionError

    monkeypatch.setattr(contacts, "endpoints_of", fault_of_ours)
    pbx.commands |= LISTS
    with leading(rows.pbx):
        eventually(lambda: len(rounds) >= 3)
        call = pbx.ring()
        eventually(lambda: Call.objects.filter(linkedid=call.key).exists())


# --- the rows ---------------------------------------------------------------------------------------------------------


def keep(office: RowOffice, **told: list[Registration]) -> int:
    found = {f"PJSIP/{name[1:]}": registrations for name, registrations in told.items()}
    return keep_registrations(pbx_id=office.pbx.pk, asked=["PJSIP/201", "PJSIP/202"], found=found, now=utc_now())


def test_what_did_not_change_is_not_written_again(office: RowOffice, django_assert_num_queries: Any):
    there = [Registration(AGENT, "127.0.0.1", True)]
    assert keep(office, _201=there) == 2
    with django_assert_num_queries(1):
        assert keep(office, _201=there) == 0
    SipAccount.objects.filter(extension="201").update(contact_seen_at=utc_now() - SEEN_AGAIN_AFTER)
    assert keep(office, _201=there) == 1


def test_a_round_costs_one_read_and_one_write(office: RowOffice, django_assert_max_num_queries: Any):
    there = [Registration(AGENT, "127.0.0.1", True)]
    with django_assert_max_num_queries(4):  # two of them are the transaction's
        keep(office, _201=there, _202=there)


def test_nobody_else_is_touched(office: RowOffice):
    keep(office)
    assert account("203").registered_at_pbx is None


def test_of_several_contacts_the_one_at_the_phones_own_address_counts(office: RowOffice):
    Phone.objects.filter(pk=office.phones[0].pk).update(address="192.0.2.30")
    on_a_computer = Registration("Zoiper 5", "192.0.2.99", True)
    keep(office, _201=[on_a_computer, Registration(AGENT, "192.0.2.30", True)])
    assert account("201").user_agent == AGENT


def test_a_contact_that_the_pbx_cannot_reach_is_not_registered_and_not_seen(office: RowOffice):
    keep(office, _201=[Registration(AGENT, "127.0.0.1", True)])
    seen = account("201").contact_seen_at
    keep(office, _201=[Registration(AGENT, "127.0.0.1", False)])
    assert account("201").registered_at_pbx is False and account("201").contact_seen_at == seen


def test_the_simulated_pbx_tells_model_and_firmware_of_its_phones(transactional_db: None, tmp_path: Path):
    with running_office(small_story(tmp_path, phones=2)) as office:
        rows = rows_for(office, ["201", "202"])
        with watching(rows) as watch:
            look(watch)
    phone = Phone.objects.get(accounts__extension="201")
    found = identity_of_phone(phone)
    assert (found.model, found.source) == ("GRP2614", Source.PBX) and found.firmware.startswith("1.0.")
