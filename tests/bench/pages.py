"""How long desk, log, a call's page and contacts take at a million calls and contacts, for three kinds of visitor.

Beside each figure an empty page of the same frame in the same run. The whole request is measured, in this process:
sign-in, queries, template; not the network.
"""

import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crmconnector.calls.models import Call, CallParty
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import PbxLink
from crmconnector.users.models import User
from tests.bench.figures import Figure, percentile
from tests.bench.round_trips import select_one, timed
from tests.support.many_calls import FIRST_NUMBER, House, make_house
from tests.support.plans import worst_nodes
from tests.support.table import print_table

CALLS, CONTACTS, TIMES = 1_000_000, 1_000_000, 25


def measure(folder: Path) -> list[Figure]:
    house = make_house(calls=CALLS, contacts=CONTACTS)
    simple = {"SELECT 1": select_one()}
    figures, plans = [], []
    for role, user in visitors(house):
        client = Client()
        client.force_login(user)
        empty = timed(lambda client=client: _open(client, reverse("own-password")), TIMES)  # type: ignore[misc]
        for name, address in addresses(house, user):
            PbxLink.objects.update(heard_at=utc_now())
            _open(client, address)
            seconds = timed(lambda client=client, address=address: _open(client, address), TIMES)  # type: ignore[misc]
            figures += _figures(f"{name}, {role}", seconds, {**simple, "empty page": empty})
            plans.append((f"{name}, {role}", *_worst(client, address)))
    print_table(("page", "queries", "tables read whole", "slowest plan"), plans)
    return figures


def visitors(house: House) -> Iterator[tuple[str, User]]:
    yield "agent", house.agent
    yield "supervisor of 50", house.supervisor
    if house.boss is not None:
        yield "administrator", house.boss


def addresses(house: House, user: User) -> Iterator[tuple[str, str]]:
    log = reverse("calls")
    mine = CallParty.objects.filter(user=user) if user != house.boss else CallParty.objects.all()
    call = Call.objects.get(pk=mine.order_by("-started_at").values_list("call_id", flat=True)[5])
    middle = Call.objects.order_by("started_at")[Call.objects.count() // 2]
    line = house.pbx.lines.first()
    yield "desk", reverse("desk")
    yield "desk, the poll", reverse("desk-status")
    yield "desk, to return", f"{reverse('desk-status')}?recent=return"
    yield "log", log
    yield "log, half a year back", f"{log}?before={round(middle.started_at.timestamp() * 1e6)}.{middle.pk}"
    yield "log, missed", f"{log}?show=missed"
    yield "log, to return", f"{log}?show=return"
    yield "log, outgoing", f"{log}?direction=outbound"
    yield "log, not seen", f"{log}?show=unseen"
    yield "log, one line", f"{log}?line={line.pk if line else 0}"
    yield "log, one queue", f"{log}?queue={house.pbx.pk}:600"
    yield "log, noted", f"{log}?noted=any"
    yield "log, three filters", f"{log}?show=missed&queue={house.pbx.pk}:600&direction=inbound"
    yield "log, one person", f"{log}?person={house.people[9].pk}"
    yield "log, search a number", f"{log}?q=030+{FIRST_NUMBER + 77}"
    yield "log, search last digits", f"{log}?q=4711"
    yield "log, search a name", f"{log}?q=Achterberg"
    yield "log, search a rare name", f"{log}?q=c4ca4238"
    yield "log, search a line", f"{log}?q=Line+3"
    yield "log, search a colleague", f"{log}?q=Agent+009"
    yield "log, search a note", f"{log}?q=invoice"
    yield "log, search nothing", f"{log}?q=qqzzxx"
    yield "call", reverse("call", args=[call.pk])
    yield from contact_addresses(house)


def contact_addresses(house: House) -> Iterator[tuple[str, str]]:
    """Words that a seventh of all contacts have, that one has, and that none has; each order and each filter."""
    contacts = reverse("contacts")
    yield "contacts", contacts
    yield "contacts, far down", f"{contacts}?page=20"
    yield "contacts, by company", f"{contacts}?sort=company"
    yield "contacts, last changed", f"{contacts}?sort=changed"
    yield "contacts, search a common name", f"{contacts}?q=Nowak"
    yield "contacts, a common name by company", f"{contacts}?q=Nowak&sort=company"
    yield "contacts, search two letters", f"{contacts}?q=ha"
    yield "contacts, search a rare name", f"{contacts}?q=c4ca4238"
    yield "contacts, search a company", f"{contacts}?q=Company+417"
    yield "contacts, search two words", f"{contacts}?q=kim+4999"
    yield "contacts, search nothing", f"{contacts}?q=qqzzxx"
    yield "contacts, search a number", f"{contacts}?q=030+{FIRST_NUMBER + 77}"
    yield "contacts, search last digits", f"{contacts}?q=4711"
    yield "contacts, without a number", f"{contacts}?numbers=none"
    yield "contacts, companies", f"{contacts}?kind=company"
    yield "contacts, of a team", f"{contacts}?team={house.teams[0].pk}"
    yield "contacts, own", f"{contacts}?owner=me"
    yield "contacts, a tag", f"{contacts}?tag=vip"
    yield "contact", reverse("contact", args=[11])


def _open(client: Client, address: str) -> None:
    if (status := client.get(address).status_code) != 200:
        raise RuntimeError(f"{address}: {status}")


def _figures(name: str, seconds: list[float], others: dict[str, list[float]]) -> list[Figure]:
    return [
        Figure(f"{name}, {word}", 1000 * percentile(seconds, share), "ms", against, 1000 * statistics.median(other))
        for word, share in (("p50", 0.5), ("p95", 0.95))
        for against, other in others.items()
    ]


def _worst(client: Client, address: str) -> tuple[int, str, str]:
    """(queries, tables read whole, the dearest node of the dearest plan)"""
    with CaptureQueriesContext(connection) as seen:
        client.get(address)
    whole, dearest = worst_nodes([row["sql"] for row in seen.captured_queries])
    return len(seen), ", ".join(sorted(whole)) or "none", re.sub(r"\s+", " ", dearest)[:90]
