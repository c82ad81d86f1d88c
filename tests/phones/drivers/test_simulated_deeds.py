"""Every deed of the driver against a simulated phone: what it says it did is what the lines show afterwards."""

from collections.abc import Iterator

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.simulator.running import RunningOffice, running_office
from phones.drivers.base import KeyPlan, LineWord, MuteKey, PhoneAddress, PhoneDriver
from phones.drivers.errors import NothingSent, PhoneError, Reason, Refused
from phones.drivers.registry import open_driver
from tests.support.processes import eventually

DESK = "204"
CALLER = "+493012345678"


@pytest.fixture
def office() -> Iterator[RunningOffice]:
    with running_office(speed=20.0) as running:
        yield running


@pytest.fixture
def phone(office: RunningOffice) -> PhoneDriver:
    passcode = next(phone.user_passcode for phone in office.story.phones if phone.extension == DESK)
    address = PhoneAddress("http", "127.0.0.1", office.phone_port(DESK))
    policy = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
    return open_driver("grandstream", address, Secret(passcode), policy=policy)


def words(phone: PhoneDriver) -> set[LineWord]:
    return {line.state for line in phone.line_status()} - {LineWord.IDLE}


def shows(phone: PhoneDriver, *expected: LineWord) -> None:
    eventually(lambda: words(phone) == set(expected), what=lambda: words(phone))


def talking(office: RunningOffice, phone: PhoneDriver) -> None:
    office.incoming(CALLER, "Zoë", target=DESK)
    shows(phone, LineWord.RINGING)
    phone.accept_call()
    shows(phone, LineWord.CONNECTED)


def test_a_call_is_refused(office: RunningOffice, phone: PhoneDriver) -> None:
    office.incoming(CALLER, "Zoë", target=DESK)
    shows(phone, LineWord.RINGING)
    phone.reject_call(lines=phone.line_status())
    shows(phone)


def test_a_call_is_held_taken_back_and_hung_up(office: RunningOffice, phone: PhoneDriver) -> None:
    talking(office, phone)
    phone.hold_call(lines=phone.line_status())
    shows(phone, LineWord.ON_HOLD)
    with pytest.raises(NothingSent) as caught:
        phone.hold_call(lines=phone.line_status())
    assert caught.value.reason is Reason.NOTHING_TO_HOLD
    phone.resume_call(lines=phone.line_status())
    shows(phone, LineWord.CONNECTED)
    phone.end_call(lines=phone.line_status())
    shows(phone)


def test_a_call_that_is_being_dialled_is_taken_back(office: RunningOffice, phone: PhoneDriver) -> None:
    office.far_end("+4930999000", "answer", after_seconds=600.0)
    phone.make_call("+4930999000")
    shows(phone, LineWord.CALLING)
    phone.cancel_call(lines=phone.line_status())
    shows(phone)


def test_accounts_are_told(phone: PhoneDriver) -> None:
    assert phone.accounts()[0].registered is True


@pytest.mark.parametrize("strict_colon", [False, True])
def test_a_number_is_dialled_by_its_keys(office: RunningOffice, phone: PhoneDriver, strict_colon: bool) -> None:
    office.profile(DESK, strict_colon=strict_colon)
    phone.send_keys(["3", "5", "0", "1", "SEND"], lines=phone.line_status(), plan=KeyPlan())
    eventually(lambda: words(phone) & {LineWord.CALLING, LineWord.CONNECTED}, what=lambda: words(phone))
    assert [line.remote_number for line in phone.line_status() if line.state is not LineWord.IDLE] == ["3501"]


def test_do_not_disturb_is_the_mute_key_of_an_idle_phone(office: RunningOffice, phone: PhoneDriver) -> None:
    plan = KeyPlan(mute_key=MuteKey.DO_NOT_DISTURB)
    phone.send_keys(["DND"], lines=phone.line_status(), plan=plan)
    assert "keys=MUTE" in str(office.journal(DESK)[-1])


def test_a_key_that_has_come_too_late_is_the_phones_own_no(office: RunningOffice, phone: PhoneDriver) -> None:
    talking(office, phone)
    seen = phone.line_status()
    phone.end_call(lines=seen)
    shows(phone)
    with pytest.raises(Refused) as caught:
        phone.send_keys(["HOLD"], lines=seen, plan=KeyPlan())
    assert caught.value.reason is Reason.KEY_NOT_ACCEPTED


def test_a_locked_keypad_is_unlocked_again(office: RunningOffice, phone: PhoneDriver) -> None:
    phone.lock_keypad(lines=phone.line_status())
    phone.unlock_keypad()
    assert [row["path"] for row in office.journal(DESK)].count("/cgi-bin/api-send_key") == 2


def test_a_restart_takes_the_phone_away(phone: PhoneDriver) -> None:
    def is_away() -> bool:
        try:
            phone.line_status()
        except PhoneError:
            return True
        return False

    phone.reboot(lines=phone.line_status())
    eventually(is_away)
