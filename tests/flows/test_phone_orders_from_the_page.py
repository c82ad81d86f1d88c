"""From the button on a page to the phone and back to the page, with a worker's code in a thread of its own."""

import re
import threading
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, User
from phones.models import DeviceOrder, Phone
from phones.seats import release_phone
from tasks.device_control import carry_out_order
from tests.support.canned_phone import CannedPhone, canned_phones, lines
from tests.support.office import make_office
from tests.support.processes import eventually

ADMIN = "CANARY-admin-from-the-page"


@pytest.fixture
def canned(transactional_db: None) -> Iterator[CannedPhone]:
    with canned_phones(1) as phones:
        yield phones[0]


@pytest.fixture
def phone(canned: CannedPhone) -> Phone:
    return make_office(phone_ports=(canned.port,)).phones[0]


@pytest.fixture
def boss(phone: Phone) -> Client:
    user = User.objects.create_user("boss", password="x", role=Role.ADMINISTRATOR)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["reboot_phone", "reset_phone"]))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def worker() -> Iterator[threading.Thread]:
    """Waits for the order that the page writes down, and carries it out."""

    def work() -> None:
        try:
            eventually(lambda: DeviceOrder.objects.exists(), seconds=20)
            carry_out_order(DeviceOrder.objects.get().pk)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    yield thread
    if thread.ident:
        thread.join(20)


def confirm(client: Client, phone: Phone, kind: str, **fields: str):
    address = f"/phones/{phone.pk}/order/{kind}"
    found = re.search(r'name="confirmation" value="([^"]+)"', client.get(address).content.decode())
    assert found
    return client.post(address, {"typed_name": phone.name, "confirmation": found[1], **fields})


def told(client: Client, phone: Phone) -> str:
    page = client.get(f"/phones/{phone.pk}/now").content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_factory_reset_reaches_the_phone_once_with_the_typed_passcode(
    canned: CannedPhone, phone: Phone, boss: Client, worker: threading.Thread
) -> None:
    canned.answers["api-sys_operation"] = {"response": "success", "body": "reset"}
    worker.start()
    assert confirm(boss, phone, "reset", admin_passcode=ADMIN).status_code == 302
    worker.join(20)
    sent = [values for function, values in canned.asked if function == "api-sys_operation"]
    assert [values["request"] for values in sent] == ["RESET"] and sent[0]["passcode"] == ADMIN
    page = told(boss, phone)
    assert "Factory reset" in page and "Sent, not proven" in page and ADMIN not in page


def test_a_restart_is_sent_once_and_not_called_done(
    canned: CannedPhone, phone: Phone, boss: Client, worker: threading.Thread
) -> None:
    worker.start()
    confirm(boss, phone, "reboot")
    worker.join(20)
    assert canned.deeds() == ["api-sys_operation"] and "Sent, not proven" in told(boss, phone)


def test_a_call_that_came_after_the_confirmation_stops_the_restart(
    canned: CannedPhone, phone: Phone, boss: Client, worker: threading.Thread
) -> None:
    canned.answers["api-get_line_status"] = lines("idle", "ringing")
    worker.start()
    assert confirm(boss, phone, "reboot").status_code == 302  # nobody knew of it yet
    worker.join(20)
    assert canned.deeds() == [] and DeviceOrder.objects.get().state in ("refused", "failed")
    assert "Restart" in told(boss, phone)


def test_keys_are_pressed_and_a_check_shows_what_the_phone_said(
    canned: CannedPhone, phone: Phone, boss: Client
) -> None:
    release_phone(phone=phone, at=utc_now())
    boss.post(f"/phones/{phone.pk}/keys", {"keys": "VUP:VUP", "key": "k1"})
    carry_out_order(DeviceOrder.objects.get().pk)
    assert [values["keys"] for function, values in canned.asked if function == "api-send_key"] == ["VUP:VUP"]
    canned.answers["api-get_line_status"] = lines("idle", "onhold")
    boss.post(f"/phones/{phone.pk}/check", {"key": "k2"})
    carry_out_order(DeviceOrder.objects.get(kind="look").pk)
    page = told(boss, phone)
    assert "2 On hold" in page and "Done" in page and "Asked at" in page
