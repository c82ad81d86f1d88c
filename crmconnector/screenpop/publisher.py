"""Cards as rows: derived from the calls' legs, written once per change, then (after commit) a wake for the streams.

A card is never told what to do; its row is computed again from the legs, so a repeated or late event changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import redis
import structlog
from django.conf import settings
from django.db import connection, transaction
from redis.exceptions import RedisError

from crmconnector.calls import events as ev
from crmconnector.calls.events import CallEvent
from crmconnector.calls.ledger import CallLedger
from crmconnector.calls.models import Leg
from crmconnector.common.redis import redis_client
from crmconnector.screenpop.facts import FactsOfBatch
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.payload import card_payload, leg_to_answer
from crmconnector.screenpop.reasons import Cards, keep_reasons
from crmconnector.screenpop.rulebook import RuleBook
from crmconnector.screenpop.rules import may_open

WAKE_CHANNEL = "screenpop.wake"
VERSION_LOCK = 7001  # advisory lock class: versions of one user's cards are committed in their order
ENDS = (ev.CallEnded, ev.CallMerged)
ON_A_LINE = (ev.LegRinging, ev.LegPlaced, ev.LegAnswered, ev.LegHeld, ev.LegResumed, ev.LegEnded)
OPEN_PLACED = ("dialling", "talking", "held")
log = structlog.get_logger(__name__)


def refresh_pops(*, ledger: CallLedger, now: datetime, batch: Sequence[CallEvent]) -> set[int]:
    """Bring the cards of the ledger's calls up to date, and keep why each was made or not.

    Returns the users whose streams must wake. Runs inside the batch's transaction, after `ledger.save()`.
    """
    closed = _follow(ledger, now)
    seats = _legs_by_call_and_user(ledger)
    there = _cards_of(ledger)
    without = {key: legs for key, legs in seats.items() if key not in there}
    book = RuleBook(pbx=ledger.pbx, user_ids=_people_in_question(ledger, there), now=now)
    opening = {key for key, legs in without.items() if _opens(book, key[1], legs)}
    showing = {key: legs for key, legs in seats.items() if key in there or key in opening}
    fresh, changed = _draw(ledger, showing, there, now)
    _give_versions([*fresh, *closed, *changed])
    Pop.objects.bulk_create(fresh)  # nobody else writes cards of this PBX's calls: the batch holds its link's row
    Pop.objects.bulk_update([*closed, *changed], ["payload", "state", "leg", "changed_at", "version"])
    keep_reasons(ledger=ledger, batch=batch, cards=Cards(there, fresh, book), now=now)
    return {pop.user_id for pop in [*fresh, *closed, *changed]} | _who_look(ledger, batch)


def _who_look(ledger: CallLedger, batch: Sequence[CallEvent]) -> set[int]:
    """Whose lines and log changed, though their cards may say the same as before, or they have none: the desk looks."""
    over = {event.call for event in batch if isinstance(event, ENDS)}
    in_calls = {leg for call in ledger.touched() if call.linkedid in over for leg in ledger.all_legs_of(call)
                if leg.answered_at is not None or leg.placed}  # fmt: skip
    named = {ledger.legs.get(event.leg) for event in batch if isinstance(event, ON_A_LINE)}
    return {leg.user_id for leg in in_calls | named if leg is not None and leg.user_id is not None}


def _cards_of(ledger: CallLedger) -> dict[tuple[int, int], Pop]:
    """The cards that the batch's calls have already; a call without people has none."""
    calls = {
        call.pk
        for call in ledger.touched()
        if call.placed_by_id or any(leg.user_id is not None for leg in ledger.all_legs_of(call))
    }
    return {(pop.call_id, pop.user_id): pop for pop in Pop.objects.filter(call__in=calls)} if calls else {}


def _people_in_question(ledger: CallLedger, there: Mapping[tuple[int, int], Pop]) -> set[int]:
    """Whose rules matter now: people whose phone the call concerns and who have no card of it yet."""
    return {
        leg.user_id
        for call in ledger.touched()
        for leg in ledger.all_legs_of(call)
        if leg.user_id is not None and leg.pops and (call.pk, leg.user_id) not in there
    }


def _opens(book: RuleBook, user_id: int, legs: Sequence[Leg]) -> bool:
    """Rules are about calls that come in. Whoever calls gets a card, to command the call by."""
    if any(leg.placed and leg.state in OPEN_PLACED for leg in legs):
        return book.active(user_id)
    verdict = book.verdict(user_id=user_id, call=legs[0].call)
    return book.active(user_id) and may_open(verdict, [leg.state for leg in legs])


def _draw(
    ledger: CallLedger,
    showing: Mapping[tuple[int, int], Sequence[Leg]],
    there: Mapping[tuple[int, int], Pop],
    now: datetime,
) -> tuple[list[Pop], list[Pop]]:
    """(new cards, changed ones), filled from the legs and not written yet."""
    if not showing:
        return [], []
    facts = FactsOfBatch(ledger, now)
    fresh, changed = [], []
    for (call_id, user_id), legs in showing.items():
        pop = there.get((call_id, user_id))
        payload = card_payload(facts.of(legs, known=pop.payload if pop else None))
        leg_id = leg_to_answer(facts.leg_facts(legs))
        if pop is None:
            pop = Pop(user_id=user_id, call_id=call_id, opened_at=now)
            fresh.append(pop)
        elif pop.payload == payload and pop.leg_id == leg_id:
            continue
        else:
            changed.append(pop)
        _fill(pop, payload, leg_id, now)
    return fresh, changed


@transaction.atomic  # the version's lock must hold until the row with it is committed
def touch_pops(*, legs: Iterable[tuple[int, int]], now: datetime) -> set[int]:
    """Something shown beside the card changed (a command): (call id, user id) pairs get a new version."""
    pairs = set(legs)
    pops = [
        pop
        for pop in Pop.objects.filter(call__in={call_id for call_id, _ in pairs}, user__in={user for _, user in pairs})
        if (pop.call_id, pop.user_id) in pairs
    ]
    for pop in pops:
        pop.changed_at = now
    _give_versions(pops)
    Pop.objects.bulk_update(pops, ["changed_at", "version"])
    return {pop.user_id for pop in pops}


def wake(user_ids: Iterable[int]) -> None:
    """Tell the web processes to look at these users' rows. Losing this costs a second, never a card."""
    text = ",".join(str(user_id) for user_id in sorted(set(user_ids)))
    if not text:
        return
    try:
        _client().publish(WAKE_CHANNEL, text)
    except RedisError as error:
        log.warning("screenpop.wake_lost", reason=type(error).__name__)


def _follow(ledger: CallLedger, now: datetime) -> list[Pop]:
    """A call was put through while its card is open: the same card goes on, with the other caller.

    Whose desk has a card of the other call already (two callers were put together) keeps that one: returns the rest,
    closed.
    """
    closed = []
    for user_id, (old, new) in ledger.moved.items():
        pop = Pop.objects.filter(call=old, user=user_id).first()
        if pop is None:
            continue
        if not Pop.objects.filter(call=new, user=user_id).exists():
            Pop.objects.filter(pk=pop.pk).update(call=new)
            continue
        since = pop.payload["answered_at"] or pop.payload["rang_at"]
        end = {"reason": "ended", "who": "", "seconds": max(0, round(now.timestamp() - since))}
        _fill(pop, {**pop.payload, "state": "closed", "ended_at": now.timestamp(), "closed": end}, None, now)
        closed.append(pop)
    return closed


def _fill(pop: Pop, payload: dict[str, object], leg_id: int | None, now: datetime) -> None:
    pop.payload, pop.state, pop.leg_id, pop.changed_at = payload, str(payload["state"]), leg_id, now


def _legs_by_call_and_user(ledger: CallLedger) -> Mapping[tuple[int, int], Sequence[Leg]]:
    """The legs that make a card: on a user's phone, that rang or began the call."""
    found: dict[tuple[int, int], list[Leg]] = defaultdict(list)
    for call in ledger.touched():
        for leg in ledger.legs_of(call):
            if leg.user_id is not None and leg.pops and (leg.placed or leg.rang_at is not None):
                found[call.pk, leg.user_id].append(leg)
    return found


def _give_versions(pops: Sequence[Pop]) -> None:
    """Next versions, taken under each user's lock: a reader that saw version 6 will never meet a late 5."""
    if not pops:
        return
    users = sorted({pop.user_id for pop in pops})
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(%s, u) from (select unnest(%s::int[]) as u order by 1) as ordered",
            [VERSION_LOCK, users],
        )
        cursor.execute("select nextval('screenpop_version') from generate_series(1, %s)", [len(pops)])
        versions = [row[0] for row in cursor.fetchall()]
    for pop, version in zip(pops, versions, strict=True):
        pop.version = version


_shared: dict[str, redis.Redis] = {}


def _client() -> redis.Redis:
    url = settings.REDIS_URL
    if url not in _shared:
        _shared[url] = redis_client(url)
    return _shared[url]
