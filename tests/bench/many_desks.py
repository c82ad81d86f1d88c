"""Fifty calls a second to two hundred people: from the bytes of "Ringing" to the card in each one's stream.

199 of them are sockets that read the stream; one is a real Chromium with the real page, whose clock is asked for its
distance from ours. Every process of the product is real: one listener, one web process. Beside it the same fifty calls
a second while only one person has a desk open.
"""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.db import connection
from playwright.sync_api import Page

from crmconnector.calls.models import Call
from crmconnector.screenpop.models import Pop
from tests.bench.figures import Figure, in_ms, percentile
from tests.bench.many_streams import ManyStreams, Shown
from tests.bench.office_of_many import BusyOffice, busy_office, extension_of
from tests.bench.pbx_process import pretend_pbx
from tests.bench.round_trips import select_one
from tests.bench.sse import session_of
from tests.support.browser import Seen, started_browser
from tests.support.processes import eventually
from tests.support.table import print_table

CALLS_PER_SECOND, SECONDS, WARM_SECONDS = 50.0, 15.0, 3.0
# The page's own EventSource, noting when each card arrives before the page draws it.
NOTING = """
window.came = [];
window.EventSource = class extends EventSource {
  constructor(...how) {
    super(...how);
    this.addEventListener("hello", () => { window.greeted = true; });
    this.addEventListener("card", (event) => {
      const at = performance.timeOrigin + performance.now(), card = JSON.parse(event.data);
      window.came.push([at / 1000, card.pop, card.state]);
    });
  }
};
"""


def measure(folder: Path) -> list[Figure]:
    with contextlib.ExitStack() as stack:
        pbx = stack.enter_context(pretend_pbx())
        office = busy_office(folder, pbx)
        stack.callback(office.product.stop)
        office.listener()
        _, address = office.product.web()
        sessions = [session_of(user) for user in office.rows.users]
        with _streams(address, sessions[:1]) as alone:
            _play(office, folder, WARM_SECONDS, 10)
            rings = _play(office, folder, SECONDS, 11)
            one, written = _delays(rings, alone.shown), {"one desk open": _written(rings)}
        with _streams(address, sessions[1:]) as many, _page(address, office) as page:
            distance = _clock_distance(page)
            rings = _play(office, folder, SECONDS, 12)
            drawn = [Shown(at - distance, pop, state) for at, pop, state in page.evaluate("window.came")]
            sockets, browser = _delays(rings, many.shown), _delays(rings, drawn)
            written["200 desks open"] = _written(rings)
    _tell({"one desk open": one, "199 streams": sockets, "Chromium beside them": browser}, written)
    print(f"\n{many.ended} streams ended; Chromium's clock was {1000 * distance:.2f} ms ahead and is set right")
    beside = {"one desk open": one, "SELECT 1": select_one()}
    told = {"ring to 199 streams at 50 calls/s": sockets, "ring to Chromium at 50 calls/s": browser}
    return [figure for name, seconds in told.items() for figure in in_ms(name, seconds, beside)]


@contextlib.contextmanager
def _streams(address: str, sessions: list[str]) -> Iterator[ManyStreams]:
    streams = ManyStreams(address, sessions)
    try:
        eventually(
            lambda: streams.greeted == len(sessions),
            seconds=60,
            what=lambda: f"{streams.greeted} of {len(sessions)} streams were greeted, {streams.ended} ended",
        )
        yield streams
    finally:
        streams.close()


@contextlib.contextmanager
def _page(address: str, office: BusyOffice) -> Iterator[Page]:
    with started_browser() as browser:
        seen = Seen(browser, address)
        seen.context.add_cookies([{"name": "sessionid", "value": session_of(office.rows.users[0]), "url": address}])
        seen.context.add_init_script(NOTING)
        page = seen.desk()
        # Not wait_for_function: it needs eval, which the page's own policy forbids.
        eventually(lambda: page.evaluate("window.greeted === true"), seconds=30, what="a greeting in the page")
        try:
            yield page
        finally:
            connection.close()  # beside Playwright's event loop Django has opened a second one
            seen.context.close()


def _clock_distance(page: Page) -> float:
    """Seconds by which the page's clock is ahead of ours: the quickest of some questions."""
    best, distance = float("inf"), 0.0
    for _ in range(20):
        asked = time.time()
        theirs = page.evaluate("performance.timeOrigin + performance.now()") / 1000
        answered = time.time()
        if answered - asked < best:
            best, distance = answered - asked, theirs - (asked + answered) / 2
    return distance


def _play(office: BusyOffice, folder: Path, seconds: float, seed: int) -> dict[tuple[str, str], float]:
    """(Linkedid, extension) -> epoch seconds of the ring's bytes; every call has ended when this returns."""
    notes = folder / f"{seed}.json"
    what = {"calls_per_second": CALLS_PER_SECOND, "seconds": seconds, "phones": len(office.rows.users)}
    office.pbx.ask("play", speed=1.0, seed=seed, notes=str(notes), **what)
    calls = json.loads(notes.read_text())
    mine = Call.objects.filter(linkedid__in=calls["calls"]).exclude(ended_at=None)
    eventually(lambda: mine.count() == len(calls["calls"]), seconds=60, what=lambda: f"{mine.count()} calls ended")
    time.sleep(1.0)  # the last words of the streams are on their way
    return {(linkedid, extension): at for linkedid, extension, at in calls["rings"]}


def _delays(rings: dict[tuple[str, str], float], shown: Iterable[Shown]) -> list[float]:
    """Seconds from each ring to the first time its card was seen ringing."""
    cards = Pop.objects.filter(call__linkedid__in={linkedid for linkedid, _ in rings})
    known = {pk: (linkedid, extension_of(user)) for pk, linkedid, user in
             cards.values_list("pk", "call__linkedid", "user__username")}  # fmt: skip
    first: dict[int, float] = {}
    for at, pop, state in sorted(shown):
        if pop in known and state == "ringing":
            first.setdefault(pop, at)
    return [at - rings[known[pop]] for pop, at in first.items()]


def _written(rings: dict[tuple[str, str], float]) -> list[float]:
    """Seconds from each ring to the moment when the listener began to write its card: its share of the way."""
    cards = Pop.objects.filter(call__linkedid__in={linkedid for linkedid, _ in rings})
    rows = cards.values_list("call__linkedid", "user__username", "opened_at")
    return [at.timestamp() - rings[linkedid, extension_of(user)] for linkedid, user, at in rows]


def _tell(seen: dict[str, list[float]], written: dict[str, list[float]]) -> None:
    told = [*seen.items(), *((f"of that until it is written, {name}", seconds) for name, seconds in written.items())]
    rows = [
        (name, len(seconds), *(f"{1000 * percentile(seconds, share):,.0f}" for share in (0.5, 0.95, 0.99)))
        for name, seconds in told
    ]
    print_table(("seen by", "cards", "p50 ms", "p95 ms", "p99 ms"), rows)
