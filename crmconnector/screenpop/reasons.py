"""Keeps why everybody concerned by a batch got a card or none: read once, compared, written in bulk where it is new."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from crmconnector.calls import events as ev
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import Call, Leg
from crmconnector.pbx.models import LinkGap, Trunk
from crmconnector.screenpop.decisions import LegView, Reason, why_not, why_shown
from crmconnector.screenpop.models import Pop, PopDecision
from crmconnector.screenpop.rulebook import RuleBook

# Only these can change whether, or why, somebody has a card.
_TELLING = (
    ev.CallStarted, ev.CallChanged, ev.LegRinging, ev.LegPlaced, ev.LegAnswered, ev.LegEnded, ev.CallMerged,
    ev.CallEnded,
)  # fmt: skip
GAP_NEAR_SECONDS = 60  # a gap that ended so long ago may still be why a ring was not heard
Key = tuple[int, int | None, str]  # call, user; of nobody: call, None, endpoint


@dataclass(frozen=True, slots=True)
class Cards:
    """What the publisher knows of this batch: cards that are there, those of them made just now, and the rules."""

    there: Mapping[tuple[int, int], Pop]
    fresh: Iterable[Pop]
    book: RuleBook


def keep_reasons(*, ledger: CallLedger, batch: Sequence[ev.CallEvent], cards: Cards, now: datetime) -> None:
    """Runs inside the batch's transaction, after the cards are written. An event that changes nothing costs nothing."""
    told = {one.call for one in batch if isinstance(one, _TELLING)}
    told |= {one.into for one in batch if isinstance(one, ev.CallMerged)}
    calls = [call for call in ledger.touched() if call.linkedid in told]
    found = _Found(ledger, batch, cards, now)
    for call in calls:
        found.look_at(call)
    found.write()


class _Found:
    """The reasons of one batch, gathered call by call."""

    def __init__(self, ledger: CallLedger, batch: Sequence[ev.CallEvent], cards: Cards, now: datetime) -> None:
        self._ledger, self._cards, self._now = ledger, cards, now
        self._picked_up = {one.leg for one in batch if isinstance(one, ev.LegRinging) and one.picked_up}
        self._legs_told = {one.leg for one in batch if isinstance(one, ev.LegRinging | ev.LegEnded | ev.LegAnswered)}
        self._begun = {one.call for one in batch if isinstance(one, ev.CallStarted | ev.CallChanged)}
        self._fresh = {(pop.call_id, pop.user_id): pop for pop in cards.fresh}
        self._people: dict[tuple[int, int], list[Leg]] = {}
        self._placed: list[Call] = []
        self._strangers: dict[tuple[int, str], Leg] = {}

    def look_at(self, call: Call) -> None:
        legs = self._ledger.all_legs_of(call)
        for user_id, own in _by_user(legs).items():
            if self._is_open_question(call, user_id):
                self._people[call.pk, user_id] = own
        with_legs = {leg.user_id for leg in legs}
        if call.placed_by_id and call.linkedid in self._begun and call.placed_by_id not in with_legs:
            self._placed.append(call)
        for leg in legs:
            if leg.user_id is None and not leg.placed and leg.uniqueid in self._legs_told:
                self._strangers[call.pk, leg.endpoint] = leg

    def _is_open_question(self, call: Call, user_id: int) -> bool:
        """Not when the card has been there before: that was told when it was made."""
        key = (call.pk, user_id)
        return key in self._fresh or key not in self._cards.there or self._followed(call, user_id)

    def _followed(self, call: Call, user_id: int) -> bool:
        moved = self._ledger.moved.get(user_id)
        return moved is not None and moved[1].pk == call.pk

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self) -> None:
        calls = {call_id for call_id, _ in self._people} | {call_id for call_id, _ in self._strangers}
        calls |= {call.pk for call in self._placed}
        if not calls:
            return
        self._known = {_key(row): row for row in PopDecision.objects.filter(call__in=calls)}
        wanted = [*self._of_people(), *self._of_placers(), *self._of_strangers()]
        fresh = [self._row(*one) for one in wanted if _key_of(*one[:3]) not in self._known]
        changed = [row for one in wanted if (row := self._changed(*one)) is not None]
        PopDecision.objects.bulk_create(fresh)
        if changed:
            PopDecision.objects.bulk_update(changed, ["endpoint", "shown", "reason", "details", "pop", "decided_at"])

    def _row(self, call_id: int, user_id: int | None, reason: Reason, pop: Pop | None) -> PopDecision:
        return PopDecision(
            call_id=call_id, user_id=user_id, endpoint=reason.endpoint, shown=reason.shown, reason=reason.word,
            details=dict(reason.details), pop=pop, decided_at=self._now,
        )  # fmt: skip

    def _changed(self, call_id: int, user_id: int | None, reason: Reason, pop: Pop | None) -> PopDecision | None:
        row = self._known.get(_key_of(call_id, user_id, reason))
        if row is None or row.shown:  # a card that was made stays made
            return None
        if (row.reason, row.details) == (reason.word, dict(reason.details)):
            return None
        row.endpoint, row.shown, row.reason, row.pop = reason.endpoint, reason.shown, reason.word, pop
        row.details, row.decided_at = dict(reason.details), self._now
        return row

    # --- reasons --------------------------------------------------------------------------------------------------

    def _of_people(self) -> Iterable[tuple[int, int | None, Reason, Pop | None]]:
        for (call_id, user_id), legs in self._people.items():
            views, pop = [self._view(leg) for leg in legs], self._cards.there.get((call_id, user_id))
            verdict = self._cards.book.verdict(user_id=user_id, call=legs[0].call)
            if (call_id, user_id) in self._fresh:
                yield call_id, user_id, why_shown(views, verdict), self._fresh[call_id, user_id]
            elif pop is not None:
                yield call_id, user_id, Reason("followed", legs[0].endpoint), pop
            else:
                reason = self._why_not(call_id, user_id, views, legs)
                if reason is not None:
                    yield call_id, user_id, reason, None

    def _why_not(self, call_id: int, user_id: int, views: list[LegView], legs: list[Leg]) -> Reason | None:
        known = self._known.get((call_id, user_id, ""))
        book = self._cards.book
        reason = why_not(
            views, book.verdict(user_id=user_id, call=legs[0].call), active=book.active(user_id),
            unheard="gap", known=known.reason if known else "",
        )  # fmt: skip
        if reason is None or reason.word not in ("gap", "did_not_ring"):
            return reason
        if reason.word == "did_not_ring":
            return Reason(reason.word, reason.endpoint, {**reason.details, "phone": legs[0].phone_id})
        return self._unheard(reason)

    def _unheard(self, reason: Reason) -> Reason:
        """Nobody heard it ring: in a gap that we know of, or before we listened at all. A rare question of its own."""
        near = Q(until_at=None) | Q(until_at__gte=self._now - timedelta(seconds=GAP_NEAR_SECONDS))
        gap = LinkGap.objects.filter(near, pbx=self._ledger.pbx).order_by("-from_at").first()
        if gap is None:
            return Reason("before_we_listened", reason.endpoint)
        return Reason("gap", reason.endpoint, {"from": gap.from_at.isoformat()})

    def _of_placers(self) -> Iterable[tuple[int, int | None, Reason, Pop | None]]:
        for call in self._placed:
            if call.placed_by_id is not None and (call.pk, call.placed_by_id) not in self._cards.there:
                yield call.pk, call.placed_by_id, Reason("own_call", call.caller_endpoint), None

    def _of_strangers(self) -> Iterable[tuple[int, int | None, Reason, Pop | None]]:
        """Phones of nobody. Trunks are no phones: what rings there is the other end of an outgoing call."""
        new = {key: leg for key, leg in self._strangers.items() if (key[0], None, key[1]) not in self._known}
        unknown = {endpoint for (_call, endpoint), leg in new.items() if leg.phone_id is None}
        trunks: set[str] = set()
        if unknown:
            rows = Trunk.objects.filter(pbx=self._ledger.pbx, endpoint__in=unknown, is_trunk=True)
            trunks = set(rows.values_list("endpoint", flat=True))
        for (call_id, endpoint), leg in new.items():
            if endpoint not in trunks:
                details = {"known": leg.phone_id is not None, "phone": leg.phone_id}
                yield call_id, None, Reason("not_assigned", endpoint, details), None

    def _view(self, leg: Leg) -> LegView:
        over = leg.ended_at is not None or self._ledger.is_over(leg)
        return LegView(
            leg.endpoint, pops=leg.pops, rang=leg.rang_at is not None, answered=leg.answered_at is not None, over=over,
            outcome=leg.outcome, answered_by=leg.answered_by_endpoint, picked_up=leg.uniqueid in self._picked_up,
            placed=leg.placed,
        )  # fmt: skip


def _by_user(legs: Iterable[Leg]) -> Mapping[int, list[Leg]]:
    found: dict[int, list[Leg]] = defaultdict(list)
    for leg in legs:
        if leg.user_id is not None:
            found[leg.user_id].append(leg)
    return found


def _key(row: PopDecision) -> Key:
    return (row.call_id, row.user_id, "" if row.user_id else row.endpoint)


def _key_of(call_id: int, user_id: int | None, reason: Reason) -> Key:
    return (call_id, user_id, "" if user_id else reason.endpoint)
