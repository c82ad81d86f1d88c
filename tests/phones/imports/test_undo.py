"""What a file brought in is taken back exactly, as long as nothing has changed since."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet

from crmconnector.calls.models import Call, Leg
from crmconnector.listener.management.commands.rotate_keys import rotate
from phones.imports import services as imports
from phones.imports.services import ImportProblem
from phones.models import DeviceOrder, OrderKind, Phone, PhoneImport, SipAccount
from phones.seats import bulk_release, swap_phones
from phones.services import assign_phone, note_passcode_refused, save_phone
from tests.support.office import RowOffice, add_phone
from tests.support.phone_files import CANARY, HEAD, HOUR, bring_in, brought, check, everything, sitting, stored, undo

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
