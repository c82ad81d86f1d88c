"""Which firmware is too old for commands: by whoever told last, for any number of phones, in few queries."""

from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.common.clock import utc_now
from crmconnector.web.fleet import found_phones, phones_with_old_firmware
from phones.models import Phone
from tests.support.office import RowOffice
from tests.web.test_phones import cell, names_in, page_of


def told_by_pbx(phone: Phone, user_agent: str, **when: int) -> None:
    phone.accounts.update(user_agent=user_agent, contact_seen_at=utc_now() - timedelta(**when))


def test_firmware_is_judged_by_whoever_spoke_last(office: RowOffice, administrator: Client) -> None:
    typed_old, updated, typed_later = office.phones
    for phone, firmware in ((typed_old, "1.0.5.12"), (updated, "1.0.5.12"), (typed_later, "1.0.13.24")):
        at = utc_now() - timedelta(hours=1)
        Phone.objects.filter(pk=phone.pk).update(firmware=firmware, identity_typed_at=at)
    told_by_pbx(updated, "Grandstream GRP2614 1.0.13.24", minutes=1)
    told_by_pbx(typed_later, "Grandstream GRP2614 1.0.5.12", hours=5)
    assert phones_with_old_firmware() == {typed_old.pk}
    page = page_of(administrator, "/phones?show=firmware")
    assert names_in(page) == ["Phone 201"] and "needs 1.0.9.22 or newer" in cell(page, "firmware", typed_old)
    everything = page_of(administrator, "/phones")
    assert "1.0.13.24" in cell(everything, "firmware", updated)


def test_firmware_that_nobody_told_is_unknown_and_not_old(office: RowOffice, administrator: Client) -> None:
    assert phones_with_old_firmware() == set()
    assert "unknown" in cell(page_of(administrator, "/phones"), "firmware", office.phones[0])


def test_a_model_that_is_not_in_the_table_is_not_called_old(office: RowOffice, administrator: Client) -> None:
    Phone.objects.filter(pk=office.phones[0].pk).update(model="GXP2170", firmware="1.0.0.1")
    assert phones_with_old_firmware() == set()
    assert "not in our table" in cell(page_of(administrator, "/phones"), "firmware", office.phones[0])


def test_a_phone_without_account_can_have_old_firmware_too(office: RowOffice) -> None:
    phone = Phone.objects.create(
        name="Bare", address="127.0.0.1", port=8300, passcode="x", model="GRP2614", firmware="1.0.1.1"
    )
    assert list(found_phones(show="firmware", at=utc_now())) == [phone]


def test_versions_are_sorted_as_numbers_and_the_unknown_last(office: RowOffice, administrator: Client) -> None:
    for phone, firmware in zip(office.phones, ("1.0.13.24", "1.0.9.22", ""), strict=True):
        Phone.objects.filter(pk=phone.pk).update(firmware=firmware)
    assert names_in(page_of(administrator, "/phones?sort=firmware")) == ["Phone 202", "Phone 201", "Phone 203"]
    assert names_in(page_of(administrator, "/phones?sort=-firmware")) == ["Phone 201", "Phone 202", "Phone 203"]


def test_the_old_ones_of_five_thousand_are_found_in_few_queries(office: RowOffice) -> None:
    Phone.objects.bulk_create(
        Phone(name=f"P{n}", model="GRP2614", firmware="1.0.9.10" if n % 100 == 0 else "1.0.13.24",
              address="127.0.0.2", port=n + 1, passcode="x")
        for n in range(5000)
    )  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        old = phones_with_old_firmware()
    assert len(old) == 50 and len(queries) == 3  # what there is, the suspects, their accounts
    assert len(queries[2]["sql"]) < 1000  # of the suspects alone
