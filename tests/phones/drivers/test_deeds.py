"""Every deed of the driver: what the lines must show, what goes out, and which answers count."""

import inspect
import json
from collections.abc import Callable

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import (
    KeyPlan,
    Limits,
    Lines,
    LineState,
    LineWord,
    MuteKey,
    PhoneAddress,
    PhoneDriver,
    Support,
    Verb,
)
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused, Unclear
from phones.drivers.grandstream.driver import GrandstreamDriver
from tests.support.raw_phone import answers, closes, phone_that, resets, waits_for_ever

PASSCODE, ADMIN = "p&a#s s+é%", "CANARY-admin&passcode=x"
QUOTED, QUOTED_ADMIN = "p%26a%23s%20s%2B%C3%A9%25", "CANARY-admin%26passcode%3Dx"
PLAN = KeyPlan(mute_key=MuteKey.DO_NOT_DISTURB)
WORDS = {
    "idle": LineWord.IDLE,
    "rings": LineWord.RINGING,
    "dials": LineWord.DIALING,
    "calls": LineWord.CALLING,
    "talks": LineWord.CONNECTED,
    "held": LineWord.ON_HOLD,
    "failed": LineWord.FAILED,
    "strange": LineWord.BUSY_UNKNOWN,
}
Deed = Callable[[PhoneDriver, Lines], object]


def lines(words: str) -> Lines:
    return tuple(LineState(number, WORDS[word]) for number, word in enumerate(words.split(), start=1))


def driver_for(port: int) -> GrandstreamDriver:
    policy = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
    limits = Limits(total_seconds=1.0)
    return GrandstreamDriver(PhoneAddress("http", "127.0.0.1", port), Secret(PASSCODE), policy=policy, limits=limits)


def success(body: object) -> str:
    return json.dumps({"response": "success", "body": body})


# name: (the deed, lines in which it may be done, what goes out after the passcode, the body that means yes)
DEEDS: dict[str, tuple[Deed, str, str, object]] = {
    "accept": (lambda phone, _: phone.accept_call(), "rings", "api-phone_operation?{}&cmd=acceptcall", True),
    "reject": (
        lambda phone, seen: phone.reject_call(lines=seen),
        "rings talks idle",
        "api-phone_operation?{}&cmd=rejectcall",
        True,
    ),
    "end": (
        lambda phone, seen: phone.end_call(lines=seen),
        "idle talks",
        "api-phone_operation?{}&cmd=endcall",
        True,
    ),
    "hold": (
        lambda phone, seen: phone.hold_call(lines=seen),
        "talks idle",
        "api-phone_operation?{}&cmd=holdcall",
        True,
    ),
    "resume": (
        lambda phone, seen: phone.resume_call(lines=seen),
        "held idle",
        "api-phone_operation?{}&cmd=holdcall",
        True,
    ),
    "cancel": (
        lambda phone, seen: phone.cancel_call(lines=seen),
        "calls idle",
        "api-phone_operation?{}&cmd=cancel",
        True,
    ),
    "keys": (
        lambda phone, seen: phone.send_keys(["1", "0", "#", "SEND"], lines=seen, plan=PLAN),
        "idle idle",
        "api-send_key?{}&keys=1:0:%23:SEND",
        "complete",
    ),
    "star": (
        lambda phone, seen: phone.send_keys(["*", "STAR", "POUND"], lines=seen, plan=PLAN),
        "talks",
        "api-send_key?{}&keys=*:STAR:%23",
        "complete",
    ),
    "do not disturb": (
        lambda phone, seen: phone.send_keys(["DND"], lines=seen, plan=PLAN),
        "idle idle",
        "api-send_key?{}&keys=MUTE",
        "complete",
    ),
    "lock": (lambda phone, seen: phone.lock_keypad(lines=seen), "idle", "api-send_key?{}&keys=LOCK", "complete"),
    "unlock": (lambda phone, _: phone.unlock_keypad(), "talks", "api-send_key?{}&keys=UNLOCK", "complete"),
    "reboot": (
        lambda phone, seen: phone.reboot(lines=seen),
        "idle",
        "api-sys_operation?{}&request=REBOOT",
        "savereboot",
    ),
    "reset": (
        lambda phone, seen: phone.reset(admin_passcode=Secret(ADMIN), lines=seen),
        "idle",
        "api-sys_operation?{}&request=RESET",
        "reset",
    ),
    "call": (lambda phone, _: phone.make_call("3501"), "idle", "api-make_call?{}&phonenumber=3501", True),
    "call by plan": (
        lambda phone, _: phone.make_call("3501", account=2, dial_plan="dialing_2"),
        "idle",
        "api-make_call?{}&phonenumber=3501&account=1&dialplan=dialing_2",
        True,
    ),
}


@pytest.mark.parametrize(("deed", "words", "target", "body"), DEEDS.values(), ids=DEEDS)
def test_a_deed_is_one_request_as_the_guide_writes_it(deed: Deed, words: str, target: str, body: object) -> None:
    passcode = QUOTED_ADMIN if target.endswith("RESET") else QUOTED
    with phone_that(answers(success(body))) as phone:
        deed(driver_for(phone.port), lines(words))
    [request] = phone.requests
    first_line = request.decode("ascii").split("\r\n")[0]
    assert first_line == f"GET /cgi-bin/{target.format('passcode=' + passcode)} HTTP/1.1"


@pytest.mark.parametrize(("deed", "words", "target", "body"), DEEDS.values(), ids=DEEDS)
def test_success_with_another_body_than_the_deeds_own_is_unclear(
    deed: Deed, words: str, target: str, body: object
) -> None:
    fitting = {True, "true", "complete"} if body is True else {body}
    for said in {True, "true", "complete", "savereboot", "reset", "available", "", None} - fitting:
        with phone_that(answers(success(said))) as phone, pytest.raises(Unclear) as caught:
            deed(driver_for(phone.port), lines(words))
        assert (caught.value.reason, phone.connections) == (Reason.NOT_THE_EXPECTED_JSON, 1)


@pytest.mark.parametrize(("deed", "words", "target", "body"), DEEDS.values(), ids=DEEDS)
def test_a_connection_lost_after_the_request_may_have_been_the_deed(
    deed: Deed, words: str, target: str, body: object
) -> None:
    for script in (closes, resets, waits_for_ever):
        with phone_that(script) as phone, pytest.raises(Unclear):
            deed(driver_for(phone.port), lines(words))
        assert len(phone.requests) == phone.connections == 1


NOS = {
    "reboot": Reason.RESTART_NOT_ACCEPTED,
    "reset": Reason.RESET_NOT_ACCEPTED,
    **dict.fromkeys(["keys", "star", "do not disturb", "lock", "unlock"], Reason.KEY_NOT_ACCEPTED),
    **dict.fromkeys(["call", "call by plan"], Reason.SAID_NO_CLICK_TO_DIAL),
}


@pytest.mark.parametrize("name", DEEDS)
def test_a_no_of_the_phone_is_told_in_the_words_of_the_deed(name: str) -> None:
    deed, words, _, _ = DEEDS[name]
    for no in ('{"response":"error","body":"unknown"}', '{"response":"error","body":false}', success("failed")):
        with phone_that(answers(no)) as phone, pytest.raises(Refused) as caught:
            deed(driver_for(phone.port), lines(words))
        assert (caught.value.reason, phone.connections) == (NOS.get(name, Reason.SAID_NO), 1)


@pytest.mark.parametrize("name", DEEDS)
def test_a_refused_passcode_stops_every_deed_after_one_request(name: str) -> None:
    deed, words, _, _ = DEEDS[name]
    with phone_that(answers(success("unauthorized"))) as phone, pytest.raises(CredentialRefused):
        deed(driver_for(phone.port), lines(words))
    assert phone.connections == 1


REFUSED_BY_LINES = [
    *[("reject", words, Reason.NOTHING_RINGS) for words in ("idle", "talks", "calls", "strange")],
    *[("reject", "rings rings", Reason.SEVERAL_RING), ("reject", "", Reason.LINES_UNKNOWN)],
    *[("end", words, Reason.NOTHING_TO_END) for words in ("idle idle", "rings idle")],
    *[("end", words, Reason.SEVERAL_CALLS) for words in ("talks held", "talks rings", "talks strange", "held calls")],
    *[("end", "talks talks", Reason.SEVERAL_CALLS), ("end", "", Reason.LINES_UNKNOWN)],
    *[("hold", words, Reason.NOTHING_TO_HOLD) for words in ("idle", "held", "rings", "calls", "strange")],
    *[("hold", words, Reason.SEVERAL_CALLS) for words in ("talks talks", "talks strange")],
    *[("resume", words, Reason.NOTHING_TO_RESUME) for words in ("idle", "talks", "rings", "strange")],
    *[("resume", words, Reason.IN_A_CALL) for words in ("held talks", "held calls", "held dials", "held strange")],
    *[("resume", "held held", Reason.SEVERAL_CALLS), ("hold", "", Reason.LINES_UNKNOWN)],
    *[("cancel", words, Reason.NOTHING_TO_CANCEL) for words in ("idle", "talks", "held", "strange")],
    *[("cancel", words, Reason.SOMETHING_RINGS) for words in ("rings", "rings calls", "rings dials")],
    *[("cancel", words, Reason.SEVERAL_CALLS) for words in ("calls calls", "calls talks", "calls strange")],
    *[
        (deed, words, Reason.IN_A_CALL)
        for deed in ("lock", "reboot", "reset")
        for words in ("talks", "held idle", "idle rings", "idle failed", "idle strange", "dials", "calls")
    ],
    *[(deed, "", Reason.LINES_UNKNOWN) for deed in ("lock", "reboot", "reset", "keys", "resume", "cancel")],
    ("keys", "rings", Reason.KEY_AMBIGUOUS),
    ("do not disturb", "talks", Reason.KEY_NEEDS_IDLE),
]


@pytest.mark.parametrize(("name", "words", "reason"), REFUSED_BY_LINES)
def test_a_deed_that_would_be_another_one_is_refused_before_any_packet(name: str, words: str, reason: Reason) -> None:
    with phone_that(answers(success(DEEDS[name][3]))) as phone, pytest.raises(NothingSent) as caught:
        DEEDS[name][0](driver_for(phone.port), lines(words))
    assert (caught.value.reason, phone.connections) == (reason, 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *[("end", words) for words in ("talks", "held idle", "calls", "dials", "failed", "idle strange")],
        *[("hold", "talks held"), ("hold", "talks rings"), ("resume", "held rings"), ("resume", "held failed")],
        *[("cancel", "dials"), ("cancel", "calls held"), ("cancel", "calls failed")],
        *[("reject", "rings held"), ("reject", "rings strange")],
    ],
)
def test_other_calls_do_not_stand_in_the_way_where_it_is_certain_which_one_is_meant(name: str, words: str) -> None:
    with phone_that(answers(success(True))) as phone:
        DEEDS[name][0](driver_for(phone.port), lines(words))
    assert phone.connections == 1


@pytest.mark.parametrize("admin", ["", "x" * 129, "\ud800"])
def test_a_reset_without_a_usable_admin_passcode_does_not_fall_back_on_the_stored_one(admin: str) -> None:
    with phone_that(answers(success("reset"))) as phone, pytest.raises(NothingSent) as caught:
        driver_for(phone.port).reset(admin_passcode=Secret(admin), lines=lines("idle"))
    assert caught.value.reason in (Reason.ADMIN_PASSCODE_MISSING, Reason.PASSCODE_MISSING)
    assert phone.connections == 0


def test_the_admin_passcode_of_a_reset_is_used_once_and_kept_nowhere() -> None:
    with phone_that(answers(success("reset"))) as phone:
        driver = driver_for(phone.port)
        driver.reset(admin_passcode=Secret(ADMIN), lines=lines("idle"))
        driver.phone_status()
    kept = [value.reveal() for value in vars(driver._client).values() if isinstance(value, Secret)]
    assert kept == [PASSCODE]
    assert QUOTED.encode() in phone.requests[1]


@pytest.mark.parametrize(
    "plan", ["", "Dialing", "a b", "a&account=3", "x" * 21, "a\n", "ä", "../x", "a%26", b"dialing", 7], ids=ascii
)
def test_what_is_not_the_name_of_a_dial_plan_is_refused_before_any_byte(plan: str) -> None:
    with phone_that(answers(success(True))) as phone, pytest.raises(NothingSent) as caught:
        driver_for(phone.port).make_call("3501", dial_plan=plan)
    assert (caught.value.reason, phone.connections) == (Reason.DIAL_PLAN_REFUSED, 0)


ACCOUNTS = [
    {"id": 1, "sip_server": "testsipserver.com", "sip_id": "1234", "name": "test_account", "reg": 1, "auto_cfg": 0},
    {"id": "2", "sip_server": "", "sip_id": "", "name": "", "reg": 0},
]


def test_accounts_come_over_the_wire_as_the_guide_shows_them() -> None:
    with phone_that(answers(success(ACCOUNTS))) as phone:
        found = driver_for(phone.port).accounts()
    assert phone.requests[0].startswith(f"GET /cgi-bin/api-get_accounts?passcode={QUOTED} HTTP/1.1".encode())
    assert [(one.account, one.registered, one.sip_id, one.sip_server, one.name) for one in found] == [
        (1, True, "1234", "testsipserver.com", "test_account"),
        (2, False, "", "", ""),
    ]
    assert found[0].raw["auto_cfg"] == 0


def test_the_driver_has_a_method_for_every_verb_that_is_one() -> None:
    methods = {name for name, _ in inspect.getmembers(PhoneDriver, inspect.isfunction) if not name.startswith("_")}
    for verb in Verb:
        assert (verb.value in methods) == callable(getattr(GrandstreamDriver, verb.value, None))
    for name in methods:
        promised = list(inspect.signature(getattr(PhoneDriver, name)).parameters)
        assert list(inspect.signature(getattr(GrandstreamDriver, name)).parameters) == promised


def test_every_verb_says_honestly_how_it_is_done() -> None:
    support = driver_for(80).capabilities()
    assert set(support) == set(Verb)
    told = {verb: kind for verb, kind in support.items() if kind is not Support.NATIVE}
    assert told == {
        Verb.HOLD_CALL: Support.TOGGLE,
        Verb.RESUME_CALL: Support.TOGGLE,
        Verb.MUTE: Support.TOGGLE,
        Verb.BLIND_TRANSFER: Support.SEQUENCE,
        Verb.ATTENDED_TRANSFER: Support.SEQUENCE,
        Verb.CONFERENCE: Support.SEQUENCE,
        Verb.DTMF: Support.SEQUENCE,
        Verb.DO_NOT_DISTURB: Support.VIA_PBX,
    }


@pytest.mark.parametrize("name", DEEDS)
def test_nothing_a_deed_raises_shows_a_passcode(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    deed, words, _, _ = DEEDS[name]
    echo = json.dumps({"response": "error", "body": ADMIN + PASSCODE})
    for script in (answers(echo), answers(success(ADMIN)), closes):
        with phone_that(script) as phone, pytest.raises(PhoneError) as caught:
            deed(driver_for(phone.port), lines(words))
        frames, values = caught.value.__traceback__, ""
        while frames is not None:
            own = "/tests/" not in frames.tb_frame.f_code.co_filename
            values += repr(frames.tb_frame.f_locals) if own else ""
            frames = frames.tb_next
        shown = values + str(caught.value) + repr(caught.value) + caplog.text
        assert not [leak for leak in ("CANARY", QUOTED, PASSCODE, "passcode=") if leak in shown]
        assert caught.value.__context__ is None
