"""One CTI request to a Grandstream phone: what goes on the wire, and what its HTTP status means.

The passcode is the phone's web password and travels in the query, because the phone wants it so. It is revealed in
one function only, and exceptions are raised where nobody holds the finished target.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret, SecretError
from phones.drivers.base import Limits, PhoneAddress, Trust
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Reason, Refused, Unclear
from phones.drivers.exchange import Reply, exchange
from phones.drivers.grandstream.answers import Envelope, envelope_of

Answer = TypeVar("Answer")

LONGEST_PASSCODE: Final = 128  # no phone takes more, and a phone's own parser is not to be tried with more


class Function(StrEnum):
    """The CTI functions of the guide. No other path can be asked for."""

    MAKE_CALL = "/cgi-bin/api-make_call"
    PHONE_OPERATION = "/cgi-bin/api-phone_operation"
    LINE_STATUS = "/cgi-bin/api-get_line_status"
    PHONE_STATUS = "/cgi-bin/api-get_phone_status"
    ACCOUNTS = "/cgi-bin/api-get_accounts"
    SEND_KEY = "/cgi-bin/api-send_key"
    SYS_OPERATION = "/cgi-bin/api-sys_operation"


# Every known client sends the colon between keys as it is; whether a phone understands %3A there nobody knows. The
# sign # must be %23, or the request ends at it.
_SENT_AS_THEY_ARE: Final[Mapping[str, str]] = {"keys": ":*"}


class CtiClient:
    """Asks one phone. Holds no connection: each request opens and closes its own."""

    def __init__(
        self, address: PhoneAddress, passcode: Secret, *, policy: AddressPolicy, trust: Trust | None, limits: Limits
    ) -> None:
        self._address = address
        self._passcode = passcode
        self._policy = policy
        self._trust = trust
        self._limits = limits

    def ask(
        self,
        function: Function,
        read: Callable[[Envelope], Answer],
        parameters: Mapping[str, str] | None = None,
        said_no: Reason = Reason.SAID_NO,
        instead_of_passcode: Secret | None = None,
    ) -> Answer:
        """What `read` makes of the answer of a phone that said "success"; every other outcome is a PhoneError.

        `said_no`: the reason to give when the phone answers "error", where the function has a usual one.
        `instead_of_passcode`: for this one request; it is not kept.
        """
        outcome = self._outcome(function, read, parameters or {}, said_no, instead_of_passcode or self._passcode)
        if isinstance(outcome, PhoneError):
            raise outcome
        return outcome

    def _outcome(
        self,
        function: Function,
        read: Callable[[Envelope], Answer],
        parameters: Mapping[str, str],
        said_no: Reason,
        passcode: Secret,
    ) -> Answer | PhoneError:
        reply = self._exchange(function, parameters, passcode)
        if isinstance(reply, PhoneError):
            return reply
        if reply.status != 200:
            return _refusal_by_status(reply, self._address, function)
        try:
            return read(envelope_of(reply.body, said_no))
        except PhoneError as error:
            # Without the frames that hold the reply: a phone may repeat in it what we sent, passcode and all.
            return error.with_traceback(None)

    def _exchange(self, function: Function, parameters: Mapping[str, str], passcode: Secret) -> Reply | PhoneError:
        try:
            target = _target(function, passcode.reveal(), parameters)
        except (SecretError, ValueError):
            return NothingSent(Reason.PASSCODE_MISSING)
        return exchange(self._address, target, policy=self._policy, trust=self._trust, limits=self._limits)


def _target(function: Function, passcode: str, parameters: Mapping[str, str]) -> str:
    """Path and query. Built by hand: phones are strict about which characters arrive encoded, libraries are not."""
    if not 1 <= len(passcode) <= LONGEST_PASSCODE:
        raise ValueError("no usable passcode")  # an empty one would count as a wrong one, and phones lock
    pairs = {"passcode": passcode, **parameters}
    return f"{function}?" + "&".join(
        f"{name}={quote(value, safe=_SENT_AS_THEY_ARE.get(name, ''))}" for name, value in pairs.items()
    )


def _refusal_by_status(reply: Reply, address: PhoneAddress, function: Function) -> PhoneError:
    """A status other than 200. What comes from the web server itself did not run the function; the rest may have."""
    status = reply.status
    if status in (401, 403):
        return CredentialRefused(Reason.UNAUTHORIZED if status == 401 else Reason.FORBIDDEN)
    if status in (404, 501):
        return Refused(Reason.NO_SUCH_FUNCTION)
    if 400 <= status < 500 and status != 408:  # 408: it got tired of waiting for us, perhaps in the middle
        return Refused(Reason.REQUEST_REJECTED)
    if 300 <= status < 400:
        wants_https = status in (301, 302, 307, 308) and _is_same_page_by_https(reply.location, address, function)
        return Refused(Reason.MOVED_TO_HTTPS) if wants_https else Unclear(Reason.REDIRECTED)
    return Unclear(Reason.SERVER_ERROR if status >= 500 else Reason.STRANGE_STATUS)


def _is_same_page_by_https(location: str, address: PhoneAddress, function: Function) -> bool:
    """A phone set to HTTPS only sends every HTTP request there, before it looks at the function."""
    try:
        target = urlsplit(location)
        same = target.hostname == address.host and target.path == function
    except ValueError:
        return False
    return address.scheme == "http" and target.scheme == "https" and same
