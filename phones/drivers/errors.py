"""What can go wrong with a phone, sorted by what the caller must do.

    PhoneError
    ├── NothingSent            no request byte left us: it certainly did not happen. A person may try again at once
    ├── Refused                the phone answered no: it did not happen. Useless to try again until the cause is cured
    │   └── CredentialRefused  send this phone nothing more until a person has acted: phones lock after a few tries
    └── Unclear                the request left, no believable answer came: it MAY HAVE HAPPENED. Never send it again;
                               look at the lines, or let the PBX's events tell

An error is made from a `Reason` alone. No text of the phone, no address and no foreign exception enters it, so there
is no way for a passcode to get in.
"""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why; stable codes for rows, translations and tests. The sentences are in SENTENCES."""

    # nothing was sent
    ADDRESS_REFUSED = "address_refused"
    NUMBER_REFUSED = "number_refused"
    ACCOUNT_REFUSED = "account_refused"
    PASSCODE_MISSING = "passcode_missing"
    PIN_UNREADABLE = "pin_unreadable"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    UNREACHABLE = "unreachable"
    CERTIFICATE_MISMATCH = "certificate_mismatch"
    TLS_FAILED = "tls_failed"
    REQUEST_NOT_BUILT = "request_not_built"
    # the phone said no
    SAID_NO = "said_no"
    SAID_NO_CLICK_TO_DIAL = "said_no_click_to_dial"
    NO_SUCH_FUNCTION = "no_such_function"
    REQUEST_REJECTED = "request_rejected"
    MOVED_TO_HTTPS = "moved_to_https"
    # the phone refused us
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    WRONG_PASSCODE = "wrong_passcode"
    LOCKED_OUT = "locked_out"
    # no believable answer
    NO_ANSWER = "no_answer"
    CONNECTION_LOST = "connection_lost"
    NOT_HTTP = "not_http"
    REDIRECTED = "redirected"
    SERVER_ERROR = "server_error"
    STRANGE_STATUS = "strange_status"
    TOO_LARGE = "too_large"
    COMPRESSED = "compressed"
    NOT_THE_EXPECTED_JSON = "not_the_expected_json"


_CTI_HINT: Final = (
    "On the phone's web page check the passcode, that Action URI Support is on, that its allowed IP list names this "
    "server, and that Remote Control Pop up Window Support is off."
)
_OBSERVE_HINT: Final = "Look at the phone before you try again: it may have acted on the request."
_NETWORK_HINT: Final = "Check that the phone has power and network, and its address in the phone list."

# What happened and why; what to do next.
SENTENCES: Final[dict[Reason, tuple[str, str]]] = {
    Reason.ADDRESS_REFUSED: (
        "This phone's address or port is not one we may connect to.",
        "Correct the phone's address, or let an administrator allow its network.",
    ),
    Reason.NUMBER_REFUSED: (
        "This is not a number that can be dialled.",
        "Use digits, * and #, at most 32 of them, with + in front only.",
    ),
    Reason.ACCOUNT_REFUSED: ("The phone has no such account.", "Accounts are counted from 1 to 16."),
    Reason.PASSCODE_MISSING: ("No usable passcode is stored for this phone.", "Enter the phone's user-level passcode."),
    Reason.PIN_UNREADABLE: (
        "The pinned certificate of this phone cannot be read.",
        "Pin the phone's certificate again: exactly one certificate in PEM form.",
    ),
    Reason.CONNECTION_REFUSED: (
        "The phone refuses connections on this port.",
        "Check the port and the web access mode of the phone (HTTP or HTTPS).",
    ),
    Reason.CONNECT_TIMEOUT: ("The phone does not answer on the network.", _NETWORK_HINT),
    Reason.UNREACHABLE: ("There is no way to the phone's address from here.", _NETWORK_HINT),
    Reason.CERTIFICATE_MISMATCH: (
        "The phone shows another certificate than the pinned one, so nothing was sent to it.",
        "Make sure that it is the right phone (a factory reset or a new firmware may change it), then pin it again.",
    ),
    Reason.TLS_FAILED: (
        "No encrypted connection with the phone came about, so nothing was sent to it.",
        "Check that the port speaks HTTPS and that the phone offers TLS 1.2 or later.",
    ),
    Reason.REQUEST_NOT_BUILT: ("The request could not be built, so nothing was sent.", "Report this: it is our fault."),
    Reason.SAID_NO: ("The phone did not accept the command.", "See on the phone whether it can do this just now."),
    Reason.SAID_NO_CLICK_TO_DIAL: (
        "The phone did not accept the number.",
        "Check that Click-To-Dial is on (Phone Settings, Call Settings), and that a line is free.",
    ),
    Reason.NO_SUCH_FUNCTION: (
        "The phone does not know this command.",
        "Check the model and update the firmware: GRP260x from 1.0.3.18, other GRP26xx from 1.0.9.22.",
    ),
    Reason.REQUEST_REJECTED: ("The phone rejected the form of the request.", "Check the model and its firmware."),
    Reason.MOVED_TO_HTTPS: (
        "The phone wants HTTPS, so it did not take the command.",
        "Set this phone to HTTPS and pin its certificate.",
    ),
    Reason.UNAUTHORIZED: ("The phone refused our passcode.", _CTI_HINT),
    Reason.FORBIDDEN: ("The phone does not allow this server to command it.", _CTI_HINT),
    Reason.WRONG_PASSCODE: ("The phone says that the passcode is wrong.", "Enter the right passcode. " + _CTI_HINT),
    Reason.LOCKED_OUT: (
        "The phone has locked itself after too many wrong passcodes.",
        "Wait until its lock ends (5 minutes by default), then enter the right passcode.",
    ),
    Reason.NO_ANSWER: ("The phone took the request and did not answer in time.", _OBSERVE_HINT),
    Reason.CONNECTION_LOST: ("The connection broke before the phone had answered.", _OBSERVE_HINT),
    Reason.NOT_HTTP: ("The phone's answer is not HTTP, or breaks off.", _OBSERVE_HINT),
    Reason.REDIRECTED: ("The phone sent us elsewhere; we did not follow.", _OBSERVE_HINT),
    Reason.SERVER_ERROR: ("The phone reported an error of its own.", _OBSERVE_HINT),
    Reason.STRANGE_STATUS: ("The phone's answer has a status we do not know.", _OBSERVE_HINT),
    Reason.TOO_LARGE: ("The phone's answer is too large to be believed.", _OBSERVE_HINT),
    Reason.COMPRESSED: ("The phone's answer is compressed, which we did not ask for.", _OBSERVE_HINT),
    Reason.NOT_THE_EXPECTED_JSON: ("The phone answered something else than expected.", _OBSERVE_HINT),
}


class PhoneError(Exception):
    """A command to a phone did not end well. `reason_code` is for programs; `sentence` and `hint` for people."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)  # the only argument, so that the error can be pickled
        self.reason = reason

    @property
    def reason_code(self) -> str:
        return self.reason.value

    @property
    def sentence(self) -> str:
        return SENTENCES[self.reason][0]

    @property
    def hint(self) -> str:
        return SENTENCES[self.reason][1]

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}"


class NothingSent(PhoneError):
    """No byte of the request left us: it certainly did not happen."""


class Refused(PhoneError):
    """The phone answered no: it did not happen."""


class CredentialRefused(Refused):
    """The phone does not accept us. Nothing more may be sent to it until a person has acted."""

    def __init__(self, reason: Reason, attempts_left: int | None = None, lock_time: int | None = None) -> None:
        super().__init__(reason)
        self.attempts_left = attempts_left  # before the phone locks itself, if it told
        self.lock_time = lock_time  # as the phone gave it: some count minutes, some seconds


class Unclear(PhoneError):
    """The request left us and no believable answer came: it may have happened."""
