"""Grandstream GRP26xx phones by their CTI functions over HTTP."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import (
    AccountState,
    KeyPlan,
    Limits,
    Lines,
    PhoneAddress,
    PhoneState,
    Support,
    Trust,
    Verb,
)
from phones.drivers.errors import NothingSent, Reason
from phones.drivers.grandstream import situation
from phones.drivers.grandstream.answers import (
    MOST_ACCOUNTS,
    accounts_of,
    expect_accepted,
    expect_keys_queued,
    expect_reset,
    expect_restart,
    lines_of,
    phone_state_of,
)
from phones.drivers.grandstream.client import CtiClient, Function
from phones.drivers.grandstream.keys import checked

# ASCII digits only: \d also takes Arabic and full-width ones, which a phone may drop or read otherwise.
_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}")
_DIAL_PLAN: Final = re.compile(r"[a-z0-9_]{1,20}")

SUPPORT: Final[Mapping[Verb, Support]] = MappingProxyType(
    {
        **dict.fromkeys(Verb, Support.NATIVE),
        Verb.HOLD_CALL: Support.TOGGLE,  # there is no command to take a call back but the same one again
        Verb.RESUME_CALL: Support.TOGGLE,
        Verb.MUTE: Support.TOGGLE,
        Verb.BLIND_TRANSFER: Support.SEQUENCE,
        Verb.ATTENDED_TRANSFER: Support.SEQUENCE,
        Verb.CONFERENCE: Support.SEQUENCE,
        Verb.DTMF: Support.SEQUENCE,  # the same keys dial when the call has ended meanwhile
        Verb.DO_NOT_DISTURB: Support.VIA_PBX,  # the mute key may do it, blindly; nothing tells whether it is on
    }
)


class _Operation(StrEnum):
    """The five operations of the guide. No other can be asked for."""

    END = "endcall"
    HOLD = "holdcall"
    ACCEPT = "acceptcall"
    REJECT = "rejectcall"
    CANCEL = "cancel"


class GrandstreamDriver:
    """One phone; see `phones.drivers.base.PhoneDriver` for what its methods promise."""

    vendor = "grandstream"

    def __init__(
        self,
        address: PhoneAddress,
        passcode: Secret,
        *,
        policy: AddressPolicy,
        trust: Trust | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._client = CtiClient(address, passcode, policy=policy, trust=trust, limits=limits or Limits())

    def capabilities(self) -> Mapping[Verb, Support]:
        return SUPPORT

    def make_call(self, number: str, account: int | None = None, dial_plan: str | None = None) -> None:
        """Dial. The phone says "success" before it calls, and also when the account is not registered."""
        parameters = {"phonenumber": _dialable(number)}
        if account is not None:
            parameters["account"] = str(_account_index(account))
        if dial_plan is not None:
            parameters["dialplan"] = _dial_plan(dial_plan)
        self._client.ask(Function.MAKE_CALL, expect_accepted, parameters, said_no=Reason.SAID_NO_CLICK_TO_DIAL)

    def accept_call(self) -> None:
        self._operate(_Operation.ACCEPT)

    def reject_call(self, *, lines: Lines) -> None:
        situation.check_reject(lines)
        self._operate(_Operation.REJECT)

    def end_call(self, *, lines: Lines, beside_held: bool = False) -> None:
        situation.check_end(lines, beside_held=beside_held)
        self._operate(_Operation.END)

    def hold_call(self, *, lines: Lines) -> None:
        situation.check_hold(lines)
        self._operate(_Operation.HOLD)

    def resume_call(self, *, lines: Lines) -> None:
        situation.check_resume(lines)
        self._operate(_Operation.HOLD)

    def cancel_call(self, *, lines: Lines) -> None:
        situation.check_cancel(lines)
        self._operate(_Operation.CANCEL)

    def send_keys(self, keys: Sequence[str], *, lines: Lines, plan: KeyPlan) -> None:
        self._send_keys(checked(keys, lines, plan))

    def lock_keypad(self, *, lines: Lines) -> None:
        situation.check_idle(lines)
        self._send_keys("LOCK")

    def unlock_keypad(self) -> None:
        self._send_keys("UNLOCK")

    def reboot(self, *, lines: Lines) -> None:
        """Restart. A phone that goes before it has answered leaves `Unclear`: look whether it comes back."""
        situation.check_idle(lines)
        self._client.ask(
            Function.SYS_OPERATION, expect_restart, {"request": "REBOOT"}, said_no=Reason.RESTART_NOT_ACCEPTED
        )

    def reset(self, *, admin_passcode: Secret, lines: Lines) -> None:
        """Factory settings. The passcode given goes out instead of the stored one, once, and is kept nowhere."""
        situation.check_idle(lines)
        if not admin_passcode:
            raise NothingSent(Reason.ADMIN_PASSCODE_MISSING)
        self._client.ask(
            Function.SYS_OPERATION,
            expect_reset,
            {"request": "RESET"},
            said_no=Reason.RESET_NOT_ACCEPTED,
            instead_of_passcode=admin_passcode,
        )

    def line_status(self) -> Lines:
        return self._client.ask(Function.LINE_STATUS, lines_of)

    def phone_status(self) -> PhoneState:
        return self._client.ask(Function.PHONE_STATUS, phone_state_of)

    def accounts(self) -> tuple[AccountState, ...]:
        return self._client.ask(Function.ACCOUNTS, accounts_of)

    def _operate(self, operation: _Operation) -> None:
        self._client.ask(Function.PHONE_OPERATION, expect_accepted, {"cmd": operation.value})

    def _send_keys(self, wire: str) -> None:
        self._client.ask(Function.SEND_KEY, expect_keys_queued, {"keys": wire}, said_no=Reason.KEY_NOT_ACCEPTED)


def _dialable(number: str) -> str:
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise NothingSent(Reason.NUMBER_REFUSED)
    return number


def _account_index(account: int) -> int:
    """Phones list their accounts from 1 but dial with them from 0."""
    if type(account) is not int or not 1 <= account <= MOST_ACCOUNTS:
        raise NothingSent(Reason.ACCOUNT_REFUSED)
    return account - 1


def _dial_plan(name: str) -> str:
    if not isinstance(name, str) or not _DIAL_PLAN.fullmatch(name):
        raise NothingSent(Reason.DIAL_PLAN_REFUSED)
    return name
