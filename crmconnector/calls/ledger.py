"""From call events to rows: the calls and legs of one batch, loaded once, changed in memory, saved in bulk.

Applying an event twice, or again after a restart, changes nothing: the first truth about a time stays.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from crmconnector.calls import events as ev
from crmconnector.calls.batch import call_keys_of_batch, leg_keys_of_batch, seats_of_batch
from crmconnector.calls.models import Call, CallState, Leg
from crmconnector.calls.parties import far_number_of, keep_parties
from crmconnector.common.clock import from_epoch
from crmconnector.common.numbers import NumberReading, read_number
from crmconnector.contacts.lookup import Person, people_with_numbers
from crmconnector.pbx.models import Line, Pbx
from phones.selectors import Seat

CALL_FIELDS = [
    "direction", "originated", "state", "caller_endpoint", "caller_number", "caller_name", "caller_restricted",
    "caller_e164", "dialled", "line", "queue_name", "contact", "disposition", "answered_by_endpoint", "answered_by",
    "placed_by", "merged_into", "answered_at", "ended_at", "talk_seconds", "transfers", "talked_with", "picked_up",
    "queued_at", "left_queue_at", "far_number", "parked_place",
]  # fmt: skip
LEG_FIELDS = [
    "call", "far_number", "far_name", "far_endpoint", "far_restricted", "placed", "state", "outcome",
    "answered_by_endpoint", "rang_at", "answered_at", "ended_at",
]  # fmt: skip
FIELDS: dict[type[Model], list[str]] = {Call: CALL_FIELDS, Leg: LEG_FIELDS}


class CallLedger:
    """The rows that one batch of events of one PBX touches."""

    def __init__(self, pbx: Pbx, batch: Sequence[ev.CallEvent], *, over: Set[str] = frozenset()) -> None:
        """`over`: Uniqueids of legs that have ended, as events tell that are still to be applied."""
        self.pbx = pbx
        self._over = over
        self.calls = _by("linkedid", Call.objects.filter(pbx=pbx, linkedid__in=call_keys_of_batch(batch)))
        of_calls = Q(call__in=[call.pk for call in self.calls.values()])
        # A leg that a transfer moved may still lie in the call under which it rang.
        self.legs = _by("uniqueid", Leg.objects.filter(of_calls | Q(pbx=pbx, uniqueid__in=leg_keys_of_batch(batch))))
        self.moved: dict[int, tuple[Call, Call]] = {}  # user -> the call whose card must follow to another call
        at = from_epoch(batch[-1].at) if batch else None
        self.seats: dict[str, Seat] = seats_of_batch(pbx.pk, batch, at) if at else {}
        self.lines = {line.did: line for line in Line.objects.filter(pbx=pbx)}
        self._lines_by_id = {line.pk: line for line in self.lines.values()}
        self._changed: dict[int, Model] = {}
        self._new: list[Call | Leg] = []
        self._before = {id(row): _values(row) for row in (*self.calls.values(), *self.legs.values())}
        self._people: dict[NumberReading, list[Person]] = people_with_numbers(self._callers(batch))

    def apply(self, event: ev.CallEvent) -> None:
        _APPLY[type(event)](self, event)

    def save(self) -> None:
        """Five statements at most, however many rows changed."""
        calls = [row for row in self._new if isinstance(row, Call)]
        legs = [row for row in self._new if isinstance(row, Leg)]
        Call.objects.bulk_create(calls)
        Leg.objects.bulk_create(legs)
        fresh = {id(row) for row in self._new}
        old = [row for row in self._changed.values() if id(row) not in fresh]
        self._update(Call, [row for row in old if isinstance(row, Call)])
        self._update(Leg, [row for row in old if isinstance(row, Leg)])
        self._keep_parties(fresh)
        self._new, self._changed = [], {}

    def _keep_parties(self, fresh: Set[int]) -> None:
        """Whose calls these are, when a row is new or somebody came to it; no statement for anything else."""
        columns = ("answered_by", "placed_by", "call")
        rows = [row for row in self._changed.values() if id(row) in fresh or self._differs(row, columns)]
        if rows:
            moved = [row for row in rows if isinstance(row, Leg)]
            calls = [row for row in rows if isinstance(row, Call)]
            known = {leg.call_id for leg in moved}
            calls += [call for call in self.calls.values() if call.pk in known and call not in calls]
            keep_parties(calls=calls, legs=moved)

    def _differs(self, row: Model, columns: tuple[str, ...]) -> bool:
        before, now = self._before[id(row)], _values(row)
        return any(name in before and before[name] != now[name] for name in columns)

    def _update(self, model: type[Model], rows: list[Any]) -> None:
        """Only the columns that changed in any of the rows: each one costs a CASE over all of them."""
        values = [(self._before[id(row)], _values(row)) for row in rows]
        changed = [name for name in FIELDS[model] if any(old[name] != new[name] for old, new in values)]
        if "contact" in changed:  # by itself: a person may have bound another of these calls since they were read
            changed.remove("contact")
            for row, (old, new) in zip(rows, values, strict=True):
                if old["contact"] != new["contact"]:
                    Call.objects.filter(Q(contact=old["contact"]), pk=row.pk).update(contact=row.contact_id)
        if changed:
            model._default_manager.bulk_update(rows, changed)

    def read(self, number: str | None, line: Line | None = None) -> NumberReading:
        """As a caller of this line shows it: a line from another country brings numbers in that country's form."""
        country = (line.country if line else "") or self.pbx.country
        return read_number(number, country=country, outside_prefixes=self.pbx.outside_prefix_list)

    def line_of(self, call: Call) -> Line | None:
        """The line that was called, without asking the database; it stays when the call is put through."""
        return self.lines.get(call.dialled) or self._lines_by_id.get(call.line_id or 0)

    def _callers(self, batch: Sequence[ev.CallEvent]) -> Iterable[NumberReading]:
        """The far ends of the batch's calls as `set_caller` will read them: the callers, or whom our people called."""
        lines = {key: self.line_of(row) for key, row in self.calls.items()}
        for one in batch:
            if isinstance(one, ev.CallStarted | ev.CallChanged):
                lines[one.call] = self.lines.get(one.dialled or "") or lines.get(one.call)
                if one.direction != "inbound":
                    yield self.read(one.dialled)
                elif not one.caller.restricted:
                    yield self.read(one.caller.number, lines[one.call])

    def people_of(self, readings: Iterable[NumberReading]) -> dict[NumberReading, list[Person]]:
        """Who has these numbers; what was looked up for the callers of this batch is not looked up again."""
        asked = set(readings)
        if missing := asked - self._people.keys():
            self._people.update({**{reading: [] for reading in missing}, **people_with_numbers(missing)})
        return {reading: self._people[reading] for reading in asked}

    def touched(self) -> list[Call]:
        """The calls of this batch, with their legs by `legs_of`."""
        return list(self.calls.values())

    def legs_of(self, call: Call) -> list[Leg]:
        """The legs that say how the call stands now; not those that are over, whatever of them is written by now."""
        return [leg for leg in self.all_legs_of(call) if leg.uniqueid not in self._over]

    def is_over(self, leg: Leg) -> bool:
        """Whether this leg has ended, though that may not be written yet."""
        return leg.ended_at is not None or leg.uniqueid in self._over

    def all_legs_of(self, call: Call) -> list[Leg]:
        """Rows of this batch that are not saved yet have no key: nothing is not equal to nothing."""
        saved = call.pk is not None
        return [leg for leg in self.legs.values() if leg.call is call or (saved and leg.call_id == call.pk)]

    # --- rows ---------------------------------------------------------------------------------------------------

    def call(self, event: ev.CallEvent) -> Call:
        """The row of the event's call; made when a stream begins in mid-call."""
        row = self.calls.get(event.call)
        if row is None:
            row = Call(pbx=self.pbx, linkedid=event.call, direction="internal", started_at=from_epoch(event.at))
            self.calls[event.call] = row
            self._new.append(row)
        self._changed[id(row)] = row
        return row

    def mark(self, row: Call | Leg) -> None:
        self._changed[id(row)] = row

    def leg(
        self,
        event: "ev.LegRinging | ev.LegPlaced | ev.LegChanged | ev.LegAnswered | ev.LegEnded",
    ) -> Leg:
        row = self.legs.get(event.leg)
        if row is None:
            seat = self.seats.get(event.endpoint)
            row = Leg(call=self.call(event), pbx=self.pbx, uniqueid=event.leg, endpoint=event.endpoint)
            row.phone_id = seat.phone_id if seat else None
            row.user_id = seat.user_id if seat else None
            self.legs[event.leg] = row
            self._new.append(row)
        self.move(row, self.call(event))
        self._changed[id(row)] = row
        return row

    def move(self, leg: Leg, call: Call) -> None:
        """This leg belongs to that call now: it was put through."""
        if leg.call is call or (call.pk is not None and leg.call_id == call.pk):
            return
        if leg.user_id is not None:
            self.moved[leg.user_id] = (leg.call, call)
        leg.call = call
        self._changed[id(leg)] = leg

    def set_caller(self, row: Call, caller: ev.Party, dialled: str | None) -> None:
        """Take over what is known now; a known fact is never overwritten with nothing."""
        row.caller_endpoint = caller.endpoint or row.caller_endpoint
        row.caller_number = caller.number or row.caller_number
        row.caller_name = caller.name or row.caller_name
        row.caller_restricted = caller.restricted or row.caller_restricted
        row.dialled = dialled or row.dialled
        row.line = self.line_of(row)
        seat = self.seats.get(row.caller_endpoint)
        row.placed_by_id = row.placed_by_id or (seat.user_id if seat else None)
        before, row.far_number = row.far_number, far_number_of(row, self.read)
        if row.direction == "outbound":
            self._bind(row, self.read(row.dialled), anew=row.far_number != before)
        elif row.direction == "inbound" and not caller.restricted:
            reading = self.read(caller.number, row.line)
            before, row.caller_e164 = row.caller_e164, reading.e164 or row.caller_e164
            self._bind(row, reading, anew=row.caller_e164 != before)
            row.far_number = far_number_of(row, self.read)

    def _bind(self, row: Call, reading: NumberReading, *, anew: bool) -> None:
        """Somebody may have said on the card who it is; only another number (`anew`) asks again."""
        people = self._people.get(reading, [])
        if len(people) == 1 and (row.contact_id is None or anew):
            row.contact_id = people[0].contact_id


def _values(row: Model) -> dict[str, object]:
    """The columns that an event can change, as they are now; lists are copied, for they change in place."""
    found = {name: getattr(row, getattr(row._meta.get_field(name), "attname", name)) for name in FIELDS[type(row)]}
    return {name: list(value) if isinstance(value, list) else value for name, value in found.items()}


def _by(field: str, rows: Iterable[Model]) -> dict:
    return {getattr(row, field): row for row in rows}


def _call_started(ledger: CallLedger, event: ev.CallStarted) -> None:
    row = ledger.call(event)
    row.direction, row.originated, row.test = event.direction, event.originated, event.test
    ledger.set_caller(row, event.caller, event.dialled)


def _call_changed(ledger: CallLedger, event: ev.CallChanged) -> None:
    row = ledger.call(event)
    row.direction = event.direction
    ledger.set_caller(row, event.caller, event.dialled)


def _queue_entered(ledger: CallLedger, event: ev.QueueEntered) -> None:
    row = ledger.call(event)
    row.queue_name = event.queue
    row.queued_at = row.queued_at or from_epoch(event.at)
    if row.state == CallState.NEW:
        row.state = CallState.WAITING


def _queue_left(ledger: CallLedger, event: ev.QueueLeft) -> None:
    ledger.call(event).left_queue_at = from_epoch(event.at)


def _leg_ringing(ledger: CallLedger, event: ev.LegRinging) -> None:
    call, leg = ledger.call(event), ledger.leg(event)
    leg.rang_at = leg.rang_at or from_epoch(event.at)
    call.parked_place = ""  # nobody has taken it in time, so it rings where it came from; or somebody takes it now
    if leg.placed:  # what it began was a pickup: it takes somebody else's call
        leg.placed, leg.state = False, "ringing" if leg.state == "dialling" else leg.state
    _set_far(leg, event.far)
    call.queue_name = event.queue or call.queue_name
    if call.state in (CallState.NEW, CallState.WAITING):
        call.state = CallState.RINGING


def _leg_placed(ledger: CallLedger, event: ev.LegPlaced) -> None:
    leg = ledger.leg(event)
    leg.placed = True
    if event.rung:
        leg.rang_at = leg.rang_at or from_epoch(event.at)
    if leg.answered_at is None and leg.ended_at is None:
        leg.state = "dialling"
        _set_wanted(ledger, leg, event.far)


def _leg_changed(ledger: CallLedger, event: ev.LegChanged) -> None:
    leg = ledger.leg(event)
    if leg.placed and leg.answered_at is None:
        _set_wanted(ledger, leg, event.far)
    else:
        _set_far(leg, event.far)


def _leg_answered(ledger: CallLedger, event: ev.LegAnswered) -> None:
    leg = ledger.leg(event)
    leg.answered_at = leg.answered_at or from_epoch(event.at)
    if leg.ended_at is None:
        leg.state = "talking"
    ledger.call(event).parked_place = ""
    _set_far(leg, event.far)


def _leg_held(ledger: CallLedger, event: ev.LegHeld) -> None:
    _set_open_state(ledger, event.leg, "held")


def _leg_resumed(ledger: CallLedger, event: ev.LegResumed) -> None:
    leg = ledger.legs.get(event.leg)
    _set_open_state(ledger, event.leg, "dialling" if leg and leg.placed and leg.answered_at is None else "talking")


def _call_transferred(ledger: CallLedger, event: ev.CallTransferred) -> None:
    """Who handed over to whom is kept at the call's end, when it is known who took it."""


def _call_parked(ledger: CallLedger, event: ev.CallParked) -> None:
    ledger.call(event).parked_place = event.place


def _leg_ended(ledger: CallLedger, event: ev.LegEnded) -> None:
    leg = ledger.leg(event)
    leg.state = "ended"
    leg.outcome = "answered" if leg.answered_at else event.outcome
    leg.answered_by_endpoint = event.answered_by or leg.answered_by_endpoint
    leg.ended_at = leg.ended_at or from_epoch(event.at)


def _call_answered(ledger: CallLedger, event: ev.CallAnswered) -> None:
    row = ledger.call(event)
    row.answered_at = row.answered_at or from_epoch(event.at)
    row.answered_by_endpoint = row.answered_by_endpoint or event.endpoint
    seat = ledger.seats.get(row.answered_by_endpoint)
    row.answered_by_id = row.answered_by_id or (seat.user_id if seat else None)
    if row.ended_at is None:
        row.state = CallState.TALKING


def _call_merged(ledger: CallLedger, event: ev.CallMerged) -> None:
    row, winner = ledger.call(event), ledger.calls.get(event.into)
    row.merged_into = event.into
    row.talked_with = list(event.talked_with) or row.talked_with
    _end_call(row, "transferred", from_epoch(event.at), None)
    if winner is None:
        return
    for leg in ledger.all_legs_of(row):
        if leg.ended_at is None:
            ledger.move(leg, winner)


def _call_ended(ledger: CallLedger, event: ev.CallEnded) -> None:
    row = ledger.call(event)
    row.transfers = [asdict(transfer) for transfer in event.transfers] or row.transfers
    row.talked_with = list(event.talked_with) or row.talked_with
    row.picked_up = row.picked_up or event.picked_up
    _end_call(row, event.disposition, from_epoch(event.at), event.talk_seconds)
    for leg in ledger.all_legs_of(row):  # no leg outlives its call, whatever was not heard
        if leg.ended_at is None:
            leg.state, leg.ended_at = "ended", from_epoch(event.at)
            leg.outcome = "answered" if leg.answered_at else leg.outcome or "unseen"
            ledger.mark(leg)


def _end_call(row: Call, disposition: str, at: datetime, talk_seconds: float | None) -> None:
    """A call whose answer we saw was answered, whatever a listener that came later could still know of it."""
    if row.ended_at is not None:
        return
    row.state, row.ended_at = CallState.ENDED, at
    row.disposition = "answered" if row.answered_at and disposition != "transferred" else disposition
    if row.answered_at:
        row.talk_seconds = max(0.0, (at - row.answered_at).total_seconds())
    else:
        row.talk_seconds = talk_seconds


def _set_far(leg: Leg, far: ev.Party) -> None:
    leg.far_number = far.number or leg.far_number
    leg.far_name = far.name or leg.far_name
    leg.far_endpoint = far.endpoint or leg.far_endpoint
    leg.far_restricted = far.restricted or leg.far_restricted


def _set_wanted(ledger: CallLedger, leg: Leg, far: ev.Party) -> None:
    """Whom a phone calls, while nobody has answered: a number, and the colleague whose extension that is."""
    _set_far(leg, far)
    seat = next((one for one in ledger.seats.values() if one.extension == leg.far_number), None)
    if far.endpoint is None and seat is not None and seat.endpoint != leg.endpoint:
        leg.far_endpoint = seat.endpoint


def _set_open_state(ledger: CallLedger, uniqueid: str, state: str) -> None:
    """Hold and resume also come for the channel of an outside caller, which is no leg of ours."""
    leg = ledger.legs.get(uniqueid)
    if leg is not None and leg.ended_at is None:
        leg.state = state
        ledger.mark(leg)


_APPLY: dict[type, Callable] = {
    ev.CallStarted: _call_started,
    ev.CallChanged: _call_changed,
    ev.QueueEntered: _queue_entered,
    ev.QueueLeft: _queue_left,
    ev.LegRinging: _leg_ringing,
    ev.LegPlaced: _leg_placed,
    ev.LegChanged: _leg_changed,
    ev.LegAnswered: _leg_answered,
    ev.LegHeld: _leg_held,
    ev.LegResumed: _leg_resumed,
    ev.CallTransferred: _call_transferred,
    ev.CallParked: _call_parked,
    ev.LegEnded: _leg_ended,
    ev.CallAnswered: _call_answered,
    ev.CallMerged: _call_merged,
    ev.CallEnded: _call_ended,
}
