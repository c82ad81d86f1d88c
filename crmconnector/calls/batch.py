"""What a batch of call events names: calls, legs, and the phones and people at its endpoints."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from crmconnector.calls import events as ev
from phones.selectors import Seat, seats_of

_WITH_FAR = ev.LegRinging | ev.LegPlaced | ev.LegChanged | ev.LegAnswered


def call_keys_of_batch(batch: Iterable[ev.CallEvent]) -> set[str]:
    return {one.call for one in batch} | {one.into for one in batch if isinstance(one, ev.CallMerged)}


def leg_keys_of_batch(batch: Iterable[ev.CallEvent]) -> set[str]:
    kinds = ev.LegRinging | ev.LegPlaced | ev.LegChanged | ev.LegAnswered | ev.LegEnded
    return {one.leg for one in batch if isinstance(one, kinds)}


def seats_of_batch(pbx_id: int, batch: Sequence[ev.CallEvent], at: datetime) -> dict[str, Seat]:
    """Of the batch's endpoints, and of the extensions that were dialled: whom a phone calls is not told by endpoint."""
    wanted = {one.far.number for one in batch if isinstance(one, ev.LegPlaced | ev.LegChanged) and not one.far.endpoint}
    extensions = {number for number in wanted if number and number.isascii() and number.isdigit()}
    return seats_of(pbx_id=pbx_id, endpoints=_endpoints(batch), at=at, extensions=extensions)


def _endpoints(batch: Iterable[ev.CallEvent]) -> set[str]:
    found = {getattr(one, "endpoint", None) for one in batch}
    found |= {getattr(one, "answered_by", None) for one in batch}
    found |= {one.caller.endpoint for one in batch if isinstance(one, ev.CallStarted | ev.CallChanged)}
    found |= {one.far.endpoint for one in batch if isinstance(one, _WITH_FAR)}
    return {name for name in found if name}
