"""Reads for the desk: open cards, and the rows after a version for the stream."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q

from crmconnector.calls.models import CallCommand, CommandKind
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.callbar import NO_BAR, CallBar, is_live, key_of, still_true
from crmconnector.screenpop.callbar_rows import bars_of
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.present import presented
from crmconnector.users.models import User

CLOSED_STAYS_SECONDS = 20
TALKED_STAYS_SECONDS = 900
MOST_CARDS = 50
# One walk of the index (user, version) for each person. A single bound for all would not do: who had no call for weeks
# would make it read weeks of everybody's.
_SINCE = """
select pop.* from unnest(%s::bigint[], %s::bigint[]) as since (user_id, version)
cross join lateral (
    select * from screenpop_pop where user_id = since.user_id and version > since.version order by version limit %s
) as pop order by pop.version
"""


@dataclass(frozen=True, slots=True)
class AnswerOffer:
    """Whether Answer can be pressed now, why not, and the key that makes a second press the same command."""

    possible: bool
    why_not: str
    key: str
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """Everything templates/screenpop/card.html needs."""

    pop: Pop
    payload: dict
    command: CallCommand | None
    answer: AnswerOffer
    bar: CallBar = NO_BAR

    def context(self) -> dict[str, object]:
        return {"pop": self.pop, "card": self.payload, "command": self.command, "answer": self.answer, "bar": self.bar}


def open_cards(*, user: User) -> list[Card]:
    """The cards a freshly opened desk shows: those not closed, and those closed a moment ago. Ringing first."""
    now = utc_now()
    recent = Q(state=Pop.State.CLOSED, changed_at__gte=now - timedelta(seconds=TALKED_STAYS_SECONDS))
    pops = Pop.objects.filter(~Q(state=Pop.State.CLOSED) | recent, user=user).order_by("-version")[:MOST_CARDS]
    cards = _cards([pop for pop in pops if _still_asks(pop, now)])
    order = [Pop.State.RINGING, Pop.State.DIALLING, Pop.State.TALKING, Pop.State.HELD, Pop.State.CLOSED]
    return sorted(cards, key=lambda card: order.index(Pop.State(card.pop.state)))


def _still_asks(pop: Pop, now: datetime) -> bool:
    """A card of a call that one talked in stays for its note and outcome until it is put away."""
    if pop.state != Pop.State.CLOSED:
        return True
    if pop.payload.get("dismissed"):
        return False
    talked = pop.payload.get("answered_at") is not None
    return talked or pop.changed_at >= now - timedelta(seconds=CLOSED_STAYS_SECONDS)


def cards_after(*, user_id: int, version: int) -> list[Card]:
    """Cards changed after a version, oldest change first; a whole card each, so only the newest row matters."""
    return _cards(Pop.objects.filter(user_id=user_id, version__gt=version).order_by("version")[:MOST_CARDS])


def cards_since(seen: Mapping[int, int]) -> dict[int, list[Card]]:
    """The cards of many people changed after the version each has seen (user id -> version): one read for them all.

    At most MOST_CARDS of each person, oldest change first; who has so many should be asked for again.
    """
    if not seen:
        return {}
    found: dict[int, list[Card]] = {}
    for card in _cards(Pop.objects.raw(_SINCE, [list(seen), list(seen.values()), MOST_CARDS])):
        found.setdefault(card.pop.user_id, []).append(card)
    return found


def latest_version(*, user_id: int) -> int:
    return Pop.objects.filter(user_id=user_id).aggregate(top=Max("version"))["top"] or 0


def _cards(pops: Iterable[Pop]) -> list[Card]:
    rows = list(pops)
    calls = {pop.call_id for pop in rows}
    commands: dict[tuple[int, int], list[CallCommand]] = {}
    asked = CallCommand.objects.filter(leg__call__in=calls).select_related("leg", "other_leg")
    for command in asked.order_by("requested_at"):
        if command.leg is not None:
            commands.setdefault((command.leg.call_id, command.user_id), []).append(command)
    bars = bars_of(rows, commands, now=utc_now())
    drawn = zip(rows, presented(rows), strict=True)
    return [
        _card(pop, payload, commands.get((pop.call_id, pop.user_id), []), bars.get(pop.pk, NO_BAR))
        for pop, payload in drawn
    ]


def _card(pop: Pop, payload: dict, commands: list[CallCommand], bar: CallBar) -> Card:
    last = still_true(commands[-1] if commands else None, bar)
    return Card(pop, payload, last, _offer(pop, commands), bar)


def _offer(pop: Pop, commands: list[CallCommand]) -> AnswerOffer:
    """The key names leg and try: two tabs press the same command; a second try after an end is a new one."""
    answers = [one for one in commands if one.kind == CommandKind.ANSWER]
    key = key_of(CommandKind.ANSWER, pop.leg_id, answers)
    if pop.state != Pop.State.RINGING or pop.leg_id is None:
        return AnswerOffer(False, "It no longer rings on your phone.", key)
    if pop.payload.get("test"):
        return AnswerOffer(False, "This is a test: nobody is calling.", key)
    if answers and is_live(answers[-1]):
        return AnswerOffer(False, "Your phone has been asked; do not press again.", key, asked=True)
    return AnswerOffer(True, "", key)
