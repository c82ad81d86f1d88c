"""A checked file is brought in whole or not at all, once, and its secrets go with it."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from crmconnector.listener.management.commands.rotate_keys import rotate
from crmconnector.pbx.models import Pbx
from crmconnector.users.models import User
from phones.imports.services import ImportProblem
from phones.models import Phone, PhoneImport
from phones.seats import bulk_release
from phones.services import assign_phone
from tests.support.office import RowOffice, add_phone
from tests.support.phone_files import CANARY, HEAD, bring_in, brought, check, everything, stored


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
def test_passcodes_of_a_checked_file_lie_sealed_and_go_once_it_is_brought_in(office: RowOffice, now: datetime) -> None:
    one = check(HEAD, *(f"Desk {n},10.0.1.{n},,{CANARY},,," for n in range(1, 61)), now=now)
    # A blank cannot stand in sealed text; three letters and digits do by chance, once in some runs.
    assert CANARY not in stored() and "Desk 17" not in str(one.undo) and len(one.undo) > 2
    bring_in(one, now)
    row = PhoneImport.objects.get()
    assert not row.rows and CANARY not in stored()
    assert Phone.objects.get(name="Desk 60").passcode.reveal() == CANARY


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
