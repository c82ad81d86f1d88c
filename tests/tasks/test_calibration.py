"""A calibration on simulated phones over real sockets: what worked, each thing that may come between, and the rows."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.simulator.running import RunningOffice, running_office
from crmconnector.simulator.story_loader import load_story
from phones.calibrations import begin, calibrated_verbs
from phones.learned import end_abandoned
from phones.lease import disown, take_lease
from phones.models import Calibration, DeviceOrder, OrderKind, OrderState, Phone, PhoneLease
from phones.orders import OrderProblem, end_stale_orders, grant_order, request_order, stop_order
from phones.trials import TRIALS, Plan
from tasks import calibration, calibration_bench, calibration_proof
from tasks.calibration import run_calibration
from tasks.device_control import carry_out_order
from tests.support.processes import eventually
from tests.support.simulated import DID, rows_for, small_story

ALL = tuple(TRIALS)


@contextmanager
def office_of(folder: Path, **pick_up: float | None) -> Iterator[tuple[RunningOffice, Phone]]:
    """Phones 201 to 203; the last two pick up by themselves, unless told otherwise by `e202=None`."""
    small_story(folder, phones=3)
    told = json.loads((folder / "story.json").read_text())
    for phone in told["phones"]:
        phone["answers_colleagues_after_seconds"] = pick_up.get(f"e{phone['extension']}", 0.3)
    (folder / "story.json").write_text(json.dumps(told))
    with running_office(load_story(folder / "story.json")) as office:
        yield office, rows_for(office, ["201", "202", "203"]).phones[0]


@pytest.fixture
def running(transactional_db: None, tmp_path: Path) -> Iterator[tuple[RunningOffice, Phone]]:
    """Transactional: between its requests a run gives its database connection back."""
    with office_of(tmp_path) as both:
        yield both


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "PICK_UP_SECONDS", 3.0)
    monkeypatch.setattr(calibration_bench, "LOOK_EVERY_SECONDS", 0.05)


def asked(phone: Phone, *trials: str, key: str = "k") -> DeviceOrder:
    plan = Plan("202", "203", tuple(TRIALS[name] for name in trials))
    user = phone.assignments.get().user
    return request_order(
        phone=phone, kind=OrderKind.CALIBRATE, user=user, key=key, now=utc_now(), argument=plan.as_text()
    )[0]  # fmt: skip


def run(phone: Phone, *trials: str) -> DeviceOrder:
    order = asked(phone, *trials)
    carry_out_order(order.pk)
    order.refresh_from_db()
    return order


def ends(order: DeviceOrder) -> dict[str, str]:
    return {row["name"]: row["state"] for row in order.result["trials"]}


def lines(office: RunningOffice) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.snapshot()["phones"]["201"]["lines"]
    return found


def dials(office: RunningOffice) -> int:
    return len([row for row in office.journal("201") if "make_call" in row["path"]])


# ---- it works


def test_every_sequence_works_on_a_simulated_phone_and_is_learnt(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    order = run(phone, *ALL)
    assert (order.state, ends(order)) == (OrderState.CONFIRMED, dict.fromkeys(ALL, "worked")), order.result
    assert order.sentence == "4 worked, 0 did not, 0 not learnt."
    assert calibrated_verbs(phone) == {"blind_transfer", "attended_transfer", "conference"}
    assert lines(office) == [] and office.tripwires() == []
    assert PhoneLease.objects.get(phone=phone).held_until is None


def test_each_step_has_its_time_in_the_row_of_the_model(running: tuple[RunningOffice, Phone]) -> None:
    _, phone = running
    run(phone, "blind")
    row = Calibration.objects.get()
    assert (row.sequence, row.outcome, row.extension, row.model) == ("blind_transfer", "worked", "202, 203", "GRP2614")
    assert row.ended_at is not None and row.timings[0]["step"] == "open the transfer screen"
    assert all(isinstance(one["milliseconds"], int) for one in row.timings)


def test_a_call_is_dialled_once_for_each_trial_and_no_step_twice(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    run(phone, "blind", "cancel")
    assert dials(office) == 3  # one each to the first, one to the second
    keys = [row["query"] for row in office.journal("201") if "send_key" in row["path"]]
    assert len(keys) == len(set(map(str, keys)))


def test_a_row_is_there_before_the_first_key_and_the_page_sees_each_step(
    running: tuple[RunningOffice, Phone], monkeypatch: pytest.MonkeyPatch
) -> None:
    office, phone = running
    seen: list[tuple[int, int]] = []
    show = calibration_bench.Bench.show

    def watched(bench: calibration_bench.Bench) -> None:
        show(bench)
        keys = len([row for row in office.journal("201") if "send_key" in row["path"]])
        steps = DeviceOrder.objects.get().result["trials"][0]["steps"]
        told = len([one for one in steps if one["step"] != "Call the first extension"])
        assert keys <= told
        seen.append((Calibration.objects.count(), told))

    monkeypatch.setattr(calibration_bench.Bench, "show", watched)
    run(phone, "blind")
    assert (1, 1) in seen and (0, 1) not in seen


def call_of(phone: Phone, *, out: bool, over: bool) -> Leg:
    """What the listener would have written of a call that began just after the trial did."""
    at = utc_now() + timedelta(minutes=1)
    pbx = phone.accounts.get().pbx
    ended = at if over else None
    call = Call.objects.create(pbx=pbx, linkedid="1.1", direction="internal", state="x", started_at=at, ended_at=ended)
    return Leg.objects.create(
        call=call, pbx=pbx, uniqueid="1.1", endpoint="PJSIP/201", phone=phone, state="x", rang_at=at,
        ended_at=at if out else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("out", "over", "agrees", "sentence"),
    [
        (True, False, True, calibration_proof.PROVEN), (True, True, False, calibration_proof.LOST),
        (False, False, False, calibration_proof.STILL_IN),
    ],
    ids=["goes on", "lost", "still in"],
)  # fmt: skip
def test_a_free_line_is_held_against_what_the_pbx_shows(
    db: None, office: Any, out: bool, over: bool, agrees: bool, sentence: str
) -> None:
    assert calibration_proof.judge([call_of(office.phones[0], out=out, over=over)]) == (agrees, sentence)


def test_a_transfer_that_the_pbx_shows_to_be_lost_did_not_work(running: tuple[RunningOffice, Phone]) -> None:
    _, phone = running
    call_of(phone, out=True, over=True)
    order = run(phone, "blind")
    assert ends(order) == {"blind": "failed"} and calibrated_verbs(phone) == frozenset()
    assert Calibration.objects.get().sentence == calibration_proof.LOST


def test_without_a_word_of_the_pbx_it_says_so(running: tuple[RunningOffice, Phone]) -> None:
    _, phone = running
    run(phone, "blind")
    assert Calibration.objects.get().sentence == calibration_proof.UNHEARD


# ---- nothing is learnt


def test_nobody_picks_up(transactional_db: None, tmp_path: Path) -> None:
    with office_of(tmp_path, e202=None) as (office, phone):
        order = run(phone, "blind")
        assert ends(order) == {"blind": "stopped"} and "did not pick up" in order.result["trials"][0]["sentence"]
        assert Calibration.objects.count() == 0 and lines(office) == [] and dials(office) == 1


def test_the_second_one_does_not_pick_up_and_the_first_is_let_go_too(transactional_db: None, tmp_path: Path) -> None:
    with office_of(tmp_path, e203=None) as (office, phone):
        order = run(phone, "complete")
        assert ends(order) == {"complete": "stopped"} and "Extension 203" in order.result["trials"][0]["sentence"]
        assert [row.sequence for row in Calibration.objects.all()] == ["attended_start"]
        assert lines(office) == []


def test_a_phone_in_a_call_is_left_alone(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    office.dial("201", "202")
    eventually(lambda: lines(office))
    office.forget()
    order = run(phone, *ALL)
    assert (order.state, order.reason_code, dials(office)) == (OrderState.REFUSED, "in_call", 0)
    assert lines(office) != []  # the person's call goes on


def test_a_customer_who_calls_meanwhile_is_not_touched(transactional_db: None, tmp_path: Path) -> None:
    with office_of(tmp_path, e202=None) as (office, phone):
        order = asked(phone, *ALL)
        while_it_runs(order, office, lambda: office.incoming("+493023125447", did=DID))
        assert (order.state, order.reason_code) == (OrderState.REFUSED, "another_call")
        assert "ringing" in [line["state"] for line in lines(office)]
        assert not [row for row in office.journal("201") if "phone_operation" in row["path"]]


def test_a_phone_that_refuses_the_passcode_is_asked_once(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    phone.passcode = "wrong"
    phone.save()
    order = run(phone, *ALL)
    phone.refresh_from_db()
    assert order.state == OrderState.REFUSED and phone.passcode_refused_at is not None
    assert len([row for row in office.journal("201") if "passcode" in row["query"]]) == 1


def test_a_phone_that_is_away_ends_it(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    office.fault("201", "refuse", None)
    order = run(phone, *ALL)
    assert (order.state, ends(order)["blind"], ends(order)["complete"]) == (OrderState.FAILED, "stopped", "waiting")
    assert "may still be up" not in order.result["trials"][0]["sentence"]  # nothing was dialled


# ---- it does not work on this phone


def test_a_phone_without_a_transfer_key_fails_and_hears_no_digit(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    office.profile("201", xfer_enabled=False)
    order = run(phone, "blind")
    assert ends(order) == {"blind": "failed"}
    assert [row.outcome for row in Calibration.objects.all()] == ["failed"]
    assert calibrated_verbs(phone) == frozenset()
    assert office.tripwires() == [] and lines(office) == []


def test_a_transfer_that_the_network_refuses_is_no_success(running: tuple[RunningOffice, Phone]) -> None:
    office, phone = running
    office.profile("201", blind_recovery="connected")
    office.referral("203", "busy")
    order = run(phone, "blind")
    assert ends(order) == {"blind": "failed"} and "gave the call back" in order.result["trials"][0]["sentence"]
    assert lines(office) == []


# ---- it always ends


def in_background(order: DeviceOrder) -> threading.Thread:
    def carry_out() -> None:
        try:
            carry_out_order(order.pk)
        finally:
            connections.close_all()

    thread = threading.Thread(target=carry_out)
    thread.start()
    return thread


def while_it_runs(order: DeviceOrder, office: RunningOffice, deed: Callable[[], object]) -> DeviceOrder:
    """Do something once the first call is up."""
    thread = in_background(order)
    eventually(lambda: lines(office))
    deed()
    thread.join(30)
    assert not thread.is_alive()
    order.refresh_from_db()
    return order


def test_stop_ends_it_and_hangs_up_what_is_ours(transactional_db: None, tmp_path: Path) -> None:
    with office_of(tmp_path, e202=None) as (office, phone):
        order = asked(phone, *ALL)
        while_it_runs(order, office, lambda: stop_order(order_id=order.pk, now=utc_now()))
        assert (order.state, order.reason_code) == (OrderState.CONFIRMED, "stopped")
        assert ends(order) == dict.fromkeys(ALL, "waiting") | {"blind": "stopped"}
        assert lines(office) == [] and dials(office) == 1


def test_who_lost_the_phone_sends_nothing_more(transactional_db: None, tmp_path: Path) -> None:
    with office_of(tmp_path, e202=None) as (office, phone):
        order = asked(phone, *ALL)
        thread = in_background(order)
        eventually(lambda: lines(office))
        disown(phone_id=phone.pk)
        thread.join(30)
        requests = len(office.journal("201"))
        order.refresh_from_db()
        assert (order.state, order.reason_code) == (OrderState.UNKNOWN, "lease_lost")
        assert len(office.journal("201")) == requests and lines(office) != []


def test_a_worker_that_died_leaves_no_calibration_under_way(db: None, office: Any) -> None:
    phone, now = office.phones[0], utc_now()
    order = asked(phone, "blind")
    assert grant_order(order_id=order.pk, now=now) is not None
    row = begin(phone, "blind_transfer", "202, 203", "boss", now)
    end_stale_orders(now=now + timedelta(seconds=20))
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED  # its lease runs still
    end_stale_orders(now=now + timedelta(seconds=36))
    order.refresh_from_db()
    row.refresh_from_db()
    assert (order.state, row.outcome) == (OrderState.UNKNOWN, "stopped") and "worker" in row.sentence


def test_a_long_run_that_renews_its_lease_is_not_taken_for_lost(db: None, office: Any) -> None:
    phone, now = office.phones[0], utc_now()
    order = asked(phone, "blind")
    assert grant_order(order_id=order.pk, now=now) is not None
    later = now + timedelta(minutes=4)
    PhoneLease.objects.filter(phone=phone).update(held_until=later + timedelta(seconds=30))
    end_stale_orders(now=later)
    order.refresh_from_db()
    assert order.state == OrderState.GRANTED
    PhoneLease.objects.filter(phone=phone).update(held_until=None)
    assert take_lease(phone_id=phone.pk, holder="look", now=later) is not None
    end_stale_orders(now=later)
    order.refresh_from_db()
    assert order.state == OrderState.UNKNOWN


def test_a_calibration_under_way_is_not_ended_under_the_worker(db: None, office: Any) -> None:
    phone, now = office.phones[0], utc_now()
    order = asked(phone, "blind")
    assert grant_order(order_id=order.pk, now=now) is not None
    begin(phone, "blind_transfer", "202, 203", "boss", now)
    assert end_abandoned(now=now + timedelta(minutes=1)) == 0
    DeviceOrder.objects.update(state=OrderState.CONFIRMED)
    assert end_abandoned(now=now + timedelta(minutes=1)) == 1


def test_two_phones_at_once_are_refused_by_the_database_itself(db: None, office: Any) -> None:
    asked(office.phones[0], "blind")
    with pytest.raises(OrderProblem, match="Another phone"):
        asked(office.phones[1], "blind", key="other")
    assert DeviceOrder.objects.count() == 1


def test_the_run_is_nothing_but_the_order(running: tuple[RunningOffice, Phone]) -> None:
    """A worker whose order was ended by the sweeper writes nothing into it any more."""
    _, phone = running
    order = asked(phone, "blind")
    grant = grant_order(order_id=order.pk, now=utc_now())
    assert grant is not None
    DeviceOrder.objects.update(state=OrderState.UNKNOWN)
    run_calibration(grant)
    assert DeviceOrder.objects.get().result == {}
