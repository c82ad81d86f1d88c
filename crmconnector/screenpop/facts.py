"""Gathers, for one batch, everything the cards say; a fixed number of queries however many calls ring."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import phonenumbers
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import Call, Leg
from crmconnector.common.numbers import NumberKind, NumberReading, shown_number
from crmconnector.contacts.selectors import Person
from crmconnector.screenpop.payload import CallerFacts, CardFacts, EarlierCall, LegFacts, PersonFacts
from crmconnector.users.selectors import names_of

EARLIER_CALLS_SHOWN = 3
EARLIER_DAYS = 365


class FactsOfBatch:
    """Facts for the cards of one ledger. What a card already shows of the past is kept, not looked up again."""

    def __init__(self, ledger: CallLedger, now: datetime) -> None:
        self.ledger = ledger
        legs = [leg for leg in ledger.legs.values() if leg.user_id is not None and leg.pops]
        self._readings = {leg.uniqueid: ledger.read(self._number(leg)) for leg in legs}
        ringing = [leg for leg in legs if leg.ended_at is None]
        wanted = [self._readings[leg.uniqueid] for leg in ringing if not self._withheld(leg)]
        self._people = ledger.people_of(wanted)
        self._earlier, self._counts = _earlier_calls(
            {reading.e164 for reading in wanted if reading.e164}, {call.pk for call in ledger.touched()}, now
        )
        self._names = self._colleague_names(legs)
        self._queues = {queue.name: str(queue) for queue in ledger.pbx.queues.all()}

    def of(self, legs: Sequence[Leg], *, known: dict | None) -> CardFacts:
        """`known` is what the card already says; a closed leg adds its end, not a new look-up."""
        latest = max(legs, key=lambda leg: (leg.ended_at is None, leg.rang_at))
        call = latest.call
        line = self.ledger.lines.get(call.dialled)
        return CardFacts(
            direction=call.direction,
            line_label=line.label if line else "",
            did=call.dialled if call.direction == "inbound" else "",
            queue=self._queues.get(call.queue_name, call.queue_name),
            caller=self._caller_from(known) if known and latest.ended_at else self._caller(latest),
            legs=self.leg_facts(legs),
        )

    def leg_facts(self, legs: Iterable[Leg]) -> list[LegFacts]:
        return [
            LegFacts(
                leg_id=leg.pk,
                state=leg.state,
                outcome=leg.outcome,
                rang_at=leg.rang_at.timestamp() if leg.rang_at else 0.0,
                answered_at=leg.answered_at.timestamp() if leg.answered_at else None,
                ended_at=leg.ended_at.timestamp() if leg.ended_at else None,
                answered_by=self._who(leg.answered_by_endpoint),
            )
            for leg in legs
        ]

    def _number(self, leg: Leg) -> str:
        return leg.far_number or leg.call.caller_number

    def _withheld(self, leg: Leg) -> bool:
        return leg.far_restricted or self._readings[leg.uniqueid].kind is NumberKind.WITHHELD

    def _caller(self, leg: Leg) -> CallerFacts:
        reading = self._readings[leg.uniqueid]
        if self._withheld(leg):
            return CallerFacts("", "", "", "", withheld=True, extension="", colleague="")
        seat = self.ledger.seats.get(leg.far_endpoint) if leg.call.direction == "internal" else None
        people = self._people.get(reading, [])
        return CallerFacts(
            written=self._number(leg),
            shown=shown_number(reading.e164, country=self.ledger.pbx.country) if reading.e164 else reading.written,
            country_name=_country_name(reading),
            network_name="" if leg.far_name == self._number(leg) else leg.far_name,
            withheld=False,
            extension=seat.extension if seat else (reading.key if reading.kind is NumberKind.INTERNAL else ""),
            colleague=self._names.get(seat.user_id or 0, seat.phone_name) if seat else "",
            people=[_person(one) for one in people],
            rule=str(people[0].rule) if people else "",
            earlier=self._earlier.get(reading.e164, ()),
            calls_before=self._counts.get(reading.e164, 0),
        )

    def _caller_from(self, known: dict) -> CallerFacts:
        """The caller as the card already shows it."""
        caller = known["caller"]
        return CallerFacts(
            written=caller["written"],
            shown=caller["number"],
            country_name=caller["country_name"],
            network_name=caller["network_name"],
            withheld=caller["kind"] == "withheld",
            extension=caller["extension"],
            colleague=caller["network_name"] if caller["kind"] == "colleague" else "",
            people=[
                PersonFacts(one["id"], one["name"], one["company"], one["title"], one["number_label"], one["notes"])
                for one in known["people"]
            ],
            rule=known["rule"],
            earlier=[EarlierCall(one["kind"], one["seconds"], one["with"], one["at"]) for one in known["last_calls"]],
            calls_before=known["calls_before"],
        )

    def _who(self, endpoint: str) -> str:
        seat = self.ledger.seats.get(endpoint)
        if seat is None:
            return endpoint.partition("/")[2]
        return self._names.get(seat.user_id or 0, seat.phone_name)

    def _colleague_names(self, legs: Iterable[Leg]) -> dict[int, str]:
        ids = {seat.user_id for seat in self.ledger.seats.values() if seat.user_id}
        return names_of(ids | {leg.user_id for leg in legs if leg.user_id})


def _earlier_calls(
    e164s: set[str], now_ringing: set[int], now: datetime
) -> tuple[dict[str, list[EarlierCall]], dict[str, int]]:
    if not e164s:
        return {}, {}
    past = Call.objects.filter(started_at__gte=now - timedelta(days=EARLIER_DAYS)).exclude(pk__in=now_ringing)
    earlier: dict[str, list[EarlierCall]] = defaultdict(list)
    if len(e164s) == 1:  # nearly always; Django takes five times as long to write the query for several
        (e164,) = e164s
        past = past.filter(caller_e164=e164)
        newest, counts = past.order_by("-started_at")[:EARLIER_CALLS_SHOWN], {e164: past.count()}
    else:
        past = past.filter(caller_e164__in=e164s)
        by_number = Window(RowNumber(), partition_by=F("caller_e164"), order_by=F("started_at").desc())
        newest = past.annotate(place=by_number).filter(place__lte=EARLIER_CALLS_SHOWN).order_by("-started_at")
        counts = dict(past.order_by().values_list("caller_e164").annotate(Count("id")))
    for call in newest.select_related("answered_by"):
        earlier[call.caller_e164].append(_earlier_call(call))
    return earlier, counts


def _earlier_call(call: Call) -> EarlierCall:
    kinds = {"answered": "talked", "transferred": "talked", "rejected": "rejected", "busy": "no_answer"}
    seconds = call.talk_seconds if call.answered_at else _rang_seconds(call)
    return EarlierCall(
        kind=kinds.get(call.disposition, "missed"),
        seconds=round(seconds) if seconds is not None else None,
        with_name=call.answered_by.display_name if call.answered_by else call.queue_name,
        at=call.started_at.timestamp(),
    )


def _rang_seconds(call: Call) -> float | None:
    return (call.ended_at - call.started_at).total_seconds() if call.ended_at else None


def _person(person: Person) -> PersonFacts:
    return PersonFacts(person.contact_id, person.name, person.company, person.title, person.number_label, person.notes)


def _country_name(reading: NumberReading) -> str:
    if not reading.e164:
        return ""
    # Imported here: its tables take 100 MB and a second, and only the listener draws cards.
    from phonenumbers import geocoder

    return str(geocoder.country_name_for_number(phonenumbers.parse(reading.e164, None), "en"))
