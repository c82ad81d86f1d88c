"""A file of phones and seats: checked, brought in whole or not at all, and undone exactly."""

import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import Call, Leg
from crmconnector.common.network import AddressPolicy
from crmconnector.listener.management.commands.rotate_keys import rotate
from crmconnector.pbx.models import Pbx
from crmconnector.users.models import User
from phones.imports import services as imports
from phones.imports.plan import Options
from phones.imports.services import ImportProblem, apply_import, check_import, undo_import
from phones.models import Assignment, DeviceOrder, OrderKind, Phone, PhoneImport, SipAccount
from phones.seats import bulk_release, swap_phones
from phones.services import assign_phone, note_passcode_refused, save_phone
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice, add_phone

POLICY = AddressPolicy(["10.0.0.0/8", "127.0.0.0/8"], allowed_ports=None)
CANARY = f"{PASSCODE}-new"  # it is looked for in the raw files of the whole run too
HOUR = timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def pbxes() -> dict[str, int]:
    return dict(Pbx.objects.values_list("name", "pk"))


def check(*lines: str, now: datetime, take_over: bool = False, move: bool = False) -> PhoneImport:
    return check_import(
        user=None, file_name="phones.csv", content="\n".join(lines).encode(), options=Options(take_over, move),
        pbxes=pbxes(), zone=UTC, policy=POLICY, now=now,
    )  # fmt: skip


def bring_in(one: PhoneImport, now: datetime, *, leave_bad_out: bool = False) -> PhoneImport:
    return apply_import(import_id=one.pk, by=None, leave_bad_out=leave_bad_out, pbxes=pbxes(), now=now)


def undo(one: PhoneImport, now: datetime) -> PhoneImport:
    return undo_import(import_id=one.pk, by=None, now=now)


def brought(*lines: str, now: datetime, **options: bool) -> PhoneImport:
    one = check(*lines, now=now, **options)
    assert not one.problems, one.problems
    return bring_in(one, now)


def causes(one: PhoneImport) -> dict[tuple[int, str], str]:
    return {(problem["line"], problem["column"]): problem["cause"] for problem in one.problems}


def everything() -> list[object]:
    """Every phone, account and seat, with passcodes in clear and without the ids that a return gives anew."""
    phones = [
        (phone.name, phone.model, phone.firmware, phone.mac, str(phone.address), phone.port, phone.scheme,
         phone.passcode.reveal(), phone.passcode_refused_at, phone.identity_typed_at, phone.created_at)
        for phone in Phone.objects.order_by("name")
    ]  # fmt: skip
    accounts = SipAccount.objects.order_by("endpoint").values_list("phone__name", "extension", "endpoint", "position")
    seats = Assignment.objects.order_by("phone__name", "during").values_list("phone__name", "user_id", "during")
    return [phones, list(accounts), list(seats)]


def sitting(at: datetime) -> dict[str, str]:
    rows = Assignment.objects.filter(during__contains=at).select_related("user", "phone")
    return {row.phone.name: row.user.username for row in rows}


HEAD = "phone,address,port,passcode,extension,endpoint,user"


# --- what a check says --------------------------------------------------------------------------------------------
def test_a_check_changes_nothing_and_counts_what_would_change(office: RowOffice, now: datetime) -> None:
    before = everything()
    one = check(
        "phone,address,passcode,model,user,extension,endpoint",
        f"New desk,10.0.0.1,{CANARY},GRP2612W,,299,PJSIP/299",
        "Phone 201,,,GRP2616,user201,,",
        "Phone 202,,,GRP2614,user202,202,PJSIP/202",
        "Phone 203,,other-pass,,user201,,",
        now=now, take_over=True, move=True,
    )  # fmt: skip
    assert everything() == before
    assert causes(one).keys() == {(3, "user"), (5, "user")}  # one person, two desks
    assert one.summary["lines"] == 4 and one.summary["good"] == 2 and one.summary["bad"] == 2
    wanted = {"phones_new": 1, "phones_changed": 0, "phones_unchanged": 1, "seats_unchanged": 1, "accounts_new": 1}
    assert wanted.items() <= one.summary.items()


def test_only_the_given_columns_of_a_phone_change(office: RowOffice, now: datetime) -> None:
    office.phones[0].mac, office.phones[0].firmware = "00:0B:82:A1:4C:07", "1.0.1.2"
    office.phones[0].save()
    one = brought("phone,model,mac,passcode,firmware", "Phone 201,GRP2616,,,1.0.13.24", now=now)
    phone = Phone.objects.get(pk=office.phones[0].pk)
    assert (phone.model, phone.firmware, phone.mac) == ("GRP2616", "1.0.13.24", "00:0B:82:A1:4C:07")
    assert phone.passcode == office.phones[0].passcode and phone.identity_typed_at == now
    assert one.summary["phones_changed"] == 1 and one.summary["examples"][0]["columns"] == ["firmware", "model"]


def test_a_new_phone_has_all_that_the_file_gives(office: RowOffice, now: datetime) -> None:
    brought(
        "phone,mac,model,firmware,address,connection,passcode,pbx,extension,endpoint,user,from,until",
        f"Desk 7,000b82a14c07,GRP2612W,1.0.5.12,10.0.0.7,https unverified,{CANARY},office,207,PJSIP/207,USER203,"
        "2099-01-01,2099-01-31",
        now=now,
    )  # fmt: skip
    phone = Phone.objects.get(name="Desk 7")
    assert (phone.mac, phone.model, phone.firmware) == ("00:0B:82:A1:4C:07", "GRP2612W", "1.0.5.12")
    assert (str(phone.address), phone.port, phone.scheme) == ("10.0.0.7", 443, "https-unverified")
    assert phone.passcode.reveal() == CANARY
    account = phone.accounts.get()
    assert (account.pbx, account.extension, account.endpoint, account.position) == (office.pbx, "207", "PJSIP/207", 1)
    seat = phone.assignments.get()
    assert seat.user == office.users[2] and seat.during.upper == datetime(2099, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("head", "line", "column", "words"),
    [
        ("phone,passcode", "New,1", "address", "needs an address"),
        ("phone,address", "New,10.0.0.1", "passcode", "needs its passcode"),
        ("phone,model", "phone 201,GRP2616", "phone", "“Phone 201”. Write its name just so"),
        ("phone,address,port,passcode", "New,127.0.0.1,8001,1", "address", "“Phone 201” has this address"),
        ("phone,port", "Phone 202,8001", "address", "“Phone 201” has this address"),
        ("phone,connection", "Phone 201,https", "connection", "needs a certificate"),
        ("phone,pbx", "Phone 201,Elsewhere", "pbx", "no PBX of this name"),
        ("phone,extension,endpoint", "Phone 201,202,PJSIP/202", "endpoint", "“Phone 202” has this endpoint"),
        ("phone,user", "Phone 201,nobody", "user", "Nobody has this user name"),
        ("phone,user", "Phone 201,closed", "user", "may not sign in"),
        ("phone,user", "Phone 201,user202", "user", "user201 has it then"),
        ("phone,user,until", "Phone 201,user201,2020-01-01", "until", "over already"),
    ],
)
def test_what_does_not_fit_the_office_is_refused_with_its_cause(
    office: RowOffice, now: datetime, head: str, line: str, column: str, words: str
) -> None:
    User.objects.create_user("closed", is_active=False)
    one = check(head, line, now=now)
    assert words in causes(one)[2, column] and len(one.problems) == 1 and one.summary["good"] == 0


def test_a_pinned_connection_needs_the_certificate_that_is_stored(office: RowOffice, now: datetime) -> None:
    Phone.objects.filter(pk=office.phones[0].pk).update(certificate="PEM")
    brought("phone,connection", "Phone 201,https", now=now)
    assert Phone.objects.get(name="Phone 201").scheme == "https-pinned"


def test_a_taken_mac_address_is_refused(office: RowOffice, now: datetime) -> None:
    Phone.objects.filter(pk=office.phones[0].pk).update(mac="00:0B:82:A1:4C:07")
    one = check("phone,mac", "Phone 201,000B82A14C07", "Phone 202,000B82A14C07", "Phone 203,000B82A14C08", now=now)
    assert {2, 3} == {line for line, _column in causes(one)} and "“Phone 201” has this MAC" in str(one.problems)


def test_with_several_pbxes_the_file_names_one(office: RowOffice, now: datetime) -> None:
    Pbx.objects.create(name="Second", host="192.0.2.1", username="x", secret="y", country="DE")
    one = check("phone,extension,endpoint,pbx", "Phone 201,9,PJSIP/9,", "Phone 202,201,PJSIP/201,Second", now=now)
    assert causes(one) == {(2, "pbx"): "Name the PBX: there are several."}
    bring_in(one, now, leave_bad_out=True)
    assert Phone.objects.get(name="Phone 202").accounts.count() == 2


def test_an_account_keeps_its_place_when_its_endpoint_or_extension_changes(office: RowOffice, now: datetime) -> None:
    SipAccount.objects.filter(endpoint="PJSIP/202").update(registered_at_pbx=True, user_agent="GRP2614")
    brought("phone,extension,endpoint", "Phone 201,901,PJSIP/201", "Phone 202,202,PJSIP/902", now=now)
    assert office.phones[0].accounts.get().extension == "901"
    moved = office.phones[1].accounts.get()
    assert moved.endpoint == "PJSIP/902" and moved.registered_at_pbx is None and not moved.user_agent


def test_a_phone_never_gets_a_seventeenth_account(office: RowOffice, now: datetime) -> None:
    for place in range(2, 17):
        SipAccount.objects.create(
            phone=office.phones[0], pbx=office.pbx, position=place, extension=str(place), endpoint=f"PJSIP/x{place}"
        )
    assert "16 accounts" in causes(check("phone,extension,endpoint", "Phone 201,99,PJSIP/9", now=now))[2, "endpoint"]


@pytest.mark.parametrize(
    ("lines", "column"),
    [
        (("A,10.0.0.1,,1,,,", "a,10.0.0.2,,1,,,"), "phone"),
        (("A,10.0.0.1,,1,,,", "B,10.0.0.1,80,1,,,"), "address"),
        (("A,10.0.0.1,,1,7,PJSIP/7,", "B,10.0.0.2,,1,8,PJSIP/7,"), "endpoint"),
    ],
)
def test_what_two_lines_of_a_file_claim_is_given_to_neither(
    office: RowOffice, now: datetime, lines: Sequence[str], column: str
) -> None:
    one = check(HEAD, *lines, "C,10.0.0.9,,1,,,", now=now)
    same = "Line {} has the same. Keep one of them."
    assert causes(one) == {(2, column): same.format(3), (3, column): same.format(2)}
    assert one.summary["good"] == 1


def test_two_lines_with_one_mac_address_are_both_refused(office: RowOffice, now: datetime) -> None:
    one = check("phone,mac", "Phone 201,000B82A14C07", "Phone 202,00-0B-82-A1-4C-07", now=now)
    assert causes(one).keys() == {(2, "mac"), (3, "mac")}


# --- who sits where -----------------------------------------------------------------------------------------------
def test_somebody_elses_phone_is_taken_only_when_that_is_chosen(office: RowOffice, now: datetime) -> None:
    line = "Phone 202,user201"
    assert check("phone,user", line, now=now).problems
    one = brought("phone,user", line, now=now, take_over=True)
    assert one.summary["seats_ended"] == 1
    assert one.summary["losing"] == [{"line": 2, "phone": "Phone 202", "user": "user202"}]
    assert sitting(now) == {"Phone 201": "user201", "Phone 202": "user201", "Phone 203": "user203"}


def test_people_keep_or_leave_their_other_phones_as_chosen(office: RowOffice, now: datetime) -> None:
    free = add_phone(office.pbx, extension="299", port=9999)
    brought("phone,user", f"{free.name},user201", now=now)
    assert set(sitting(now)) == {"Phone 201", "Phone 202", "Phone 203", "Phone 299"}
    more = add_phone(office.pbx, extension="298", port=9998)
    one = brought("phone,user", f"{more.name},user201", now=now + HOUR, move=True)
    assert one.summary["seats_ended"] == 2
    assert set(sitting(now + HOUR)) == {"Phone 202", "Phone 203", "Phone 298"}


def test_who_moves_frees_the_phone_for_the_next_line(office: RowOffice, now: datetime) -> None:
    """A ring of three, where nobody is put off a phone: each leaves it for the next."""
    one = brought(
        "phone,user", "Phone 201,user202", "Phone 202,user203", "Phone 203,user201", now=now, move=True
    )  # fmt: skip
    assert sitting(now) == {"Phone 201": "user202", "Phone 202": "user203", "Phone 203": "user201"}
    assert one.summary["seats_ended"] == 3 and sitting(now - HOUR / 2)["Phone 201"] == "user201"


def test_when_one_line_of_a_ring_is_bad_all_that_lean_on_it_are(office: RowOffice, now: datetime) -> None:
    lines = ["phone,user,port", "Phone 201,user202,", "Phone 202,user203,", "Phone 203,user201,8001"]
    one = check(*lines, now=now, move=True)
    assert causes(one).keys() == {(2, "user"), (3, "user"), (4, "address")} and one.summary["good"] == 0


def test_one_person_at_two_desks_is_refused_only_when_people_move(office: RowOffice, now: datetime) -> None:
    lines = [HEAD, "A,10.0.0.1,,1,,,user201", "B,10.0.0.2,,1,,,user201"]
    assert "you chose that people move" in causes(check(*lines, now=now, move=True))[2, "user"]
    assert not check(*lines, now=now).problems


def test_one_person_may_have_two_desks_one_after_the_other(office: RowOffice, now: datetime) -> None:
    head = "phone,address,passcode,user,from,until"
    brought(
        head, "A,10.0.0.1,1,user201,2098-01-01,2098-01-31", "B,10.0.0.2,1,user201,2098-02-01,", now=now, move=True
    )  # fmt: skip
    assert sitting(datetime(2098, 2, 1, tzinfo=UTC))["B"] == "user201"
    assert "A" not in sitting(datetime(2098, 2, 1, tzinfo=UTC))


def test_a_seat_that_is_there_gets_another_end(office: RowOffice, now: datetime) -> None:
    brought("phone,user,until", "Phone 201,user201,2098-12-31", now=now)
    assert office.phones[0].assignments.get().during.upper == datetime(2099, 1, 1, tzinfo=UTC)
    one = brought("phone,user", "Phone 201,user201", now=now + HOUR)
    assert office.phones[0].assignments.get().during.upper is None
    assert one.summary["seats_changed"] == 1 and one.summary["seats_new"] == 0


def test_a_phone_promised_to_somebody_is_not_given_over_that(office: RowOffice, now: datetime) -> None:
    free = add_phone(office.pbx, extension="299", port=9999)
    assign_phone(phone=free, user_id=office.users[1].pk, from_at=datetime(2098, 5, 1, tzinfo=UTC))
    for take_over in (False, True):
        one = check("phone,user", f"{free.name},user201", now=now, take_over=take_over)
        assert "user202 has it from" in causes(one)[2, "from"]
    brought("phone,user,until", f"{free.name},user201,2098-04-30", now=now)
    assert sitting(datetime(2098, 4, 30, 23, tzinfo=UTC))["Phone 299"] == "user201"


def test_the_same_file_twice_changes_nothing_the_second_time(office: RowOffice, now: datetime) -> None:
    lines = [HEAD, "A,10.0.0.1,8080,1,7,PJSIP/7,user201", "Phone 202,,,,,,user202"]
    brought(*lines, now=now, take_over=True)
    before = everything()
    one = brought(*lines, now=now + HOUR, take_over=True)
    assert everything() == before and one.undo == []
    assert one.summary["phones_unchanged"] == 2 and one.summary["seats_unchanged"] == 2


# --- all or nothing -----------------------------------------------------------------------------------------------
def test_a_file_with_a_bad_line_is_brought_in_only_without_it_and_only_by_choice(
    office: RowOffice, now: datetime
) -> None:
    one = check(HEAD, "A,10.0.0.1,,1,,,", "B,nowhere,,1,,,", now=now)
    with pytest.raises(ImportProblem, match="bad lines"):
        bring_in(one, now)
    assert not Phone.objects.filter(name="A").exists()
    done = bring_in(one, now, leave_bad_out=True)
    assert Phone.objects.filter(name="A").exists() and not Phone.objects.filter(name="B").exists()
    assert done.state == "applied" and done.summary["left_out"] == 1


def test_a_file_without_a_good_line_brings_in_nothing(office: RowOffice, now: datetime) -> None:
    with pytest.raises(ImportProblem, match="no good line"):
        bring_in(check(HEAD, "B,nowhere,,1,,,", now=now), now, leave_bad_out=True)


def test_a_file_is_brought_in_once(office: RowOffice, now: datetime) -> None:
    one = brought(HEAD, "A,10.0.0.1,,1,,,", now=now)
    with pytest.raises(ImportProblem, match="already"):
        bring_in(one, now)


def spoil_person(office: RowOffice, now: datetime) -> None:
    User.objects.filter(username="user203").update(is_active=False)


def spoil_seat(office: RowOffice, now: datetime) -> None:
    bulk_release(phone_ids=[office.phones[1].pk], at=now)
    assign_phone(phone=office.phones[1], user_id=office.users[0].pk, from_at=now)


def spoil_value(office: RowOffice, now: datetime) -> None:
    Phone.objects.filter(name="Phone 201").update(model="GRP2601")


def spoil_name(office: RowOffice, now: datetime) -> None:
    add_phone(office.pbx, extension="297", port=9997)
    Phone.objects.filter(name="Phone 297").update(name="A")


def spoil_address(office: RowOffice, now: datetime) -> None:
    add_phone(office.pbx, extension="297", port=9997)
    Phone.objects.filter(name="Phone 297").update(address="10.0.0.1", port=80)


def spoil_by_deletion(office: RowOffice, now: datetime) -> None:
    office.phones[0].delete()


@pytest.mark.parametrize("spoil", [spoil_person, spoil_seat, spoil_value, spoil_name, spoil_address, spoil_by_deletion])
def test_what_changed_since_the_check_stops_the_whole_file(office: RowOffice, now: datetime, spoil: object) -> None:
    free = add_phone(office.pbx, extension="299", port=9999)
    one = check(
        HEAD.replace("port", "model"),
        "A,10.0.0.1,,1,,,", "Phone 201,,GRP2616,,,,", f"{free.name},,,,,,user203", "Phone 202,,,,,,user203",
        now=now, take_over=True,
    )  # fmt: skip
    assert not one.problems
    spoil(office, now)
    before = everything()
    with pytest.raises(ImportProblem, match="Something changed since the check") as refused:
        bring_in(one, now)
    assert refused.value.reasons and all(reason.startswith("Line ") for reason in refused.value.reasons)
    assert everything() == before and PhoneImport.objects.get().state == "checked"


def test_only_twenty_reasons_are_told(office: RowOffice, now: datetime) -> None:
    one = check(HEAD, *(f"N{n},10.0.1.{n},,1,,,user201" for n in range(1, 31)), now=now)
    User.objects.filter(username="user201").update(is_active=False)
    with pytest.raises(ImportProblem) as refused:
        bring_in(one, now)
    assert len(refused.value.reasons) == 21 and refused.value.reasons[-1] == "and 10 more"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_bring_in_at_once_one_is_refused_and_nothing_is_half_done(office: RowOffice) -> None:
    """Two files give the same new phone to two people; and one file is brought in by two buttons."""
    now = datetime.now(UTC)
    first = check(HEAD, "A,10.0.0.1,,1,,,user201", "B,10.0.0.2,,1,,,", now=now)
    second = check(HEAD, "C,10.0.0.3,,1,,,", "A,10.0.0.1,,1,,,user202", now=now)
    results, start = [], threading.Barrier(3)

    def press(one: PhoneImport) -> None:
        start.wait(10)
        try:
            bring_in(one, now)
            results.append("done")
        except ImportProblem:
            results.append("refused")
        finally:
            connection.close()

    racers = [threading.Thread(target=press, args=(one,)) for one in (first, first, second)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(20)
    assert sorted(results) == ["done", "refused", "refused"]
    made = {name for name in ("A", "B", "C") if Phone.objects.filter(name=name).exists()}
    assert made in ({"A", "B"}, {"A", "C"})


def test_a_checked_file_goes_after_a_day(office: RowOffice, now: datetime) -> None:
    old = check(HEAD, "A,10.0.0.1,,1,,,", now=now - timedelta(hours=25))
    with pytest.raises(ImportProblem, match="older than a day"):
        bring_in(old, now)
    check(HEAD, "B,10.0.0.2,,1,,,", now=now)
    assert not PhoneImport.objects.filter(pk=old.pk).exists()
    with pytest.raises(ImportProblem, match="kept for a day"):
        bring_in(old, now)


# --- secrets ------------------------------------------------------------------------------------------------------
def stored() -> str:
    """The table as it lies in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(i)::text FROM phones_phoneimport i")
        return "\n".join(row[0] for row in cursor.fetchall())


def test_passcodes_of_a_checked_file_lie_sealed_and_go_once_it_is_brought_in(office: RowOffice, now: datetime) -> None:
    one = check(HEAD, *(f"N{n},10.0.1.{n},,{CANARY},,," for n in range(1, 61)), now=now)
    assert CANARY not in stored() and "N17" not in str(one.undo) and len(one.undo) > 2
    bring_in(one, now)
    row = PhoneImport.objects.get()
    assert not row.rows and CANARY not in stored()
    assert Phone.objects.get(name="N60").passcode.reveal() == CANARY


def test_a_checked_file_outlives_a_change_of_the_products_key(
    office: RowOffice, now: datetime, settings: object
) -> None:
    one = check(HEAD, f"A,10.0.0.1,,{CANARY},,,", now=now)
    newest, oldest = Fernet.generate_key().decode(), settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [newest, *oldest]
    for model in (PhoneImport, Phone, Pbx):
        for field in ("rows", "passcode", "event_token", "secret"):
            if any(each.name == field for each in model._meta.fields):
                rotate(model, model._meta.get_field(field))
    settings.ENCRYPTION_KEYS = [newest]
    bring_in(one, now)
    assert Phone.objects.get(name="A").passcode.reveal() == CANARY


def test_a_lost_key_is_told_and_nothing_happens(office: RowOffice, now: datetime, settings: object) -> None:
    one = check(HEAD, "A,10.0.0.1,,1,,,", now=now)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ImportProblem, match="key of this file is lost"):
        bring_in(one, now)


def test_a_passcode_whose_key_was_lost_is_replaced(office: RowOffice, now: datetime, settings: object) -> None:
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    brought("phone,passcode", f"Phone 201,{CANARY}", now=now)
    assert Phone.objects.get(name="Phone 201").passcode.reveal() == CANARY


def test_no_sentence_and_no_count_holds_a_passcode(office: RowOffice, now: datetime) -> None:
    one = check(HEAD, f"A,nowhere,,{CANARY},,,", f"Phone 201,,{CANARY},{CANARY},{CANARY},{CANARY},{CANARY}", now=now)
    assert len(one.problems) >= 4 and CANARY not in json.dumps([one.problems, one.summary]) + repr(one)


# --- undo ---------------------------------------------------------------------------------------------------------
WIDE = "phone,mac,model,firmware,address,port,connection,passcode,extension,endpoint,user,until"
WIDE_LINES = [
    "New,,GRP2612W,,10.0.0.1,,https unverified,1,7,PJSIP/7,user201,",
    f"Phone 201,000B82A14C07,GRP2616,1.0.13.24,10.0.0.2,8080,https unverified,{CANARY},"
    "901,PJSIP/201,user203,2098-01-01",
    "Phone 202,,,,,,,,202,PJSIP/902,user202,2098-01-01",
    "Phone 203,,,,,,,,999,PJSIP/999,user203,",
]


def test_an_undo_restores_exactly_what_was_there(office: RowOffice, now: datetime) -> None:
    note_passcode_refused(phone_id=office.phones[0].pk, at=now - HOUR)
    before = everything()
    one = brought(WIDE, *WIDE_LINES, now=now, take_over=True)
    assert everything() != before and sitting(now)["Phone 201"] == "user203"
    assert Phone.objects.get(name="Phone 201").passcode_refused_at is None
    assert CANARY not in stored() and office.phones[0].passcode.reveal() not in stored()
    done = undo(one, now + HOUR)
    assert everything() == before
    assert done.state == "undone" and not done.undo and not PhoneImport.objects.get().rows


def test_an_undo_brings_a_seat_back_that_began_at_the_very_moment(office: RowOffice, now: datetime) -> None:
    free = add_phone(office.pbx, extension="299", port=9999)
    assign_phone(phone=free, user_id=office.users[2].pk, from_at=now)
    before = everything()
    one = brought("phone,user", f"{free.name},user201", now=now, take_over=True)
    assert sitting(now)[free.name] == "user201" and one.summary["seats_ended"] == 1
    undo(one, now + HOUR)
    assert everything() == before


def change_setting(office: RowOffice, now: datetime) -> None:
    Phone.objects.filter(name="Phone 201").update(model="GRP2601")


def change_passcode(office: RowOffice, now: datetime) -> None:
    phone = Phone.objects.get(name="Phone 201")
    phone.passcode = CANARY  # the same, entered anew
    save_phone(phone=phone, passcode_entered=True)


def change_passcode_of_new(office: RowOffice, now: datetime) -> None:
    phone = Phone.objects.get(name="New")
    phone.passcode = "another"
    save_phone(phone=phone, passcode_entered=True)


def change_new_phone(office: RowOffice, now: datetime) -> None:
    Phone.objects.filter(name="New").update(mac="00:0B:82:A1:4C:99")


def rename(office: RowOffice, now: datetime) -> None:
    Phone.objects.filter(name="New").update(name="Newer")


def change_account(office: RowOffice, now: datetime) -> None:
    SipAccount.objects.filter(endpoint="PJSIP/902").update(endpoint="PJSIP/903")


def add_account(office: RowOffice, now: datetime) -> None:
    new = Phone.objects.get(name="New")
    SipAccount.objects.create(phone=new, pbx=office.pbx, position=2, extension="8", endpoint="PJSIP/8")


def release(office: RowOffice, now: datetime) -> None:
    bulk_release(phone_ids=[Phone.objects.get(name="New").pk], at=now + HOUR / 2)


def give_to_another(office: RowOffice, now: datetime) -> None:
    release(office, now)
    assign_phone(phone=Phone.objects.get(name="New"), user_id=office.users[1].pk, from_at=now + HOUR / 2)


def give_what_would_come_back(office: RowOffice, now: datetime) -> None:
    assign_phone(
        phone=office.phones[1], user_id=office.users[0].pk, from_at=datetime(2098, 1, 2, tzinfo=UTC),
        until_at=datetime(2098, 2, 2, tzinfo=UTC),
    )  # fmt: skip


def swap(office: RowOffice, now: datetime) -> None:
    swap_phones(phone_a=Phone.objects.get(name="New"), phone_b=office.phones[1], at=now + HOUR / 2)


def restart(office: RowOffice, now: datetime) -> None:
    order(Phone.objects.get(name="New"), OrderKind.REBOOT, now)


def delete(office: RowOffice, now: datetime) -> None:
    Phone.objects.get(name="New").delete()


def order(phone: Phone, kind: OrderKind, now: datetime) -> None:
    DeviceOrder.objects.create(
        phone=phone, kind=kind, user_name="x", idempotency_key=str(kind), requested_at=now, not_after=now
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change_setting, "Phone 201 was changed since: model"),
        (change_passcode, "Phone 201 was changed since: passcode"),
        (change_passcode_of_new, "New was changed since: passcode"),
        (change_new_phone, "New was changed since: mac"),
        (rename, "New has another name"),
        (change_account, "account of Phone 202 was changed"),
        (add_account, "New was given more"),
        (release, "Who sits at New was changed"),
        (give_to_another, "Who sits at New was changed"),
        (give_what_would_come_back, "Phone 202 was given to somebody"),
        (swap, "Who sits at"),
        (restart, "New was used since"),
        (delete, "New is gone"),
    ],
)
def test_an_undo_is_refused_when_anything_it_would_touch_has_changed(
    office: RowOffice, now: datetime, change: object, words: str
) -> None:
    one = brought(WIDE, *WIDE_LINES, now=now, take_over=True)
    change(office, now)
    before = everything()
    with pytest.raises(ImportProblem, match="Not undone") as refused:
        undo(one, now + HOUR)
    assert any(words in reason for reason in refused.value.reasons), refused.value.reasons
    assert everything() == before and PhoneImport.objects.get().state == "applied"


def test_looking_at_a_new_phone_does_not_stop_its_undo(office: RowOffice, now: datetime) -> None:
    before = everything()
    one = brought(WIDE, *WIDE_LINES, now=now, take_over=True)
    new = Phone.objects.get(name="New")
    order(new, OrderKind.DOCTOR, now)
    note_passcode_refused(phone_id=new.pk, at=now)
    undo(one, now + HOUR)
    assert everything() == before


def test_a_new_phone_on_which_calls_were_heard_is_not_taken_away(office: RowOffice, now: datetime) -> None:
    one = brought(HEAD, "A,10.0.0.1,,1,7,PJSIP/7,", now=now)
    call = Call.objects.create(pbx=office.pbx, linkedid="1.1", direction="inbound", started_at=now)
    Leg.objects.create(call=call, pbx=office.pbx, uniqueid="1.2", endpoint="PJSIP/7", phone=Phone.objects.get(name="A"))
    with pytest.raises(ImportProblem) as refused:
        undo(one, now)
    assert "A was used since" in refused.value.reasons[0] and Phone.objects.filter(name="A").exists()


def test_only_what_was_brought_in_is_undone_and_only_once(office: RowOffice, now: datetime) -> None:
    one = check(HEAD, "A,10.0.0.1,,1,,,", now=now)
    with pytest.raises(ImportProblem, match="only once"):
        undo(one, now)
    bring_in(one, now)
    undo(one, now)
    with pytest.raises(ImportProblem, match="only once"):
        undo(one, now)


def test_two_files_are_undone_one_after_the_other(office: RowOffice, now: datetime) -> None:
    before = everything()
    first = brought("phone,address,passcode", f"Phone 201,,{CANARY}", f"A,10.0.0.1,{CANARY}", now=now)
    second = brought("phone,passcode", "Phone 201,1", "A,2", now=now)
    with pytest.raises(ImportProblem, match="Not undone"):
        undo(first, now)
    undo(second, now)
    undo(first, now)
    assert everything() == before


def test_after_a_change_of_the_products_key_passcodes_are_not_undone(
    office: RowOffice, now: datetime, settings: object
) -> None:
    one = brought("phone,passcode", f"Phone 201,{CANARY}", now=now)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    rotate(Phone, Phone._meta.get_field("passcode"))
    with pytest.raises(ImportProblem, match="Not undone"):
        undo(one, now)
    assert Phone.objects.get(name="Phone 201").passcode.reveal() == CANARY


def test_after_a_month_the_former_passcodes_are_forgotten(office: RowOffice, now: datetime) -> None:
    one = brought("phone,passcode", f"Phone 201,{CANARY}", now=now)
    former = PhoneImport.objects.get().undo[0]["before"]["passcode"]
    assert former in stored()
    imports.forget_old(now=now + timedelta(days=31))
    assert former not in stored()
    with pytest.raises(ImportProblem, match="nothing to undo"):
        undo(one, now + timedelta(days=31))


# --- many ---------------------------------------------------------------------------------------------------------
def many(count: int, *, bad: int = 0) -> list[str]:
    lines = [
        f"Tel {n},10.{n // 62500 + 1}.{n // 250 % 250}.{n % 250 + 1},,p{n},{n},PJSIP/m{n},many{n}" for n in range(count)
    ]
    for place in range(bad):
        at = place * (count // bad)
        lines[at] = lines[at].replace("many", "nobody")
    return [HEAD, *lines]


def queries_for(count: int, now: datetime) -> list[int]:
    """Of a check, of bringing in and of the undo."""
    with CaptureQueriesContext(connection) as checking:
        one = check(*many(count), now=now)
    with CaptureQueriesContext(connection) as bringing:
        bring_in(one, now)
    with CaptureQueriesContext(connection) as undoing:
        undo(one, now)
    return [len(queries) for queries in (checking, bringing, undoing)]


def test_a_hundred_rows_ask_as_few_questions_as_ten(office: RowOffice, now: datetime) -> None:
    User.objects.bulk_create([User(username=f"many{n}", password="!") for n in range(100)])
    few, more = queries_for(10, now), queries_for(100, now)
    assert more == few and few[0] <= 12 and few[1] <= 20 and few[2] <= 40


def test_two_thousand_seats_with_fifty_bad_rows(office: RowOffice, now: datetime, capsys: object) -> None:
    """Two thousand phones and seats, fifty for people who do not exist; then everybody moves, and all is undone."""
    User.objects.bulk_create([User(username=f"many{n}", password="!") for n in range(2000)])
    before, began, times = everything(), time.perf_counter(), []
    one = check(*many(2000, bad=50), now=now)
    times.append(("check", time.perf_counter() - began))
    assert one.summary["good"] == 1950 and one.summary["bad"] == 50 and len(one.problems) == 50
    with pytest.raises(ImportProblem):
        bring_in(one, now)
    assert Phone.objects.count() == 3

    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        bring_in(one, now, leave_bad_out=True)
    times.append(("bring in", time.perf_counter() - began))
    assert Phone.objects.count() == 1953 and Assignment.objects.count() == 1953 and len(queries) < 40

    began = time.perf_counter()
    ring = ["phone,user", *(f"Tel {n},many{(n + 1) % 2000}" for n in range(2000))]
    moved = check(*ring, now=now + HOUR, move=True, take_over=True)
    bring_in(moved, now + HOUR, leave_bad_out=True)
    times.append((f"move {moved.summary['seats_new']}", time.perf_counter() - began))
    undo(moved, now + 2 * HOUR)

    began = time.perf_counter()
    with CaptureQueriesContext(connection) as queries:
        undo(one, now + 2 * HOUR)
    times.append(("undo", time.perf_counter() - began))
    assert everything() == before and len(queries) < 80
    with capsys.disabled():
        print("\n" + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in times))
