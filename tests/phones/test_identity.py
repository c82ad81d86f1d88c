"""Which phone it is, from whom we know, and since when."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crmconnector.common.clock import utc_now
from phones.identity import Identity, Source, identity_of, identity_of_phone, source_words
from phones.models import Phone, SipAccount
from tests.support.office import RowOffice

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
MONDAY, TUESDAY = NOW - timedelta(days=3), NOW - timedelta(days=2)
AGENT = "Grandstream GRP2614 1.0.13.24"


def told(model: str = "GRP2612", firmware: str = "1.0.5.1", *, typed_at: datetime | None = MONDAY, agents: Any = ()):
    return identity_of(typed_model=model, typed_firmware=firmware, typed_at=typed_at, agents=agents)


def test_the_pbxs_word_wins_when_it_is_newer():
    found = told(agents=[(AGENT, TUESDAY)])
    assert found == Identity("GRP2614", "1.0.13.24", Source.PBX, Source.PBX, TUESDAY, None)


def test_what_was_typed_later_wins():
    found = told(typed_at=TUESDAY, agents=[(AGENT, MONDAY)])
    assert (found.model, found.firmware, found.source) == ("GRP2612", "1.0.5.1", Source.TYPED)
    assert found.typed_at == TUESDAY and found.seen_at is None


def test_each_gap_is_filled_by_who_knows():
    found = told(firmware="", typed_at=TUESDAY, agents=[(AGENT, MONDAY)])
    assert (found.model, found.firmware) == ("GRP2612", "1.0.13.24")
    assert (found.model_source, found.firmware_source, found.source) == (Source.TYPED, Source.PBX, Source.PBX)
    assert (found.seen_at, found.typed_at) == (MONDAY, TUESDAY)


@pytest.mark.parametrize("agent", ["", "Zoiper rv2.10", "Grandstream", "Grandstream GRP2614", "x" * 300])
def test_a_user_agent_that_is_not_understood_says_nothing(agent: str):
    assert told(agents=[(agent, TUESDAY)]).source is Source.TYPED
    assert told("", "", typed_at=None, agents=[(agent, TUESDAY)]) == Identity()


def test_the_newest_of_several_accounts_counts():
    found = told("", "", agents=[("Grandstream GRP2614 1.0.9.22", MONDAY), (AGENT, TUESDAY), (AGENT, None)])
    assert (found.firmware, found.seen_at) == ("1.0.13.24", TUESDAY)


def test_what_was_typed_at_an_unknown_time_is_the_older():
    assert told(typed_at=None, agents=[(AGENT, MONDAY)]).source is Source.PBX
    assert told(typed_at=None, agents=[(AGENT, None)]).source is Source.TYPED


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=20), "from the PBX, just now"),
        (timedelta(minutes=3), "from the PBX, 3 min ago"),
        (timedelta(hours=5, minutes=50), "from the PBX, 5 h ago"),
        (timedelta(days=9), "from the PBX, 9 days ago"),
    ],
)
def test_the_age_of_the_pbxs_word_is_said(age: timedelta, words: str):
    assert source_words(Source.PBX, told(agents=[(AGENT, NOW - age)], typed_at=None), now=NOW) == words


def test_the_day_of_typing_is_the_readers_day():
    typed = told(typed_at=datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    assert source_words(Source.TYPED, typed, now=berlin) == "typed in by hand on 3 March 2026"
    assert source_words(Source.TYPED, told(typed_at=None), now=NOW) == "typed in by hand"
    assert source_words(Source.UNKNOWN, Identity(), now=NOW) == "unknown"


def test_a_row_with_its_accounts_needs_no_query(office: RowOffice, django_assert_num_queries: Any):
    SipAccount.objects.filter(extension="201").update(user_agent=AGENT, contact_seen_at=utc_now())
    (phone,) = Phone.objects.filter(pk=office.phones[0].pk).prefetch_related("accounts")
    with django_assert_num_queries(0):
        assert identity_of_phone(phone).firmware == "1.0.13.24"
