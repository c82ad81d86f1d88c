"""What a calibration runs: trials, each a call of the phone to a test extension and one or two key sequences on it.

Pure. A plan travels as one line of text on the order's row: "202 203 blind,complete".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from crmconnector.common.marked import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Trial:
    """`sequences`: names in phones.sequences, run one after another on the same call."""

    name: str
    title: str
    sequences: tuple[str, ...]
    rings: str


TRIALS: Final[Mapping[str, Trial]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Trial("blind", _("Transfer without asking"), ("blind_transfer",),
                  _("The first is passed on to the second; the phone is free.")),
            Trial("complete", _("Ask first, then put them together"), ("attended_start", "attended_complete"),
                  _("The first waits, the second is asked, then the two talk.")),
            Trial("cancel", _("Ask first, then back to the caller"), ("attended_start", "attended_cancel"),
                  _("The first waits, the second is asked and let go, the first is back.")),
            Trial("conference", _("All three"), ("attended_start", "conference"),
                  _("The first waits, the second is asked, then all three talk.")),
        )
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """`first` is called by the phone; `second` is whom it is transferred to. Both are extensions."""

    first: str
    second: str
    trials: tuple[Trial, ...]

    def as_text(self) -> str:
        return f"{self.first} {self.second} {','.join(trial.name for trial in self.trials)}"


def plan_of(text: str) -> Plan:
    """From the order's row. ValueError for anything that `as_text` did not write."""
    first, second, names = text.split(" ")
    trials = tuple(TRIALS[name] for name in names.split(",") if name in TRIALS)
    if not trials or len(trials) != len(names.split(",")):
        raise ValueError("no such trial")
    return Plan(first, second, trials)
