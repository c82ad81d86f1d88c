"""Stories of the lab, transfers apart: what people would tell of them, written down before the tracker was asked."""

from typing import Any

import pytest

from tests.support.told_calls import (
    ANY,
    MAIN_NUMBER,
    Told,
    call,
    differences,
    folded,
    replayed,
    rings_lived,
    rings_told,
    takes,
    truth_of,
)

LONDON, LONDON_OFFICE, WASHINGTON = "+442079460123", "+442079460456", "+12025550123"
DIRECT, GROUP, QUEUE, QUEUE_LOCAL = (f"+4930231251{number:02}" for number in (1, 2, 3, 4))
(
    ANNOUNCEMENT,
    FEATURES,
    SECOND,
    TWIN,
    HUNT,
    HALF_GROUP,
    CONFIRM,
    CONFIRM_GROUP,
    CONFERENCE,
    SHORT_QUEUE,
    IMPATIENT_QUEUE,
    NOBODY,
) = (f"+493023125{number}" for number in range(110, 122))


def ada(dialled: str = DIRECT, disposition: str = "no_answer", **more: Any) -> Told:
    """Ada Smith calls from London; nobody answers, if no more is said."""
    return call("trunk", LONDON, dialled, disposition=disposition, **more)


def answered(dialled: str = DIRECT, by: str = "1001", **more: Any) -> Told:
    """Ada Smith calls from London and is answered."""
    usual = {"by": by, "talked": by, "rang": {by: "answered"}, "pops": {by: LONDON}, "disposition": "answered"}
    return call("trunk", LONDON, dialled, **{**usual, **more})


def grace(dialled: str | None = DIRECT, by: str | None = "1001", **more: Any) -> Told:
    """Grace calls from Washington and is answered."""
    usual = {"by": by, "talked": by, "rang": {by: "answered"}, "pops": {by: WASHINGTON}, "disposition": "answered"}
    return call("trunk", WASHINGTON, dialled, **{**usual, **more})


def inside(caller: str, dialled: str, by: str | None = None, **more: Any) -> Told:
    """One desk calls another, which answers if `by` names it."""
    usual: Told = {"by": by, "disposition": "answered" if by else "no_answer"}
    if by:
        usual |= {"talked": by, "rang": {by: "answered"}, "pops": {by: caller}}
    return call(caller, caller, dialled, **{**usual, **more})


def office(disposition: str, dialled: str = LONDON_OFFICE, **more: Any) -> Told:
    """1001 calls an office in London."""
    usual: Told = {"direction": "outbound", "disposition": disposition}
    if disposition == "answered":
        usual |= {"by": "trunk", "talked": "trunk", "rang": {"trunk": "answered"}}
    return call("1001", None, dialled, **{**usual, **more})


def named(name: str, number: str = LONDON) -> list[Told]:
    """As the display of 1001 shows it."""
    return [
        call(
            "trunk",
            number,
            DIRECT,
            name=name,
            by="1001",
            talked="1001",
            rang={"1001": "answered"},
            pops={"1001": number},
            disposition="answered",
        )
    ]


# Asked for, but it came to nothing: people know who was to be rung, not more.
CLICKED: dict[str, Any] = {"originated": True, "direction": ANY}

EXPECTED: dict[str, list[Told]] = {
    # --- one phone ----------------------------------------------------------------------------------------------------
    "inbound_not_registered": [ada(NOBODY, "failed")],
    "internal_not_registered": [inside("1001", "1005", disposition="failed")],
    "internal_missed": [
        inside("1001", "1002", disposition="cancelled", rang={"1002": "cancelled"}, pops={"1002": "1001"})
    ],
    "internal_hold": [inside("1001", "1002", "1002")],
    "outbound_rejected": [office("rejected", rang={"trunk": "rejected"})],
    "answered_at_once": [answered()],
    "hold_by_both_sides": [answered()],
    "hold_until_the_caller_leaves": [answered()],
    "second_call_rejected": [
        answered(),
        grace(by=None, talked="", rang={"1001": "rejected"}, pops={"1001": WASHINGTON}, disposition="rejected"),
    ],
    "same_number_twice": [answered(), answered(SECOND, "1002")],
    # --- groups, one after the other, announcement --------------------------------------------------------------------
    "group_one_not_registered": [answered(HALF_GROUP)],
    "group_one_busy": [
        answered(GROUP, "1002", rang={"1002": "answered", "1003": "elsewhere"}, pops={"1002": LONDON, "1003": LONDON})
    ],
    "group_all_reject": [
        ada(
            GROUP,
            "rejected",
            rang=dict.fromkeys(("1001", "1002", "1003"), "rejected"),
            pops=dict.fromkeys(("1001", "1002", "1003"), LONDON),
        )
    ],
    "hunt_second_answers": [
        answered(HUNT, "1002", rang={"1001": "no_answer", "1002": "answered"}, pops={"1001": LONDON, "1002": LONDON})
    ],
    "hunt_missed": [
        ada(HUNT, "cancelled", rang={"1001": "no_answer", "1002": "cancelled"}, pops={"1001": LONDON, "1002": LONDON})
    ],
    "announcement": [ada(ANNOUNCEMENT, rang={"1001": "no_answer"}, pops={"1001": LONDON})],
    "announcement_cut_short": [ada(ANNOUNCEMENT, "rejected", rang={"1001": "rejected"}, pops={"1001": LONDON})],
    # --- whoever picks up must press 1 --------------------------------------------------------------------------------
    "confirmed": [answered(CONFIRM)],
    "not_confirmed": [ada(CONFIRM, rang={"1001": "answered_unconnected"}, pops={"1001": LONDON})],
    "not_confirmed_hung_up": [ada(CONFIRM, rang={"1001": "answered_unconnected"}, pops={"1001": LONDON})],
    "confirmed_by_the_second": [
        answered(
            CONFIRM_GROUP,
            "1002",
            rang={"1001": "answered_unconnected", "1002": "answered"},
            pops={"1001": LONDON, "1002": LONDON},
        )
    ],
    "confirmed_by_the_first": [
        answered(CONFIRM_GROUP, rang={"1001": "answered", "1002": "elsewhere"}, pops={"1001": LONDON, "1002": LONDON})
    ],
    # --- queues -------------------------------------------------------------------------------------------------------
    "queue_rings_again": [
        answered(SHORT_QUEUE, rang={"1001": ["no_answer", "answered"]}, pops={"1001": [LONDON, LONDON]})
    ],
    "queue_member_rejects": [
        answered(SHORT_QUEUE, rang={"1001": ["rejected", "answered"]}, pops={"1001": [LONDON, LONDON]})
    ],
    "queue_timeout": [ada(IMPATIENT_QUEUE, rang={"1001": ["no_answer", "no_answer"]}, pops={"1001": [LONDON, LONDON]})],
    "queue_two_callers": [answered(SHORT_QUEUE), grace(SHORT_QUEUE)],
    "queue_local_one_rejects": [
        answered(
            QUEUE_LOCAL,
            "1003",
            rang={"1001": "rejected", "1002": "elsewhere", "1003": "answered"},
            pops=dict.fromkeys(("1001", "1002", "1003"), LONDON),
        )
    ],
    "queue_picked_up": [
        answered(
            QUEUE,
            "1004",
            picked_up=True,
            rang=dict.fromkeys(("1001", "1002", "1003"), "elsewhere"),
            pops=dict.fromkeys(("1001", "1002", "1003", "1004"), LONDON),
        ),
        folded("1004", "A"),
    ],
    # --- forwarded by the phone: it never rang itself -----------------------------------------------------------------
    "forward_inside": [answered(FEATURES, "1002")],
    "forward_inside_missed": [ada(FEATURES, "cancelled", rang={"1002": "cancelled"}, pops={"1002": LONDON})],
    "forward_outside": [answered(FEATURES, "trunk", pops={})],
    "forward_while_ringing": [
        answered(FEATURES, "1002", rang={"1001": ANY, "1002": "answered"}, pops={"1001": LONDON, "1002": LONDON})
    ],
    "forward_of_internal": [inside("1003", "1001", "1002")],
    "forward_of_one_in_a_group": [
        inside(
            "1001", "610", "1004", rang={"1003": "elsewhere", "1004": "answered"}, pops={"1003": "1001", "1004": "1001"}
        )
    ],
    # --- picked up by another desk ------------------------------------------------------------------------------------
    **{
        name: [
            answered(by="1002", picked_up=True, rang={"1001": "elsewhere"}, pops={"1001": LONDON, "1002": LONDON}),
            folded("1002", "A"),
        ]
        for name in ("pickup_group", "pickup_directed", "pickup_replaces")
    },
    "pickup_of_internal": [
        inside(
            "1003", "1001", "1002", picked_up=True, rang={"1001": "elsewhere"}, pops={"1001": "1003", "1002": "1003"}
        ),
        folded("1002", "A"),
    ],
    "pickup_of_group": [
        answered(
            GROUP,
            "1004",
            picked_up=True,
            rang=dict.fromkeys(("1001", "1002", "1003"), "elsewhere"),
            pops=dict.fromkeys(("1001", "1002", "1003", "1004"), LONDON),
        ),
        folded("1004", "A"),
    ],
    "pickup_of_nothing": [inside("1002", "*8", disposition="failed")],
    # --- parked -------------------------------------------------------------------------------------------------------
    **{
        name: [
            answered(number, talked="1001 1002", transfers=ANY, picked_up=ANY, pops={"1001": LONDON, "1002": LONDON}),
            folded("1002", "A"),
        ]
        for name, number in (("park_and_retrieve", DIRECT), ("park_feature_and_retrieve", FEATURES))
    },
    "park_timeout": [answered(transfers=ANY, rang={"1001": ["answered", "answered"]}, pops={"1001": [LONDON, LONDON]})],
    "park_given_up": [answered(transfers=ANY)],
    # --- three and more: each dialled in, so nobody's phone rang ------------------------------------------------------
    "conference": [
        answered(CONFERENCE, talked="1001 1002", rang={}, pops={}),
        inside("1001", "650", "trunk", talked="1002 trunk", rang={}, pops={}),
        inside("1002", "650", ANY, talked="1001 trunk", rang={}, pops={}),
    ],
    # Who listens does not talk with the caller; and nobody is told of it.
    "spy_listens": [answered(), inside("1004", "551001", disposition=ANY)],
    "spy_whispers": [answered(), inside("1004", "561001", disposition=ANY)],
    "spy_on_internal": [inside("1001", "1002", "1002"), inside("1004", "551001", disposition=ANY)],
    # --- started by the PBX -------------------------------------------------------------------------------------------
    "originate_by_local": [office("answered", originated=True)],
    "originate_by_local_kept": [office("answered", originated=True)],
    "originate_inside": [inside("1001", "1002", "1002", originated=True)],
    "originate_rejected": [call("1001", None, None, **CLICKED, disposition="rejected")],
    "originate_rejected_by_local": [call("1001", None, None, **CLICKED, disposition="rejected")],
    "originate_no_answer": [call("1001", None, None, **CLICKED, disposition="no_answer")],
    "originate_agent_busy": [call("1001", None, None, **CLICKED, disposition="busy")],
    "originate_bad_endpoint": [],
    "originate_not_registered": [],
    "originate_far_busy": [office("busy", originated=True)],
    "originate_by_local_far_busy": [office("busy", originated=True)],
    "originate_far_no_answer": [office("cancelled", originated=True, rang={"trunk": "cancelled"})],
    # --- out and in again ---------------------------------------------------------------------------------------------
    "out_and_back_in": [
        office("answered", SECOND),
        call(
            "trunk",
            MAIN_NUMBER,
            SECOND,
            by="1002",
            talked="1002",
            rang={"1002": "answered"},
            pops={"1002": MAIN_NUMBER},
            disposition="answered",
        ),
    ],
    "trunk_to_trunk": [answered(TWIN, "trunk", pops={})],
    "trunk_to_trunk_no_answer": [ada(TWIN, rang={"trunk": "no_answer"})],
    # --- names, as the display shows them -----------------------------------------------------------------------------
    "name_quotes": named(r"Zoë \"Zed\" O" + "'Neil"),
    "name_markup": named("<script>alert(1)</script> &amp; <b>Ada</b>"),
    "name_emoji": named("🎉 Άννα 👩‍💻"),
    "name_tab": named("Ada\tSmith"),
    "name_empty": named(""),
    "name_blank": named(""),
    "name_percent": named("Ada%20Smith 100%25 %3Cb%3E"),
    "name_backslash": named(r"C:\\new\\table" + " \\\\"),
    "name_long": named(("Ada Smith of Long Lane " * 4)[:79].strip()),  # the PBX keeps no more
    "number_percent_encoded": named("Grace", "+1 (202) 555-0123"),
    # --- not seen, or only half ---------------------------------------------------------------------------------------
    "gap_new_call_in_queue": [
        answered(),
        grace(
            None, "1002", rang={"1002": "answered", "1003": "elsewhere"}, pops={"1002": WASHINGTON, "1003": WASHINGTON}
        ),
    ],
    # Nobody saw how the first call ended, only that it was never answered.
    "pbx_lost_power_while_ringing": [ada(disposition=ANY, rang={"1001": ANY}, pops={"1001": LONDON}), grace()],
}


# chan_sip takes the name out of its quotes and keeps one letter more.
ON_CHAN_SIP = {
    "name_quotes": named('Zoë "Zed" O\'Neil'),
    "name_long": named(("Ada Smith of Long Lane " * 4)[:80]),
}


def told_on(pbx: str, name: str) -> list[Told]:
    return ON_CHAN_SIP.get(name, EXPECTED[name]) if pbx == "asterisk16sip" else EXPECTED[name]


@pytest.mark.parametrize(("pbx", "name"), takes(EXPECTED))
def test_a_story_is_told_as_the_people_in_it_would(pbx: str, name: str) -> None:
    assert differences(told_on(pbx, name), replayed(pbx, name)) == []


# A phone that answers at once counts as one that rang, and a busy one was to ring: their diaries have no ringing.
SILENT = ("answered_at_once", "originate_agent_busy")


@pytest.mark.parametrize(
    ("pbx", "name"), takes(name for name in EXPECTED if not name.startswith(("gap_", "pbx_", *SILENT)))
)
def test_what_people_tell_is_what_the_phones_lived(pbx: str, name: str) -> None:
    assert rings_told(EXPECTED[name]) == rings_lived(truth_of(pbx, name))


@pytest.mark.parametrize(("pbx", "name"), takes(name for name in EXPECTED if name.startswith(("name_", "number_"))))
def test_the_card_shows_the_name_that_the_display_shows(pbx: str, name: str) -> None:
    diaries = truth_of(pbx, name)["phones"]
    shown = next(seen for desk in diaries for seen in diaries[desk] if seen["event"] == "ringing")
    (told,) = told_on(pbx, name)
    assert (told["name"], told["number"]) == (shown["name"].strip(), shown["number"])


def test_every_story_is_kept_as_the_newest_pbx_told_it() -> None:
    assert [name for pbx, name in takes(EXPECTED) if pbx == "asterisk22"] == list(EXPECTED)


WRONG: dict[str, Any] = {
    "direction": "internal",
    "originated": True,
    "caller": {"endpoint": "PJSIP/1002", "number": "1002", "name": None, "restricted": False},
    "dialled": GROUP,
    "rang": [{"endpoint": "PJSIP/1001", "outcome": "elsewhere"}],
    "answered_by": "PJSIP/1002",
    "talked_with": [],
    "transfers": [{"kind": "blind", "by": "PJSIP/1001", "connects": None, "ok": True}],
    "picked_up": True,
    "merged_into": "1.1",
    "disposition": "busy",
    "ended": False,
    "pops": [],
}


@pytest.mark.parametrize(("key", "wrong"), WRONG.items(), ids=WRONG)
def test_the_comparison_sees_every_wrong_key(key: str, wrong: object) -> None:
    (right,) = replayed("asterisk22", "answered_at_once")
    assert differences([answered()], [right]) == []
    assert differences([answered()], [{**right, key: wrong}]) != []


def test_the_comparison_sees_a_call_too_few_and_one_too_many() -> None:
    (right,) = replayed("asterisk22", "answered_at_once")
    assert differences([answered()], []) != []
    assert differences([answered()], [right, right]) != []
    assert differences([answered(), folded("1002", "A")], [right]) == []
    assert differences([answered(), folded("1002", "A")], [right, right]) != []
