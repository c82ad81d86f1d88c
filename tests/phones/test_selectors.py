"""Reads about phones: searching, filtering and sorting the fleet, whatever somebody types."""

from datetime import datetime, timedelta

import pytest

from crmconnector.common.clock import utc_now
from crmconnector.users.models import User
from phones.models import DeviceOrder, OrderKind, Phone, PhoneStatus
from phones.seats import release_phone
from phones.selectors import (
    find_phones,
    free_phones,
    in_need,
    in_order,
    line_in_use,
    nobody_assigned,
    orders_of,
    phones_had_by,
)
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone


@pytest.fixture
def now() -> datetime:
    return utc_now()


def found(text: str, now: datetime) -> list[str]:
    return sorted(find_phones(Phone.objects.all(), text, at=now).values_list("name", flat=True))


def seen(phone: Phone, **status: object) -> PhoneStatus:
    fields = {"reachable": True, "looked_at": utc_now(), "lines": ["idle", "idle"]}
    return PhoneStatus.objects.create(phone=phone, **{**fields, **status})


@pytest.mark.parametrize(
    "text", ["Front", "GRP2634", "000b82A14c07", "00-0b-82-a1", "00:0B:82", "209", "PJSIP/209", "1.0.11", "192.0.2.4"]
)
def test_a_phone_is_found_by_any_of_its_marks(office: RowOffice, now: datetime, text: str) -> None:
    phone = add_phone(office.pbx, extension="209", port=8100)
    Phone.objects.filter(pk=phone.pk).update(
        name="Front desk", model="GRP2634", mac="00:0B:82:A1:4C:07", firmware="1.0.11.6", address="192.0.2.47"
    )
    assert found(text, now) == ["Front desk"]


def test_a_phone_is_found_by_who_has_it_now_and_not_by_who_had_it(office: RowOffice, now: datetime) -> None:
    assert found("User 201", now) == ["Phone 201"]
    release_phone(phone=office.phones[0], at=now)
    assert found("User 201", now + timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    "text", ["%", "_", "\\", "' OR 1=1--", '"', "\x00", "x" * 5000, "201; drop table phones_phone"]
)
def test_signs_of_the_database_mean_themselves(office: RowOffice, now: datetime, text: str) -> None:
    assert found(text, now) == ([] if text.strip("\x00") else ["Phone 201", "Phone 202", "Phone 203"])


def test_a_phone_with_two_matching_accounts_is_found_once(office: RowOffice, now: datetime) -> None:
    office.phones[0].accounts.create(pbx=office.pbx, extension="2011", endpoint="PJSIP/2011", position=2)
    assert list(find_phones(Phone.objects.all(), "201", at=now)) == [office.phones[0]]


def test_attention_is_for_what_somebody_must_cure(office: RowOffice) -> None:
    silent, refused, lost = office.phones
    seen(silent, reachable=False)
    Phone.objects.filter(pk=refused.pk).update(passcode_refused_at=utc_now())
    lost.accounts.update(registered_at_pbx=False)
    seen(add_phone(office.pbx, extension="210", port=8101))  # fine
    add_phone(office.pbx, extension="211", port=8102)  # never asked
    grumpy = add_phone(office.pbx, extension="212", port=8103)
    seen(grumpy, reason_code="no_such_function")
    assert set(Phone.objects.filter(in_need())) == {silent, refused, lost, grumpy}


def test_the_pbx_knows_better_than_the_phone_whether_it_is_registered(office: RowOffice) -> None:
    by_pbx, by_phone, _rest = office.phones
    for phone in (by_pbx, by_phone):
        seen(phone, registered=False)
    by_pbx.accounts.update(registered_at_pbx=True)
    assert list(Phone.objects.filter(in_need())) == [by_phone]


def test_lines_are_believed_while_fresh_and_from_a_phone_that_answers(office: RowOffice, now: datetime) -> None:
    busy, old, silent = office.phones
    seen(busy, lines=["idle", "connected"])
    seen(old, lines=["connected"], looked_at=now - timedelta(minutes=10))
    seen(silent, lines=["connected"], reachable=False)
    free = add_phone(office.pbx, extension="210", port=8101)
    seen(free, lines=["idle", "idle", "idle"])
    told_none = add_phone(office.pbx, extension="211", port=8102)
    seen(told_none, lines=[])
    assert list(Phone.objects.filter(line_in_use(seen_after=now - timedelta(minutes=2)))) == [busy]


def names(sort: str, now: datetime, *, descending: bool = False) -> list[str]:
    return list(in_order(Phone.objects.all(), sort, at=now, descending=descending).values_list("name", flat=True))


def test_extensions_are_sorted_as_numbers_and_the_unknown_last_both_ways(office: RowOffice, now: datetime) -> None:
    add_phone(office.pbx, extension="99", port=8100)
    Phone.objects.create(name="No account", address="127.0.0.1", port=8200, passcode="x")
    assert names("extension", now) == ["Phone 99", "Phone 201", "Phone 202", "Phone 203", "No account"]
    down = names("extension", now, descending=True)
    assert down == ["Phone 203", "Phone 202", "Phone 201", "Phone 99", "No account"]


def test_phones_are_sorted_by_the_name_of_who_has_them_now(office: RowOffice, now: datetime) -> None:
    for user, name in zip(office.users, ("zoe", "Adam", ""), strict=True):
        User.objects.filter(pk=user.pk).update(full_name=name)
    add_phone(office.pbx, extension="210", port=8100)
    assert names("user", now) == ["Phone 202", "Phone 203", "Phone 201", "Phone 210"]  # Adam, user203, zoe, nobody


def test_the_worst_status_comes_first(office: RowOffice, now: datetime) -> None:
    good, silent, refused = office.phones
    seen(good)
    seen(silent, reachable=False)
    Phone.objects.filter(pk=refused.pk).update(passcode_refused_at=now)
    busy = add_phone(office.pbx, extension="210", port=8100)
    seen(busy, lines=["ringing"])
    add_phone(office.pbx, extension="211", port=8101)
    assert names("status", now) == ["Phone 203", "Phone 202", "Phone 210", "Phone 201", "Phone 211"]
    assert names("status", now, descending=True)[0] == "Phone 211"


def test_last_looked_at_is_sorted_with_the_never_asked_last(office: RowOffice, now: datetime) -> None:
    seen(office.phones[0], looked_at=now - timedelta(hours=1))
    seen(office.phones[1], looked_at=now)
    assert names("looked", now) == ["Phone 201", "Phone 202", "Phone 203"]
    assert names("looked", now, descending=True) == ["Phone 202", "Phone 201", "Phone 203"]


@pytest.mark.parametrize("sort", ["passcode", "-passcode", "name; drop", "assignments__user__password", "", "pk"])
def test_nothing_can_be_sorted_by_that_is_not_on_the_list(office: RowOffice, now: datetime, sort: str) -> None:
    Phone.objects.filter(pk=office.phones[2].pk).update(name="a first")
    assert names(sort, now) == ["a first", "Phone 201", "Phone 202"]
    rows = str(in_order(Phone.objects.all(), sort, at=now).query)
    assert "passcode" not in rows.split("ORDER BY")[1] and "password" not in rows


def test_free_phones_are_those_of_nobody_and_those_that_answer_come_first(office: RowOffice, now: datetime) -> None:
    silent = add_phone(office.pbx, extension="100", port=8100)
    seen(silent, reachable=False)
    fine = add_phone(office.pbx, extension="210", port=8101)
    refused = add_phone(office.pbx, extension="211", port=8102)
    Phone.objects.filter(pk=refused.pk).update(passcode_refused_at=now)
    assert list(free_phones(at=now)) == [fine, silent]
    assert set(nobody_assigned(Phone.objects.all(), at=now)) == {fine, silent, refused}


def test_a_phone_is_somebodys_only_during_the_time(office: RowOffice, now: datetime) -> None:
    user, phone = office.users[0], add_phone(office.pbx, extension="210", port=8100)
    assign_phone(phone=phone, user_id=user.pk, from_at=now + timedelta(hours=1), until_at=now + timedelta(hours=2))
    assert list(phones_had_by(user_id=user.pk, at=now)) == [office.phones[0]]
    assert set(phones_had_by(user_id=user.pk, at=now + timedelta(minutes=90))) == {office.phones[0], phone}
    assert list(phones_had_by(user_id=user.pk, at=now + timedelta(hours=2))) == [office.phones[0]]


def test_orders_of_a_phone_are_newest_first_and_from_a_time_on(office: RowOffice, now: datetime) -> None:
    phone, user = office.phones[0], office.users[0]
    for hours in (3, 1, 2):
        DeviceOrder.objects.create(
            phone=phone, kind=OrderKind.LOOK, user=user, user_name="x", idempotency_key=str(hours), state="confirmed",
            requested_at=now - timedelta(hours=hours), not_after=now,
        )  # fmt: skip
    assert [row.idempotency_key for row in orders_of(phone_ids=[phone.pk])] == ["1", "2", "3"]
    since = now - timedelta(hours=2, minutes=30)
    assert [row.idempotency_key for row in orders_of(phone_ids=[phone.pk], since=since)] == ["1", "2"]
    assert not orders_of(phone_ids=[office.phones[1].pk])
