"""The page on which a phone is calibrated: who may, what must be typed, one at a time, stopping, and what it shows."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from crmconnector.web import calibration_acts
from phones.models import DeviceOrder, OrderKind, OrderState, Phone
from phones.trials import TRIALS, Plan, plan_of
from tests.support.office import RowOffice
from tests.support.web_story import NASTY, add_call


def address(phone: Phone) -> str:
    return reverse("phone-calibrate", args=[phone.pk])


def confirmation_on(client: Client, phone: Phone) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', client.get(address(phone)).content.decode())
    assert found
    return found[1]


def fields(client: Client, phone: Phone, **changes: object) -> dict[str, object]:
    typed: dict[str, object] = {
        "first": "202", "second": "203", "trials": list(TRIALS), "typed_name": phone.name,
        "confirmation": confirmation_on(client, phone),
    }  # fmt: skip
    return typed | changes


def ask(client: Client, phone: Phone, **changes: object) -> str:
    return client.post(address(phone), fields(client, phone, **changes), follow=True).content.decode()


def run_of(phone: Phone, *, state: OrderState = OrderState.GRANTED, **changes: object) -> DeviceOrder:
    now = utc_now()
    plan = Plan("202", "203", (TRIALS["blind"], TRIALS["complete"]))
    made: dict[str, object] = {
        "kind": OrderKind.CALIBRATE, "user_name": "boss", "idempotency_key": f"{state}-{now}", "state": state,
        "requested_at": now, "not_after": now + timedelta(seconds=30), "granted_at": now, "argument": plan.as_text(),
        "result": {"trials": [
            {"name": "blind", "state": "running", "sentence": "", "steps": [
                {"step": "Call the first extension", "state": "seen", "seen": "1 connected", "milliseconds": 1234},
                {"step": "open the transfer screen", "state": "sent", "seen": "", "milliseconds": None}]},
            {"name": "complete", "state": "waiting", "sentence": "", "steps": []},
        ]},
    }  # fmt: skip
    return DeviceOrder.objects.create(phone=phone, **(made | changes))


@pytest.fixture(autouse=True)
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was given to the broker, which is not there."""
    given: list[str] = []
    monkeypatch.setattr(calibration_acts, "enqueue_order", lambda order_id: given.append(str(order_id)))
    return given


# ---- asking


def test_it_rings_nobody_before_the_name_was_typed(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    html = ask(administrator, phone, typed_name="Phone 202")
    assert "not the name of this phone" in html and DeviceOrder.objects.count() == 0
    administrator.get(address(phone))
    assert DeviceOrder.objects.count() == 0


def test_asked_for_it_is_one_row_one_record_and_one_message_to_a_worker(
    office: RowOffice, administrator: Client, handed_out: list[str], django_capture_on_commit_callbacks
) -> None:
    phone = office.phones[0]
    with django_capture_on_commit_callbacks(execute=True):
        ask(administrator, phone, trials=["blind", "conference"])
    order = DeviceOrder.objects.get()
    assert (order.kind, order.argument, handed_out) == (
        OrderKind.CALIBRATE,
        "202 203 blind,conference",
        [str(order.pk)],
    )
    event = AuditEvent.objects.get(action="phone.calibration_asked")
    assert event.details == {"order": str(order.pk), "rings": ["202", "203"], "tries": ["blind", "conference"]}


def test_the_same_button_pressed_twice_rings_once(office: RowOffice, administrator: Client) -> None:
    phone = office.phones[0]
    typed = fields(administrator, phone)
    for _again in range(2):
        assert administrator.post(address(phone), typed).status_code == 302
    assert DeviceOrder.objects.count() == AuditEvent.objects.filter(action="phone.calibration_asked").count() == 1


def test_a_confirmation_of_another_phone_or_person_does_not_count(office: RowOffice, administrator: Client) -> None:
    other = confirmation_on(administrator, office.phones[1])
    for forged in (other, "x", ""):
        assert "older than 10 minutes" in ask(administrator, office.phones[0], confirmation=forged)
    assert DeviceOrder.objects.count() == 0


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"first": "112"}, "emergency"), ({"first": "+493023125"}, "at most 8"), ({"first": "20x"}, "not dialled"),
        ({"first": "201"}, "cannot call itself"), ({"second": "201"}, "cannot call itself"),
        ({"second": "202"}, "same extension twice"), ({"second": ""}, "required"), ({"trials": []}, "required"),
        ({"trials": ["fly"]}, "not one of the available"), ({"first": "2\r\n0"}, "not dialled"),
    ],
)  # fmt: skip
def test_whom_it_would_ring_is_checked_at_the_field(
    office: RowOffice, administrator: Client, typed: dict[str, object], words: str
) -> None:
    html = ask(administrator, office.phones[0], **typed)
    assert words in html and "Nothing was sent" in html and DeviceOrder.objects.count() == 0


def test_a_phone_in_a_call_is_left_alone(office: RowOffice, administrator: Client) -> None:
    add_call(office, place=0).legs.update(state="talking", ended_at=None)
    assert "A call is up on this phone" in ask(administrator, office.phones[0])
    assert DeviceOrder.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"model": ""}, "model is not known"), ({"passcode_refused_at": utc_now()}, "refused our passcode")],
    ids=["model", "passcode"],
)
def test_what_makes_it_impossible_is_said_before_and_at_the_button(
    office: RowOffice, administrator: Client, changes: dict[str, object], words: str
) -> None:
    phone = office.phones[0]
    Phone.objects.filter(pk=phone.pk).update(**changes)
    assert words in administrator.get(address(phone)).content.decode()
    assert words in ask(administrator, phone) and DeviceOrder.objects.count() == 0


def test_one_phone_at_a_time_in_the_whole_house(office: RowOffice, administrator: Client) -> None:
    run_of(office.phones[0])
    assert "Another phone is being calibrated" in ask(administrator, office.phones[1], first="203", second="204")
    assert DeviceOrder.objects.count() == 1


def test_it_says_plainly_that_no_real_phone_was_tried(office: RowOffice, administrator: Client) -> None:
    assert (
        "Nobody has tried these key sequences on a real phone before you"
        in administrator.get(address(office.phones[0])).content.decode()
    )


@pytest.mark.parametrize("text", ["", "202 203", "202 203 fly", "202 203 blind,,", "202 203 blind extra"])
def test_a_plan_that_we_did_not_write_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        plan_of(text)


# ---- while it goes on


def test_while_it_runs_each_step_and_its_time_are_there_and_the_form_is_not(
    office: RowOffice, administrator: Client
) -> None:
    order = run_of(office.phones[0])
    run = reverse("phone-calibration", args=[office.phones[0].pk, order.pk])
    html = administrator.get(address(office.phones[0])).content.decode()
    assert f'hx-get="{run}" hx-trigger="every 1s"' in html and 'name="typed_name"' not in html
    assert "Reload to see how far it is" in html and ">Stop</button>" in html
    part = administrator.get(run, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and "1234 ms" in part and "0 of 2 tried" in part and "To come" in part
    assert "Transfer without asking: Open the transfer screen." in part
    assert "calibration-stop" not in part  # it stays as it is under the pointer


def test_at_its_end_nothing_asks_again_and_stop_is_gone(office: RowOffice, administrator: Client) -> None:
    order = run_of(office.phones[0], state=OrderState.CONFIRMED, sentence="2 worked, 0 did not, 0 not learnt.")
    run = reverse("phone-calibration", args=[office.phones[0].pk, order.pk])
    part = administrator.get(run, headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in part and ">Stop</button>" not in part and "Run it again" in part
    assert 'name="typed_name"' in administrator.get(address(office.phones[0])).content.decode()


@pytest.mark.parametrize(
    ("states", "title"),
    [
        (["worked", "worked"], "All of it worked"), (["worked", "failed"], "Not all of it works"),
        (["worked", "stopped"], "not tried to the end"),
    ],
)  # fmt: skip
def test_what_came_of_it_is_said_first(office: RowOffice, administrator: Client, states: list[str], title: str) -> None:
    trials = [{"name": "blind", "state": state, "sentence": "", "steps": []} for state in states]
    run_of(office.phones[0], state=OrderState.CONFIRMED, result={"trials": trials})
    assert title in administrator.get(address(office.phones[0])).content.decode()


def test_stopping_is_asked_once_and_recorded(office: RowOffice, administrator: Client) -> None:
    order = run_of(office.phones[0])
    stop = reverse("phone-calibration-stop", args=[office.phones[0].pk, order.pk])
    assert "Stopping" in administrator.post(stop, follow=True).content.decode()
    administrator.post(stop)
    order.refresh_from_db()
    assert (order.state, order.reason_code) == (OrderState.GRANTED, "stop_asked")
    assert AuditEvent.objects.filter(action="phone.calibration_stopped").count() == 1


def test_stopped_before_a_worker_had_it_it_never_begins(office: RowOffice, administrator: Client) -> None:
    order = run_of(office.phones[0], state=OrderState.REQUESTED, result={})
    administrator.post(reverse("phone-calibration-stop", args=[office.phones[0].pk, order.pk]))
    order.refresh_from_db()
    assert (order.state, order.reason_code) == (OrderState.EXPIRED, "stopped")


def test_a_run_of_another_phone_or_of_a_doctor_is_not_there(office: RowOffice, administrator: Client) -> None:
    order = run_of(office.phones[0])
    assert administrator.get(reverse("phone-calibration", args=[office.phones[1].pk, order.pk])).status_code == 404
    DeviceOrder.objects.update(kind=OrderKind.DOCTOR)
    stop = reverse("phone-calibration-stop", args=[office.phones[0].pk, order.pk])
    assert administrator.post(stop).status_code == 404


@pytest.mark.parametrize(
    "result", [{}, {"trials": "x"}, {"trials": [1, {"name": NASTY, "steps": [3, {}]}, {"state": "?"}]}]
)
def test_anything_odd_in_an_old_result_breaks_no_page(
    office: RowOffice, administrator: Client, result: dict[str, object]
) -> None:
    run_of(office.phones[0], result=result, argument="odd")
    html = administrator.get(address(office.phones[0])).content.decode()
    assert "Calibration" in html and "<img src=x" not in html


def test_only_administrators_may(office: RowOffice, agent: Client, boss: User) -> None:
    order = run_of(office.phones[0])
    stop = reverse("phone-calibration-stop", args=[office.phones[0].pk, order.pk])
    assert agent.post(stop).status_code == agent.get(address(office.phones[0])).status_code == 403
    order.refresh_from_db()
    assert order.reason_code == ""
