"""Gathers, for one batch, everything the cards say; a fixed number of queries however many calls ring.

A card says only what its own user may see: a contact of another team is counted, not named.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

import phonenumbers

from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import Call, Leg
from crmconnector.common.numbers import NumberKind, NumberReading, shown_number
from crmconnector.contacts.lookup import Person
from crmconnector.screenpop import handover
from crmconnector.screenpop.past import choices_among, earlier_calls
from crmconnector.screenpop.payload import CallerFacts, CardFacts, ChoiceFacts, LegFacts, PersonFacts
from crmconnector.screenpop.staff import NOBODY, Member, staff


class FactsOfBatch:
    """Facts for the cards of one ledger. What a card already shows of the past is kept, not looked up again."""

    def __init__(self, ledger: CallLedger, now: datetime) -> None:
        self.ledger = ledger
        self._calls = {call.pk: call for call in ledger.touched()}
        legs = [leg for leg in ledger.legs.values() if leg.user_id is not None and leg.pops]
        self._readings = {leg.uniqueid: ledger.read(self._number(leg), self._line(leg)) for leg in legs}
        open_legs = [leg for leg in legs if leg.ended_at is None and not self._withheld(leg)]
        wanted = [self._readings[leg.uniqueid] for leg in open_legs if not self._is_colleague(leg)]
        self._people = ledger.people_of(wanted)
        self._past = earlier_calls({one.e164 for one in wanted if one.e164}, set(self._calls), now)
        self._choices = choices_among(self._people)
        self._staff = staff(self._users())
        self._queues = {queue.name: str(queue) for queue in ledger.pbx.queues.all()}

    def of(self, legs: Sequence[Leg], *, known: Mapping[str, Any] | None) -> CardFacts:
        """`known` is what the card already says; a closed leg adds its end, not a new look-up."""
        latest = self._telling(_first_hand(legs))
        call, line = self._call(latest), self._line(latest)
        kept = known if known and (latest.ended_at or self._still_that_colleague(latest, known)) else None
        return CardFacts(
            direction=call.direction,
            line_label=line.label if line else "",
            did=call.dialled if call.direction == "inbound" else "",
            queue=self._queues.get(call.queue_name, call.queue_name),
            caller=_NOTHING if kept else self._caller(latest),
            legs=self.leg_facts(legs),
            kept=kept,
            extension=self._extension(latest.endpoint) or str((known or {}).get("extension", "")),
            queued_at=call.queued_at.timestamp() if call.queued_at else None,
            test=call.test,
            dismissed=bool((known or {}).get("dismissed")),
            parked=call.parked_place if call.ended_at is None else "",
            rings=self._rings(call, latest),
            sent_by=self._sender(call, legs),
            sent_to=handover.receiver(self._parts(_first_hand(legs)), self._others(call, legs)),
        )

    def leg_facts(self, legs: Sequence[Leg]) -> list[LegFacts]:
        own = {leg.pk for leg in _first_hand(legs)}
        return [
            LegFacts(
                leg_id=leg.pk,
                state=leg.state,
                outcome=leg.outcome,
                rang_at=self._began(leg),
                answered_at=_epoch(leg.answered_at),
                ended_at=_epoch(leg.ended_at),
                answered_by=self._who(leg.answered_by_endpoint),
                placed=leg.placed,
                came_over=leg.pk not in own,
                rung=leg.placed and leg.rang_at is not None,
                call_came_to=self._call(leg).disposition,
            )
            for leg in legs
        ]

    def _telling(self, legs: Sequence[Leg]) -> Leg:
        """The leg whose far end the card names: the first that is open (who calls a group that they are in sees whom
        they call), else the last that ended."""
        still = [leg for leg in legs if leg.ended_at is None]
        return min(still, key=lambda leg: leg.pk) if still else max(legs, key=self._began)

    def _rings(self, call: Call, own: Leg) -> str:
        """While the person calls: does it ring at the other end, or does their own phone wait to be picked up?"""
        if own.state != "dialling":
            return ""
        others = [leg for leg in self.ledger.legs_of(call) if leg.user_id != own.user_id or not leg.placed]
        if any(leg.state == "ringing" for leg in others):
            return "there"
        picked_up = bool(others or call.dialled)  # the PBX begins to dial for it only then
        return "here" if own.rang_at is not None and not picked_up else ""

    # --- the far party ------------------------------------------------------------------------------------------

    def _caller(self, leg: Leg) -> CallerFacts:
        if self._withheld(leg):
            return _WITHHELD
        reading, past = self._readings[leg.uniqueid], self._past
        seat = self.ledger.seats.get(leg.far_endpoint) if self._is_colleague(leg) else None
        people = [] if seat else self._people.get(reading, [])
        user = self._staff.get(leg.user_id or 0, NOBODY)
        seen = [one for one in people if user.may_see(one.team_id)]
        colleague = self._staff.get(seat.user_id or 0, NOBODY) if seat else NOBODY
        return CallerFacts(
            written=self._number(leg),
            shown=shown_number(reading.e164, country=self.ledger.pbx.country) if reading.e164 else reading.written,
            country_name=_country_name(reading),
            network_name="" if leg.far_name == self._number(leg) else leg.far_name,
            withheld=False,
            extension=seat.extension if seat else _short_number(reading),
            colleague=(colleague.name or seat.phone_name) if seat else "",
            people=[_person(one) for one in seen],
            rule=str(seen[0].rule) if seen else "",
            earlier=past.shown(reading.e164),
            calls_before=past.counts.get(reading.e164, 0),
            e164=reading.e164,
            key=reading.e164 or reading.key,
            prefix=reading.prefix,
            national=_national(reading.e164),
            teams=colleague.teams,
            hidden=len(people) - len(seen),
            choices=self._choices_for(reading, user, seen),
            last_note=past.notes.get(reading.e164),
        )

    def _choices_for(self, reading: NumberReading, user: Member, seen: Sequence[Person]) -> list[ChoiceFacts]:
        """The own choice first, then those of team-mates, newest first; only among people this user may see."""
        ids = {one.contact_id for one in seen}
        found = {}
        for choice in self._choices.get(reading.e164 or reading.key, ()):
            own = choice.user_id == user.user_id
            if choice.contact_id in ids and (own or user.works_with(self._staff.get(choice.user_id, NOBODY))):
                by_name = "" if own else self._staff.get(choice.user_id, NOBODY).name
                facts = ChoiceFacts(choice.contact_id, by_name, own, choice.chosen_at.timestamp())
                if own or choice.contact_id not in found:
                    found[choice.contact_id] = facts
        return sorted(found.values(), key=lambda one: (not one.own, -one.at))

    def _number(self, leg: Leg) -> str:
        call = self._call(leg)
        return leg.far_number or (call.dialled if leg.placed else call.caller_number)

    def _withheld(self, leg: Leg) -> bool:
        """Nothing at all in place of a number is withheld by a caller; of whom one calls it is not known yet."""
        known = bool(self._number(leg)) or not leg.placed
        return leg.far_restricted or (known and self._readings[leg.uniqueid].kind is NumberKind.WITHHELD)

    def _began(self, leg: Leg) -> float:
        """When it rang; a phone that dialled by itself rang never, and began the call."""
        return _epoch(leg.rang_at) or (_epoch(self._call(leg).started_at) if leg.placed else None) or 0.0

    def _is_colleague(self, leg: Leg) -> bool:
        """A seat at the other end: whatever number it shows, no contact is looked for."""
        return self._call(leg).direction == "internal" and leg.far_endpoint in self.ledger.seats

    def _still_that_colleague(self, leg: Leg, known: Mapping[str, Any]) -> bool:
        """Hold and resume do not name the other end; the seat there is not looked up again."""
        caller = known["caller"]
        if caller["kind"] != "colleague" or caller["written"] != self._number(leg):
            return False
        return self._call(leg).direction == "internal" and leg.far_endpoint not in self.ledger.seats

    # --- who had which part -------------------------------------------------------------------------------------

    def _sender(self, call: Call, legs: Sequence[Leg]) -> handover.Handover | None:
        found = handover.sender(self._parts(_first_hand(legs)), self._others(call, legs))
        if found or call.direction != "outbound" or call.answered_at is None or not call.placed_by_id:
            return found
        mine = max(legs, key=self._began)
        if call.placed_by_id == mine.user_id or mine.rang_at is None or mine.rang_at < call.answered_at:
            return None
        # Still in the call, or of a time when who dialled out had no leg of it.
        return handover.Handover(call.placed_by_id, self._staff.get(call.placed_by_id, NOBODY).name, "", None)

    def _others(self, call: Call, legs: Sequence[Leg]) -> list[handover.Part]:
        user_id = legs[0].user_id
        others = [leg for leg in self.ledger.legs_of(call) if leg.user_id and leg.user_id != user_id]
        return self._parts(leg for leg in others if leg.rang_at or leg.placed)

    def _parts(self, legs: Iterable[Leg]) -> list[handover.Part]:
        return [
            handover.Part(
                leg.user_id,
                self._staff.get(leg.user_id or 0, NOBODY).name,
                self._began(leg),
                _epoch(leg.answered_at),
                _epoch(leg.ended_at),
            )
            for leg in legs
        ]

    def _who(self, endpoint: str) -> str:
        seat = self.ledger.seats.get(endpoint)
        if seat is None:
            return endpoint.partition("/")[2]
        return self._staff.get(seat.user_id or 0, NOBODY).name or seat.phone_name

    def _extension(self, endpoint: str) -> str:
        seat = self.ledger.seats.get(endpoint)
        return seat.extension if seat else ""

    def _users(self) -> set[int]:
        ids = {seat.user_id for seat in self.ledger.seats.values()}
        ids |= {leg.user_id for leg in self.ledger.legs.values()}
        ids |= {call.placed_by_id for call in self._calls.values()}
        ids |= {choice.user_id for choices in self._choices.values() for choice in choices}
        return {user_id for user_id in ids if user_id}

    def _call(self, leg: Leg) -> Call:
        """Without asking the database for a call that the ledger holds."""
        return self._calls.get(leg.call_id) or leg.call

    def _line(self, leg: Leg) -> Any:
        return self.ledger.line_of(self._call(leg))


_NOTHING = CallerFacts("", "", "", "", withheld=False, extension="", colleague="")
_WITHHELD = CallerFacts("", "", "", "", withheld=True, extension="", colleague="")


def _short_number(reading: NumberReading) -> str:
    """Of somebody inside whom we do not know; the digits of a longer text are nobody's extension."""
    return reading.key if reading.kind is NumberKind.INTERNAL and reading.key == reading.written else ""


def _person(person: Person) -> PersonFacts:
    return PersonFacts(
        person.contact_id,
        person.name,
        person.company,
        person.title,
        person.number_label,
        person.notes,
        person.tags,
        person.owner_id,
        person.owner_name,
        person.external_id,
        person.external_link,
    )


def _first_hand(legs: Sequence[Leg]) -> list[Leg]:
    """Without those that came over from another call, with somebody of their own: consultations, and a second caller
    who was put together with the first. The person's first leg is none of them.
    """
    first = min(legs, key=lambda leg: leg.pk)
    own = [leg for leg in legs if leg is first or not leg.placed]
    return [leg for leg in own if not any(_talked_before_and_during(other, leg) for other in own)]


def _talked_before_and_during(one: Leg, other: Leg) -> bool:
    """Nobody answers the same call twice at once."""
    if one.pk >= other.pk or one.answered_at is None or other.answered_at is None:
        return False
    return one.ended_at is None or one.ended_at > other.answered_at


def _epoch(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _national(e164: str) -> str:
    """Digits as people in the number's own country dial it: 03023125447."""
    if not e164:
        return ""
    written = phonenumbers.format_number(phonenumbers.parse(e164, None), phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(char for char in written if char.isdigit())


def _country_name(reading: NumberReading) -> str:
    if not reading.e164:
        return ""
    return str(load_country_names().country_name_for_number(phonenumbers.parse(reading.e164, None), "en"))


def load_country_names() -> ModuleType:
    """Imported here: its tables take 100 MB and a second or two, and only the listener draws cards."""
    from phonenumbers import geocoder

    return geocoder
