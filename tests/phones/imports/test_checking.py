"""A file of phones and seats is checked against what is there: what it would do, and what does not fit."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from crmconnector.pbx.models import Pbx
from crmconnector.users.models import User
from phones.models import Phone, SipAccount
from tests.support.office import RowOffice
from tests.support.phone_files import CANARY, HEAD, bring_in, brought, causes, check, everything


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
