"""What browsers say about cards: placed on a page (delivered), and looked at (seen). Kept bounded, believed a little.

A browser tells ages, not times, because its clock may be minutes off; they are counted back from ours and never before
the card was opened. Who lies here fools only the explanation of the own cards.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

MOST_AT_ONCE = 50
MOST_DESKS = 5  # of one person in a day; what more of them say is not kept
LOOKED_BACK_CARDS = 300  # for those desks
LONGEST_AGE_SECONDS = 3600.0
KEPT_FOR = timedelta(days=1)  # a card older than this takes no receipts any more
_DESK = re.compile(r"[0-9a-z]{8,32}")
_MARK = re.compile(r"([0-9]{1,18}):([0-9]{1,9}):([0-9]{0,9})")
_SAID = """
with recent as (
    select id from screenpop_pop where user_id = %(user)s order by version desc limit %(cards)s
), desks as (
    select distinct desk from screenpop_popreceipt
    where pop_id in (select id from recent) and delivered_at > %(oldest)s and desk <> %(desk)s
)
insert into screenpop_popreceipt (pop_id, desk, browser, delivered_at, seen_at)
select pop.id, %(desk)s, %(browser)s, greatest(said.delivered_at, pop.opened_at),
    case when said.seen_at is not null then greatest(said.seen_at, pop.opened_at) end
from unnest(%(pops)s::bigint[], %(delivered)s::timestamptz[], %(seen)s::timestamptz[])
    as said (pop_id, delivered_at, seen_at)
join screenpop_pop as pop on pop.id = said.pop_id
where pop.user_id = %(user)s and pop.opened_at > %(oldest)s and (select count(*) from desks) < %(desks)s
on conflict (pop_id, desk) do update set seen_at = excluded.seen_at
where screenpop_popreceipt.seen_at is null and excluded.seen_at is not null
"""
# A word of the User-Agent and what people call it; the first that is found, because each also claims its ancestors.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("Vivaldi", "Vivaldi"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Chrom", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Receipt:
    """One card on one desk; seconds since it was placed there, and since it was first looked at there."""

    pop_id: int
    placed_seconds: float
    seen_seconds: float | None


def read_desk(text: str) -> str:
    """The random name a browser gave itself, "" if it is none."""
    return text if _DESK.fullmatch(text) else ""


def read_receipts(texts: Iterable[str]) -> list[Receipt]:
    """From `pop:milliseconds:milliseconds` (the last may be missing: not looked at); what is not of that form is left
    out, as is what comes beyond MOST_AT_ONCE. One for each card."""
    found: dict[int, Receipt] = {}
    for text in texts:
        said = _MARK.fullmatch(text)
        if said and len(found) < MOST_AT_ONCE:
            pop_id, placed, seen = said.groups()
            found[int(pop_id)] = Receipt(int(pop_id), _seconds(placed), _seconds(seen) if seen else None)
    return list(found.values())


def keep_receipts(
    *, user_id: int, desk: str, browser: str, receipts: Iterable[Receipt], now: datetime
) -> int:  # fmt: skip
    """Write them in one statement; returns how many rows were new or are now known to be seen.

    Cards of other people, old ones and ones that do not exist are left out without a word.
    """
    some = list(receipts)[:MOST_AT_ONCE]
    if not some:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _SAID,
            {
                "user": user_id, "desk": desk, "browser": browser, "oldest": now - KEPT_FOR,
                "cards": LOOKED_BACK_CARDS, "desks": MOST_DESKS,
                "pops": [one.pop_id for one in some],
                "delivered": [now - timedelta(seconds=one.placed_seconds) for one in some],
                "seen": [now - timedelta(seconds=one.seen_seconds) if one.seen_seconds is not None else None
                         for one in some],
            },
        )  # fmt: skip
        return int(cursor.rowcount)


def browser_name(user_agent: str) -> str:
    """ "Firefox on Windows" from a User-Agent header; "" when it names nothing we know."""
    browser = next((name for word, name in _BROWSERS if word in user_agent), "")
    system = next((name for word, name in _SYSTEMS if word in user_agent), "")
    return f"{browser} on {system}" if browser and system else browser or system


def _seconds(milliseconds: str) -> float:
    return min(int(milliseconds) / 1000, LONGEST_AGE_SECONDS)
