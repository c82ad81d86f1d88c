"""What browsers tell about cards: of own cards only, once for each desk, bounded, and never in the way of the page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop, PopReceipt
from crmconnector.screenpop.receipts import MOST_DESKS, browser_name, read_receipts
from crmconnector.web.views import receipts as view
from tests.support.office import RowOffice
from tests.support.web_story import add_call, add_pop

pytestmark = pytest.mark.django_db
DESK = "0123456789abcdef01234567"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def fresh_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "pace", view.Pace(most=view.MOST_A_MINUTE))


@pytest.fixture
def pop(office: RowOffice) -> Pop:
    call = add_call(office)
    pop = add_pop(call, call.legs.get())
    Pop.objects.update(opened_at=utc_now() - timedelta(minutes=5))
    return pop


def tell(client: Client, *cards: str, desk: str = DESK, agent: str = FIREFOX) -> int:
    answer = client.post("/desk/receipts", {"desk": desk, "card": list(cards)}, headers={"user-agent": agent})
    return answer.status_code


def test_a_card_is_delivered_first_and_seen_later(agent: Client, pop: Pop) -> None:
    assert tell(agent, f"{pop.pk}:2000:") == 204
    row = PopReceipt.objects.get()
    age = utc_now() - row.delivered_at
    assert (row.pop_id, row.desk, row.browser, row.seen_at) == (pop.pk, DESK, "Firefox on Windows", None)
    assert timedelta(seconds=2) <= age < timedelta(seconds=60)
    tell(agent, f"{pop.pk}:9000:1000")
    again = PopReceipt.objects.get()
    assert again.delivered_at == row.delivered_at and again.seen_at is not None
    tell(agent, f"{pop.pk}:9000:0")
    assert PopReceipt.objects.get().seen_at == again.seen_at  # the first time counts


def test_a_receipt_is_never_older_than_its_card(agent: Client, pop: Pop) -> None:
    tell(agent, f"{pop.pk}:999999999:999999999")
    row, opened = PopReceipt.objects.get(), Pop.objects.get().opened_at
    assert row.delivered_at == row.seen_at == opened


def test_cards_of_other_people_and_of_nobody_are_left_out(agent: Client, office: RowOffice, pop: Pop) -> None:
    call = add_call(office, place=1)
    other = add_pop(call, call.legs.get())
    assert tell(agent, f"{other.pk}:0:0", f"{pop.pk}:0:0", "999999:0:0") == 204
    assert [row.pop_id for row in PopReceipt.objects.all()] == [pop.pk]


def test_an_old_card_takes_no_receipts(agent: Client, pop: Pop) -> None:
    Pop.objects.update(opened_at=utc_now() - timedelta(days=2))
    assert tell(agent, f"{pop.pk}:0:0") == 204 and not PopReceipt.objects.exists()


def test_more_desks_than_a_person_has_are_not_kept(agent: Client, pop: Pop) -> None:
    for place in range(MOST_DESKS + 3):
        assert tell(agent, f"{pop.pk}:0:", desk=f"desk{place:08}") == 204
    assert PopReceipt.objects.count() == MOST_DESKS
    tell(agent, f"{pop.pk}:0:0", desk="desk00000000")  # a known one goes on
    assert PopReceipt.objects.exclude(seen_at=None).count() == 1


def test_all_of_a_request_is_one_statement(agent: Client, office: RowOffice, pop: Pop) -> None:
    calls = [add_call(office) for _ in range(3)]
    pops = [pop, *[add_pop(call, call.legs.get()) for call in calls]]
    with CaptureQueriesContext(connection) as queries:
        tell(agent, *[f"{one.pk}:0:0" for one in pops], f"{pop.pk}:5:5")
    assert sum("popreceipt" in query["sql"] for query in queries) == 1 and PopReceipt.objects.count() == 4


@pytest.mark.parametrize("desk", ["", "short", "x" * 33, "UPPERCASE-NAME", "0123456789abcde\n", "<b>0123456789</b>"])
def test_a_desk_without_a_proper_name_is_refused(agent: Client, pop: Pop, desk: str) -> None:
    assert tell(agent, f"{pop.pk}:0:0", desk=desk) == 400 and not PopReceipt.objects.exists()


@pytest.mark.parametrize(
    "text", ["", "1", "1:2", "a:1:1", "1:1:1:1", "-1:0:0", "1:-5:0", "9" * 19 + ":0:0", "١:0:0", "1:0:0\x00", "1:1e3:0"]
)
def test_what_is_no_receipt_is_left_out(text: str) -> None:
    assert read_receipts([text]) == []


def test_no_more_than_fifty_cards_at_once() -> None:
    assert len(read_receipts(f"{place}:0:" for place in range(1, 80))) == 50


def test_a_flood_is_refused(agent: Client, pop: Pop) -> None:
    answers = {tell(agent, f"{pop.pk}:0:") for _ in range(view.MOST_A_MINUTE + 1)}
    assert answers == {204, 429}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Linux"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/18.0 Safari/605.1",
            "Safari on Mac",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140.0 Mobile Safari/604.1", "Chrome on iPhone"),
        ("<script>alert(1)</script>", ""),
    ],
    ids=["firefox", "edge", "safari", "android", "iphone", "none"],
)
def test_a_browser_is_named_as_people_do(text: str, name: str) -> None:
    assert browser_name(text) == name
