"""The doctor's page: who may open it, what it orders, what it shows while a run goes on and after."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from crmconnector.web import doctor_page
from crmconnector.web.doctor_page import capabilities, in_words, report_of
from phones.doctor.access import shut_out
from phones.doctor.checks import Verdict, say
from phones.doctor.examine import Subject, names_of
from phones.doctor.rows import finding
from phones.drivers.errors import CredentialRefused, Reason
from phones.models import DeviceOrder, OrderKind, OrderState, Phone
from phones.seats import release_phone
from tests.support.office import RowOffice
from tests.support.web_story import NASTY

SUBJECT = Subject(name="Phone 201", address="127.0.0.1", port=80, scheme="http", model="GRP2614")
PASSED = finding("reachable", Verdict.PASS, say("Port %(port)d takes connections.", port=80), milliseconds=38)


def page(phone: Phone) -> str:
    return reverse("phone-doctor", args=[phone.pk])


def run(client: Client, phone: Phone, *, extension: str = "", key: str = "k"):
    return client.post(reverse("phone-doctor-run", args=[phone.pk]), {"key": key, "extension": extension}, follow=True)


def order_of(phone: Phone, user: User, *checks, state: OrderState = OrderState.CONFIRMED, **changes) -> DeviceOrder:
    now = utc_now()
    fields = {
        "kind": OrderKind.DOCTOR, "user": user, "user_name": user.username, "idempotency_key": f"{state}-{now}",
        "state": state, "requested_at": now, "not_after": now + timedelta(seconds=30), "granted_at": now,
        "ended_at": now + timedelta(seconds=2.1) if state == OrderState.CONFIRMED else None,
        "result": {"names": names_of(SUBJECT), "checks": [check.as_json() for check in checks]},
    }  # fmt: skip
    fields.update(changes)
    return DeviceOrder.objects.create(phone=phone, **fields)


@pytest.fixture(autouse=True)
def handed_out(monkeypatch) -> list[str]:
    """What was given to the broker, which is not there."""
    given: list[str] = []
    monkeypatch.setattr(doctor_page, "enqueue_order", lambda order_id: given.append(str(order_id)))
    return given


# ---- who may


def test_the_user_of_a_phone_may_examine_it_but_only_while_having_it(office: RowOffice, agent: Client) -> None:
    own, other = office.phones[0], office.phones[1]
    assert agent.get(page(own)).status_code == 200
    assert agent.get(page(other)).status_code == 403
    assert run(agent, other).status_code == 403
    release_phone(phone=own, at=utc_now())
    assert agent.get(page(own)).status_code == 403
    assert run(agent, own).status_code == 403
    assert DeviceOrder.objects.count() == 0


def test_a_user_sees_no_runs_of_other_phones_either(office: RowOffice, agent: Client) -> None:
    mine = order_of(office.phones[0], office.users[0])
    other = order_of(office.phones[1], office.users[1])
    assert agent.get(reverse("phone-doctor-report", args=[office.phones[0].pk, mine.pk])).status_code == 200
    assert agent.get(reverse("phone-doctor-report", args=[office.phones[1].pk, other.pk])).status_code == 403
    assert agent.get(reverse("phone-doctor-report", args=[office.phones[0].pk, other.pk])).status_code == 404


def test_a_phone_nobody_has_and_one_that_is_not_there_look_alike_to_a_user(office: RowOffice, agent: Client) -> None:
    assert agent.get(reverse("phone-doctor", args=[999_999])).status_code == 403


def test_only_an_administrator_may_have_the_phone_dial(
    office: RowOffice, agent: Client, administrator: Client, handed_out: list[str],
    django_capture_on_commit_callbacks,
) -> None:  # fmt: skip
    phone = office.phones[0]
    assert "Extension for a test call" not in agent.get(page(phone)).content.decode()
    assert run(agent, phone, extension="202").status_code == 403
    assert DeviceOrder.objects.count() == 0
    assert "The phone will dial it at once" in administrator.get(page(phone)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        assert run(administrator, phone, extension="202").status_code == 200
    order = DeviceOrder.objects.get()
    assert (order.kind, order.argument, handed_out) == (OrderKind.DOCTOR, "202", [str(order.pk)])


def test_a_get_orders_nothing(office: RowOffice, administrator: Client) -> None:
    assert administrator.get(reverse("phone-doctor-run", args=[office.phones[0].pk])).status_code == 405
    administrator.get(page(office.phones[0]))
    assert DeviceOrder.objects.count() == 0


# ---- asking


def test_who_asked_is_recorded_without_a_secret(office: RowOffice, administrator: Client) -> None:
    run(administrator, office.phones[0], extension="202")
    event = AuditEvent.objects.get(action="phone.doctor_asked")
    assert (event.actor_name, event.target_name, event.details) == ("boss", "Phone 201", {"test_extension": "202"})


def test_one_button_pressed_twice_is_one_run(office: RowOffice, administrator: Client) -> None:
    run(administrator, office.phones[0], key="same")
    run(administrator, office.phones[0], key="same")
    run(administrator, office.phones[0], key="other")  # joins the one that is under way
    assert DeviceOrder.objects.count() == AuditEvent.objects.filter(action="phone.doctor_asked").count() == 1


def test_another_test_call_while_a_run_goes_on_is_refused_with_the_reason(
    office: RowOffice, administrator: Client
) -> None:
    run(administrator, office.phones[0], key="a")
    assert "under way" in run(administrator, office.phones[0], key="b", extension="202").content.decode()
    assert DeviceOrder.objects.count() == 1


@pytest.mark.parametrize("extension", ["112", "911", "+493023125", "0301234567", "20x", "123456789"])
def test_what_is_no_extension_is_refused_at_the_field(office: RowOffice, administrator: Client, extension: str) -> None:
    answer = run(administrator, office.phones[0], extension=extension)
    assert 'aria-invalid="true"' in answer.content.decode() and DeviceOrder.objects.count() == 0


@pytest.mark.parametrize("key", ["", "x" * 81, "a\x00b"])
def test_a_button_without_its_key_asks_for_nothing(office: RowOffice, administrator: Client, key: str) -> None:
    assert "out of date" in run(administrator, office.phones[0], key=key).content.decode()
    assert DeviceOrder.objects.count() == 0


def test_the_doctor_may_be_asked_although_the_passcode_was_refused(office: RowOffice, administrator: Client) -> None:
    Phone.objects.update(passcode_refused_at=utc_now())
    run(administrator, office.phones[0])
    assert DeviceOrder.objects.count() == 1


# ---- what it shows


def test_while_it_runs_the_page_asks_again_and_shows_what_is_still_to_come(
    office: RowOffice, administrator: Client, boss: User
) -> None:
    order = order_of(office.phones[0], boss, PASSED, state=OrderState.GRANTED)
    address = reverse("phone-doctor-report", args=[office.phones[0].pk, order.pk])
    html = administrator.get(page(office.phones[0])).content.decode()
    assert f'hx-get="{address}" hx-trigger="every 1s"' in html and "1 of 12 checks" in html
    assert "<noscript>" in html and "Reload to see how far it is" in html
    part = administrator.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "hx-trigger" in part and 'hx-swap-oob="innerHTML"' in part
    assert "Passed: The phone can be reached." in part and part.count('class="todo"') == 11


def test_when_it_is_done_nothing_asks_again(office: RowOffice, administrator: Client, boss: User) -> None:
    order = order_of(office.phones[0], boss, PASSED)
    address = reverse("phone-doctor-report", args=[office.phones[0].pk, order.pk])
    part = administrator.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part and "1 check, 2.1 s" in part and "All is well" in part and "38 ms" in part


def test_a_link_to_a_run_opens_the_whole_page_with_that_run(
    office: RowOffice, administrator: Client, boss: User
) -> None:
    old = order_of(office.phones[0], office.users[0], PASSED, requested_at=utc_now() - timedelta(days=3))
    order_of(office.phones[0], boss, PASSED)
    html = administrator.get(reverse("phone-doctor-report", args=[office.phones[0].pk, old.pk])).content.decode()
    assert "<html" in html and "User 201</bdi>, <time" in html


def test_a_failure_is_said_at_the_top_with_evidence_cure_and_place(
    office: RowOffice, administrator: Client, boss: User
) -> None:
    refused = shut_out(CredentialRefused(Reason.WRONG_PASSCODE, attempts_left=4), SUBJECT, "127.0.0.1", 41)
    registered = finding("pbx_accounts", Verdict.PASS, say("Office: 201 is registered."))
    order = order_of(office.phones[0], boss, PASSED, *refused, registered)
    banner = report_of(order).banner
    assert banner is not None and (banner.tone, banner.title) == ("stop", "The passcode is not accepted")
    assert "Calls ring and cards show all the same." in banner.text
    html = administrator.get(page(office.phones[0])).content.decode()
    for words in (
        "4 more tries",
        "Set the same passcode in both places.",
        "Here: Phones → Phone 201 → Edit → Passcode",
    ):
        assert words in html
    assert '<span class="sr">Failed: </span>' in html and '<span class="sr">Not run: </span>' in html


@pytest.mark.parametrize(
    ("state", "words"),
    [(OrderState.EXPIRED, "withdrawn"), (OrderState.UNKNOWN, "worker is gone"), (OrderState.REFUSED, "closed")],
)
def test_a_run_that_did_not_end_says_so(
    office: RowOffice, administrator: Client, boss: User, state: OrderState, words: str
) -> None:
    order_of(office.phones[0], boss, state=state, sentence=f"It was {words}.", result={})
    html = administrator.get(page(office.phones[0])).content.decode()
    assert "The doctor did not come to an end" in html and words in html and "hx-trigger" not in html


def test_without_a_run_the_page_says_what_the_doctor_does(office: RowOffice, administrator: Client) -> None:
    html = administrator.get(page(office.phones[0])).content.decode()
    assert "Never run" in html and "changes nothing" in html


def test_every_verb_of_the_driver_is_told_in_words(office: RowOffice) -> None:
    told = dict(capabilities(office.phones[0]))
    assert told["Dial"] == "by the phone" and told["Do not disturb"] == "by the PBX" and "first" in told["Hold"]
    assert len(told) >= 15


def test_what_a_phone_called_itself_stays_text(office: RowOffice, administrator: Client, boss: User) -> None:
    nasty = finding("device", Verdict.FAIL, say("It called itself “%(agent)s”.", agent=NASTY))
    order_of(office.phones[0], boss, nasty)
    html = administrator.get(page(office.phones[0])).content.decode()
    assert "<img src=x" not in html and "&lt;img" in html


@pytest.mark.parametrize(
    "stored",
    [
        {"text": "Port %(port)d", "values": {}},
        {"text": "100 %", "values": {"n": 1}},
        {"text": "%(n)d", "values": {"n": "x"}},
    ],
)
def test_an_old_sentence_that_no_longer_fits_is_shown_as_it_is(stored: dict) -> None:
    assert in_words(stored) == stored["text"]


def test_anything_odd_in_an_old_result_breaks_no_page(office: RowOffice, administrator: Client, boss: User) -> None:
    order_of(office.phones[0], boss, result={"checks": [{"name": "x"}, "y", {"verdict": "?", "evidence": ["z"]}]})
    assert administrator.get(page(office.phones[0])).status_code == 200
