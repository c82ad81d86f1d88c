"""Which line of the phone is the call that is meant. Where that is not certain nothing is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crmconnector.calls.models import CommandState
from crmconnector.calls.selectors import open_legs
from crmconnector.calls.services import Grant, Outcome
from crmconnector.common.clock import utc_now
from phones.drivers.base import Lines, LineState, LineWord, PhoneDriver
from phones.sequences import HELD, TALKING, differ

UP: Final = TALKING | HELD
BEGUN: Final = UP | {LineWord.DIALING, LineWord.CALLING}
NOT_SHOWN: Final = Outcome(
    CommandState.REFUSED, "not_on_phone", "Your phone does not show this call that way. Nothing was sent."
)
SEVERAL: Final = Outcome(
    CommandState.REFUSED, "several_calls",
    "There are several calls on your phone and it cannot be told which one is meant. Nothing was sent.",
)  # fmt: skip


class Misfit(Exception):
    """The lines are not such that the deed would be what its name says."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason_code)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Scene:
    """What a deed may need: the phone, its lines as seen a moment ago, the grant."""

    phone: PhoneDriver
    lines: Lines
    grant: Grant

    def own(self, words: frozenset[LineWord]) -> int:
        """The line of the call that is meant, in one of these states; Misfit when it is not certain."""
        try:
            return line_of(self.lines, self.grant.far_number, words)
        except Misfit as misfit:
            if misfit.outcome is not SEVERAL:
                raise
        return line_of(self.lines, self.grant.far_number, words, others=self._others())

    def _others(self) -> list[str]:
        """Whom the phone's other calls are with, as the PBX tells."""
        legs = open_legs(phone_ids=[self.grant.phone.pk], now=utc_now()).values_list("pk", "far_number")
        return [far_number for leg_id, far_number in legs if leg_id != self.grant.command.leg_id]

    def other(self, own: int, words: frozenset[LineWord]) -> int:
        """The line of the second call."""
        leg = self.grant.command.other_leg
        beside = tuple(line for line in self.lines if line.line != own)
        return line_of(beside, leg.far_number if leg else "", words)


def wrong_line(lines: Sequence[LineState], far_number: str) -> Outcome | None:
    """Answering and refusing name no line, so exactly one must ring, and where both sides name a caller it must be the
    same one."""
    ringing = [line for line in lines if line.state is LineWord.RINGING]
    if not ringing:
        return Outcome(
            CommandState.REFUSED, "nothing_rings", "Your phone says that nothing rings on it. Nothing was sent."
        )
    if len(ringing) > 1:
        return Outcome(
            CommandState.REFUSED, "several_ring",
            "Two calls ring on your phone and it cannot be told which one is meant. Nothing was sent.",
        )  # fmt: skip
    if differ(ringing[0].remote_number, far_number):
        return Outcome(
            CommandState.REFUSED, "another_caller",
            "Another caller rings on your phone than on this card. Nothing was sent.",
        )  # fmt: skip
    return None


def line_of(lines: Lines, far_number: str, words: frozenset[LineWord], others: Sequence[str] = ()) -> int:
    """The one line in such a state whose other end may be this number. Of several the one that surely is; without one
    the only one that is none of the `others`: of a caller who withholds the number nothing else tells."""
    possible = [line for line in lines if line.state in words and not differ(line.remote_number, far_number)]
    if not possible:
        raise Misfit(NOT_SHOWN)
    sure = [line for line in possible if _digits_of(line.remote_number) and _digits_of(far_number)]
    found = sure if len(sure) == 1 else possible
    if len(found) > 1:
        known = [other for other in others if not _surely(other, far_number)]
        found = [line for line in found if not any(_surely(line.remote_number, other) for other in known)]
    if len(found) != 1:
        raise Misfit(SEVERAL)
    return found[0].line


def _surely(one: str, another: str) -> bool:
    """Both are told, and they are the same number."""
    return _digits_of(one) and _digits_of(another) and not differ(one, another)


def _digits_of(number: str) -> bool:
    return sum(char.isdecimal() for char in number) >= 3
