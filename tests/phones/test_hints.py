"""What a phone's notification says, and what comes of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.clock import utc_now
from phones.hint_services import SAME_WITHIN, give_token, keep_hint, phone_of_token
from phones.hints import KINDS, LONGEST_TEMPLATE, SLOTS, Notice, normal_mac, read_notice, template
from phones.models import DeviceOrder, OrderKind, OrderState, Phone, PhoneHint, PhoneStatus, SipAccount
from tests.support.office import RowOffice

MAC = "00:0B:82:A1:4C:07"


# --- reading ----------------------------------------------------------------------------------------------------------


def notice(kind: str, query: str) -> Notice:
    found = read_notice(kind, query)
    assert found is not None
    return found


def test_a_whole_line_is_read():
    found = notice("incoming", "m=000b82a14c07&r=03023125447&l=204&c=1-2@10.0.0.5&d=in")
    assert found == Notice("incoming", MAC, "03023125447", "204", "1-2@10.0.0.5")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("+493023125447", "+493023125447"),
        ("%2B493023125447", "+493023125447"),
        ("$remote", ""),
        ("$display_remote", ""),
        ("", ""),
        ("%2G", "%2G"),
        ("100%", "100%"),
        ("J%C3%BCrgen", "Jürgen"),
        ("%ff%00%0d%0ax", "�x"),
        ("%E2%80%AE1", "1"),
        ("a=b", "a=b"),
        ("9" * 300, "9" * 80),
    ],
)
def test_a_value_is_what_the_phone_meant(sent: str, read: str):
    assert notice("incoming", f"m={MAC}&r={sent}").remote == read


@pytest.mark.parametrize(
    ("rest", "remote"),
    [
        ("incoming&m=000b82a14c07&r=+4930", "+4930"),
        ("incoming/m=000b82a14c07&r=+4930", "+4930"),
        ("incoming?m=000b82a14c07&r=%2B4930", "%2B4930"),  # the server has decoded the path: not twice
    ],
)
def test_without_a_question_mark_all_is_in_the_path(rest: str, remote: str):
    found = notice(rest, "")
    assert (found.kind, found.mac, found.remote) == ("incoming", MAC, remote)


@pytest.mark.parametrize(
    "spelling", ["000b82a14c07", "00:0b:82:a1:4c:07", "00-0B-82-A1-4C-07", "000b.82a1.4c07", " 000B82A14C07 "]
)
def test_a_mac_address_may_be_spelled_in_any_way(spelling: str):
    assert normal_mac(spelling) == MAC


@pytest.mark.parametrize("nonsense", ["$mac", "", "000b82a14c0", "000b82a14c0g", "000b82a14c0700", "٠٠0b82a14c07"])
def test_what_is_no_mac_address_is_none(nonsense: str):
    assert normal_mac(nonsense) == ""


def test_the_first_of_a_name_counts_and_fields_are_bounded():
    assert notice("boot", "m=000b82a14c07&m=ffffffffffff").mac == MAC
    assert notice("boot", "&".join(f"x{n}=1" for n in range(60)) + "&m=000b82a14c07").mac == ""


def test_a_request_of_more_than_two_kilobytes_is_not_read():
    assert read_notice("boot", "r=" + "1" * 2043) is None
    assert read_notice("boot", "r=" + "1" * 2042) is not None
    assert read_notice("boot&r=" + "1" * 2042, "") is None


@given(st.text(max_size=60), st.text(max_size=300))
def test_no_text_of_a_stranger_makes_reading_fail(kind: str, query: str):
    found = read_notice(kind, query)
    assert found is not None and "\x00" not in found.remote + found.local + found.call_id


def test_every_line_fits_into_a_phone_and_asks_for_no_names():
    base, token = "https://telephony-companion.example-company.net:8443", "t" * 43
    for slot in SLOTS:
        line = template(base, token, slot.kind)
        assert len(line) <= LONGEST_TEMPLATE and "$display" not in line and slot.kind in KINDS
    assert len({slot.p_value for slot in SLOTS if slot.p_value}) == sum(1 for slot in SLOTS if slot.p_value)


# --- the token --------------------------------------------------------------------------------------------------------


@pytest.fixture
def phone(office: RowOffice) -> Phone:
    one = office.phones[0]
    one.mac = MAC
    one.save()
    found = phone_of_token(give_token(phone=one))
    assert found is not None
    return found


def test_a_new_token_ends_the_old_one(office: RowOffice):
    old = give_token(phone=office.phones[0])
    new = give_token(phone=office.phones[0])
    assert phone_of_token(old) is None
    found = phone_of_token(new)
    assert found is not None and found.pk == office.phones[0].pk


def test_what_can_be_no_token_is_not_looked_up(db: None, django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        for text in ("", "short", "x" * 44, "ü" * 43, "a" * 42 + "\n", "a" * 42 + "/"):
            assert phone_of_token(text) is None


def test_the_token_is_not_in_the_table_in_plain_text(phone: Phone):
    token = Phone.objects.get(pk=phone.pk).event_token.reveal()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(p)::text FROM phones_phone p WHERE id = %s", [phone.pk])
        assert token not in cursor.fetchone()[0]
    assert token not in repr(phone.__dict__)


# --- what comes of it -------------------------------------------------------------------------------------------------


def say(phone: Phone, kind: str, *, at: datetime | None = None, call_id: str = "", remote: str = "") -> PhoneStatus:
    fresh = Phone.objects.get(event_token_digest=phone.event_token_digest)
    fresh.account_count = fresh.accounts.count()  # type: ignore[attr-defined]
    keep_hint(phone=fresh, notice=Notice(kind, MAC, remote, "204", call_id), now=at or utc_now())
    found = PhoneStatus.objects.filter(phone=phone).first()
    return found or PhoneStatus(phone=phone)


def test_one_row_a_kind_however_often_it_comes(phone: Phone):
    at = utc_now()
    for second in range(3):
        say(phone, "incoming", at=at + timedelta(seconds=5 * second), remote=f"+49302312544{second}")
    hint = PhoneHint.objects.get(phone=phone)
    assert (hint.kind, hint.times, hint.remote) == ("incoming", 3, "+493023125442")
    assert not PhoneStatus.objects.filter(phone=phone).exists(), "calls are the PBX's word"


def test_the_same_within_a_second_writes_nothing(phone: Phone):
    at = utc_now()
    say(phone, "incoming", at=at, call_id="a")
    say(phone, "incoming", at=at + SAME_WITHIN / 2, call_id="a")
    assert PhoneHint.objects.get(phone=phone).times == 1
    say(phone, "incoming", at=at + SAME_WITHIN / 2, call_id="b")
    assert PhoneHint.objects.get(phone=phone).times == 2, "another call is another notification"


def test_do_not_disturb_is_the_phones_word(phone: Phone):
    at = utc_now()
    status = say(phone, "dnd-on", at=at)
    assert (status.do_not_disturb, status.do_not_disturb_at) == (True, at)
    later = say(phone, "dnd-on", at=at + timedelta(minutes=1))
    assert later.do_not_disturb_at == at, "since when, not the last time it was said"
    off = say(phone, "dnd-off", at=at + timedelta(minutes=2))
    assert (off.do_not_disturb, off.do_not_disturb_at) == (False, at + timedelta(minutes=2))


def test_an_older_word_that_is_written_later_does_not_win(phone: Phone):
    at = utc_now()
    say(phone, "dnd-off", at=at)
    assert say(phone, "dnd-on", at=at - timedelta(seconds=1)).do_not_disturb is False


def test_the_first_word_of_do_not_disturb_counts_even_when_it_is_off(phone: Phone):
    assert say(phone, "dnd-off").do_not_disturb is False


def test_the_hold_key_is_known_until_the_call_ends(phone: Phone):
    assert say(phone, "hold", call_id="a").held_by_key is True
    assert say(phone, "unhold", call_id="a").held_by_key is False
    assert say(phone, "hold", call_id="a").held_by_key is True
    assert say(phone, "terminated", call_id="a").held_by_key is False


def test_a_hold_that_comes_after_the_end_of_its_call_is_too_late(phone: Phone):
    say(phone, "terminated", call_id="a")
    assert say(phone, "hold", call_id="a").held_by_key is None
    assert say(phone, "hold", call_id="b").held_by_key is True


def test_the_end_of_a_call_says_nothing_of_a_hold_key_nobody_spoke_of(phone: Phone):
    assert say(phone, "terminated", call_id="a").held_by_key is None
    assert say(phone, "idle").held_by_key is None


def test_a_phone_that_loses_its_registration_is_looked_at_at_once(phone: Phone):
    at = utc_now()
    status = say(phone, "unregistered", at=at)
    assert (status.registered, status.accounts_at, status.next_look_at) == (False, at, at)
    assert say(phone, "registered", at=at + timedelta(seconds=9)).registered is True


def test_one_account_of_two_that_registers_does_not_speak_for_both(phone: Phone, office: RowOffice):
    SipAccount.objects.create(phone=phone, pbx=office.pbx, position=2, extension="299", endpoint="PJSIP/299")
    at = utc_now()
    say(phone, "unregistered", at=at)
    status = say(phone, "registered", at=at + timedelta(seconds=9))
    assert status.registered is False and status.next_look_at == at + timedelta(seconds=9)


def reboot(office: RowOffice, phone: Phone, *, sent_at: datetime, state: OrderState = OrderState.SENT) -> DeviceOrder:
    return DeviceOrder.objects.create(
        phone=phone, kind=OrderKind.REBOOT, user=office.users[0], user_name="user201", idempotency_key="a",
        state=state, requested_at=sent_at, not_after=sent_at, sent_at=sent_at,
    )  # fmt: skip


@pytest.mark.parametrize("state", [OrderState.SENT, OrderState.UNKNOWN])
def test_a_start_proves_the_restart_that_was_sent(office: RowOffice, phone: Phone, state: OrderState):
    at = utc_now()
    order = reboot(office, phone, sent_at=at - timedelta(seconds=60), state=state)
    say(phone, "hold", at=at - timedelta(seconds=90))
    status = say(phone, "boot", at=at)
    order.refresh_from_db()
    assert order.state == OrderState.CONFIRMED and "60 s after the order" in order.evidence
    assert status.started_up_at == at and status.held_by_key is None
    assert status.next_look_at is not None and status.next_look_at > at, "its web server needs a moment"


@pytest.mark.parametrize("minutes_ago", [11, -1])
def test_a_start_proves_no_restart_of_another_time(office: RowOffice, phone: Phone, minutes_ago: int):
    order = reboot(office, phone, sent_at=utc_now() - timedelta(minutes=minutes_ago))
    say(phone, "boot")
    order.refresh_from_db()
    assert order.state == OrderState.SENT


def test_a_start_of_one_phone_proves_nothing_of_another(office: RowOffice, phone: Phone):
    order = reboot(office, office.phones[1], sent_at=utc_now() - timedelta(minutes=1))
    say(phone, "boot")
    order.refresh_from_db()
    assert order.state == OrderState.SENT


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_notification_costs_at_most_four_queries(phone: Phone, kind: str, django_assert_max_num_queries: Any):
    say(phone, "off-hook")
    PhoneStatus.objects.get_or_create(phone=phone)
    token = Phone.objects.get(pk=phone.pk).event_token.reveal()
    for is_first in (True, False):
        # The very first start is one more: it looks for a restart that we sent, and makes its row.
        with django_assert_max_num_queries(5 if is_first and kind == "boot" else 4):
            found = phone_of_token(token)
            assert found is not None
            keep_hint(phone=found, notice=Notice(kind, MAC, call_id="a"), now=utc_now() + timedelta(seconds=5))
