"""Times in which a PBX was not heard, between the calls of the log: each once, at its place, whatever the page."""

import re
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from crmconnector.asterisk.ami_reasons import SENTENCES
from crmconnector.calls.log import ROWS_ON_A_PAGE
from crmconnector.calls.models import Call
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import LinkGap, Pbx
from crmconnector.web.gap_rows import with_gaps
from crmconnector.web.words import call_row
from tests.support.office import RowOffice
from tests.support.web_story import add_call

ANCHOR = datetime(2026, 3, 10, 10, 0, tzinfo=timezone.get_default_timezone())
CUT = SENTENCES["cut"]


def add_gap(pbx: Pbx, at: datetime, seconds: float | None = 89, reason: str = CUT) -> LinkGap:
    until = at + timedelta(seconds=seconds) if seconds is not None else None
    return LinkGap.objects.create(pbx=pbx, from_at=at, until_at=until, reason=reason)


def add_calls(office: RowOffice, starts: list[datetime], **changes: object) -> None:
    """Calls without legs: an administrator sees them."""
    fields = {"direction": "inbound", "state": "ended", "disposition": "answered", "caller_number": "+493023125447"}
    many = []
    for place, at in enumerate(starts):
        times = {"started_at": at, "answered_at": at, "ended_at": at + timedelta(seconds=9)}
        many.append(Call(**{"pbx": office.pbx, "linkedid": f"{at.timestamp()}-{place}", **fields, **times, **changes}))
    Call.objects.bulk_create(many)


class Rows(HTMLParser):
    """The rows of the log as they are read out: text of each `tr` of its body."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("tbody", "thead"):
            self._inside = tag == "tbody"
        if tag == "tr" and self._inside:
            self.rows.append("GAP " if (dict(attrs).get("class") or "").startswith("gap") else "CALL ")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "tbody"

    def handle_data(self, text: str) -> None:
        if self._inside and self.rows:
            self.rows[-1] += re.sub(r"\s+", " ", text)


def log(client: Client, **asked: object) -> list[str]:
    seen = Rows()
    seen.feed(client.get("/calls", asked).content.decode())
    return seen.rows


def pages(client: Client, **asked: object) -> list[list[str]]:
    """Every page of the log, from the newest to the oldest, as its links lead."""
    told, address = [], f"/calls?{urlencode(asked)}"
    while address:
        html = client.get(address).content.decode()
        seen = Rows()
        seen.feed(html)
        told.append(seen.rows)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        address = f"/calls{unescape(older[1])}" if older else ""
    return told


def kinds(rows: list[str]) -> str:
    return "".join("g" if row.startswith("GAP") else "c" for row in rows)


def test_a_gap_stands_between_the_calls_and_says_why(office: RowOffice, agent: Client) -> None:
    for minutes in (1, 4):
        add_call(office, started_at=ANCHOR + timedelta(minutes=minutes))
    gap = add_gap(office.pbx, ANCHOR + timedelta(minutes=2, seconds=11))
    rows = log(agent)
    assert kinds(rows) == "cgc"
    start, until = (timezone.localtime(at).strftime("%H:%M:%S") for at in (gap.from_at, gap.until_at))
    day = timezone.localtime(gap.from_at).strftime("%-d %b")
    said = f"We did not hear the PBX Office from {day}, {start} to {until} (the link was cut)."
    assert f"{said} Calls in this time may be missing or unfinished." in rows[1]


def test_a_gap_that_lasts_has_no_end_and_one_of_today_no_day(office: RowOffice, agent: Client) -> None:
    at = max(utc_now() - timedelta(minutes=2), timezone.localtime().replace(hour=0, minute=0, second=0))
    add_gap(office.pbx, at, None, SENTENCES["login_refused"])
    clock = timezone.localtime(at).strftime("%H:%M:%S")
    assert f"We have not heard the PBX Office since {clock} (it refused our login)." in log(agent)[0]


def test_the_links_own_sentence_is_for_administrators(office: RowOffice, agent: Client, administrator: Client) -> None:
    add_gap(office.pbx, ANCHOR, reason="The connection to the PBX was cut. The PBX said: secret words.")
    assert "secret words" in log(administrator)[0]
    assert "secret words" not in log(agent)[0] and "(the link was cut)" in log(agent)[0]


def test_the_gaps_of_two_pbxes_are_told_apart(office: RowOffice, agent: Client) -> None:
    other = Pbx.objects.create(name="Berlin", host="192.0.2.1", username="crm", secret="s", country="DE")
    add_gap(office.pbx, ANCHOR)
    add_gap(other, ANCHOR + timedelta(seconds=1))
    rows = log(agent)
    assert "PBX Berlin" in rows[0] and "PBX Office" in rows[1]


def test_the_blink_of_a_takeover_is_no_row(office: RowOffice, agent: Client) -> None:
    add_gap(office.pbx, ANCHOR, 2)
    assert log(agent) == []


def test_a_link_that_is_lost_again_and_again_is_one_row(office: RowOffice, agent: Client) -> None:
    for minute in range(40):
        add_gap(office.pbx, ANCHOR + timedelta(minutes=minute), 9)
    rows = log(agent)
    assert kinds(rows) == "g" and "We did not hear the PBX Office 40 times between" in rows[0]


@pytest.mark.parametrize(("asked", "count"), [({}, 3), ({"show": "missed"}, 2)], ids=["all", "missed"])
def test_every_gap_is_on_just_one_page_also_of_a_filtered_log(
    office: RowOffice, administrator: Client, asked: dict[str, str], count: int
) -> None:
    starts = [ANCHOR + timedelta(minutes=minute) for minute in range(2 * ROWS_ON_A_PAGE + 20)]
    add_calls(office, starts[::2])
    add_calls(office, [at + timedelta(seconds=1) for at in starts[1::2]], disposition="no_answer")
    edges = [starts[0], starts[ROWS_ON_A_PAGE], starts[-1], starts[-ROWS_ON_A_PAGE], starts[-2 * ROWS_ON_A_PAGE]]
    places = sorted({*edges, starts[0] - timedelta(days=9), starts[-1] + timedelta(days=9), *starts[10::17]})
    for place, at in enumerate(places):
        add_gap(office.pbx, at, 60 + place, reason=f"Gap {place}.")
    told = pages(administrator, **asked)
    assert len(told) == count and all("g" in kinds(rows) for rows in told)
    seen = [re.search(r"Gap \d+\.", row)[0] for rows in told for row in rows if row.startswith("GAP")]
    assert seen == [f"Gap {place}." for place in reversed(range(len(places)))]


def test_a_search_without_a_find_still_tells_of_the_gaps(office: RowOffice, administrator: Client) -> None:
    add_calls(office, [ANCHOR])
    add_gap(office.pbx, ANCHOR)
    assert kinds(log(administrator, q="0000")) == "g"
    assert "Nothing matches" in administrator.get("/calls?q=0000").content.decode()


@given(st.data())
@examples(max_examples=15)
def test_calls_and_gaps_come_in_one_order_of_time(data: st.DataObject) -> None:
    pbx = Pbx(pk=1, name="Office", country="DE")
    seconds = st.integers(0, 30)
    calls = sorted(data.draw(st.lists(seconds, max_size=8)), reverse=True)
    gaps = sorted(data.draw(st.lists(seconds, max_size=3)), reverse=True)
    rows = [
        call_row(Call(pk=place, pbx=pbx, direction="inbound", started_at=ANCHOR + timedelta(seconds=at)))
        for place, at in enumerate(calls)
    ]
    told = [LinkGap(pbx=pbx, from_at=ANCHOR + timedelta(seconds=at), until_at=utc_now()) for at in gaps]
    order = [each.gap.from_at if each.gap else each.call.call.started_at for each in with_gaps(rows, told)]
    assert order == sorted(order, reverse=True) and len(order) == len(calls) + len(gaps)


def cost(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


@pytest.mark.parametrize("path", ["/calls", "/calls?show=unseen", "/desk", "/desk/status", "/health"])
def test_many_gaps_and_unseen_calls_cost_as_many_queries_as_few(
    office: RowOffice, administrator: Client, path: str
) -> None:
    def add(count: int, day: int) -> None:
        starts = [ANCHOR + timedelta(days=day, minutes=minute) for minute in range(count)]
        add_calls(office, starts, disposition="unseen", answered_at=None)
        for at in starts:
            add_gap(office.pbx, at, 30)

    add(ROWS_ON_A_PAGE + 5, 0)
    administrator.get(path)
    few = cost(administrator, path)
    add(60, 1)
    assert cost(administrator, path) == few


def test_an_unseen_end_is_not_put_down_to_the_gap_of_another_pbx(office: RowOffice, administrator: Client) -> None:
    other = Pbx.objects.create(name="B", host="192.0.2.1", username="c", secret="s", country="DE")
    add_calls(office, [ANCHOR], disposition="unseen")
    add_calls(office, [ANCHOR], disposition="unseen", linkedid="other", pbx=other)
    add_gap(other, ANCHOR)
    told = " ".join(row for row in log(administrator) if row.startswith("CALL"))
    assert told.count("the PBX did not tell of its end") == 1 and told.count("the PBX was not heard from") == 1


def test_an_unseen_end_names_the_gap_behind_it(office: RowOffice, agent: Client) -> None:
    at = ANCHOR
    call = add_call(
        office, started_at=at, disposition="unseen", answered_at=None, ended_at=at + timedelta(minutes=4),
        talk_seconds=None,
    )  # fmt: skip
    call.legs.update(outcome="unseen", answered_at=None)
    add_gap(office.pbx, at - timedelta(days=1))  # another time
    add_gap(Pbx.objects.create(name="B", host="192.0.2.1", username="c", secret="s", country="DE"), at)  # another PBX
    bare = agent.get(f"/calls/{call.pk}").content.decode()
    assert "The PBX did not tell of its end." in bare and "not heard from" not in bare
    gap = add_gap(office.pbx, at + timedelta(minutes=1))
    why = "the PBX was not heard from {}, {} to {}".format(
        timezone.localtime(gap.from_at).strftime("%-d %b"),
        *(timezone.localtime(when).strftime("%H:%M:%S") for when in (gap.from_at, gap.until_at)),
    )
    row = next(row for row in log(agent) if row.startswith("CALL"))
    assert "End not seen" in row and why in row
    page = agent.get(f"/calls/{call.pk}").content.decode()
    assert "Its end was not seen" in page and page.count(f"T{why[1:]}.") == 2 and "became part of" not in page
