"""Thousands of calls on one desk, and one that flutters: what a desk and a stream take of them stays small.

Drawing ten times a second is up to the browser (tests/browser/test_desk_burst).
"""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.models import Pop
from crmconnector.screenpop.selectors import MOST_CARDS, Card, cards_after, open_cards
from crmconnector.screenpop.subscriber import Drawn, Feed
from tests.support.call_bar import allow_everything
from tests.support.office import RowOffice, make_office
from tests.support.placed import dials, talks

MANY = 2_000


@pytest.fixture
def office(db: None) -> RowOffice:
    """One call that the first person placed and talks in; the PBX can do all that its bar may offer."""
    made = make_office()
    allow_everything(made)
    batch = [*dials(), *talks()]
    handle_batch(pbx=made.pbx, epoch=made.pbx.link.epoch, now=utc_now(), batch=batch)
    return made


def again(places: range) -> None:
    """The first call once more for each place, with a leg and a card of its own; the newest has the highest version."""
    call, leg, pop = (kind.objects.earliest("pk") for kind in (Call, Leg, Pop))
    calls = [Call(**{**_columns(call), "id": None, "linkedid": f"flood-{place}"}) for place in places]
    legs, pops = [], []
    for place, made in zip(places, Call.objects.bulk_create(calls), strict=True):
        legs.append(Leg(**{**_columns(leg), "id": None, "call_id": made.pk, "uniqueid": f"17{place}.1"}))
    for place, made in zip(places, Leg.objects.bulk_create(legs), strict=True):
        more = {"id": None, "call_id": made.call_id, "leg_id": made.pk, "version": pop.version + place}
        pops.append(Pop(**{**_columns(pop), **more}))
    Pop.objects.bulk_create(pops)


def _columns(row: Call | Leg | Pop) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def asked_of(client: Client) -> tuple[int, int]:
    """(questions to the database, characters of the page)"""
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/desk/cards")
    assert page.status_code == 200
    return len(asked), len(page.content)


def test_thousands_of_calls_on_one_desk_cost_as_much_as_fifty(office: RowOffice) -> None:
    client, user = Client(), office.users[0]
    client.force_login(user)
    again(range(1, MOST_CARDS))
    asked_of(client)  # the first page of a process reads more
    few = asked_of(client)
    again(range(MOST_CARDS, MANY))
    assert Pop.objects.filter(user=user).exclude(state="closed").count() == MANY
    many = asked_of(client)
    assert many[0] <= few[0] and many[1] <= few[1] * 1.1
    cards = open_cards(user=user)
    newest = Pop.objects.order_by("-version").values_list("pk", flat=True)[:MOST_CARDS]
    assert {card.pop.pk for card in cards} == {*newest} and all(card.bar.offer("hold").possible for card in cards)
    assert len(cards_after(user_id=user.pk, version=0)) == MOST_CARDS
    print(f"{MANY} calls: {many[0]} questions, {many[1]} bytes; {MOST_CARDS} calls: {few[0]} questions, {few[1]} bytes")


def test_of_a_card_that_flutters_a_slow_browser_gets_the_newest_alone() -> None:
    feed = Feed(_drawn, None, 0, behind=False)
    for version in range(1, MANY + 1):
        feed.push(Drawn(version, 7, {_drawn: str(version)}))
    assert feed.take() == [str(MANY)] and feed.sent == MANY and not feed.behind


def _drawn(card: Card) -> dict[str, object]:
    return {"pop": card.pop.pk}
