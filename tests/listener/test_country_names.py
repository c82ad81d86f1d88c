"""The first card must not wait for the names of countries, whose tables take a second or two to load."""

import asyncio
import sys

import phonenumbers
import pytest

from crmconnector.listener.daemon import Listener
from tests.support.processes import eventually

TABLES = "phonenumbers.geocoder"


async def _run_until_loaded() -> None:
    listener = Listener()
    running = asyncio.create_task(listener.run())
    try:
        await asyncio.to_thread(eventually, lambda: TABLES in sys.modules, seconds=60)
    finally:
        listener.stop()
        await running


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_starts_loads_the_names_of_countries_before_any_call_rings(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, TABLES, raising=False)
    monkeypatch.delattr(phonenumbers, "geocoder", raising=False)
    asyncio.run(_run_until_loaded())
    assert TABLES in sys.modules
