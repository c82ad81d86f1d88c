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
    DIAL_PLAN_REFUSED = "dial_plan_refused"
    ADMIN_PASSCODE_MISSING = "admin_passcode_missing"
    # nothing was sent, because of what the lines show: the deed would have been another one than its name says
    LINES_UNKNOWN = "lines_unknown"
    NOTHING_RINGS = "nothing_rings"
    SEVERAL_RING = "several_ring"
    SOMETHING_RINGS = "something_rings"
    SEVERAL_CALLS = "several_calls"
    IN_A_CALL = "in_a_call"
    NOTHING_TO_END = "nothing_to_end"
    NOTHING_TO_HOLD = "nothing_to_hold"
    NOTHING_TO_RESUME = "nothing_to_resume"
    NOTHING_TO_CANCEL = "nothing_to_cancel"
    # nothing was sent, because of the keys
    KEYS_MISSING = "keys_missing"
    KEYS_TOO_MANY = "keys_too_many"
    KEY_UNKNOWN = "key_unknown"
    KEY_OUT_OF_RANGE = "key_out_of_range"
    KEY_GUARDED = "key_guarded"
    KEY_NEEDS_CALL = "key_needs_call"
    KEY_NEEDS_IDLE = "key_needs_idle"
    KEY_AMBIGUOUS = "key_ambiguous"
    NO_NUMBER_ENTERED = "no_number_entered"
    KEYS_WOULD_DIAL = "keys_would_dial"
    MUTE_KEY_UNKNOWN = "mute_key_unknown"
    MUTE_KEY_OTHERWISE = "mute_key_otherwise"
    # the phone said no
    SAID_NO = "said_no"
    SAID_NO_CLICK_TO_DIAL = "said_no_click_to_dial"
    KEY_NOT_ACCEPTED = "key_not_accepted"
    RESTART_NOT_ACCEPTED = "restart_not_accepted"
    RESET_NOT_ACCEPTED = "reset_not_accepted"
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
    Reason.DIAL_PLAN_REFUSED: (
        "This is not the name of a dial plan.",
        "Use the phone's own name of it: small letters, digits and _, at most 20, such as dialing.",
    ),
    Reason.ADMIN_PASSCODE_MISSING: (
        "A factory reset needs the phone's administrator passcode, and none was given.",
        "Enter the administrator's web password of this phone; it is used once and not kept.",
    ),
    Reason.LINES_UNKNOWN: ("It is not known what the phone's lines are doing, so nothing was sent.", "Look first."),
    Reason.NOTHING_RINGS: (
        "Nothing rings on this phone, so nothing was sent.",
        "The caller may have hung up, or somebody else took the call.",
    ),
    Reason.SEVERAL_RING: (
        "Several calls ring on this phone and it cannot be told which one is meant, so nothing was sent.",
        "Take or refuse the call on the phone itself.",
    ),
    Reason.SOMETHING_RINGS: (
        "A call rings on this phone, and this could answer or refuse it, so nothing was sent.",
        "Answer or refuse the ringing call first.",
    ),
    Reason.SEVERAL_CALLS: (
        "There are several calls on this phone and it cannot be told which one is meant, so nothing was sent.",
        "Do it on the phone itself, or end the other calls first.",
    ),
    Reason.IN_A_CALL: (
        "A line of this phone is in use and this could disturb the call, so nothing was sent.",
        "Wait until every line is idle, then try again.",
    ),
    Reason.NOTHING_TO_END: (
        "There is no call on this phone to hang up, so nothing was sent.",
        "If a call rings, refuse it instead.",
    ),
    Reason.NOTHING_TO_HOLD: (
        "No call is connected on this phone; the hold command would take a held call back, so nothing was sent.",
        "Answer the call first, or resume the held one.",
    ),
    Reason.NOTHING_TO_RESUME: (
        "No call is on hold on this phone, so nothing was sent.",
        "See on the phone whether the caller has hung up.",
    ),
    Reason.NOTHING_TO_CANCEL: (
        "This phone is not dialling, so nothing was sent.",
        "To end a call that is up, hang up; to turn a caller away, refuse the call.",
    ),
    Reason.KEYS_MISSING: ("No key was named.", "Name at least one key, such as VUP."),
    Reason.KEYS_TOO_MANY: ("These are too many keys for one request.", "Send at most 64 keys at a time."),
    Reason.KEY_UNKNOWN: (
        "There is no key of this name.",
        "Write keys in capitals as the vendor's CTI guide does: VUP, HOLD, LINE1, SOFT2, 0 to 9, * and #.",
    ),
    Reason.KEY_OUT_OF_RANGE: (
        "This phone has no line, soft key or multi-purpose key of this number.",
        "Lines are counted as the phone shows them, soft keys from 1 to 4; enter on the phone's page how many "
        "multi-purpose keys it has.",
    ),
    Reason.KEY_GUARDED: (
        "This key locks or unlocks the keypad and is not sent among other keys.",
        "Use Lock keys or Unlock keys on the phone's page; it needs its own permission.",
    ),
    Reason.KEY_NEEDS_CALL: (
        "This key works only while a call is connected, so nothing was sent.",
        "Wait until the call is up.",
    ),
    Reason.KEY_NEEDS_IDLE: (
        "This key means what it says only while every line of the phone is idle, so nothing was sent.",
        "Wait until the phone is free.",
    ),
    Reason.KEY_AMBIGUOUS: (
        "What this key would do at its place cannot be known, so nothing was sent.",
        "Send the keys before it alone, look at the lines, then send the rest.",
    ),
    Reason.NO_NUMBER_ENTERED: (
        "SEND means something only after a number has been entered, so nothing was sent.",
        "Put the digits before SEND, or use click-to-call.",
    ),
    Reason.KEYS_WOULD_DIAL: (
        "No call is connected, so these digits would dial, past the dial rules. Nothing was sent.",
        "Use a Call button, or dial on the phone itself.",
    ),
    Reason.MUTE_KEY_UNKNOWN: (
        "While no call is up the mute key may switch do-not-disturb on, and how this phone is set is not known.",
        "Look up Mute Key Functions while idle (Phone Settings, Call Settings, General) on the phone and enter it on "
        "its page here.",
    ),
    Reason.MUTE_KEY_OTHERWISE: (
        "As this phone is set, its mute key does not do that while no call is up, so nothing was sent.",
        "Change Mute Key Functions while idle on the phone, then enter it on the phone's page here.",
    ),
    Reason.SAID_NO: ("The phone did not accept the command.", "See on the phone whether it can do this just now."),
    Reason.SAID_NO_CLICK_TO_DIAL: (
        "The phone did not accept the number.",
        "Check that Click-To-Dial is on (Phone Settings, Call Settings), and that a line is free.",
    ),
    Reason.KEY_NOT_ACCEPTED: (
        "The phone did not accept the keys.",
        "See on the phone whether a call ended meanwhile, and whether this model has the key.",
    ),
    Reason.RESTART_NOT_ACCEPTED: (
        "The phone did not accept the restart.",
        "It may want the administrator's passcode for it; otherwise restart it on its own web page.",
    ),
    Reason.RESET_NOT_ACCEPTED: (
        "The phone did not accept the factory reset.",
        "It wants the administrator's passcode, not the user's: enter that one.",
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
