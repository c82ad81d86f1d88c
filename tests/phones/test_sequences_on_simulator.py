"""Every key sequence against every make and every fault of the simulated phone, over real sockets.

Whatever happens: nothing is claimed that the phone contradicts, now or later; no wire is tripped; each step is sent at
most once; and it ends. The table of what came of it is printed (pytest -s).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from crmconnector.simulator.cti.faults import AFTER, DEEDS_ONLY, INSTEAD, KINDS, LASTING, MEANWHILE, STATUS_ONLY
from crmconnector.simulator.pace import VirtualPace
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.profiles import PROFILES
from phones.sequences import Certainty, Deed, Sequence, Why
from phones.sequences_catalogue import (
    attended_cancel,
    attended_complete,
    attended_start,
    blind_transfer,
    click_to_call,
    conference,
    tones,
)
from phones.sequences_run import FRESH_SECONDS, Ending
from tests.support.phone_farm import running_farm
from tests.support.sequence_bench import AFTERWARDS_SECONDS, CALLER, COLLEAGUE, Bench, BenchDiary, OnPhone, network_of
from tests.support.table import print_table

UNANSWERED_SECONDS = 0.25  # a request that the phone never answers ends then, in real time
NEVER_ANSWERS = {"silent", "late", "slow", "jitter", "drip", "effect_no_answer", "redirect"}
FUNCTIONS = {
    Deed.KEYS: "api-send_key",
    Deed.HOLD: "api-phone_operation",
    Deed.END_OTHER: "api-phone_operation",
    Deed.CANCEL: "api-phone_operation",
    Deed.DIAL: "api-make_call",
}
HTTPS_ONLY = {"expired_certificate", "early_certificate", "changed_certificate", "old_tls"}
# A plug that is pulled in a call is no order of ours. And nobody can keep a person from taking the caller back between
# our look and the phone's pressing of the keys: some clicks of digits are heard then, and it is told as not done.
REBOOTS, HEARD = frozenset({"reboot_in_call"}), frozenset({"digits_in_call"})
MAY_TRIP = {
    "reboot": REBOOTS,
    "reboot, lasting": REBOOTS,
    "somebody pulls the plug": REBOOTS,
    "somebody pulls the plug, later": REBOOTS,
    "user_key": HEARD,
    "person presses hold": HEARD,
    "person presses line 1": HEARD,
    "person presses hold, later": HEARD,
    "person presses line 1, later": HEARD,
}
TABLE: Counter[tuple[str, str, str, str]] = Counter()


@dataclass(frozen=True)
class Story:
    """A sequence, how its calls are set up, and whether what it wants has come about."""

    name: str
    build: Callable[[], Sequence]
    ready: str
    achieved: Callable[[Bench], bool]


def consulting(bench: Bench) -> bool:
    states = bench.states()
    return states.get(1) == "onhold" and states.get(2) in ("calling", "ringback", "connected")


def alone_again(bench: Bench) -> bool:
    return bench.states() == {1: "connected"}


def all_three(bench: Bench) -> bool:
    return [line.role for line in bench.farm.farm.phone(bench.phone).lines[:2]] == ["conference"] * 2


def is_calling(bench: Bench) -> bool:
    return any(state in ("calling", "ringback", "connected") for state in bench.states().values())


STORIES = [
    Story("blind", lambda: blind_transfer(1, COLLEAGUE), "talk", Bench.joined),
    Story("start", lambda: attended_start(1, COLLEAGUE), "talk", consulting),
    Story("complete", lambda: attended_complete(1, 2), "consult", Bench.joined),
    Story("cancel", lambda: attended_cancel(1, 2), "consult", alone_again),
    Story("conference", lambda: conference(1, 2), "consult", all_three),
    Story("dial", lambda: click_to_call(COLLEAGUE), "rest", is_calling),
    Story("dial on line 2", lambda: click_to_call(COLLEAGUE, line=2), "rest", is_calling),
]
BY_NAME = {story.name: story for story in STORIES}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    yield
    rows = sorted((*key, str(count)) for key, count in TABLE.items())
    print_table(("make", "sequence", "fault", "end", "runs"), rows)


def tell(ending: Ending) -> str:
    if ending.why is None:
        return "done"
    back = {True: ", caller back", False: ", caller held?", None: ""}[ending.back]
    return f"{ending.certainty}: {ending.why}{back}"


def check(bench: Bench, story: Story, ending: Ending, diary: BenchDiary, trips: frozenset[str]) -> None:
    """What must hold whatever happened."""
    achieved, states = story.achieved(bench), bench.states()
    seen = f"{story.name}: {tell(ending)}, phone {states}, {ending.observed}"
    sent = bench.requests()
    assert len(sent) <= len(diary.sent), f"sent more often than written down: {sent}"
    assert len({id(step) for step in diary.sent}) == len(diary.sent), "a step was sent twice"
    if ending.certainty in (Certainty.NOTHING, Certainty.NOT_DONE) and ending.why is not None:
        assert not achieved, f"said that it was not done, and it was: {seen}"
    if ending.why in (Why.TRANSFER_FAILED, Why.TAKEN_BACK, Why.SWAPPED):
        talks_with = [line.remote_number for line in bench.farm.farm.phone(bench.phone).lines if line.number == 1]
        assert talks_with == [CALLER], f"said that the caller is there: {seen}"
    if ending.back:
        assert states.get(1) == "connected", f"said that the caller is back: {seen}"
    bench.farm.clear_faults(bench.phone)
    bench.farm.advance(AFTERWARDS_SECONDS)
    if ending.why is not None and ending.certainty is not Certainty.UNSURE and story.ready == "talk":
        assert not bench.joined(), f"transferred after it was said to have failed: {seen}"
    assert set(bench.trips()) <= (trips if story.name == "blind" else trips - HEARD), seen


def tried(make: str, story: Story, label: str, at: int, meanwhile: Callable[[Bench], object], **flags: object) -> str:
    """One run on a fresh phone; how it ended."""
    with running_farm(1, profiles=(make,), pace=VirtualPace()) as farm:
        bench = Bench(farm, farm.first, UNANSWERED_SECONDS if label in NEVER_ANSWERS else 2.0)
        farm.profile(farm.first, **flags)
        bench.set_up(story.ready)
        ending, diary = bench.run(story.build(), at, meanwhile)
        TABLE[make, story.name, label, tell(ending)] += 1
        check(bench, story, ending, diary, MAY_TRIP.get(label, frozenset()))
        return tell(ending)


def nothing(_bench: Bench) -> None:
    pass


def with_fault(kind: str, function: str, count: int | None = 1) -> Callable[[Bench], object]:
    everywhere = kind in LASTING or kind in STATUS_ONLY
    return lambda bench: bench.farm.fault(
        bench.phone, kind, count, function=None if everywhere else function, **({"seconds": 6.0} if count else {})
    )


@pytest.mark.parametrize("make", sorted(PROFILES))
@pytest.mark.parametrize("name", [story.name for story in STORIES])
def test_a_phone_that_is_well_does_it(make: str, name: str) -> None:
    end = tried(make, BY_NAME[name], "none", -1, nothing)
    if make == "dect" and name in ("start", "dial"):
        assert end.startswith(("not_done: phone_refused, caller back", "nothing: phone_refused"))
    else:
        assert end == "done"


@pytest.mark.parametrize("make", sorted(PROFILES))
@pytest.mark.parametrize("name", [story.name for story in STORIES])
def test_every_fault_at_every_step_leaves_the_truth(make: str, name: str) -> None:
    story = BY_NAME[name]
    steps = list(enumerate(story.build().steps))
    for at, step in steps if make == "grp261x-guide" else steps[-1:]:
        for kind in sorted(KINDS.keys() - HTTPS_ONLY):
            if kind in NEVER_ANSWERS and make != "grp261x-guide":
                continue  # the waiting is real, and the makes do not differ in it
            tried(make, story, kind, at, with_fault(kind, FUNCTIONS[step.deed]))


@pytest.mark.parametrize("name", [story.name for story in STORIES])
@pytest.mark.parametrize("kind", ["delayed_state", "stale_line", "unknown_state", "html", "reboot"])
def test_a_phone_whose_looks_stay_wrong_is_not_believed(name: str, kind: str) -> None:
    story = BY_NAME[name]
    for at in range(len(story.build().steps)):
        tried("grp261x-guide", story, f"{kind}, lasting", at, with_fault(kind, "api-get_line_status", None))


def rings_again(phone: Phone) -> None:
    network_of(phone).incoming(phone, "+442079460148")


def takes_another(phone: Phone) -> None:
    rings_again(phone)
    phone.accept()


PEOPLE: dict[str, OnPhone] = {
    "caller hangs up": lambda phone: network_of(phone).remote_hangup(phone.lines[0]),
    "colleague hangs up": lambda phone: network_of(phone).remote_hangup(phone.lines[1]),
    "person presses hold": lambda phone: phone.press("HOLD"),
    "person presses line 1": lambda phone: phone.press("LINE1"),
    "person presses line 2": lambda phone: phone.press("LINE2"),
    "person presses transfer": lambda phone: phone.press("XFER"),
    "person hangs up": Phone.end,
    "another call comes": rings_again,
    "another call is taken": takes_another,
    "somebody pulls the plug": Phone.reboot,
}


@pytest.mark.parametrize("name", [story.name for story in STORIES])
@pytest.mark.parametrize("who", PEOPLE)
def test_people_who_act_meanwhile_end_it_honestly(name: str, who: str) -> None:
    story = BY_NAME[name]
    for at in range(len(story.build().steps)):
        tried("grp261x-guide", story, who, at, lambda bench: bench.soon(PEOPLE[who], 0.05))
        tried("grp261x-guide", story, f"{who}, later", at, lambda bench: bench.soon(PEOPLE[who], 0.3))


SETTINGS: dict[str, dict[str, object]] = {
    "send asks first": {"default_xfer": "attended"},
    "transfer completes": {"att_mode": "dynamic"},
    "rich words": {"rich_states": True},
    "lines told 1 s late": {"status_lag_seconds": 1.0},
    "lines told 3 s late": {"status_lag_seconds": 3.0},
    "keys at once": {"key_delay_seconds": 0.0},
    "keys every 0.7 s": {"key_delay_seconds": 0.7},
    "useless keys ignored": {"precond_mode": "ignore"},
    "no transfer key": {"xfer_enabled": False},
    "no transfer key, ignored": {"xfer_enabled": False, "precond_mode": "ignore"},
    "says ringback": {"says_ringback": True},
    "says ending": {"ending_seconds": 1.0},
    "sends after 1 s": {"no_key_timeout_seconds": 1.0},
    "no second call": {"make_call_holds": False},
    "click-to-dial off": {"click_to_dial": False},
    "strict colon": {"strict_colon": True},
    "text for true": {"bool_style": "text"},
    "recovers connected": {"blind_recovery": "connected"},
    "loses the call": {"blind_recovery": "off"},
}


@pytest.mark.parametrize("name", [story.name for story in STORIES])
@pytest.mark.parametrize("setting", SETTINGS)
def test_however_a_phone_is_set_the_truth_is_told(name: str, setting: str) -> None:
    tried("grp261x-guide", BY_NAME[name], setting, -1, nothing, **SETTINGS[setting])


@pytest.mark.parametrize("recovery", ["onhold", "connected", "off"])
@pytest.mark.parametrize("outcome", ["refused", "busy", "silent"])
def test_a_transfer_that_the_network_refuses_brings_the_caller_back(outcome: str, recovery: str) -> None:
    def refer(bench: Bench) -> None:
        bench.farm.referral(COLLEAGUE, outcome)

    end = tried("grp261x-guide", BY_NAME["blind"], f"network: {outcome}", 0, refer, blind_recovery=recovery)
    expected = {
        "onhold": "not_done: step_not_seen, caller back",
        "connected": "not_done: transfer_failed",
        "off": "done",  # the line is free; that nobody talks is seen by the PBX alone
    }
    assert end == expected[recovery]


def test_tones_are_heard_by_the_one_who_is_connected_and_by_nobody_else() -> None:
    with running_farm(1, pace=VirtualPace()) as farm:
        bench = Bench(farm, farm.first)
        bench.talk()
        ending, diary = bench.run(tones(1, "12#*"))
        farm.advance(3.0)
        assert (ending.why, len(diary.sent)) == (None, 1)
        assert farm.farm.phone(farm.first).lines[0].dtmf == "12#*"


def test_tones_for_a_caller_who_has_just_left_do_not_dial() -> None:
    with running_farm(1, pace=VirtualPace()) as farm:
        bench = Bench(farm, farm.first)
        bench.talk()
        ending, _ = bench.run(tones(1, "205"), 0, lambda _: bench.soon(PEOPLE["caller hangs up"]))
        assert tell(ending).startswith("unsure: caller_gone")
        farm.advance(AFTERWARDS_SECONDS)
        assert bench.states() == {}
        assert not farm.snapshot()["calls"]


@pytest.mark.parametrize(("at", "sent", "certainty"), [(0, 0, "nothing"), (1, 1, "not_done")])
def test_a_worker_that_was_frozen_after_its_look_sends_nothing_on_the_strength_of_it(
    at: int, sent: int, certainty: str
) -> None:
    with running_farm(1, pace=VirtualPace()) as farm:
        bench = Bench(farm, farm.first)
        bench.talk()
        ending, _ = bench.run(blind_transfer(1, COLLEAGUE), at, lambda bench: bench.farm.advance(FRESH_SECONDS + 0.1))
        assert (ending.why, ending.certainty, len(bench.requests())) == (Why.TOO_LATE, certainty, sent)


def test_every_kind_of_fault_was_tried() -> None:
    named = {*INSTEAD, *AFTER, *DEEDS_ONLY, *STATUS_ONLY, *MEANWHILE, *LASTING}
    assert named == {*KINDS}
