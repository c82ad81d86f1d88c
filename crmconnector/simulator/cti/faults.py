"""What can go wrong between a client and a phone, and for how many requests. How an answer is spoiled: spoiling.py."""

from __future__ import annotations

import random
from collections.abc import Container
from dataclasses import dataclass, field
from functools import cached_property

# Instead of an answer; the phone does nothing:
INSTEAD = {
    "silent": "accepts the connection and never answers",
    "close": "accepts the connection and closes it",
    "html": "answers 200 with an HTML page",
    "login_page": "answers 200 with the page where one signs in",
    "empty": "answers 200 with nothing",
    "error_500": "answers 500",
    "error_503": "answers 503",
    "redirect": "answers 302 to another host name (which is this phone again, and a tripwire)",
}
# The phone does it, but the answer is spoiled:
AFTER = {
    "slow": "does it at once and answers after `seconds`",
    "jitter": "does it at once and answers after some time between 0 and `seconds`",
    "late": "does it at once and answers after the deadline of any client: 6 seconds unless `seconds` says otherwise",
    "truncated": "does it and sends half of the JSON as if it were whole",
    "cut_off": "does it, promises the whole answer and closes after half of it",
    "reset": "does it and resets the connection (RST) in the middle of the body",
    "garbage": "does it and sends more after the end of the JSON",
    "chunked": "does it and sends the answer in chunks without its length",
    "gzip": "does it and packs the answer, whatever the client accepts",
    "big_body": "does it and answers with 1 MB",
    "drip": "does it and sends the body one byte a second (or every `seconds`)",
    "duplicate_body": "does it and writes the key `body` twice; the second one is the true one",
    "bom": "does it and puts a UTF-8 byte order mark before the JSON",
    "latin1": "does it and writes names in Latin-1",
    "wrong_types": "does it and answers in JSON of wrong types",
    "clock_skew": "does it; the Date of the answer is `seconds` in the future",
}
# Only for requests that would do something (make_call, phone_operation, send_key, sys_operation):
DEEDS_ONLY = {
    "effect_no_answer": "does it and never answers",
    "success_no_effect": "says success and does nothing",
}
# Only for get_line_status:
STATUS_ONLY = {
    "delayed_state": "tells how the lines were `seconds` ago",
    "unknown_state": "tells a word for the busy lines (line 1 if none is) that no guide knows: `word`",
    "stale_line": "tells the lines as they were when the fault was set",
}
# Happens by itself, right after a request was obeyed:
MEANWHILE = {
    "reboot": "answers, and restarts",
    "user_key": "answers, and the owner presses the key `word`",
}
# Until the faults are cleared; `count` does not matter:
LASTING = {
    "refuse": "the port is closed",
    "moved": "the phone has another port from now on (its address changed); clearing does not bring the old one back",
    "expired_certificate": "HTTPS with a certificate that has run out",
    "early_certificate": "HTTPS with a certificate that is not valid yet",
    "changed_certificate": "HTTPS with another certificate than before",
    "old_tls": "HTTPS speaks TLS 1.1 only",
}
KINDS = {**INSTEAD, **AFTER, **DEEDS_ONLY, **STATUS_ONLY, **MEANWHILE, **LASTING}

SECONDS = {"drip": 1.0, "delayed_state": 3.0}  # where nothing is said; else:
USUAL_SECONDS = 6.0
WORDS = {"unknown_state": "parked", "user_key": "HOLD"}


@dataclass
class Fault:
    """What goes wrong, for which requests, how often.

    left      so many times; None = until cleared
    seconds   see the kind; None = what is usual for it
    function  None = every CTI function; "api-make_call" = only that one
    chance    0 to 1: each request that fits is hit with this probability, by the phone's seed
    word      see the kind; "" = what is usual for it
    """

    kind: str
    left: int | None = 1
    seconds: float | None = None
    function: str | None = None
    chance: float = 1.0
    word: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault {self.kind!r}; known are: {', '.join(KINDS)}.")
        if not 0 < self.chance <= 1:
            raise ValueError("The chance of a fault is more than 0 and at most 1.")
        if self.seconds is None:
            self.seconds = SECONDS.get(self.kind, USUAL_SECONDS)
        self.word = self.word or WORDS.get(self.kind, "")


@dataclass
class Faults:
    """The faults of one phone; the oldest that fits is used first."""

    seed: str = ""
    waiting: list[Fault] = field(default_factory=list)

    @cached_property
    def random(self) -> random.Random:
        """Made when it is first needed: it is the largest part of a phone, and there may be thousands."""
        return random.Random(self.seed)

    def add(self, fault: Fault) -> None:
        self.waiting.append(fault)

    def take(self, kinds: Container[str], function: str) -> Fault | None:
        for fault in self.waiting:
            if fault.kind in kinds and fault.function in (None, function) and self._hits(fault):
                self._use(fault)
                return fault
        return None

    def clear(self) -> None:
        self.waiting.clear()

    def _hits(self, fault: Fault) -> bool:
        return fault.chance >= 1 or self.random.random() < fault.chance

    def _use(self, fault: Fault) -> None:
        if fault.left is None:
            return
        fault.left -= 1
        if fault.left <= 0:
            self.waiting.remove(fault)
