"""What each order to a phone itself does: look at the lines first (harmless), then the one deed, then say what came.

Every error of a driver becomes an outcome. Before the deed each of them is harmless; from then on only a sure "nothing
happened" counts as one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from crmconnector.calls.selectors import open_legs
from crmconnector.common.clock import GRANT_VALID_SECONDS, utc_now
from crmconnector.common.secrets import Secret
from phones.connection import driver_for, key_plan_of
from phones.drivers.base import Lines, LineWord, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused
from phones.health import Kind, Sight
from phones.looks import note
from phones.models import OrderKind, OrderState
from phones.orders import OrderGrant, OrderOutcome
from phones.services import note_passcode_refused
from tasks.device_health import sight_of

# These take the whole phone away: never while anybody talks on it.
IDLE_ONLY: Final = frozenset({OrderKind.LOCK, OrderKind.REBOOT, OrderKind.RESET})
DIGIT_KEYS: Final = frozenset({*"0123456789*#", "STAR", "POUND"})
RESTARTING: Final = frozenset({OrderKind.REBOOT, OrderKind.RESET})
IN_CALL = OrderOutcome(OrderState.REFUSED, "in_call", "Refused during a call: nothing was sent. Wait until it is over.")
TOO_LATE = OrderOutcome(OrderState.FAILED, "too_late", "The phone was too slow to be asked in time. Nothing was sent.")
# A driver that sends nothing for one of these has not reached the phone; for any other it was told to do nonsense.
NOT_REACHED: Final = frozenset(
    {
        Reason.ADDRESS_REFUSED, Reason.PASSCODE_MISSING, Reason.PIN_UNREADABLE, Reason.CONNECTION_REFUSED,
        Reason.CONNECT_TIMEOUT, Reason.UNREACHABLE, Reason.CERTIFICATE_MISMATCH, Reason.TLS_FAILED,
        Reason.REQUEST_NOT_BUILT,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Situation:
    """What a deed may need: the phone, its lines as seen a moment ago, the order, the secret handed over for it."""

    phone: PhoneDriver
    lines: Lines
    grant: OrderGrant
    secret: Secret


def carry_out_deed(grant: OrderGrant, *, secret: Secret | None = None, valid_from: float | None = None) -> OrderOutcome:
    """Look, check, send once. `valid_from`: monotonic; when the lease was last proved ours, if later than the grant."""
    seen: Sight | None = None
    deed_started = False
    try:
        phone = driver_for(grant.phone)
        began = time.monotonic()
        lines = phone.line_status()
        words = tuple(line.state.value for line in lines)
        seen = Sight(Kind.ANSWERED, lines=words, seconds=time.monotonic() - began)
        problem = _why_not(grant, lines, valid_from or grant.granted_monotonic)
        if problem:
            _note(grant, seen)
            return problem
        deed_started = True
        DEEDS[OrderKind(grant.kind)](Situation(phone, lines, grant, secret or Secret("")))
    except PhoneError as error:
        return _outcome_of(error, grant, seen, deed_started=deed_started)
    _note(grant, seen, restarting=grant.kind in RESTARTING)
    return OrderOutcome(OrderState.SENT)


def _why_not(grant: OrderGrant, lines: Lines, valid_from: float) -> OrderOutcome | None:
    if grant.kind in IDLE_ONLY:
        in_use = any(line.state is not LineWord.IDLE for line in lines)
        if in_use or open_legs(phone_ids=[grant.phone.pk], now=utc_now()).exists():
            return IN_CALL
    # Last, so that nothing slow comes between this and the deed: see the fence in `phones.orders`.
    return TOO_LATE if time.monotonic() - valid_from > GRANT_VALID_SECONDS else None


def _outcome_of(error: PhoneError, grant: OrderGrant, seen: Sight | None, *, deed_started: bool) -> OrderOutcome:
    """The same tree as for commands to calls."""
    strangers = isinstance(error, CredentialRefused) and _is_about_another_passcode(error, grant, deed_started)
    if isinstance(error, CredentialRefused) and not strangers:
        note_passcode_refused(phone_id=grant.phone.pk, at=utc_now(), reason_code=error.reason_code, sentence=str(error))
    else:
        told_by_phone = isinstance(error, Refused) or _is_our_own_refusal(error)
        sight = seen if seen is not None and told_by_phone else sight_of(error)
        _note(grant, sight, restarting=deed_started and grant.kind in RESTARTING and not told_by_phone)
    if strangers:
        return OrderOutcome(
            OrderState.REFUSED, "admin_passcode_refused",
            "Not done. The phone refused the administrator passcode that was entered. After a few wrong ones it locks.",
        )  # fmt: skip
    if isinstance(error, Refused):
        return OrderOutcome(OrderState.REFUSED, error.reason_code, f"Not done. {error}")
    if isinstance(error, NothingSent) or not deed_started:
        return OrderOutcome(OrderState.FAILED, error.reason_code, f"Not done. {error}")
    return OrderOutcome(
        OrderState.UNKNOWN, error.reason_code, f"{error.sentence} It may or may not have happened. Look at the phone."
    )


def _is_about_another_passcode(error: CredentialRefused, grant: OrderGrant, deed_started: bool) -> bool:
    """A reset goes out with the passcode that a person typed a moment ago; ours, of the user level, was just taken."""
    return grant.kind == OrderKind.RESET and deed_started and error.reason is not Reason.LOCKED_OUT


def _is_our_own_refusal(error: PhoneError) -> bool:
    return isinstance(error, NothingSent) and error.reason not in NOT_REACHED


def _note(grant: OrderGrant, sight: Sight, *, restarting: bool = False) -> None:
    note(phone_id=grant.phone.pk, sight=sight, at=utc_now(), restarting=restarting)


def _press_keys(of: Situation) -> None:
    """Digits only as tones of a call that is up: otherwise the phone dials them by itself, past the dial rules."""
    keys = of.grant.argument.split(":")
    talks = any(line.state is LineWord.CONNECTED for line in of.lines)
    if not talks and DIGIT_KEYS.intersection(keys):
        raise NothingSent(Reason.KEYS_WOULD_DIAL)
    of.phone.send_keys(keys, lines=of.lines, plan=key_plan_of(of.grant.phone))


def _operate(of: Situation) -> None:
    operation = OPERATIONS.get(of.grant.argument)
    if operation is None:
        raise NothingSent(Reason.REQUEST_NOT_BUILT)
    operation(of)


def _answer(of: Situation) -> None:
    """Answering names no line: exactly one must ring."""
    ringing = sum(line.state is LineWord.RINGING for line in of.lines)
    if ringing != 1:
        raise NothingSent(Reason.SEVERAL_RING if ringing else Reason.NOTHING_RINGS)
    of.phone.accept_call()


def _hold_or_resume(of: Situation) -> None:
    """The phone's one command is a toggle: which of the two is meant is told by the lines."""
    if any(line.state is LineWord.CONNECTED for line in of.lines):
        of.phone.hold_call(lines=of.lines)
    else:
        of.phone.resume_call(lines=of.lines)


OPERATIONS: Mapping[str, Callable[[Situation], None]] = {
    "endcall": lambda of: of.phone.end_call(lines=of.lines),
    "holdcall": _hold_or_resume,
    "acceptcall": _answer,
    "rejectcall": lambda of: of.phone.reject_call(lines=of.lines),
    "cancel": lambda of: of.phone.cancel_call(lines=of.lines),
}
DEEDS: dict[OrderKind, Callable[[Situation], None]] = {
    OrderKind.KEYS: _press_keys,
    OrderKind.OPERATION: _operate,
    OrderKind.LOCK: lambda of: of.phone.lock_keypad(lines=of.lines),
    OrderKind.UNLOCK: lambda of: of.phone.unlock_keypad(),
    OrderKind.REBOOT: lambda of: of.phone.reboot(lines=of.lines),
    OrderKind.RESET: lambda of: of.phone.reset(admin_passcode=of.secret, lines=of.lines),
}
