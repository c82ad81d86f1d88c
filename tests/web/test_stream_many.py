"""Many streams at once on a real web process: more of them than it has database connections, and none is held."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session

from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.publisher import wake
from crmconnector.users.models import User
from tests.bench.many_streams import ManyStreams
from tests.bench.sse import session_of
from tests.support.office import RowOffice
from tests.support.processes import Product, eventually
from tests.support.story import inbound_call

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

POOL = 3
STREAMS_EACH = 3


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    started = Product(tmp_path, DATABASE_POOL=str(POOL))
    yield started
    started.stop()


def ring(office: RowOffice, extension: str, key: str) -> None:
    batch = inbound_call(leg_endpoint=f"PJSIP/{extension}", number="03023125447", key=key)
    wake(handle_batch(pbx=office.pbx, epoch=office.pbx.link.epoch, now=utc_now(), batch=batch))


def people(office: RowOffice, count: int) -> list[User]:
    more = [User.objects.create_user(f"more{place}", password="correct horse") for place in range(count)]
    return [*office.users, *more]


def test_more_streams_than_connections_open_at_once_and_all_are_served(office: RowOffice, product: Product) -> None:
    sessions = [session_of(user) for user in people(office, 12) for _ in range(STREAMS_EACH)]
    process, address = product.web()
    streams = ManyStreams(address, sessions)
    try:
        eventually(lambda: streams.greeted == len(sessions), seconds=30,
                   what=lambda: f"{streams.greeted} of {len(sessions)} greeted, {streams.ended} ended")  # fmt: skip
        for place in ("201", "202", "203"):
            ring(office, place, key=f"{place}.1")
        eventually(lambda: len(streams.shown) == 3 * STREAMS_EACH, what=lambda: f"{len(streams.shown)} cards")
        assert streams.ended == 0 and "Traceback" not in process.said()
    finally:
        streams.close()


def test_who_signs_out_hears_no_more_within_seconds(office: RowOffice, product: Product) -> None:
    leaves, stays = session_of(office.users[0]), session_of(office.users[1])
    _, address = product.web()
    streams = ManyStreams(address, [leaves, stays])
    try:
        eventually(lambda: streams.greeted == 2)
        Session.objects.filter(session_key=leaves).delete()
        eventually(lambda: streams.ended == 1, seconds=15)
        ring(office, "202", key="2.1")
        eventually(lambda: len(streams.shown) == 1)
        assert streams.ended == 1
    finally:
        streams.close()
