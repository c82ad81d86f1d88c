"""Every way to pass a call on: what the people in the story would tell, written down before the tracker was asked."""

from typing import Any

import pytest

from tests.support.told_calls import ANY, Told, call, differences, replayed, rings_lived, rings_told, takes, truth_of

LONDON, LONDON_OFFICE, WASHINGTON = "+442079460123", "+442079460456", "+12025550123"
DIRECT, QUEUE_LOCAL, SHORT_QUEUE = "+493023125101", "+493023125104", "+493023125119"
ANSWERED: dict[str, Any] = {"disposition": "answered"}


def ada(dialled: str = DIRECT, *, by: str = "1001", **more: Any) -> Told:
    """Ada Smith calls from London; 1001 answers first."""
    return call("trunk", LONDON, dialled, **{"by": by, **ANSWERED, **more})


def asks(asker: str, asked: str, **more: Any) -> Told:
    """One desk calls another, which answers: to ask whether it takes the call."""
    usual = {"rang": {asked: "answered"}, "by": asked, "talked": asked, "pops": {asked: asker}, **ANSWERED}
    return call(asker, asker, asked, **{**usual, **more})


ONLY_1001: dict[str, Any] = {"rang": {"1001": "answered"}, "talked": "1001", "pops": {"1001": LONDON}}
BOTH: dict[str, Any] = {
    "rang": {"1001": "answered", "1002": "answered"},
    "talked": "1001 1002",
    "pops": {"1001": LONDON, "1002": LONDON},
}
OF_QUEUE_602 = {"1001": "elsewhere", "1002": "answered", "1003": "elsewhere"}
OFFICE: dict[str, Any] = {"direction": "outbound", "by": "trunk", "talked": "trunk", **ANSWERED}

EXPECTED: dict[str, list[Told]] = {
    # --- blind --------------------------------------------------------------------------------------------------------
    "transfer_blind_busy": [ada(**ONLY_1001, transfers=[("blind", "1001", None, ANY)])],
    "transfer_blind_not_registered": [ada(**ONLY_1001, transfers=[("blind", "1001", None, ANY)])],
    "transfer_blind_no_answer": [
        ada(
            **{**BOTH, "talked": "1001", "rang": {"1001": "answered", "1002": "no_answer"}},
            transfers=[("blind", "1001", None, ANY)],
        )
    ],
    "transfer_blind_caller_gives_up": [
        ada(
            **{**BOTH, "talked": "1001", "rang": {"1001": "answered", "1002": "cancelled"}},
            transfers=[("blind", "1001", None, ANY)],
        )
    ],
    "transfer_blind_to_group": [
        ada(
            rang={"1001": "answered", "1002": "elsewhere", "1003": "answered"},
            talked="1001 1003",
            transfers=[("blind", "1001", "1003 trunk", True)],
            pops={"1001": LONDON, "1002": LONDON, "1003": LONDON},
        )
    ],
    # The phone that passed her on is free again, so the queue rings it too.
    "transfer_blind_to_queue": [
        ada(
            rang={"1001": ["answered", "elsewhere"], "1002": "elsewhere", "1003": "answered"},
            talked="1001 1003",
            transfers=[("blind", "1001", "1003 trunk", True)],
            pops={"1001": [LONDON, LONDON], "1002": LONDON, "1003": LONDON},
        )
    ],
    "transfer_blind_outside": [
        ada(
            rang={"1001": "answered", "trunk": "answered"},
            talked="1001 trunk",
            transfers=[("blind", "1001", "trunk trunk", True)],
            pops={"1001": LONDON},
        )
    ],
    # 1002 was called by 1001 and then has 1003; the caller, 1001, only ever talked with 1002.
    "transfer_blind_by_caller": [
        asks(
            "1001",
            "1002",
            rang={"1002": "answered", "1003": "answered"},
            transfers=[("blind", "1001", "1002 1003", True)],
            pops={"1002": ["1001", "1003"], "1003": "1002"},
        )
    ],
    "transfer_blind_of_outbound": [
        call(
            "1001",
            None,
            LONDON_OFFICE,
            **OFFICE,
            rang={"trunk": "answered", "1002": "answered"},
            transfers=[("blind", "1001", "1002 trunk", True)],
            pops={"1002": LONDON_OFFICE},
        )
    ],
    "transfer_blind_twice": [
        ada(
            rang={"1001": "answered", "1002": "answered", "1003": "answered"},
            talked="1001 1002 1003",
            transfers=[("blind", "1001", "1002 trunk", True), ("blind", "1002", "1003 trunk", True)],
            pops={"1001": LONDON, "1002": LONDON, "1003": LONDON},
        )
    ],
    "transfer_blind_feature": [ada(**BOTH, transfers=[("blind", "1001", "1002 trunk", True)])],
    "queue_then_transfer_blind": [
        ada(
            SHORT_QUEUE,
            rang={"1001": "answered", "1004": "answered"},
            talked="1001 1004",
            transfers=[("blind", "1001", "1004 trunk", True)],
            pops={"1001": LONDON, "1004": LONDON},
        )
    ],
    "transfer_blind_back": [
        ada(
            rang={"1001": ["answered", "answered"], "1002": "answered"},
            talked="1001 1002",
            transfers=[("blind", "1001", "1002 trunk", True), ("blind", "1002", "1001 trunk", True)],
            pops={"1001": [LONDON, LONDON], "1002": LONDON},
        )
    ],
    "queue_local_then_transfer_blind": [
        ada(
            QUEUE_LOCAL,
            by="1002",
            rang={**OF_QUEUE_602, "1004": "answered"},
            talked="1002 1004",
            transfers=[("blind", "1002", "1004 trunk", True)],
            pops=dict.fromkeys(("1001", "1002", "1003", "1004"), LONDON),
        )
    ],
    "originate_then_transfer_blind": [
        call(
            "1001",
            None,
            LONDON_OFFICE,
            **OFFICE,
            originated=True,
            rang={"trunk": "answered", "1002": "answered"},
            transfers=[("blind", "1001", "1002 trunk", True)],
            pops={"1002": LONDON_OFFICE},
        )
    ],
    # --- attended -----------------------------------------------------------------------------------------------------
    "transfer_attended_given_up": [ada(**ONLY_1001), asks("1001", "1002")],
    "transfer_attended_by_caller": [
        asks(
            "1001",
            "1002",
            transfers=[("attended", "1001", "1002 1003", True)],
            pops={"1002": ["1001", "1003"], "1003": "1002"},
        ),
        asks("1001", "1003", merged="A"),
    ],
    "transfer_attended_two_incoming": [
        ada(**{**ONLY_1001, "talked": "1001 trunk"}, transfers=[("attended", "1001", "trunk trunk", True)]),
        call(
            "trunk",
            WASHINGTON,
            DIRECT,
            by="1001",
            talked=ANY,
            merged="A",
            rang={"1001": "answered"},
            pops={"1001": WASHINGTON},
            **ANSWERED,
        ),
    ],
    "transfer_attended_of_outbound": [
        call(
            "1001",
            None,
            LONDON_OFFICE,
            **OFFICE,
            rang={"trunk": "answered"},
            transfers=[("attended", "1001", "1002 trunk", True)],
            pops={"1002": LONDON_OFFICE},
        ),
        asks("1001", "1002", merged="A"),
    ],
    # By the code all of it is one call of the PBX. 1002 is first called by 1001, then has Ada.
    "transfer_attended_feature": [
        ada(
            **{**BOTH, "pops": {"1001": LONDON, "1002": ["1001", LONDON]}},
            transfers=[("attended", "1001", "1002 trunk", True)],
        )
    ],
    "queue_then_transfer_attended": [
        ada(
            SHORT_QUEUE,
            rang={"1001": "answered"},
            talked="1001 1004",
            transfers=[("attended", "1001", "1004 trunk", True)],
            pops={"1001": LONDON, "1004": LONDON},
        ),
        asks("1001", "1004", merged="A"),
    ],
    "queue_local_then_transfer_attended": [
        ada(
            QUEUE_LOCAL,
            by="1002",
            rang=OF_QUEUE_602,
            talked="1002 1004",
            transfers=[("attended", "1002", "1004 trunk", True)],
            pops=dict.fromkeys(("1001", "1002", "1003", "1004"), LONDON),
        ),
        asks("1002", "1004", merged="A"),
    ],
    "transfer_attended_outside": [
        ada(**{**ONLY_1001, "talked": "1001 trunk"}, transfers=[("attended", "1001", "trunk trunk", True)]),
        call("1001", None, LONDON_OFFICE, **OFFICE, rang={"trunk": "answered"}, merged="A"),
    ],
    "transfer_attended_to_group": [
        ada(
            rang={"1001": "answered"},
            talked="1001 1003",
            transfers=[("attended", "1001", "1003 trunk", True)],
            pops={"1001": LONDON, "1003": LONDON},
        ),
        call(
            "1001",
            "1001",
            "610",
            by="1003",
            talked="1003",
            rang={"1002": "elsewhere", "1003": "answered"},
            pops={"1002": "1001", "1003": "1001"},
            merged="A",
            **ANSWERED,
        ),
    ],
    "originate_then_transfer_attended": [
        call(
            "1001",
            None,
            LONDON_OFFICE,
            **OFFICE,
            originated=True,
            rang={"trunk": "answered"},
            transfers=[("attended", "1001", "1002 trunk", True)],
            pops={"1002": LONDON_OFFICE},
        ),
        asks("1001", "1002", merged="A"),
    ],
    # --- blonde: put through while it still rings ---------------------------------------------------------------------
    "transfer_blonde_answered": [
        ada(**BOTH, transfers=[("blonde", "1001", "1002 trunk", True)]),
        asks("1001", "1002", rang=ANY, by=None, talked="", merged="A", disposition="transferred"),
    ],
    "transfer_blonde_no_answer": [
        ada(
            **{**BOTH, "talked": "1001", "rang": {"1001": "answered", "1002": "no_answer"}},
            transfers=[("blonde", "1001", ANY, ANY)],
        ),
        asks("1001", "1002", rang=ANY, by=None, talked="", merged="A", disposition="transferred"),
    ],
    "transfer_blonde_caller_gives_up": [
        ada(
            **{**BOTH, "talked": "1001", "rang": {"1001": "answered", "1002": "cancelled"}},
            transfers=[("blonde", "1001", ANY, ANY)],
        ),
        asks("1001", "1002", rang=ANY, by=None, talked="", merged="A", disposition="transferred"),
    ],
    "transfer_blonde_feature": [
        ada(
            **{**BOTH, "pops": {"1001": LONDON, "1002": ["1001", LONDON]}},
            transfers=[("blonde", "1001", "1002 trunk", True)],
        )
    ],
    # --- not seen, or only half ---------------------------------------------------------------------------------------
    # A call found talking pops nowhere; one found ringing pops once.
    "gap_transfer_blind": [ada(rang=ANY, talked="1001 1002", transfers=ANY, pops={"1001": LONDON})],
    "gap_transfer_rings": [ada(**BOTH, transfers=ANY)],
    "gap_transfer_attended": [
        ada(rang=ANY, talked="1001 1002", transfers=ANY, pops=ANY),
        asks("1001", "1002", merged="A"),
    ],
}


@pytest.mark.parametrize(("pbx", "name"), takes(EXPECTED))
def test_a_transfer_is_told_as_the_people_in_it_would(pbx: str, name: str) -> None:
    assert differences(EXPECTED[name], replayed(pbx, name)) == []


@pytest.mark.parametrize(("pbx", "name"), takes(name for name in EXPECTED if not name.startswith("gap_")))
def test_what_people_tell_is_what_the_phones_lived(pbx: str, name: str) -> None:
    assert rings_told(EXPECTED[name]) == rings_lived(truth_of(pbx, name))


def test_every_transfer_is_kept_as_the_newest_pbx_told_it() -> None:
    assert [name for pbx, name in takes(EXPECTED) if pbx == "asterisk22"] == list(EXPECTED)
