"""Whose calls they are, and with which number: what the log, its search and "to return" find calls by."""

from collections.abc import Callable, Iterable

from crmconnector.calls.models import Call, CallParty, Leg
from crmconnector.common.numbers import NumberReading, fold_digits

LONGEST_FAR_NUMBER = 20


def far_number_of(call: Call, read: Callable[[str], NumberReading]) -> str:
    """The other party's number as the column of that name holds it; `read` as people at this PBX would."""
    if call.direction == "inbound":
        return "" if call.caller_restricted else call.caller_e164 or digits_of(call.caller_number)
    return read(call.dialled).e164 or digits_of(call.dialled)


def digits_of(text: str) -> str:
    """Of a text that is no complete number: an extension, a short code; nothing of a name."""
    return "".join(char for char in fold_digits(text) if char in "0123456789")[-LONGEST_FAR_NUMBER:]


def parties_of_call(call: Call) -> set[tuple[int, int]]:
    """(call, user) for whoever answered it or placed it."""
    return {(call.pk, user_id) for user_id in (call.answered_by_id, call.placed_by_id) if user_id}


def keep_parties(*, calls: Iterable[Call], legs: Iterable[Leg]) -> None:
    """One statement at most. A leg counts for the call among `calls` that it lies in now; nobody is ever taken out:
    a phone that rang for a call which became part of another did ring for it."""
    starts = {call.pk: call.started_at for call in calls}
    pairs = {pair for call in calls for pair in parties_of_call(call)}
    pairs |= {(leg.call_id, leg.user_id) for leg in legs if leg.user_id and leg.call_id in starts}
    rows = [CallParty(call_id=call, user_id=user, started_at=starts[call]) for call, user in sorted(pairs)]
    if rows:
        CallParty.objects.bulk_create(rows, ignore_conflicts=True)
