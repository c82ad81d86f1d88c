"""Which keys may be pressed when, and what of them goes onto the wire."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.drivers.base import KeyPlan, Lines, LineState, LineWord, MuteKey
from phones.drivers.errors import NothingSent, Reason
from phones.drivers.grandstream.keys import KEYS, MOST_KEYS, Danger, Numbered, checked

PLAN = KeyPlan(model="GRP2614", mute_key=MuteKey.DO_NOT_DISTURB, mpk_keys=8)
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
IDLE, RINGS, DIALS, CALLS = "idle idle", "rings idle", "dials idle", "calls idle"
TALKS, HELD, TWO, SECOND = "talks idle", "held idle", "held talks", "held dials"
SEVERAL = ("talks rings", "rings rings", "talks talks", "held held", "talks held rings", "held calls")
UNSURE = ("strange idle", "failed idle", "talks strange", "rings strange")
EVERYTHING = (IDLE, RINGS, DIALS, CALLS, TALKS, HELD, TWO, SECOND, *SEVERAL, *UNSURE)


def lines(words: str) -> Lines:
    return tuple(LineState(number, WORDS[word]) for number, word in enumerate(words.split(), start=1))


def outcome(keys: Sequence[str], words: str, plan: KeyPlan = PLAN) -> str | Reason:
    """The wire's words, or why not. Both are texts: compare with `is` where it matters."""
    try:
        return checked(keys, lines(words), plan)
    except NothingSent as refusal:
        return refusal.reason


def allowed_in(key: str, plan: KeyPlan = PLAN) -> set[str]:
    return {words for words in EVERYTHING if not isinstance(outcome([key], words, plan), Reason)}


GUIDE = [
    *("SPEAKER", "XFER", "VUP", "VDOWN", "MUTE", "HOLD", *"0123456789*#", "LINE", "CONF", "VM", "HEADSET", "DND"),
    *("SEND", "SOFT", "MPK", "STAR", "ONHOOK", "OFFHOOK", "OK", "LOCK", "UNLOCK", "UP", "DOWN", "LEFT", "RIGHT"),
]


def test_every_key_of_the_guide_is_in_the_table_with_words_for_people_and_nothing_else_but_the_alias() -> None:
    assert set(KEYS) == {*GUIDE, "POUND"}
    assert all(key.name == name and key.means.endswith(".") for name, key in KEYS.items())


WHERE = {
    **{key: {IDLE, DIALS, TALKS, TWO, HELD, SECOND} for key in (*"0123456789*#", "STAR", "POUND")},
    "SEND": {DIALS, SECOND},
    "VUP": set(EVERYTHING),
    "VDOWN": set(EVERYTHING),
    "MUTE": {TALKS, TWO, IDLE},
    "DND": {IDLE},
    **{key: {TALKS, TWO} for key in ("HOLD", "XFER", "CONF")},
    **{key: {IDLE} for key in ("SPEAKER", "HEADSET", "VM", "MPK1", "OK", "UP", "DOWN", "LEFT", "RIGHT")},
    "OFFHOOK": {IDLE, RINGS},
    "ONHOOK": {IDLE, RINGS, DIALS},
    "SOFT1": {IDLE, DIALS, CALLS, TALKS, HELD, TWO, SECOND},
    "LOCK": set(),
    "UNLOCK": set(),
}


@pytest.mark.parametrize(("key", "where"), WHERE.items(), ids=WHERE)
def test_a_key_goes_out_only_where_it_means_what_its_name_says(key: str, where: set[str]) -> None:
    assert allowed_in(key) == where


def test_the_table_above_misses_no_key() -> None:
    assert {re.sub(r"(?<=[A-Z])1$", "", key) for key in WHERE} | {"LINE"} == set(KEYS)


@pytest.mark.parametrize(
    ("key", "words", "reason"),
    [
        *[("5", RINGS, Reason.KEY_AMBIGUOUS), ("5", CALLS, Reason.KEY_AMBIGUOUS)],
        *[("5", words, Reason.SEVERAL_CALLS) for words in SEVERAL],
        *[("5", words, Reason.KEY_AMBIGUOUS) for words in UNSURE],
        *[(key, IDLE, Reason.KEY_NEEDS_CALL) for key in ("XFER", "CONF", "HOLD")],
        *[(key, HELD, Reason.KEY_NEEDS_CALL) for key in ("XFER", "CONF", "HOLD", "MUTE")],
        *[(key, RINGS, Reason.KEY_NEEDS_CALL) for key in ("XFER", "CONF", "HOLD", "MUTE")],
        *[(key, TALKS, Reason.KEY_NEEDS_IDLE) for key in ("SPEAKER", "HEADSET", "VM", "DND", "MPK1", "OK", "UP")],
        *[(key, RINGS, Reason.KEY_NEEDS_IDLE) for key in ("SPEAKER", "HEADSET", "VM", "DND", "MPK1", "OK", "UP")],
        *[("ONHOOK", words, Reason.IN_A_CALL) for words in (TALKS, HELD, TWO, CALLS, SECOND)],
        *[("ONHOOK", words, Reason.SEVERAL_CALLS) for words in SEVERAL],
        *[("OFFHOOK", words, Reason.IN_A_CALL) for words in (TALKS, HELD, TWO, CALLS, DIALS)],
        *[("OFFHOOK", words, Reason.SEVERAL_CALLS) for words in SEVERAL],
        *[("SOFT1", RINGS, Reason.SOMETHING_RINGS), ("SOFT1", "talks rings", Reason.SEVERAL_CALLS)],
        *[("SEND", words, Reason.NO_NUMBER_ENTERED) for words in (IDLE, RINGS, TALKS, HELD, CALLS)],
        *[(key, words, Reason.KEY_GUARDED) for key in ("LOCK", "UNLOCK") for words in EVERYTHING],
    ],
)
def test_a_refused_key_says_why(key: str, words: str, reason: Reason) -> None:
    assert outcome([key], words) is reason


def test_the_mute_key_is_pressed_while_idle_only_where_somebody_knows_what_it_does_then() -> None:
    def pressed(key: str, setting: MuteKey, words: str = IDLE) -> str | Reason:
        return outcome([key], words, KeyPlan(mute_key=setting))

    assert pressed("MUTE", MuteKey.UNKNOWN) is Reason.MUTE_KEY_UNKNOWN
    assert pressed("MUTE", MuteKey.OFF) is Reason.MUTE_KEY_OTHERWISE
    assert pressed("MUTE", MuteKey.IDLE_MUTE) == pressed("MUTE", MuteKey.DO_NOT_DISTURB) == "MUTE"
    assert {pressed("MUTE", setting, TALKS) for setting in MuteKey} == {"MUTE"}


def test_do_not_disturb_goes_out_as_the_mute_key_and_only_where_that_is_what_it_does() -> None:
    assert outcome(["DND"], IDLE, KeyPlan(mute_key=MuteKey.DO_NOT_DISTURB)) == "MUTE"
    assert outcome(["DND"], IDLE, KeyPlan()) is Reason.MUTE_KEY_UNKNOWN
    for setting in (MuteKey.IDLE_MUTE, MuteKey.OFF):
        assert outcome(["DND"], IDLE, KeyPlan(mute_key=setting)) is Reason.MUTE_KEY_OTHERWISE


@pytest.mark.parametrize(
    ("words", "number", "found"),
    [
        *[("idle idle", 2, "LINE2"), ("rings idle", 1, "LINE1"), ("held idle", 1, "LINE1"), ("talks idle", 2, "LINE2")],
        *[("talks rings", 2, "LINE2"), ("held held", 2, "LINE2"), ("held strange", 1, "LINE1")],
        *[("rings idle", 2, Reason.SOMETHING_RINGS), ("talks rings idle", 3, Reason.SOMETHING_RINGS)],
        *[("strange idle", 1, Reason.KEY_AMBIGUOUS), ("failed idle", 1, Reason.KEY_AMBIGUOUS)],
        *[("dials idle", 1, Reason.KEY_AMBIGUOUS), ("dials idle", 2, Reason.KEY_AMBIGUOUS)],
        *[("idle idle", 3, Reason.KEY_OUT_OF_RANGE), ("idle idle", 0, Reason.KEY_OUT_OF_RANGE)],
    ],
)
def test_a_line_key_is_judged_by_what_its_own_line_does(words: str, number: int, found: object) -> None:
    assert outcome([f"LINE{number}"], words) == found


SMUGGLED = [
    *("RESET", "REBOOT", "reset", "vup", "Vup", " VUP", "VUP ", "VUP\n", "V UP", "VUP:VUP", "VUP&cmd=endcall", "VUP#"),
    *(
        "",
        " ",
        ":",
        "10",
        "00",
        "##",
        "-1",
        "%23",
        "%2523",
        "+",
        "1\x00",
        "\x00",
        "VUP\r\nX: 1",
        "../api-sys_operation",
    ),
    *("LINE", "SOFT", "MPK", "LINE01", "LINE 1", "LINE+1", "LINE-1", "SOFT-1", "LINE1.0", "LINE1e1", "LINE1_0"),
    *(
        "LINE9999",
        "LINE" + "9" * 5000,
        "SOFT1&request=RESET",
        "MPK1\n",
        "LINEX",
        "SOFT[1-X]",
        "FLASH",
        "PROV",
        "KILLGUI",
    ),
    *(
        "١",
        "１",
        "²",
        "①",
        "𝟙",
        "ⅤUP",
        "VUP\u200d",
        "\u202eVUP",
        "LINE１",
        "LINE١",
        "ＶＵＰ",
        "\ud800",
        "ſOFT1",
        "K" * 5000,
    ),
]


@pytest.mark.parametrize("name", SMUGGLED, ids=lambda name: ascii(name)[:24])
def test_what_is_not_a_key_is_refused_and_never_repaired(name: str) -> None:
    for keys in ([name], ["VUP", name], [name, "VUP"]):
        assert outcome(keys, IDLE) is Reason.KEY_UNKNOWN


@pytest.mark.parametrize(
    "keys", ["VUP", "123", b"VUP", None, 7, {"VUP"}, [None], [7], [["VUP"]], [b"VUP"], [True]], ids=repr
)
def test_what_is_not_a_list_of_names_is_refused(keys: Sequence[str]) -> None:
    assert outcome(keys, IDLE) is Reason.KEY_UNKNOWN


@pytest.mark.parametrize("name", ["LINE0", "LINE3", "LINE99", "LINE999", "SOFT0", "SOFT5", "MPK0", "MPK9", "MPK999"])
def test_a_number_that_the_phone_does_not_have_is_refused(name: str) -> None:
    assert outcome([name], IDLE) is Reason.KEY_OUT_OF_RANGE


def test_multi_purpose_keys_are_those_that_somebody_has_counted() -> None:
    assert outcome(["MPK1"], IDLE, KeyPlan(model="GRP2614")) is Reason.KEY_OUT_OF_RANGE
    assert outcome(["MPK8"], IDLE) == "MPK8"
    assert outcome(["MPK161"], IDLE, KeyPlan(mpk_keys=500)) is Reason.KEY_OUT_OF_RANGE


def test_more_keys_than_one_request_may_hold_are_refused_whole() -> None:
    assert outcome(["VUP"] * MOST_KEYS, IDLE) == ":".join(["VUP"] * 64)
    assert outcome(["VUP"] * 65, IDLE) is Reason.KEYS_TOO_MANY
    assert outcome(["1"] * 5000, TALKS) is Reason.KEYS_TOO_MANY
    assert outcome([], IDLE) is Reason.KEYS_MISSING


def test_nobody_has_looked_so_not_even_the_volume_is_touched() -> None:
    with pytest.raises(NothingSent) as caught:
        checked(["VUP"], (), PLAN)
    assert caught.value.reason is Reason.LINES_UNKNOWN


@pytest.mark.parametrize(
    ("keys", "words", "wire"),
    [
        ("1 0 0 0", IDLE, "1:0:0:0"),
        ("1 0 0 0 SEND", IDLE, "1:0:0:0:SEND"),
        ("1 0 # SEND", IDLE, "1:0:#:SEND"),
        ("1 0 POUND SEND", IDLE, "1:0:#:SEND"),
        ("* 9 7", IDLE, "*:9:7"),
        ("STAR 9 7 SEND", IDLE, "STAR:9:7:SEND"),
        ("LINE2 1 0 SEND", IDLE, "LINE2:1:0:SEND"),
        ("SPEAKER 1 0 SEND", IDLE, "SPEAKER:1:0:SEND"),
        ("5 SEND", DIALS, "5:SEND"),
        ("5 SEND", HELD, "5:SEND"),
        ("1 2 # 3", TALKS, "1:2:#:3"),
        ("MUTE 1 VUP HOLD VDOWN", TALKS, "MUTE:1:VUP:HOLD:VDOWN"),
        ("DOWN DOWN OK VUP", IDLE, "DOWN:DOWN:OK:VUP"),
        ("DND DND", IDLE, "MUTE:MUTE"),
        ("XFER", TWO, "XFER"),
    ],
)
def test_lists_that_can_be_followed_go_out_in_their_order(keys: str, words: str, wire: str) -> None:
    assert outcome(keys.split(), words) == wire


@pytest.mark.parametrize(
    ("keys", "words", "reason"),
    [
        ("1 0 SEND XFER", IDLE, Reason.KEY_AMBIGUOUS),  # who knows whether the call is up by then
        ("1 # 2", IDLE, Reason.KEY_AMBIGUOUS),  # after # the number may be gone
        ("1 0 SEND 5", IDLE, Reason.KEY_AMBIGUOUS),
        ("XFER 1 0", TALKS, Reason.KEY_AMBIGUOUS),  # without the transfer screen the customer hears the digits
        ("XFER LINE1", TWO, Reason.KEY_AMBIGUOUS),
        ("HOLD HOLD", TALKS, Reason.KEY_AMBIGUOUS),
        ("HOLD 1", TALKS, Reason.KEY_AMBIGUOUS),
        ("CONF LINE1", TWO, Reason.KEY_AMBIGUOUS),
        ("LINE2 1", TALKS, Reason.KEY_AMBIGUOUS),
        ("LINE1 LINE2", IDLE, Reason.KEY_AMBIGUOUS),
        ("SOFT1 SOFT1", TALKS, Reason.KEY_AMBIGUOUS),
        ("MPK1 1", IDLE, Reason.KEY_AMBIGUOUS),
        ("OK DOWN OK", IDLE, Reason.KEY_AMBIGUOUS),  # through the menu to a factory reset
        ("DOWN 1", IDLE, Reason.KEY_AMBIGUOUS),
        ("OFFHOOK ONHOOK OFFHOOK", RINGS, Reason.KEY_AMBIGUOUS),
        ("VM 1", IDLE, Reason.KEY_AMBIGUOUS),
        ("1 MUTE", IDLE, Reason.KEY_NEEDS_CALL),
        ("1 XFER", IDLE, Reason.KEY_NEEDS_CALL),
        ("SPEAKER SEND", IDLE, Reason.NO_NUMBER_ENTERED),  # an empty one redials
        ("SPEAKER SPEAKER", IDLE, Reason.KEY_NEEDS_IDLE),
        ("1 2 SEND", TALKS, Reason.NO_NUMBER_ENTERED),
        ("VUP LOCK", IDLE, Reason.KEY_GUARDED),
        ("1 OK", IDLE, Reason.KEY_NEEDS_IDLE),
    ],
)
def test_a_list_is_refused_whole_where_it_can_no_longer_be_followed(keys: str, words: str, reason: Reason) -> None:
    assert outcome(keys.split(), words) is reason


names = st.sampled_from([*KEYS, "LINE1", "LINE2", "LINE5", "SOFT1", "SOFT4", "MPK1", "MPK9", "RESET", "REBOOT"])
any_keys = (
    st.lists(names | st.text(max_size=8), max_size=70) | st.text(max_size=8) | st.none() | st.lists(st.integers())
)
any_lines = st.lists(st.builds(LineState, line=st.integers(0, 70), state=st.sampled_from(LineWord)), max_size=8).map(
    tuple
)
any_plan = st.builds(
    KeyPlan, model=st.sampled_from(["", "GRP2614", "nonsense"]), mute_key=st.sampled_from(MuteKey),
    mpk_keys=st.integers(-5, 400),
)  # fmt: skip


@given(any_keys, any_lines, any_plan)
def test_whatever_comes_in_only_known_keys_go_out(keys: Sequence[str], seen: Lines, plan: KeyPlan) -> None:
    try:
        wire = checked(keys, seen, plan)
    except NothingSent as refusal:
        assert refusal.__context__ is None
        return
    assert re.fullmatch(r"[A-Z0-9*#]+(:[A-Z0-9*#]+)*", wire)
    sent = wire.split(":")
    assert len(sent) == len(keys) <= MOST_KEYS
    assert len(wire) <= MOST_KEYS * 8
    assert not {"LOCK", "UNLOCK", "RESET", "REBOOT", "DND"} & set(sent)
    assert not any(int(key[4:]) > len(seen) and int(key[4:]) not in {line.line for line in seen} for key in sent
                   if key.startswith("LINE"))  # fmt: skip


playable = st.sampled_from(
    [name for name, key in KEYS.items() if key.numbered is Numbered.NO and key.danger is not Danger.GUARDED]
)


@given(st.lists(playable, min_size=1, max_size=10), st.sampled_from(["strange", "failed"]), st.integers(0, 3))
def test_a_line_in_an_unknown_state_counts_as_in_use_for_every_key(keys: list[str], word: str, at: int) -> None:
    words = ["idle"] * 4
    words[at] = word
    found = outcome(keys, " ".join(words))
    assert isinstance(found, Reason) or set(keys) <= {"VUP", "VDOWN"}


@given(st.lists(playable, max_size=6), st.sampled_from([TALKS, TWO]))
def test_digits_are_never_sent_after_a_key_that_may_have_changed_who_hears_them(keys: list[str], words: str) -> None:
    found = outcome([*keys, "5"], words)
    assert isinstance(found, Reason) or set(keys) <= {*"0123456789*#", "STAR", "POUND", "MUTE", "VUP", "VDOWN"}
