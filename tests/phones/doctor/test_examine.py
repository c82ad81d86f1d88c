"""The doctor against the stubborn simulated phone: every way to deny or fail ends in one sensible, honest finding."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from crmconnector.simulator.cti.door import CERTIFICATES
from crmconnector.simulator.cti.faults import KINDS
from crmconnector.simulator.httpd import free_port
from crmconnector.simulator.profiles import BADPASS_MODES, DENY_MODES, PROFILES
from crmconnector.simulator.running import running_office
from phones.doctor.access import GATES
from phones.doctor.checks import Verdict
from phones.doctor.examine import names_of, passcode_was_refused
from phones.doctor.probes import fingerprint_of
from phones.doctor.rows import check_device, check_firmware, check_pbx_accounts
from phones.doctor.words import TITLES, title_of
from phones.drivers.base import AnyCertificate, PinnedCertificate
from phones.drivers.probe import FrontPage
from tests.support.doctor_visit import ACCOUNT, NOW, failed, lines_in_use, subject_at, told, visit, with_passcode
from tests.support.simulated import PASSCODE, small_story

PASS, FAIL, CANNOT_TELL = Verdict.PASS, Verdict.FAIL, Verdict.CANNOT_TELL


@pytest.fixture
def office(tmp_path: Path):
    with running_office(small_story(tmp_path, phones=2)) as running:
        yield running


# ---- all is well


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_sound_phone_of_every_make_passes_all_that_needs_no_call(tmp_path, profile):
    story = small_story(tmp_path, phones=1)
    story = replace(story, phones=tuple(replace(phone, profile=profile) for phone in story.phones))
    with running_office(story) as office:
        checks = visit(office)
    assert failed(checks) == []
    skipped = [name for name, check in checks.items() if check.verdict is CANNOT_TELL]
    assert skipped == ["pop_up", "click_to_dial"]
    assert "test call" in told(checks["pop_up"]) and not checks["pop_up"].ran


def test_checks_are_reported_one_by_one_in_the_order_that_was_announced(office):
    heard: list[str] = []
    visit(office, seen=lambda check: heard.append(check.name))
    assert tuple(heard) == names_of(subject_at(80))
    assert "tls" not in heard


def test_every_finding_has_a_heading_and_evidence(office):
    office.profile("201", action_uri=False)
    for check in visit(office, call="202").values():
        assert check.title == title_of(check.name, check.verdict) and check.evidence
        assert check.name in TITLES


def test_our_own_address_is_named_for_the_phones_list(office):
    office.profile("201", action_uri=False)
    assert "Action URI Allowed IP List: 127.0.0.1" in told(visit(office)["allowed_list"])


def test_a_menu_path_comes_from_the_table_of_models_or_is_said_to_be_unknown(office):
    office.profile("201", action_uri=False)
    assert "Network → Remote Control → Action URI Support" in told(visit(office)["passcode"])
    assert "menu path not documented" in told(visit(office, model="GRP9999")["passcode"])
    assert "menu path not documented" in told(visit(office, model="GRP2670")["passcode"])


# ---- the passcode: one try


@pytest.mark.parametrize("mode", BADPASS_MODES)
def test_a_wrong_passcode_goes_out_once_whatever_the_phone_answers(office, mode):
    office.profile("201", badpass_mode=mode)
    checks = visit(office, passcode="wrong", call="202")
    assert failed(checks) == ["passcode"]
    assert len(with_passcode(office)) == 1
    assert passcode_was_refused(list(checks.values()))
    assert [checks[name].ran for name in ("answers", "phone_accounts", "pop_up", "click_to_dial")] == [False] * 4
    assert checks["action_uri"].verdict is checks["allowed_list"].verdict is CANNOT_TELL
    three = "cannot be told" in told(checks["passcode"])
    assert three is (mode != "error_wrong_count")


def test_a_phone_that_counts_the_tries_is_quoted(office):
    assert "4 more tries" in told(visit(office, passcode="wrong")["passcode"])


def test_a_locked_phone_is_told_apart_from_a_wrong_passcode(office):
    office.profile("201", attempt_limit=1)
    visit(office, passcode="wrong")
    checks = visit(office)
    assert failed(checks) == ["passcode"] and "locked itself" in told(checks["passcode"])
    assert len(with_passcode(office)) == 2  # one for each visit


def test_after_an_earlier_refusal_no_try_is_made_at_all(office):
    checks = visit(office, passcode_refused_at=NOW - timedelta(hours=1), call="202")
    assert failed(checks) == ["passcode"] and "No try was made" in told(checks["passcode"])
    assert with_passcode(office) == []
    assert not passcode_was_refused(list(checks.values()))  # nothing new was learnt
    assert checks["reachable"].verdict is PASS


def test_without_a_stored_passcode_nothing_is_sent_that_wants_one(office):
    checks = visit(office, passcode="", passcode_entered=False)
    assert failed(checks) == ["passcode"] and with_passcode(office) == []


# ---- Action URI off, or our address not in the list


@pytest.mark.parametrize("cause", [{"action_uri": False}, {"allowed_ips": ("192.0.2.1",)}])
@pytest.mark.parametrize("mode", DENY_MODES)
def test_a_denial_is_not_taken_for_more_than_it_says(office, mode, cause):
    office.profile("201", deny_mode=mode, **cause)
    checks = visit(office, call="202")
    gates = [checks[name] for name in GATES]
    assert len(with_passcode(office)) == 1
    assert len(failed(checks)) == 1 and failed(checks)[0] in ("passcode", "answers")
    assert [check.verdict for check in gates].count(PASS) == 0
    everything = " ".join(told(check) for check in checks.values())
    assert "Action URI Support: Enabled" in everything and "Action URI Allowed IP List" in everything
    assert lines_in_use(office) == []


# ---- faults

FAULTS = {
    "silent": "did not answer in time", "close": "breaks off", "html": "something else than expected",
    "error_500": "error of its own", "redirect": "sent us elsewhere", "slow": "did not answer in time",
    "truncated": "something else than expected", "cut_off": "breaks off", "big_body": "too large",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(FAULTS))
def test_every_fault_of_the_answer_fails_that_one_check_after_one_try(office, kind):
    office.fault("201", kind, None, function="api-get_line_status")
    checks = visit(office, call="202")
    assert failed(checks) == ["answers"], told(checks["answers"])
    assert FAULTS[kind] in told(checks["answers"])
    assert len(with_passcode(office)) == 1
    assert "redirect_followed" not in [trip["kind"] for trip in office.tripwires()]
    assert checks["pbx_accounts"].verdict is PASS and checks["firmware"].verdict is PASS


@pytest.mark.parametrize("kind", ["silent", "close", "html", "error_500", "redirect", "truncated"])
def test_a_fault_of_the_accounts_alone_leaves_the_rest_standing(office, kind):
    office.fault("201", kind, None, function="api-get_accounts")
    checks = visit(office)
    assert failed(checks) == [] and checks["phone_accounts"].verdict is CANNOT_TELL
    assert checks["phone_accounts"].ran and checks["answers"].verdict is PASS


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"refuse", "old_tls", *CERTIFICATES}))
def test_no_fault_whatsoever_breaks_the_visit_or_has_the_passcode_tried_again(office, kind):
    office.fault("201", kind, None)
    checks = visit(office)
    assert tuple(checks) == names_of(subject_at(80))
    if checks["answers"].verdict is not PASS:
        assert len(with_passcode(office)) <= 1 and not checks["phone_accounts"].ran


def test_nothing_that_carries_the_passcode_is_sent_once_the_phone_is_no_longer_ours(office):
    ours = iter([True, False])
    checks = visit(office, call="202", is_ours=lambda: next(ours))
    assert len(with_passcode(office)) == 1
    assert checks["answers"].verdict is PASS and not checks["phone_accounts"].ran and not checks["pop_up"].ran
    assert "Run the doctor again" in told(checks["pop_up"])


def test_a_closed_port_fails_the_network_and_nothing_else_is_tried(office):
    moved = replace(ACCOUNT, contact_address="127.0.0.9")
    checks = visit(office, port=free_port(), accounts=(moved,))
    assert failed(checks) == ["reachable"]
    assert not any(checks[name].ran for name in ("device", "passcode", "answers", "phone_accounts", "pop_up"))
    assert "at 127.0.0.9, not at 127.0.0.1" in told(checks["reachable"])


def test_an_address_that_is_not_allowed_is_not_even_opened(office):
    checks = visit(office, address_problem="10.0.0.1 is outside the allowed networks.", networks="127.0.0.0/8")
    assert failed(checks) == ["address"] and "127.0.0.0/8" in told(checks["address"])
    assert not checks["reachable"].ran and office.journal("201") == []


def test_a_port_without_tls_fails_the_encryption_before_any_request(office):
    checks = visit(office, scheme="https-pinned", pinned_sha256="AA")
    assert failed(checks) == ["tls"] and office.journal("201") == []
    assert not checks["passcode"].ran


@pytest.fixture
def secure(office):
    """(office, how to examine its first phone over HTTPS with the certificate it shows pinned)"""
    office.web_mode("201", "both")
    pem = office.certificate("201")["pem"]
    address = {"port": office.phone_tls_port("201"), "trust": PinnedCertificate(pem)}
    return office, {**address, "scheme": "https-pinned", "pinned_sha256": fingerprint_of(pem)}


def test_the_pinned_certificate_passes_and_everything_goes_over_it(secure):
    office, how = secure
    checks = visit(office, **how)
    assert failed(checks) == [] and "the pinned one" in told(checks["tls"])


@pytest.mark.parametrize("kind", sorted(CERTIFICATES))
def test_another_certificate_than_the_pinned_one_gets_no_passcode(secure, kind):
    office, how = secure
    office.fault("201", kind, None)
    checks = visit(office, **how)
    assert failed(checks) == ["tls"] and office.journal("201") == []
    assert checks["tls"].reason_code == "certificate_mismatch" and "SHA-256" in told(checks["tls"])


def test_a_phone_that_speaks_only_old_tls_gets_no_passcode(secure):
    office, how = secure
    office.fault("201", "old_tls", None)
    checks = visit(office, **how)
    assert failed(checks) == ["tls"] and office.journal("201") == [] and "TLS 1.2" in told(checks["tls"])


def test_a_certificate_that_nobody_checks_passes_with_the_danger_said(secure):
    office, how = secure
    checks = visit(office, **{**how, "scheme": "https-unverified", "pinned_sha256": None, "trust": AnyCertificate()})
    assert failed(checks) == [] and "may read the passcode" in told(checks["tls"]) and checks["tls"].cure


def test_a_pinned_certificate_that_cannot_be_read_is_said(secure):
    office, how = secure
    checks = visit(office, **{**how, "pinned_sha256": fingerprint_of("no certificate")})
    assert failed(checks) == ["tls"] and checks["tls"].reason_code == "pin_unreadable"


def test_a_phone_that_wants_https_is_told_from_one_that_refuses(secure):
    office, _ = secure
    office.profile("201", redirect_https=True)
    checks = visit(office)
    assert failed(checks) == ["answers"] and "wants HTTPS" in told(checks["answers"])
    assert len(with_passcode(office)) == 1


# ---- what it is


def test_something_else_at_the_address_never_sees_the_passcode(office):
    other = replace(ACCOUNT, user_agent="Yealink SIP-T46S 66.86")
    checks = visit(office, accounts=(other,), call="202")
    assert failed(checks) == ["device"] and "Yealink" in told(checks["device"])
    assert with_passcode(office) == []


@pytest.mark.parametrize(
    ("changes", "page", "verdict"),
    [
        ({}, None, PASS),
        ({"accounts": ()}, FrontPage(200, "", True, False), PASS),
        ({"accounts": ()}, FrontPage(200, "", False, False), CANNOT_TELL),
        ({"accounts": (), "mac": "C0:74:AD:00:00:01"}, None, CANNOT_TELL),  # anybody can type one
        ({"accounts": (replace(ACCOUNT, user_agent="Zoiper", contact_address="127.0.0.7"),)}, None, CANNOT_TELL),
        ({"accounts": (replace(ACCOUNT, user_agent="Zoiper"),)}, None, FAIL),
        ({"accounts": (replace(ACCOUNT, contact_address="127.0.0.7"),)}, None, CANNOT_TELL),  # it has moved
        ({"accounts": (replace(ACCOUNT, contact_address=""),)}, None, PASS),
    ],
)
def test_a_grandstream_is_known_by_its_registration_or_its_page_and_not_by_its_mac(changes, page, verdict):
    assert check_device(subject_at(80, **changes), page).verdict is verdict


@pytest.mark.parametrize(
    ("model", "firmware", "verdict"),
    [
        ("GRP2614", "1.0.9.22", PASS), ("GRP2614", "1.0.9.21", FAIL), ("grp2602", "1.0.3.18", PASS),
        ("GRP2602", "1.0.3.17", FAIL), ("GXP2170", "1.0.11.6", CANNOT_TELL), ("", "1.0.9.22", CANNOT_TELL),
        ("GRP2614", "", CANNOT_TELL), ("GRP2614", "newest", CANNOT_TELL),
    ],
)  # fmt: skip
def test_firmware_is_held_against_the_table_of_models(model, firmware, verdict):
    assert check_firmware(subject_at(80, model=model, firmware=firmware)).verdict is verdict


# ---- registration


@pytest.mark.parametrize(("states", "verdict"), [([True], PASS), ([True, False], FAIL), ([True, None], CANNOT_TELL)])
def test_one_lost_account_fails_the_registration_at_the_pbx(states, verdict):
    accounts = tuple(replace(ACCOUNT, registered=state) for state in states)
    check = check_pbx_accounts(subject_at(80, accounts=accounts), NOW)
    assert check.verdict is verdict and "52 s ago" in told(check)


def test_the_phones_own_word_on_its_registration_is_heard(office):
    assert visit(office)["phone_accounts"].verdict is PASS
    office.profile("201", registered=False)
    assert failed(visit(office)) == ["phone_accounts"]
    stranger = replace(ACCOUNT, extension="999", endpoint="PJSIP/999")
    assert visit(office, accounts=(stranger,))["phone_accounts"].verdict is CANNOT_TELL


# ---- secrets and texts


def test_the_passcode_is_in_no_finding(office):
    for cause in ({}, {"action_uri": False}, {"popup": True}):
        office.profile("201", **cause)
        for check in visit(office, call="202").values():
            assert PASSCODE not in repr(check) and PASSCODE not in str(check.as_json())


def test_what_others_said_of_themselves_is_cut_and_cleared_of_control_characters():
    nasty = replace(ACCOUNT, user_agent="Grandstream \x1b[31m\u202e" + "x" * 500)
    text = told(check_device(subject_at(80, accounts=(nasty,)), None))
    assert re.search(r"[\x00-\x1f\u202e]", text) is None and len(text) < 300
