"""The search over kept reasons: whose, shown or not, why, which number, which day; page by page; nobody else's."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from crmconnector.common.clock import utc_now
from crmconnector.screenpop import reason_search
from crmconnector.screenpop.models import PopDecision, PopReceipt, PopRule
from crmconnector.users.models import Role, Team
from tests.support.web_story import NASTY, add_call, add_pop


def add_reason(office, *, place=0, reason="rule", number="+493023125447", pop=None, at=None, **details):
    call = add_call(office, place=place, number=number)
    return PopDecision.objects.create(
        call=call, user=office.users[place], endpoint=f"PJSIP/{201 + place}", shown=pop is not None, reason=reason,
        details=details, pop=pop and add_pop(call, call.legs.get()), decided_at=at or utc_now(),
    )  # fmt: skip


def page(client, query=""):
    answer = client.get(f"/pops{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_agent_sees_own_reasons_with_their_sentences_and_nobody_elses(agent, office):
    add_reason(office, reason="quiet_hours")
    add_reason(office, place=1, reason="account_closed")
    told = page(agent)
    assert "Not shown: quiet hours." in told and "account is closed" not in told
    assert 'href="/pops/rules">Change the quiet hours' in told


def test_an_agent_cannot_ask_for_somebody_else(agent, office):
    add_reason(office, place=1, reason="account_closed")
    assert "Nothing matches" in page(agent, f"?user={office.users[1].pk}")


def test_a_supervisor_sees_the_team_and_chooses_in_it(client, office):
    supervisor, member, stranger = office.users
    supervisor.role = Role.SUPERVISOR
    supervisor.save()
    Team.objects.create(name="Team").members.add(supervisor, member)
    for place, word in enumerate(("gap", "gave_up_first", "account_closed")):
        add_reason(office, place=place, reason=word)
    client.force_login(supervisor)
    told = page(client)
    assert "PBX was not heard" in told and "had given up" in told and "account is closed" not in told
    assert "had given up" not in page(client, f"?user={supervisor.pk}")
    assert "Nothing matches" in page(client, f"?user={stranger.pk}")


def test_an_administrator_sees_all_and_phones_of_nobody_with_the_cure(administrator, office):
    row = add_reason(office, place=1, reason="gap")
    phone = office.phones[2].pk
    PopDecision.objects.create(
        call=row.call, endpoint="PJSIP/203", shown=False, reason="not_assigned", decided_at=utc_now(),
        details={"known": True, "phone": phone},
    )  # fmt: skip
    told = page(administrator)
    assert "PBX was not heard" in told and "assigned to nobody" in told
    assert f'href="/phones/{phone}">Assign the phone' in told


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?shown=yes", {"Made at"}),
        ("?shown=no", {"quiet hours", "had given up"}),
        ("?reason=gave_up_first", {"had given up"}),
        ("?q=79460148", {"had given up"}),
        ("?reason=nonsense&shown=maybe&day=x&user=x&before=x", {"Made at", "quiet hours", "had given up"}),
        ("?day=2020-01-01", set()),
        ("?q=%00", {"Made at", "quiet hours", "had given up"}),
        ("?user=99999999999999999999&before=99999999999999999-1", {"Made at", "quiet hours", "had given up"}),
        ("?day=0001-01-01", {"Made at", "quiet hours", "had given up"}),
    ],
    ids=["shown", "not_shown", "reason", "number", "nonsense", "another_day", "nul", "huge_numbers", "year_one"],
)
def test_each_filter_finds_just_what_it_asks_for(agent, office, query, found):
    add_reason(office, reason="ring", pop=True)
    add_reason(office, reason="quiet_hours")
    add_reason(office, reason="gave_up_first", number="+442079460148")
    table = page(agent, query).partition("<tbody>")[2]
    assert {words for words in ("Made at", "quiet hours", "had given up") if words in table} == found


def test_a_day_is_that_of_the_houses_clock(agent, office, settings):
    row = add_reason(office, reason="quiet_hours")
    day = row.decided_at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    assert "Not shown: quiet" in page(agent, f"?day={day}")
    assert "Not shown: quiet" not in page(agent, f"?day={day + timedelta(days=1)}")


def test_pages_follow_each_other_by_key_and_lose_nothing(agent, office, monkeypatch):
    monkeypatch.setattr(reason_search, "ROWS_ON_A_PAGE", 3)
    at = utc_now()  # the same moment for some: the id decides then
    rows = [add_reason(office, reason="quiet_hours", at=at - timedelta(seconds=place // 3)) for place in range(8)]
    seen, before = [], ""
    while True:
        found = reason_search.find_reasons(viewer=office.users[0], wanted=reason_search.Wanted(before=before))
        seen += [row.pk for row in found.rows]
        before = found.next
        if not before:
            break
    assert sorted(seen) == sorted(row.pk for row in rows) and len(seen) == 8


def test_test_cards_are_not_in_the_list(agent, office):
    row = add_reason(office, reason="quiet_hours")
    row.call.test = True
    row.call.save()
    assert "Nothing yet" in page(agent)


def test_a_delivered_card_names_the_browser_and_one_that_no_desk_showed_says_so(agent, office):
    seen, lost = add_reason(office, reason="ring", pop=True), add_reason(office, reason="ring", pop=True)
    at = utc_now()
    PopReceipt.objects.create(pop=seen.pop, desk="a", browser="Firefox on Windows", delivered_at=at, seen_at=at)
    lost.pop.opened_at = at - timedelta(minutes=1)
    lost.pop.save()
    told = page(agent)
    assert "Delivered to \u2068Firefox on Windows\u2069 at" in told and ", seen at" in told
    assert "but no desk of \u2068User 201\u2069 was open." in told


def test_names_and_browsers_stay_text(administrator, office):
    office.users[0].full_name = NASTY
    office.users[0].save()
    row = add_reason(office, reason="ring", pop=True)
    PopReceipt.objects.create(pop=row.pop, desk="a", browser=NASTY[:60], delivered_at=utc_now())
    rule = PopRule.objects.create(line=office.pbx.lines.get(), when="never")
    office.pbx.lines.update(label=NASTY[:80])
    add_reason(office, reason="rule", rule=rule.pk, because="line", when="never")
    told = page(administrator)
    assert "<img" not in told and "<svg onload" not in told and "&lt;img" in told


def test_the_list_takes_no_query_per_row(agent, office, django_assert_max_num_queries):
    for place in range(12):
        add_reason(office, reason="ring" if place % 2 else "quiet_hours", pop=place % 2 or None)
    with django_assert_max_num_queries(16):
        page(agent)


PLANS = [
    ("all", {}, "decision_recent"),
    ("without_a_card", {"shown": False}, "decision_unshown"),
    ("by_reason", {"reason": "gap"}, "decision_by_reason"),
]


@pytest.fixture
def many_reasons(office):
    """Twenty thousand newer ones of nobody's phones, one in fifty without a card, and a few of one person."""
    rows = [add_reason(office, at=utc_now() - timedelta(days=1)) for _ in range(5)]
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into screenpop_popdecision (call_id, endpoint, shown, reason, details, decided_at)"
            " select %s, n::text, n %% 50 <> 0, case when n %% 50 = 0 then 'gap' else 'ring' end, '{}', now()"
            " from generate_series(1, 20000) as n",
            [rows[0].call_id],
        )
        cursor.execute("analyze screenpop_popdecision")


@pytest.mark.parametrize(("asked", "index"), [one[1:] for one in PLANS], ids=[one[0] for one in PLANS])
def test_the_newest_are_read_by_an_index_from_its_beginning(office, many_reasons, asked, index):
    rows = reason_search._filtered(PopDecision.objects.all(), reason_search.Wanted(**asked), office.users[0])
    plan = rows.order_by(*reason_search.NEWEST)[:51].explain()
    assert index in plan and "Seq Scan on screenpop_popdecision" not in plan and "Sort" not in plan


def test_the_newest_of_one_person_are_read_by_the_index_of_that_person(office, many_reasons):
    plan = PopDecision.objects.filter(user=office.users[0]).order_by(*reason_search.NEWEST)[:51].explain()
    assert "decision_by_user" in plan and "Seq Scan" not in plan


def test_calls_of_colleagues_do_not_crowd_ones_own_out_of_a_search(agent, office, monkeypatch):
    monkeypatch.setattr("crmconnector.screenpop.reason_search.MOST_CALLS_OF_A_NUMBER", 1)
    add_reason(office, reason="quiet_hours")
    add_reason(office, place=1)
    assert "Not shown: quiet hours." in page(agent, "?q=23125447")
