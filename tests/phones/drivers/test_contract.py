"""What the driver promises, against every make of simulated phone, every way to deny, and every fault.

Pairwise: every two values of two different factors meet in at least one phone. On each such phone a whole call is
worked as a careful caller would: it stops at the first refused passcode and sends nothing again after a doubtful
answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.simulator.cti.faults import KINDS
from crmconnector.simulator.pace import VirtualPace
from crmconnector.simulator.profiles import BADPASS_MODES, DENY_MODES, POPUP_MODES, PROFILES
from phones.drivers.base import AnyCertificate, KeyPlan, Limits, PhoneAddress, PhoneDriver, PinnedCertificate, Trust
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused, Unclear
from phones.drivers.grandstream.driver import GrandstreamDriver
from tests.support.phone_farm import RunningFarm, running_farm

Case = dict[str, Any]
FACTORS: dict[str, list[Any]] = {
    "profile": [*PROFILES],
    "denial": ["", *DENY_MODES],
    "badpass_mode": [*BADPASS_MODES],
    "popup_mode": ["", *POPUP_MODES],
    "web": ["http", "https"],
    "passcode": ["right", "wrong"],
    "bool_style": ["json", "text"],
    "strict_colon": [False, True],
    "precond_mode": ["error", "ignore"],
    "rich_states": [False, True],
    "key_delay_seconds": [0.0, 0.12, 0.7],
    "status_lag_seconds": [0.0, 2.0],
}
SHORT = Limits(total_seconds=0.4)


def pairwise(factors: dict[str, list[Any]]) -> Iterator[Case]:
    """Cases in which every pair of values of two factors occurs; greedy, the same every time."""
    names = list(factors)
    open_pairs = {
        (a, i, b, j)
        for a, b in itertools.combinations(names, 2)
        for i in range(len(factors[a]))
        for j in range(len(factors[b]))
    }
    while open_pairs:
        case: dict[str, int] = {}
        first = min(open_pairs)
        case[first[0]], case[first[2]] = first[1], first[3]
        for name in names:
            if name not in case:
                case[name] = max(range(len(factors[name])), key=lambda i, n=name: _closes(open_pairs, case, n, i))
        open_pairs -= {pair for pair in open_pairs if case[pair[0]] == pair[1] and case[pair[2]] == pair[3]}
        yield {name: factors[name][place] for name, place in case.items()}


def _closes(open_pairs: set[tuple[str, int, str, int]], case: dict[str, int], name: str, place: int) -> int:
    ours = ((name, place, other, i) for other, i in case.items())
    return sum(pair in open_pairs or (pair[2], pair[3], pair[0], pair[1]) in open_pairs for pair in ours)


CASES = list(pairwise(FACTORS))


def port_of(farm: RunningFarm) -> int:
    ports = farm.farm.ports["phones"]
    assert isinstance(ports, dict)
    return ports[farm.first]


def a_driver(farm: RunningFarm, case: Case, limits: Limits = SHORT) -> PhoneDriver:
    trust: Trust | None = AnyCertificate() if case.get("web") == "https" else None
    passcode = farm.passcode(farm.first) if case.get("passcode", "right") == "right" else "wrong"
    return GrandstreamDriver(
        PhoneAddress("https" if trust else "http", "127.0.0.1", port_of(farm)), Secret(passcode),
        policy=AddressPolicy(["127.0.0.0/8"], allowed_ports=None), trust=trust, limits=limits,
    )  # fmt: skip


def prepared(farm: RunningFarm, case: Case) -> None:
    flags = {name: case[name] for name in FACTORS if name not in ("profile", "denial", "popup_mode", "web", "passcode")}
    if case["denial"]:
        flags |= {"action_uri": False, "deny_mode": case["denial"]}
    if case["popup_mode"]:
        flags |= {"popup": True, "popup_mode": case["popup_mode"]}
    farm.profile(farm.first, **flags)


def work_a_call(farm: RunningFarm, phone: PhoneDriver) -> list[PhoneError]:
    """Read everything, answer, hold, take back, press a key, hang up: what went wrong on the way."""
    errors: list[PhoneError] = []
    lines: tuple[Any, ...] = ()

    def look() -> None:
        nonlocal lines
        farm.advance(2.5)
        lines = phone.line_status()

    deeds: list[Callable[[], object]] = [
        phone.phone_status, phone.accounts, look, phone.accept_call, look,
        lambda: phone.hold_call(lines=lines), look, lambda: phone.resume_call(lines=lines), look,
        lambda: phone.send_keys(["VUP"], lines=lines, plan=KeyPlan()), look, lambda: phone.end_call(lines=lines), look,
    ]  # fmt: skip
    farm.incoming(farm.first, "+493012345678", "Zoë")
    for deed in deeds:
        try:
            deed()
        except PhoneError as error:
            errors.append(error)
            if isinstance(error, CredentialRefused):
                break
    return errors


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case['profile']}" for n, case in enumerate(CASES)])
def test_a_phone_of_any_make_and_mood_is_worked_without_harm(case: Case) -> None:
    with running_farm(1, profiles=[case["profile"]], https=case["web"] == "https", pace=VirtualPace()) as farm:
        prepared(farm, case)
        errors = work_a_call(farm, a_driver(farm, case))
        journal = farm.journal(farm.first)
        assert farm.trip_kinds() == []
        assert farm.passcode(farm.first) not in "".join(f"{error} {error!r} {error.__cause__!r}" for error in errors)
    denied = [entry for entry in journal if entry["step"] in ("passcode", "locked out")]
    assert len(denied) <= 1
    operations = [entry["query"].partition("cmd=")[2] for entry in journal if "phone_operation" in entry["path"]]
    assert operations.count("acceptcall") <= 1
    assert operations.count("endcall") <= 1
    assert operations.count("holdcall") <= 2  # to hold, and to take back
    kinds = [type(error) for error in errors]
    assert journal, "the phone was never reached"
    if case["denial"] in ("", "error_failed_json") and case["passcode"] == "right" and not case["popup_mode"]:
        assert CredentialRefused not in kinds
    if case["passcode"] == "wrong" and case["denial"] == "":
        assert kinds == [CredentialRefused]
        assert len(journal) == 1
    if case["passcode"] == "right" and not case["denial"] and not case["popup_mode"]:
        assert kinds == []
        assert operations == ["acceptcall", "holdcall", "holdcall", "endcall"]


def test_every_pair_of_values_meets() -> None:
    for (a, firsts), (b, seconds) in itertools.combinations(FACTORS.items(), 2):
        for one, other in itertools.product(firsts, seconds):
            assert any(case[a] == one and case[b] == other for case in CASES), (a, one, b, other)


# What make_call must say of each fault; None: no error, the phone's "success" is a hint and the lines tell.
FAULTS: dict[str, type[PhoneError] | None] = {
    **dict.fromkeys(["silent", "close", "html", "login_page", "empty", "error_500", "error_503", "redirect"], Unclear),
    **dict.fromkeys(["slow", "late", "truncated", "cut_off", "reset", "garbage", "gzip", "big_body", "drip"], Unclear),
    **dict.fromkeys(["wrong_types", "duplicate_body", "effect_no_answer"], Unclear),
    **dict.fromkeys(["bom", "latin1", "chunked", "clock_skew", "success_no_effect", "reboot", "user_key"]),
    **dict.fromkeys(["delayed_state", "unknown_state", "stale_line", "jitter"]),
    **dict.fromkeys(
        ["refuse", "moved", "expired_certificate", "early_certificate", "changed_certificate"], NothingSent
    ),
    "old_tls": NothingSent,
}
SECONDS = {"jitter": 0.01, "drip": 0.2, "clock_skew": 86400.0}
TLS_FAULTS = {"expired_certificate", "early_certificate", "changed_certificate", "old_tls"}


def test_every_fault_of_the_simulated_phone_is_in_the_table() -> None:
    assert set(FAULTS) == set(KINDS)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_has_its_place_in_the_error_tree(kind: str) -> None:
    with running_farm(1, https=kind in TLS_FAULTS) as farm:
        trust = PinnedCertificate(farm.certificate(farm.first)["pem"]) if kind in TLS_FAULTS else None
        port = port_of(farm)
        farm.fault(farm.first, kind, seconds=SECONDS.get(kind))
        phone = GrandstreamDriver(
            PhoneAddress("https" if trust else "http", "127.0.0.1", port), Secret(farm.passcode(farm.first)),
            policy=AddressPolicy(["127.0.0.0/8"], allowed_ports=None), trust=trust, limits=SHORT,
        )  # fmt: skip
        caught: PhoneError | None = None
        try:
            phone.make_call("3501")
        except PhoneError as error:
            caught = error
        requests = farm.journal(farm.first)
        assert farm.trip_kinds() == (["reboot_in_call"] if kind == "reboot" else [])  # the fault itself trips that one
    expected = FAULTS[kind]
    assert (type(caught) if caught else None) is expected, caught
    assert len(requests) == (0 if expected is NothingSent else 1)
    if isinstance(caught, Refused):
        assert requests[0]["effect"] == ""
