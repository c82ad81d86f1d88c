"""Grandstream GRP26xx phones by their CTI functions over HTTP."""

import re
from typing import Final

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from phones.drivers.base import Limits, LineState, PhoneAddress, PhoneState, Trust, Verb
from phones.drivers.errors import NothingSent, Reason
from phones.drivers.grandstream.answers import expect_accepted, lines_of, phone_state_of
from phones.drivers.grandstream.client import CtiClient, Function

# ASCII digits only: \d also takes Arabic and full-width ones, which a phone may drop or read otherwise.
_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}")
MOST_ACCOUNTS: Final = 16


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

    def capabilities(self) -> frozenset[Verb]:
        return frozenset({Verb.MAKE_CALL, Verb.ACCEPT_CALL, Verb.LINE_STATUS, Verb.PHONE_STATUS})

    def make_call(self, number: str, account: int | None = None) -> None:
        """Dial. The phone says "success" before it calls, and also when the account is not registered."""
        parameters = {"phonenumber": _dialable(number)}
        if account is not None:
            parameters["account"] = str(_account_index(account))
        self._client.ask(Function.MAKE_CALL, expect_accepted, parameters, said_no=Reason.SAID_NO_CLICK_TO_DIAL)

    def accept_call(self) -> None:
        self._client.ask(Function.PHONE_OPERATION, expect_accepted, {"cmd": "acceptcall"})

    def line_status(self) -> tuple[LineState, ...]:
        return self._client.ask(Function.LINE_STATUS, lines_of)

    def phone_status(self) -> PhoneState:
        return self._client.ask(Function.PHONE_STATUS, phone_state_of)


def _dialable(number: str) -> str:
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise NothingSent(Reason.NUMBER_REFUSED)
    return number


def _account_index(account: int) -> int:
    """Phones list their accounts from 1 but dial with them from 0."""
    if type(account) is not int or not 1 <= account <= MOST_ACCOUNTS:
        raise NothingSent(Reason.ACCOUNT_REFUSED)
    return account - 1
