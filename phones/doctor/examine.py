"""The doctor: named checks of one phone, one after another, each with what was seen and what to do.

    address - network - encryption - kind of device - passcode, switches and list - accounts - firmware - test call

The passcode goes out only to what is not known to be something else than a Grandstream phone, and after the first
answer that is not the asked one nothing that carries it is sent any more: phones lock themselves after a few tries.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from phones.doctor.access import let_in, no_passcode, refused_before, shut_out
from phones.doctor.call import Pause, judge, may_be_dialled, try_call
from phones.doctor.checks import AccountSeen, Check, Said, Subject, Verdict, say
from phones.doctor.probes import Probes
from phones.doctor.rows import check_address, check_device, check_firmware, check_pbx_accounts, finding, moved_to
from phones.doctor.words import NEEDS, here
from phones.doctor.words import gettext_noop as _
from phones.drivers.base import AccountState, LineWord, PhoneDriver
from phones.drivers.errors import SENTENCES, CredentialRefused, PhoneError, Reason

__all__ = ["AccountSeen", "Check", "Said", "Subject", "Verdict", "examine", "names_of", "passcode_was_refused"]

_ORDER: Final = (
    "address", "reachable", "tls", "device", "passcode", "action_uri", "allowed_list", "answers",
    "phone_accounts", "pbx_accounts", "firmware", "pop_up", "click_to_dial",
)  # fmt: skip


def names_of(subject: Subject) -> tuple[str, ...]:
    """The checks of a run, in their order."""
    return tuple(name for name in _ORDER if name != "tls" or subject.encrypted)


def passcode_was_refused(checks: Sequence[Check]) -> bool:
    """Whether the phone refused us in this very run: nothing more may be sent to it until a person has acted."""
    codes = {Reason.UNAUTHORIZED, Reason.FORBIDDEN, Reason.WRONG_PASSCODE, Reason.LOCKED_OUT}
    return any(check.reason_code in codes for check in checks)


def examine(
    subject: Subject,
    driver: PhoneDriver,
    probes: Probes,
    now: datetime,
    test_extension: str | None = None,
    report: Callable[[Check], None] = lambda _check: None,
    pause: Pause = time.sleep,
    is_ours: Callable[[], bool] = lambda: True,
    bar: Callable[[str], str] = lambda _extension: "",
) -> tuple[Check, ...]:
    """Every check of `names_of(subject)`, each handed to `report` as it ends. Raises nothing of a phone's doing.

    `now`: for the ages of what the rows say. `test_extension`: dialled once, if it may be and the phone is idle.
    `is_ours`: asked before the passcode goes out; False when somebody else has the phone by now, or its passcode was
    changed meanwhile. `bar`: asked right before the test call; what is in its way by the dial rules, a key of NEEDS.
    """
    visit = _Visit(subject, driver, probes, report, is_ours, bar)
    visit.network()
    visit.device()
    visit.access()
    visit.phone_accounts()
    visit.add(check_pbx_accounts(subject, now))
    visit.add(check_firmware(subject))
    visit.test_call(test_extension or "", pause)
    return tuple(visit.checks)


class _Visit:
    """One run. `need` is the first condition that was not met: from then on nothing that wants it is tried."""

    def __init__(
        self,
        subject: Subject,
        driver: PhoneDriver,
        probes: Probes,
        report: Callable[[Check], None],
        is_ours: Callable[[], bool],
        bar: Callable[[str], str],
    ) -> None:
        self.checks: list[Check] = []
        self.need = ""
        self._subject, self._driver, self._probes = subject, driver, probes
        self._report, self._is_ours, self._bar = report, is_ours, bar
        self._our_address = self._stopped_by = ""

    def add(self, *checks: Check, need: str = "") -> None:
        """Take findings down. A failure of what later checks need stops those."""
        for check in checks:
            self.checks.append(check)
            self._report(check)
        if need and not self.need and any(check.verdict is Verdict.FAIL for check in checks):
            self.need = need

    def network(self) -> None:
        self.add(check_address(self._subject), need="address")
        self._unless_needed(self._reach, "reachable")
        if self._subject.encrypted:
            self._unless_needed(self._encrypt, "tls")

    def device(self) -> None:
        self._unless_needed(self._recognise, "device")

    def access(self) -> None:
        names = ("passcode", "action_uri", "allowed_list", "answers")
        if self.need:
            self._skip(*names)
            return
        known = self._known_hindrance()
        if known:
            self.add(known, need="passcode")
            self._skip(*names[1:])
        elif not self._may_go_on():
            self._skip(*names)
        else:
            self._ask_lines()

    def phone_accounts(self) -> None:
        if not self.need:
            self._may_go_on()
        self._unless_needed(self._ask_accounts, "phone_accounts")

    def test_call(self, extension: str, pause: Pause) -> None:
        need = self.need
        if not need and not extension:
            need = "test_call"
        elif not need and not may_be_dialled(extension, self._subject.countries):
            need = "extension"
        elif not need and not (self._may_go_on() and self._is_calm()):
            need = self.need or "calm"
        need = need or self._bar(extension)
        if need:
            self._skip("pop_up", "click_to_dial", need=need)
            return
        call = try_call(self._driver, extension, pause)
        self.add(*judge(call, self._subject, extension))

    def _unless_needed(self, check: Callable[[], None], name: str) -> None:
        if self.need:
            self._skip(name)
        else:
            check()

    def _skip(self, *names: str, need: str = "") -> None:
        why = say(NEEDS[need or self.need])
        code = self._stopped_by if need in ("", self.need) else ""
        self.add(*(finding(name, Verdict.CANNOT_TELL, why, ran=False, reason_code=code) for name in names))

    def _reach(self) -> None:
        started = time.monotonic()
        try:
            self._our_address = self._probes.connect()
        except PhoneError as error:
            self.add(self._unreachable(error, _milliseconds(started)), need="reachable")
            return
        where = say(_("Port %(port)d takes connections."), port=self._subject.port)
        ours = say(_("Our address towards it is %(address)s."), address=self._our_address)
        evidence = (where, ours) if self._our_address else (where,)
        self.add(finding("reachable", Verdict.PASS, *evidence, milliseconds=_milliseconds(started)))

    def _unreachable(self, error: PhoneError, milliseconds: int) -> Check:
        moved = moved_to(self._subject)
        cure = [say(error.hint)]
        if moved:
            cure.append(say(_("If the phone has moved, correct its address here.")))
        return finding(
            "reachable", Verdict.FAIL, say(error.sentence), *([moved] if moved else []), cure=tuple(cure),
            places=(here(self._subject.name, "Address"),), reason_code=error.reason_code, milliseconds=milliseconds,
        )  # fmt: skip

    def _encrypt(self) -> None:
        started = time.monotonic()
        try:
            shown = self._probes.certificate()
        except PhoneError as error:
            self.add(self._not_encrypted(error.reason, _milliseconds(started)), need="tls")
            return
        pinned, milliseconds = self._subject.pinned_sha256, _milliseconds(started)
        fingerprint = say(_("It shows the certificate with the SHA-256 %(sha256)s."), sha256=shown.sha256)
        if pinned is None:
            self.add(self._unproven(fingerprint, milliseconds))
        elif pinned == shown.sha256:
            same = say(_("TLS 1.2 or later, and the certificate is the pinned one."))
            self.add(finding("tls", Verdict.PASS, same, milliseconds=milliseconds))
        else:
            reason = Reason.CERTIFICATE_MISMATCH if pinned else Reason.PIN_UNREADABLE
            self.add(self._not_encrypted(reason, milliseconds, fingerprint), need="tls")

    def _unproven(self, fingerprint: Said, milliseconds: int) -> Check:
        """By somebody's explicit choice; it works, and we say what it leaves open."""
        doubt = say(
            _("TLS 1.2 or later. The certificate is not checked: somebody in the network may read the passcode.")
        )
        pin = say(_("Pin the certificate, once its fingerprint has been compared with the phone's own."))
        places = (here(self._subject.name, "Connection"),)
        return finding("tls", Verdict.PASS, doubt, fingerprint, cure=(pin,), places=places, milliseconds=milliseconds)

    def _not_encrypted(self, reason: Reason, milliseconds: int, *seen: Said) -> Check:
        sentence, hint = SENTENCES[reason]
        return finding(
            "tls", Verdict.FAIL, say(sentence), *seen, cure=(say(hint),),
            places=(here(self._subject.name, "Connection"),), reason_code=reason.value, milliseconds=milliseconds,
        )  # fmt: skip

    def _recognise(self) -> None:
        started = time.monotonic()
        try:
            found = check_device(self._subject, self._probes.front_page())
        except PhoneError:
            found = check_device(self._subject, None)
        timed = replace(found, milliseconds=_milliseconds(started))
        self.add(timed, need="device")

    def _known_hindrance(self) -> Check | None:
        """Reasons not to send the passcode at all."""
        if self._subject.passcode_refused_at is not None:
            return refused_before(self._subject, self._subject.passcode_refused_at)
        return None if self._subject.passcode_entered else no_passcode(self._subject)

    def _ask_lines(self) -> None:
        """The one try with the passcode. Whatever comes but the lines ends every further request that carries it."""
        started = time.monotonic()
        try:
            lines = self._driver.line_status()
        except PhoneError as error:
            self.add(*shut_out(error, self._subject, self._our_address, _milliseconds(started)))
            self._stop(error)
            return
        self.add(*let_in(lines, self._our_address, _milliseconds(started)))

    def _ask_accounts(self) -> None:
        started = time.monotonic()
        try:
            found = self._driver.accounts()
        except PhoneError as error:
            seen = say(error.sentence)
            self.add(
                finding(
                    "phone_accounts", Verdict.CANNOT_TELL, seen, reason_code=error.reason_code,
                    milliseconds=_milliseconds(started),
                )
            )  # fmt: skip
            if isinstance(error, CredentialRefused):
                self._stop(error)
            return
        self.add(_judge_accounts(found, self._subject, _milliseconds(started)))

    def _is_calm(self) -> bool:
        """Every line is idle right now; seen again, because the first look is some requests old."""
        try:
            lines = self._driver.line_status()
        except PhoneError as error:
            self._stop(error)
            return False
        return all(line.state is LineWord.IDLE for line in lines)

    def _may_go_on(self) -> bool:
        """Before each step that carries the passcode: a worker may have been frozen for a minute in between."""
        if not self._is_ours():
            self.need = "lease"
        return not self.need

    def _stop(self, error: PhoneError) -> None:
        """Nothing more that carries the passcode; the code goes with what is skipped for it."""
        self.need = "passcode" if isinstance(error, CredentialRefused) else "answers"
        self._stopped_by = error.reason_code


def _judge_accounts(found: Sequence[AccountState], subject: Subject, milliseconds: int) -> Check:
    """Ours among those the phone has, by SIP user or endpoint name. Names that differ prove nothing."""
    by_name = {account.sip_id: account for account in found if account.sip_id}
    evidence: list[Said] = []
    states: list[bool | None] = []
    for ours in subject.accounts:
        theirs = by_name.get(ours.extension) or by_name.get(ours.endpoint.partition("/")[2])
        states.append(theirs.registered if theirs else None)
        evidence.append(_account_line(ours, theirs))
    if not subject.accounts:
        evidence.append(say(_("No SIP account is entered for this phone here.")))
    verdict = Verdict.FAIL if False in states else Verdict.CANNOT_TELL if None in states or not states else Verdict.PASS
    cure: tuple[Said, ...] = ()
    if verdict is Verdict.FAIL:
        cure = (say(_("Check the SIP server, the user and the password of the account on the phone and on the PBX.")),)
    return finding("phone_accounts", verdict, *evidence, cure=cure, milliseconds=milliseconds)


def _account_line(ours: AccountSeen, theirs: AccountState | None) -> Said:
    if theirs is None:
        return say(_("No account on the phone is named %(extension)s."), extension=ours.extension)
    text = (
        _("Account %(n)d, %(sip)s: registered.") if theirs.registered else _("Account %(n)d, %(sip)s: not registered.")
    )
    return say(text, n=theirs.account, sip=theirs.sip_id)


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
