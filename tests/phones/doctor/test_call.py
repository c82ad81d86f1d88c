"""The doctor's test call: one order to dial, an honest reading of the lines, and only our own call is taken back."""

from pathlib import Path

import pytest

from crmconnector.simulator.running import running_office
from phones.doctor import call as doctor_call
from phones.doctor.call import Moved, judge, may_be_dialled, try_call
from phones.doctor.checks import Verdict
from phones.doctor.examine import passcode_was_refused
from phones.drivers.base import LineState, LineWord
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused, Unclear
from tests.support.doctor_visit import dials, failed, lines_in_use, subject_at, told, visit
from tests.support.processes import eventually
from tests.support.simulated import small_story

PASS, CANNOT_TELL = Verdict.PASS, Verdict.CANNOT_TELL


@pytest.fixture
def office(tmp_path: Path):
    with running_office(small_story(tmp_path, phones=2)) as running:
        yield running


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    """How long the doctor waits for a line to move."""
    monkeypatch.setattr(doctor_call, "COMMAND_TRUTH_SECONDS", 1.5)


def test_without_an_extension_nothing_is_dialled(office):
    visit(office)
    assert dials(office) == []


@pytest.mark.parametrize("answered", [False, True])
def test_a_test_call_passes_both_and_is_taken_back(office, answered):
    if answered:
        office.far_end("202", "answer", 0.0)
    checks = visit(office, call="202")
    assert failed(checks) == [] and checks["pop_up"].verdict is checks["click_to_dial"].verdict is PASS
    assert len(dials(office)) == 1 and "taken back" in told(checks["click_to_dial"])
    eventually(lambda: lines_in_use(office) == [])


def test_a_call_that_fails_after_dialling_still_shows_that_it_dials(office):
    office.profile("201", registered=False)
    checks = visit(office, call="202")
    assert checks["pop_up"].verdict is checks["click_to_dial"].verdict is PASS
    assert len(dials(office)) == 1


@pytest.mark.parametrize(
    ("profile", "fails", "doubt"),
    [
        ({"popup": True, "popup_mode": "answer_at_once"}, ["pop_up"], "looks like this"),
        ({"popup": True, "popup_mode": "hold"}, ["pop_up"], "looks like this"),
        ({"popup": True, "popup_mode": "error"}, ["click_to_dial"], "can be answered the same way"),
        ({"click_to_dial": False}, ["click_to_dial"], "can be answered the same way"),
    ],
)
def test_a_pop_up_and_a_switched_off_click_to_dial_are_named_with_their_doubt(office, profile, fails, doubt):
    office.profile("201", **profile)
    checks = visit(office, call="202")
    assert failed(checks) == fails and doubt in told(checks[fails[0]])
    other = {"pop_up": "click_to_dial", "click_to_dial": "pop_up"}[fails[0]]
    assert checks[other].verdict is CANNOT_TELL
    if profile.get("popup_mode") == "hold":
        office.popup("201", False)  # the question still stands on the screen; only now the request has ended
        eventually(lambda: dials(office) != [])
    assert len(dials(office)) == 1 and lines_in_use(office) == []


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("effect_no_answer", PASS), ("truncated", PASS), ("big_body", PASS), ("cut_off", PASS),
        ("html", CANNOT_TELL), ("error_500", CANNOT_TELL), ("close", CANNOT_TELL),
    ],
)  # fmt: skip
def test_a_spoiled_answer_to_the_order_is_settled_by_the_lines_and_never_sent_again(office, kind, verdict):
    office.fault("201", kind, None, function="api-make_call")
    checks = visit(office, call="202")
    assert checks["pop_up"].verdict is checks["click_to_dial"].verdict is verdict
    assert len(dials(office)) == 1
    eventually(lambda: lines_in_use(office) == [])


def test_success_without_effect_looks_like_a_pop_up_and_says_so(office):
    office.fault("201", "success_no_effect", None, function="api-make_call")
    checks = visit(office, call="202")
    assert failed(checks) == ["pop_up"] and "loses an order" in told(checks["pop_up"])


def test_a_phone_in_use_is_not_made_to_dial(office):
    office.dial("201", "202")
    eventually(lambda: lines_in_use(office) != [])
    checks = visit(office, call="202")
    assert not checks["pop_up"].ran and "idle phone" in told(checks["pop_up"])
    assert dials(office) == [] and lines_in_use(office) != []


class ScriptedPhone:
    """A phone whose lines are told in advance: one look after another, the last for ever. Errors are raised."""

    def __init__(self, *looks, make_call: PhoneError | None = None, deeds: PhoneError | None = None) -> None:
        self._looks, self._make_call, self._deeds = list(looks), make_call, deeds
        self.sent: list[str] = []

    def make_call(self, number: str, account=None, dial_plan=None) -> None:
        self._send("make_call", self._make_call)

    def cancel_call(self, *, lines) -> None:
        self._send("cancel", self._deeds)

    def end_call(self, *, lines) -> None:
        self._send("end", self._deeds)

    def line_status(self):
        look = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        if isinstance(look, PhoneError):
            raise look
        return look

    def _send(self, word: str, error: PhoneError | None) -> None:
        self.sent.append(word)
        if error is not None:
            raise error


def line(word: LineWord, number: str = "202", place: int = 1) -> LineState:
    return LineState(place, word, number)


IDLE = (line(LineWord.IDLE, ""),)
CALLING = (line(LineWord.CALLING),)
TALKING = (line(LineWord.CONNECTED),)


@pytest.mark.parametrize(
    ("looks", "sent", "moved"),
    [
        ([CALLING, CALLING, IDLE], ["cancel"], Moved.OURS),
        ([CALLING, TALKING, IDLE], ["end"], Moved.OURS),
        ([CALLING, CALLING, TALKING, IDLE], ["cancel", "end"], Moved.OURS),  # it was answered in the same moment
        ([(line(LineWord.RINGING, "0301"),)], [], Moved.OTHER),  # somebody calls this phone
        ([(line(LineWord.CONNECTED, "0301"),)], [], Moved.OTHER),  # and its owner took the call
        ([(line(LineWord.CONNECTED, ""),)], [], Moved.OTHER),
        ([(line(LineWord.CALLING), line(LineWord.RINGING, "0301", 2))], [], Moved.OTHER),
        ([CALLING, (line(LineWord.CALLING), line(LineWord.RINGING, "0301", 2))], [], Moved.OURS),
        ([(line(LineWord.DIALING, ""),), (line(LineWord.DIALING, ""),), IDLE], ["cancel"], Moved.OURS),
        ([(line(LineWord.FAILED),)], [], Moved.OURS),
    ],
)
def test_only_our_own_call_is_taken_back_and_each_deed_is_sent_once(looks, sent, moved):
    phone = ScriptedPhone(*looks)
    call = try_call(phone, "202", pause=lambda _seconds: None)
    assert (phone.sent, call.moved) == (["make_call", *sent], moved)


def test_a_call_that_does_not_go_away_is_left_with_a_warning():
    phone = ScriptedPhone(CALLING, deeds=Refused(Reason.SAID_NO))
    call = try_call(phone, "202")
    assert call.moved is Moved.OURS and not call.gone and phone.sent == ["make_call", "cancel"]
    assert "hang up on the phone" in told(judge(call, subject_at(80), "202")[1])


@pytest.mark.parametrize(
    ("phone", "words"),
    [
        (ScriptedPhone(IDLE, make_call=NothingSent(Reason.CONNECT_TIMEOUT)), "Nothing was dialled"),
        (ScriptedPhone(IDLE, make_call=Refused(Reason.NO_SUCH_FUNCTION)), "Nothing was dialled"),
        (ScriptedPhone(Unclear(Reason.NO_ANSWER)), "may have dialled"),
        (ScriptedPhone(CredentialRefused(Reason.UNAUTHORIZED)), "may have dialled"),
    ],
)
def test_what_is_left_open_says_whether_it_may_have_dialled(phone, words):
    pop_up, click_to_dial = judge(try_call(phone, "202"), subject_at(80), "202")
    assert pop_up.verdict is click_to_dial.verdict is CANNOT_TELL and words in told(pop_up)
    assert phone.sent == ["make_call"]


@pytest.mark.parametrize(
    "phone",
    [
        ScriptedPhone(IDLE, make_call=CredentialRefused(Reason.UNAUTHORIZED)),
        ScriptedPhone(CredentialRefused(Reason.UNAUTHORIZED)),
        ScriptedPhone(CALLING, CredentialRefused(Reason.UNAUTHORIZED)),
        ScriptedPhone(CALLING, deeds=CredentialRefused(Reason.UNAUTHORIZED)),
    ],
)
def test_a_refusal_of_us_in_the_middle_of_the_test_call_is_not_lost(phone):
    assert passcode_was_refused(judge(try_call(phone, "202"), subject_at(80), "202"))


@pytest.mark.parametrize(
    ("extension", "may"),
    [
        ("202", True), ("*43", True), ("112", False), ("911", False), ("110", False), ("999", False), ("", False),
        ("+493023125", False), ("030123456789", False), ("20 2", False), ("٢٠٢", False), ("202\n", False),
    ],
)  # fmt: skip
def test_only_an_extension_is_dialled_and_never_an_emergency_number(extension, may):
    assert may_be_dialled(extension, {"DE"}) is may


def test_an_emergency_number_of_the_pbxs_country_is_not_dialled(office):
    assert may_be_dialled("118", {"DE"}) and not may_be_dialled("118", {"CH", "DE"})
    checks = visit(office, call="112")
    assert dials(office) == [] and not checks["pop_up"].ran
