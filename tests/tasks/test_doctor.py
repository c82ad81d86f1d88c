"""The doctor's run on rows: what it writes, what it stops, and the same visit by hand from a terminal."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.simulator.running import running_office
from phones.doctor.examine import names_of
from phones.lease import disown, take_lease
from phones.models import DeviceOrder, OrderKind, OrderState, Phone, PhoneLease, PhoneStatus, SipAccount
from phones.orders import grant_order, request_order
from tasks import doctor
from tasks.device_control import carry_out_order
from tasks.doctor import run_doctor, subject_of
from tests.support.simulated import PASSCODE, rows_for, small_story

AGENT = "Grandstream GRP2614 1.0.9.30"


@pytest.fixture
def running(transactional_db, tmp_path):
    """(office, phone 201): a simulated office, and its first phone as a row that the PBX has told of.

    Transactional: between its requests a run gives its database connection back.
    """
    with running_office(small_story(tmp_path, phones=2)) as office:
        rows = rows_for(office, ["201", "202"])
        SipAccount.objects.update(
            registered_at_pbx=True, user_agent=AGENT, contact_address="127.0.0.1", contact_seen_at=utc_now()
        )
        yield office, rows.phones[0]


def ordered(phone: Phone, argument: str = "") -> DeviceOrder:
    user = phone.assignments.get().user
    return request_order(
        phone=phone, kind=OrderKind.DOCTOR, user=user, key="k", now=utc_now(), argument=argument
    )[0]  # fmt: skip


def granted(phone: Phone, argument: str = ""):
    grant = grant_order(order_id=ordered(phone, argument).pk, now=utc_now())
    assert grant is not None
    return grant


def verdicts(result) -> dict[str, str]:
    return {row["name"]: row["verdict"] for row in result["checks"]}


def with_passcode(office) -> list[dict]:
    return [row for row in office.journal("201") if "passcode" in row["query"]]


def test_an_ordered_run_ends_with_every_check_in_its_row(running):
    _, phone = running
    order = ordered(phone)
    carry_out_order(order.pk)
    order.refresh_from_db()
    assert (order.state, order.sentence) == (OrderState.CONFIRMED, "12 checks, none failed.")
    assert tuple(verdicts(order.result)) == tuple(order.result["names"]) == names_of(subject_of(phone))
    assert PhoneStatus.objects.get(phone=phone).reachable is True
    assert PhoneLease.objects.get(phone=phone).held_until is None


def test_a_run_with_a_test_call_dials_once_and_hangs_up(running):
    office, phone = running
    order = ordered(phone, "202")
    carry_out_order(order.pk)
    order.refresh_from_db()
    assert verdicts(order.result)["pop_up"] == verdicts(order.result)["click_to_dial"] == "pass"
    assert len([row for row in office.journal("201") if "make_call" in row["path"]]) == 1
    assert office.snapshot()["phones"]["201"]["lines"] == []


def test_each_finding_is_in_the_row_while_the_run_goes_on(running, monkeypatch):
    _, phone = running
    grant, seen = granted(phone), []
    show = doctor._show

    def watched(grant, result):
        show(grant, result)
        seen.append(len(DeviceOrder.objects.get().result["checks"]))

    monkeypatch.setattr(doctor, "_show", watched)
    run_doctor(grant)
    assert seen == list(range(13))


def test_a_refused_passcode_is_noted_and_never_tried_again(running):
    office, phone = running
    phone.passcode = "wrong"
    phone.save()
    grant = granted(phone)
    run_doctor(grant)
    phone.refresh_from_db()
    assert phone.passcode_refused_at is not None and len(with_passcode(office)) == 1
    DeviceOrder.objects.all().delete()
    PhoneLease.objects.update(held_until=None)
    outcome = run_doctor(granted(phone))
    assert verdicts(outcome.result)["passcode"] == "fail" and len(with_passcode(office)) == 1


def test_a_refusal_is_noted_at_once_and_not_only_when_the_visit_ends(running, monkeypatch):
    _, phone = running
    phone.passcode = "wrong"
    phone.save()

    def killed(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("phones.doctor.examine.check_pbx_accounts", killed)  # a later check
    with pytest.raises(KeyboardInterrupt):
        run_doctor(granted(phone))
    phone.refresh_from_db()
    assert phone.passcode_refused_at is not None


def test_what_the_phone_says_to_a_passcode_that_was_changed_meanwhile_is_not_noted(running, monkeypatch):
    office, phone = running
    phone.passcode = "wrong"
    phone.save()
    grant = granted(phone)
    prolong = doctor._prolong

    def changed_by_a_person(*args):
        held = prolong(*args)
        disown(phone_id=phone.pk)  # as when a new passcode is saved, just before the old one goes out
        return held

    monkeypatch.setattr(doctor, "_prolong", changed_by_a_person)
    run_doctor(grant)
    phone.refresh_from_db()
    assert phone.passcode_refused_at is None and len(with_passcode(office)) == 1


def test_a_worker_that_lost_its_lease_sends_no_passcode_and_writes_nothing(running):
    office, phone = running
    grant = granted(phone)
    disown(phone_id=phone.pk)
    DeviceOrder.objects.update(token=grant.token + 1)
    run_doctor(grant)
    assert with_passcode(office) == []
    assert DeviceOrder.objects.get().result == {}


def test_a_phone_that_does_not_answer_is_noted_as_such(running):
    office, phone = running
    office.fault("201", "refuse", None)
    run_doctor(granted(phone))
    status = PhoneStatus.objects.get(phone=phone)
    assert status.reachable is False and status.reason_code == "connection_refused"


def test_the_subject_is_what_the_rows_say(running, settings):
    _, phone = running
    SipAccount.objects.filter(phone=phone).update(user_agent="Grandstream GRP2602 1.0.3.20")
    phone.model, phone.firmware, phone.identity_typed_at = "GRP2614", "1.0.1.1", utc_now() - timedelta(days=9)
    subject = subject_of(phone)
    assert (subject.model, subject.firmware, subject.firmware_source) == ("GRP2602", "1.0.3.20", "pbx")
    assert subject.passcode_entered and subject.countries == ("DE",) and subject.address_problem == ""
    assert PASSCODE not in repr(subject)
    settings.PHONE_NETWORKS = ()
    assert "outside" in subject_of(phone).address_problem


# ---- by hand


def by_hand(*arguments: str) -> tuple[str, int]:
    """(what it printed, exit code)"""
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_a_sound_phone_by_hand_ends_with_nought(running):
    _, phone = running
    printed, code = by_hand("Phone 201")
    assert code == 0 and "pass  The passcode is accepted" in printed and "?  Click-To-Dial" in printed
    assert PASSCODE not in printed
    assert PhoneLease.objects.get(phone=phone).held_until is None
    assert AuditEvent.objects.get(action="phone.doctor_asked").actor_name == "system"
    assert DeviceOrder.objects.count() == 0


def test_a_failed_check_by_hand_ends_with_one_and_says_where_to_cure_it(running):
    office, _ = running
    office.profile("201", action_uri=False)
    printed, code = by_hand("Phone 201")
    assert code == 1 and "FAIL  The passcode is not accepted" in printed
    assert "-> Phone: Network → Remote Control → Action URI Support: Enabled" in printed


def test_by_hand_as_json(running):
    _, phone = running
    printed, code = by_hand("Phone 201", "--json")
    told = json.loads(printed)
    assert code == 0 and told["phone"] == "Phone 201" and told["checks"][0]["name"] == "address"
    assert tuple(row["name"] for row in told["checks"]) == names_of(subject_of(phone))


def test_a_test_call_by_hand(running):
    office, _ = running
    printed, code = by_hand("Phone 201", "--call", "202")
    assert code == 0 and "taken back" in printed
    with pytest.raises(CommandError, match="no extension"):
        by_hand("Phone 201", "--call", "112")
    assert len([row for row in office.journal("201") if "make_call" in row["path"]]) == 1


@pytest.mark.parametrize("spelling", ["Phone 201", "c0-74-ad-00-02-01", "C074AD000201", "id"])
def test_a_phone_is_found_by_name_mac_address_or_id(running, spelling):
    _, phone = running
    phone.mac = "C0:74:AD:00:02:01"
    phone.save()
    assert by_hand(str(phone.pk) if spelling == "id" else spelling)[1] == 0


def test_an_address_that_several_phones_share_names_none(running):
    with pytest.raises(CommandError, match="Several") as several:
        by_hand("127.0.0.1")
    with pytest.raises(CommandError, match="no phone") as nobody:
        by_hand("Nobody's")
    assert several.value.returncode == nobody.value.returncode == 2


def test_by_hand_it_waits_for_nobody_who_has_the_phone_for_longer(running):
    office, phone = running
    assert take_lease(phone_id=phone.pk, holder="order x", now=utc_now(), seconds=60)
    with pytest.raises(CommandError, match="under way"):
        by_hand("Phone 201")
    assert office.journal("201") == []
