"""No page about calls or contacts reads a big table from end to end, whoever asks for whatever: PostgreSQL's own plan
of each question, among sixty thousand calls.
"""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.bench.pages import addresses, visitors
from tests.support.many_calls import make_house
from tests.support.plans import tables_read_whole

CALLS, CONTACTS = 60_000, 30_000
MOST_QUERIES = 36


@pytest.mark.timeout(280)  # sixty thousand calls on a busy machine
def test_no_page_reads_a_big_table_from_end_to_end(db: None) -> None:
    house = make_house(calls=CALLS, contacts=CONTACTS)
    found: dict[str, object] = {}
    queries: dict[str, int] = {}
    for role, user in visitors(house):
        client = Client()
        client.force_login(user)
        for name, address in addresses(house, user):
            with CaptureQueriesContext(connection) as seen:
                assert client.get(address).status_code == 200
            whole = tables_read_whole(row["sql"] for row in seen.captured_queries)
            whole.pop("calls_callnote", None)  # twelve hundred of them: to read these all is the quickest way
            found |= {f"{name}, {role}": whole} if whole else {}
            queries[f"{name}, {role}"] = len(seen)
    assert found == {}
    assert {name: count for name, count in queries.items() if count > MOST_QUERIES} == {}
