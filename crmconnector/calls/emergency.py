"""An emergency call by a person: nothing we stopped, hold or are unsure of is in its way, and both ways are tried.

One exception is kept: a click that no worker took up within `CLICK_VALID_SECONDS` is void. By then help was called by
hand, and a phone that dials by itself later is no help.
"""

import secrets
from datetime import datetime
from typing import Final

from crmconnector.calls.dial_rules import is_emergency
from crmconnector.calls.models import CallCommand, CommandKind, CommandPath, CommandState
from crmconnector.pbx.selectors import home_country
from phones.lease import take_lease, take_over

LONGEST_NUMBER: Final = 6
BY_HAND: Final = "Dial it by hand now."
NOT_DONE: Final = (CommandState.REFUSED, CommandState.FAILED, CommandState.UNKNOWN, CommandState.EXPIRED)


def is_for_help(command: CallCommand) -> bool:
    """A call to an emergency number of the country that its PBX stands in."""
    number = command.far_number
    if command.kind != CommandKind.MAKE_CALL or not 0 < len(number) <= LONGEST_NUMBER:
        return False
    return is_emergency(number, command.pbx.country if command.pbx else home_country())


def with_advice(command: CallCommand, state: str, sentence: str) -> str:
    """What is said of it. Nobody who needs help is told to wait: first of all what to do."""
    if state not in NOT_DONE or not is_for_help(command):
        return sentence
    return f"{BY_HAND} {sentence.replace(' We watch the PBX; do not press again.', '')}"


def other_way(command: CallCommand) -> CommandPath:
    return CommandPath.PBX if command.path == CommandPath.PHONE else CommandPath.PHONE


def lease_for_help(*, phone_id: int, holder: str, now: datetime) -> int:
    """The phone's lease, taken from whoever has it; without it when even that would mean to wait."""
    token = take_lease(phone_id=phone_id, holder=holder, now=now) or take_over(
        phone_id=phone_id, holder=holder, now=now
    )
    return token or secrets.randbits(62)
