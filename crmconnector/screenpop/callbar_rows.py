"""The rows behind the call bars of many cards: a fixed number of questions, none for each card."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from crmconnector.calls.ground import Grounds
from crmconnector.calls.models import CallCommand, Leg
from crmconnector.calls.verbs import VERBS, Choice, Ground
from crmconnector.screenpop.callbar import NO_BAR, CallBar, Consultation, bar_of, is_live, open_consultation
from crmconnector.screenpop.models import Pop
from phones.models import Assignment, Phone, SipAccount

Key = tuple[int, int]  # (call, user)


def bars_of(pops: Sequence[Pop], commands: Mapping[Key, Sequence[CallCommand]], *, now: datetime) -> dict[int, CallBar]:
    """By the card's id, for those that are not closed."""
    open_pops = [pop for pop in pops if pop.state != Pop.State.CLOSED]
    if not open_pops:
        return {}
    legs = _own_legs(open_pops)
    if not legs:
        return dict.fromkeys([pop.pk for pop in open_pops], NO_BAR)
    phones = [leg.phone for found in legs.values() for leg in found if leg.phone is not None]
    grounds = Grounds.of(phones, now=now)
    asked = _consultations(open_pops, legs, commands, now)
    return {pop.pk: _bar(pop, legs, commands, asked, grounds) for pop in open_pops}


def bar_for(pop: Pop, *, now: datetime) -> CallBar:
    """Of one card, as it would be drawn now."""
    asked = CallCommand.objects.filter(user=pop.user_id, leg__call=pop.call_id).select_related("other_leg")
    key = (pop.call_id, pop.user_id)
    return bars_of([pop], {key: list(asked.order_by("requested_at"))}, now=now).get(pop.pk, NO_BAR)


def _bar(
    pop: Pop,
    legs: Mapping[Key, Sequence[Leg]],
    commands: Mapping[Key, Sequence[CallCommand]],
    asked: Mapping[Key, Consultation],
    grounds: Grounds,
) -> CallBar:
    key = (pop.call_id, pop.user_id)
    mine = [leg for leg in legs.get(key, ()) if leg.phone is not None]
    phone = mine[0].phone if mine else None
    if phone is None:
        return NO_BAR
    ground = grounds.at(phone, mine[0].pbx)
    choose = partial(_choose, grounds, phone, ground)
    bar = bar_of(mine, commands.get(key, ()), asked.get(key), choose, test=bool(pop.payload.get("test")))
    return replace(bar, rings_here=pop.payload.get("rings") == "here")


def _choose(grounds: Grounds, phone: Phone, ground: Ground, kind: str, only: str) -> Choice:
    return grounds.choose(kind, phone, ground, only=only if only in VERBS[kind].ways() else "")


def _own_legs(pops: Sequence[Pop]) -> dict[Key, list[Leg]]:
    """The open ends of these calls on phones of the cards' users."""
    found: dict[Key, list[Leg]] = defaultdict(list)
    rows = Leg.objects.filter(call__in={pop.call_id for pop in pops}, ended_at=None, user__isnull=False)
    for leg in rows.exclude(state="ended").select_related("call", "phone__status", "pbx__link").order_by("id"):
        found[leg.call_id, leg.user_id or 0].append(leg)
    return found


def _consultations(
    pops: Sequence[Pop],
    legs: Mapping[Key, Sequence[Leg]],
    commands: Mapping[Key, Sequence[CallCommand]],
    now: datetime,
) -> dict[Key, Consultation]:
    starts = {}
    for key in {(pop.call_id, pop.user_id) for pop in pops}:
        start = open_consultation([leg.pk for leg in legs.get(key, ())], commands.get(key, ()))
        if start is not None:
            starts[key] = start
    if not starts:
        return {}
    places = _places(list(starts.values()), now)
    return {key: _told(start, places) for key, start in starts.items()}


class _Place:
    """A colleague's phone: the name there now and what it did since the consultation began."""

    def __init__(self) -> None:
        self.name = ""
        self.legs: list[Leg] = []


def _places(starts: Sequence[CallCommand], now: datetime) -> dict[tuple[int | None, str], _Place]:
    """By PBX and extension. A leg of the consultation is younger than the leg it was begun from."""
    numbers, pbxes = {start.far_number for start in starts}, {start.pbx_id for start in starts}
    accounts = SipAccount.objects.filter(pbx__in=pbxes, extension__in=numbers)
    by_phone: dict[int, _Place] = {}
    found: dict[tuple[int | None, str], _Place] = {
        (row.pbx_id, row.extension): by_phone.setdefault(row.phone_id, _Place()) for row in accounts
    }
    for seat in Assignment.objects.filter(phone__in=by_phone, during__contains=now).select_related("user"):
        by_phone[seat.phone_id].name = seat.user.display_name
    oldest = min(start.leg_id or 0 for start in starts)
    for leg in Leg.objects.filter(pk__gt=oldest, phone__in=by_phone).order_by("id"):
        by_phone[leg.phone_id or 0].legs.append(leg)
    return found


def _told(start: CallCommand, places: Mapping[tuple[int | None, str], _Place]) -> Consultation:
    place = places.get((start.pbx_id, start.far_number))
    name = (place.name if place else "") or start.target or start.far_number
    if is_live(start):
        return Consultation(start, name, "asked")
    younger = [leg for leg in place.legs if leg.pk > (start.leg_id or 0)] if place else []
    rang = [leg for leg in younger if leg.rang_at is not None and leg.rang_at >= start.requested_at]
    if not rang and start.other_leg is not None:
        rang = [start.other_leg]
    return Consultation(start, name, _state(rang[-1]) if rang else "")


def _state(leg: Leg) -> str:
    if leg.ended_at is not None or leg.state == "ended":
        return "no_answer" if leg.answered_at is None else "left"
    return "ringing" if leg.state in ("ringing", "dialling") else "talking"
