"""Rights over phones on the page of a person: given by name, by those who have them, and recorded."""

import re

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.users.models import Role, User
from crmconnector.web import phone_acts
from tests.support.office import RowOffice
from tests.web.test_phone_orders import grant, place


@pytest.fixture
def may_all(boss: User) -> User:
    grant(boss, *phone_acts.RIGHTS)
    return boss


def person(user: User, **changes: object) -> dict[str, object]:
    fields = {"full_name": user.display_name, "username": user.username, "role": user.role, "is_active": "on"}
    return {**fields, **changes}


@pytest.fixture
def colleague(office: RowOffice) -> User:
    return User.objects.create_user("colleague", full_name="Col League", password="x", role=Role.ADMINISTRATOR)


def rights(user: User) -> set[str]:
    return phone_acts.rights_of(User.objects.get(pk=user.pk))


def test_rights_are_given_and_taken_by_name_and_recorded(administrator: Client, may_all: User, colleague: User) -> None:
    address = f"/people/{colleague.pk}/edit"
    administrator.post(address, person(colleague, phone_rights=["reboot_phone", "lock_phone"]))
    assert rights(colleague) == {"reboot_phone", "lock_phone"}
    assert AuditEvent.objects.get(action="user.changed").details["rights_given"] == ["lock_phone", "reboot_phone"]
    AuditEvent.objects.all()._raw_delete("default")
    administrator.post(address, person(colleague, phone_rights=["lock_phone"]))
    assert rights(colleague) == {"lock_phone"}
    assert AuditEvent.objects.get(action="user.changed").details["rights_taken"] == ["reboot_phone"]
    page = administrator.get(address).content.decode()
    assert re.search(r'value="lock_phone"[^>]*checked', page) and not re.search(
        r'value="reboot_phone"[^>]*checked', page
    )


def test_nobody_gives_what_they_do_not_have(administrator: Client, boss: User, colleague: User) -> None:
    grant(boss, "lock_phone")
    holder = User.objects.create_user("holder", full_name="Ho Lder", password="x", role=Role.ADMINISTRATOR)
    grant(holder, "reset_phone", "reboot_phone")
    grant(colleague, "reboot_phone")
    address = f"/people/{colleague.pk}/edit"
    page = administrator.get(address).content.decode()
    assert re.search(r'value="reset_phone"[^>]*disabled', page) and "Ho Lder" in page
    assert not re.search(r'value="lock_phone"[^>]*disabled', page)
    administrator.post(address, person(colleague, phone_rights=["reset_phone", "lock_phone"]))
    assert rights(colleague) == {"lock_phone", "reboot_phone"}  # not given reset, and reboot not taken either


def test_nobody_raises_themself(administrator: Client, boss: User, colleague: User) -> None:
    grant(colleague, *phone_acts.RIGHTS)
    administrator.post(f"/people/{boss.pk}/edit", person(boss, full_name="Boss", phone_rights=list(phone_acts.RIGHTS)))
    assert rights(boss) == set()


def test_a_right_that_nobody_has_can_still_be_given(administrator: Client, boss: User, colleague: User) -> None:
    assert phone_acts.grantable_by(boss) == set(phone_acts.RIGHTS)
    administrator.post(f"/people/{colleague.pk}/edit", person(colleague, phone_rights=["reset_phone"]))
    assert rights(colleague) == {"reset_phone"} and "reset_phone" not in phone_acts.grantable_by(boss)


def test_who_is_no_administrator_any_more_keeps_no_right(administrator: Client, may_all: User, colleague: User) -> None:
    grant(colleague, "reboot_phone")
    administrator.post(f"/people/{colleague.pk}/edit", person(colleague, role="agent", phone_rights=["reboot_phone"]))
    assert not User.objects.get(pk=colleague.pk).user_permissions.exists()


def test_the_first_administrator_has_all_of_them(office: RowOffice) -> None:
    first = User.objects.create_superuser("first", password="x")
    client = Client()
    client.force_login(first)
    assert phone_acts.rights_of(first) == set(phone_acts.RIGHTS)
    assert client.get(place(office.phones[0], "reset")).status_code == 200
    page = client.get(f"/people/{first.pk}/edit").content.decode()
    assert len(re.findall(r'name="phone_rights"[^>]*checked[^>]*disabled', page)) == 3
    client.post(f"/people/{first.pk}/edit", person(first, full_name="First", role="administrator"))
    assert rights(first) == set(phone_acts.RIGHTS)
