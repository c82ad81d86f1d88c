"""What can go wrong between a client and a phone, and for how many requests."""

from __future__ import annotations

from dataclasses import dataclass, field

# Instead of an answer; the phone does nothing:
INSTEAD = {
    "silent": "accepts the connection and never answers",
    "close": "accepts the connection and closes it",
    "html": "answers 200 with an HTML page",
    "error_500": "answers 500",
    "redirect": "answers 302 to another host name (which is this phone again, and a tripwire)",
}
# The phone does it, but the answer is spoiled:
AFTER = {
    "slow": "does it at once and answers after `seconds`",
    "truncated": "does it and sends half of the JSON as if it were whole",
    "cut_off": "does it, promises the whole answer and closes after half of it",
    "big_body": "does it and answers with 1 MB",
}
# Only for requests that would do something (make_call, phone_operation, sys_operation):
DEEDS_ONLY = {
    "effect_no_answer": "does it and never answers",
    "success_no_effect": "says success and does nothing",
}
KINDS = {"refuse": "the port is closed until the faults are cleared", **INSTEAD, **AFTER, **DEEDS_ONLY}


@dataclass
class Fault:
    """`left` None = until cleared. `function` None = every CTI function, e.g. "api-make_call" only that one."""

    kind: str
    left: int | None = 1
    seconds: float = 6.0
    function: str | None = None


@dataclass
class Faults:
    """The faults of one phone; the oldest that fits is used first."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            raise ValueError(f"There is no fault {fault.kind!r}; known are: {', '.join(KINDS)}.")
        self.waiting.append(fault)

    def take(self, kinds: dict[str, str], function: str) -> Fault | None:
        for fault in self.waiting:
            if fault.kind in kinds and fault.function in (None, function):
                self._use(fault)
                return fault
        return None

    def clear(self) -> None:
        self.waiting.clear()

    def _use(self, fault: Fault) -> None:
        if fault.left is None:
            return
        fault.left -= 1
        if fault.left <= 0:
            self.waiting.remove(fault)
