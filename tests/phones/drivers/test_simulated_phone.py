"""The driver against simulated phones of every make, over real sockets."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.simulator.profiles import PROFILES
from crmconnector.simulator.running import RunningOffice, running_office
from phones.drivers.base import Limits, LineWord, PhoneAddress, PhoneDriver, PhoneWord
from phones.drivers.errors import CredentialRefused, PhoneError, Reason, Refused, Unclear
from phones.drivers.registry import open_driver

DESK = "204"
CALLER = "+493012345678"
DEADLINE_SECONDS = 10.0


@pytest.fixture
def office() -> Iterator[RunningOffice]:
    with running_office(speed=20.0) as running:
        yield running
        assert [wire for wire in running.tripwires() if wire["kind"] != "locked_out"] == []


def desk(office: RunningOffice, passcode: str | None = None, total_seconds: float = 3.0) -> PhoneDriver:
    known = next(phone.user_passcode for phone in office.story.phones if phone.extension == DESK)
    return open_driver(
        "grandstream",
        PhoneAddress("http", "127.0.0.1", office.phone_port(DESK)),
        Secret(known if passcode is None else passcode),
        policy=AddressPolicy(["127.0.0.0/8"], allowed_ports=None),
        limits=Limits(total_seconds=total_seconds),
    )


def make_it(office: RunningOffice, profile: str) -> None:
    flags = asdict(PROFILES[profile])
    del flags["line_count"]
    office.profile(DESK, **flags)


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "it did not come true"
        time.sleep(0.02)


def has(phone: PhoneDriver, state: LineWord) -> bool:
    return any(line.state is state for line in phone.line_status())


def failure(deed: Callable[[], object]) -> tuple[type[PhoneError], Reason]:
    with pytest.raises(PhoneError) as caught:
        deed()
    return type(caught.value), caught.value.reason


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("bool_style", ["json", "text"])
def test_a_phone_of_every_make_rings_and_is_answered(office: RunningOffice, profile: str, bool_style: str) -> None:
    make_it(office, profile)
    office.profile(DESK, bool_style=bool_style)
    phone = desk(office)
    assert phone.phone_status().state is PhoneWord.AVAILABLE
    assert {line.state for line in phone.line_status()} == {LineWord.IDLE}
    office.incoming(CALLER, "Zoë", target=DESK)
    until(lambda: has(phone, LineWord.RINGING))
    [ringing] = [line for line in phone.line_status() if line.state is LineWord.RINGING]
    assert (ringing.remote_number, ringing.remote_name) == (CALLER, "Zoë")
    assert phone.phone_status().state in (PhoneWord.RINGING, PhoneWord.BUSY)
    phone.accept_call()
    until(lambda: has(phone, LineWord.CONNECTED))


@pytest.mark.parametrize("profile", [name for name, make in PROFILES.items() if not make.needs_handset])
def test_a_phone_of_every_make_dials(office: RunningOffice, profile: str) -> None:
    make_it(office, profile)
    phone = desk(office)
    phone.make_call("+4930999000", account=1)
    until(lambda: has(phone, LineWord.CONNECTED))
    [line] = [line for line in phone.line_status() if line.state is LineWord.CONNECTED]
    assert line.remote_number == "+4930999000"


def test_nothing_to_answer_is_a_no(office: RunningOffice) -> None:
    assert failure(desk(office).accept_call) == (Refused, Reason.SAID_NO)


def test_without_click_to_dial_the_hint_names_the_switch(office: RunningOffice) -> None:
    make_it(office, "grp260x")
    office.profile(DESK, click_to_dial=False)
    assert failure(lambda: desk(office).make_call("3501")) == (Refused, Reason.SAID_NO_CLICK_TO_DIAL)


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("unauth_success_body", (CredentialRefused, Reason.UNAUTHORIZED)),
        ("unauth_401_html", (CredentialRefused, Reason.UNAUTHORIZED)),
        ("forbid_403_html", (CredentialRefused, Reason.FORBIDDEN)),
        ("error_failed_json", (Refused, Reason.SAID_NO)),
        ("silent", (Unclear, Reason.NO_ANSWER)),
    ],
)
def test_a_phone_that_does_not_allow_us_gets_one_request(
    office: RunningOffice, mode: str, outcome: tuple[type[PhoneError], Reason]
) -> None:
    office.profile(DESK, action_uri=False, deny_mode=mode)
    assert failure(desk(office, total_seconds=0.5).accept_call) == outcome
    assert len(office.journal(DESK)) == 1


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("error_wrong_count", Reason.WRONG_PASSCODE),
        ("unauth_success_body", Reason.UNAUTHORIZED),
        ("unauth_401_html", Reason.UNAUTHORIZED),
    ],
)
def test_one_wrong_passcode_is_exactly_one_request(office: RunningOffice, mode: str, reason: Reason) -> None:
    office.profile(DESK, badpass_mode=mode)
    assert failure(desk(office, passcode="wrong&passcode=x").accept_call) == (CredentialRefused, reason)
    assert len(office.journal(DESK)) == 1


def test_a_locked_phone_refuses_even_the_right_passcode(office: RunningOffice) -> None:
    office.profile(DESK, attempt_limit=1)
    failure(desk(office, passcode="wrong").phone_status)
    assert failure(desk(office).phone_status) == (CredentialRefused, Reason.LOCKED_OUT)


@pytest.mark.parametrize(
    ("fault", "reason", "dialled"),
    [
        *[("silent", Reason.NO_ANSWER, False), ("close", Reason.NOT_HTTP, False)],
        *[("html", Reason.NOT_THE_EXPECTED_JSON, False), ("error_500", Reason.SERVER_ERROR, False)],
        *[("redirect", Reason.REDIRECTED, False), ("slow", Reason.NO_ANSWER, True)],
        *[("truncated", Reason.NOT_THE_EXPECTED_JSON, True), ("cut_off", Reason.NOT_HTTP, True)],
        *[("big_body", Reason.TOO_LARGE, True), ("effect_no_answer", Reason.NO_ANSWER, True)],
    ],
)
def test_a_doubtful_answer_is_told_as_doubtful_and_sent_once(
    office: RunningOffice, fault: str, reason: Reason, dialled: bool
) -> None:
    office.fault(DESK, fault, seconds=60.0)
    assert failure(lambda: desk(office, total_seconds=0.6).make_call("3501")) == (Unclear, reason)
    [request] = office.journal(DESK)
    assert (request["effect"] == "dialing") == dialled


def test_success_is_a_hint_and_the_lines_tell_the_truth(office: RunningOffice) -> None:
    office.fault(DESK, "success_no_effect")
    phone = desk(office)
    phone.make_call("3501")
    assert phone.phone_status().state is PhoneWord.AVAILABLE
