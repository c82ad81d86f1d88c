"""The pages of rules: own for everybody, the house's and other people's for administrators; each change is recorded."""

import pytest
from django.test import Client

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Queue
from crmconnector.screenpop.models import PopRule, QuietHours
from crmconnector.web.pop_rule_page import rules_banners
from tests.support.web_story import NASTY

QUIET = {"form": "quiet", "starts": "18:00", "ends": "08:00", "days": ["0", "4"]}


def line_key():
    return f"line-{Line.objects.get().pk}"


def acts():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_an_agent_sets_and_takes_back_the_own_general_rule(agent, office):
    assert agent.post("/pops/rules", {"form": "when", "when": "answer"}).status_code == 302
    assert PopRule.objects.get(user=office.users[0], queue=None, line=None).when == "answer"
    page = agent.get("/pops/rules").content.decode()
    assert "Any other call shows when it is answered: own rule." in page
    agent.post("/pops/rules", {"form": "when", "when": ""})
    assert not PopRule.objects.exists()
    assert acts() == ["pop_rule.set", "pop_rule.set"]


def test_setting_a_rule_again_changes_it_and_makes_no_second(agent):
    for when in ("never", "ring"):
        agent.post("/pops/rules", {"form": "exception", "what": line_key(), "when": when})
    assert PopRule.objects.get().when == "ring"


def test_an_exception_for_a_line_is_previewed_and_removed(agent, office):
    agent.post("/pops/rules", {"form": "exception", "what": line_key(), "when": "never"})
    page = agent.get("/pops/rules").content.decode()
    assert "A call by \u2068Support DE\u2069 does not show: own rule for \u2068Support DE\u2069." in page
    assert "A call by \u2068Service\u2069 shows when it rings: no rule says otherwise." in page
    assert agent.post(f"/pops/rules/{PopRule.objects.get().pk}/remove").status_code == 302
    assert not PopRule.objects.exists()
    assert acts() == ["pop_rule.set", "pop_rule.removed"]


def test_quiet_hours_are_kept_with_their_days_and_taken_out_by_blank_times(agent, office):
    agent.post("/pops/rules", QUIET)
    row = QuietHours.objects.get(user=office.users[0])
    assert (f"{row.starts:%H:%M}", f"{row.ends:%H:%M}", row.days) == ("18:00", "08:00", [0, 4])
    assert 'value="18:00"' in agent.get("/pops/rules").content.decode()
    agent.post("/pops/rules", {"form": "quiet", "starts": "", "ends": "", "days": ["0"]})
    assert not QuietHours.objects.exists()
    assert acts() == ["quiet_hours.set", "quiet_hours.removed"]


BAD = [
    ("one_time_alone", {"starts": "18:00", "ends": "", "days": ["0"]}, "Both times are needed"),
    ("the_same_time_twice", {"starts": "18:00", "ends": "18:00", "days": ["0"]}, "The same time twice"),
    ("no_day", {"starts": "18:00", "ends": "19:00", "days": []}, "Choose at least one day"),
    ("a_day_that_is_none", {"starts": "18:00", "ends": "19:00", "days": ["7"]}, "Select a valid choice"),
    ("no_time", {"starts": "25:99", "ends": "19:00", "days": ["0"]}, "Enter a valid time"),
]


@pytest.mark.parametrize(("fields", "said"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_quiet_hours_that_make_no_sense_are_refused_with_a_sentence(agent, fields, said):
    page = agent.post("/pops/rules", {"form": "quiet", **fields})
    assert page.status_code == 200 and said in page.content.decode()
    assert not QuietHours.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"form": "when", "when": "always"}, {"form": "exception", "what": "line-0"}, {"form": "x"}], ids=str
)
def test_a_choice_that_is_not_offered_is_refused(agent, fields):
    assert agent.post("/pops/rules", fields).status_code == 200
    assert not PopRule.objects.exists()


def test_an_administrator_sets_the_rules_of_the_house_and_everybody_sees_what_they_come_to(administrator, agent):
    administrator.post("/pops/rules/house", {"form": "when", "when": "answer"})
    queue = Queue.objects.get()
    administrator.post("/pops/rules/house", {"form": "exception", "what": f"queue-{queue.pk}", "when": "never"})
    assert set(PopRule.objects.values_list("user", "queue", "when")) == {
        (None, None, "answer"),
        (None, queue.pk, "never"),
    }
    page = agent.get("/pops/rules").content.decode()
    assert "Any other call shows when it is answered: rule of the house." in page
    assert "does not show: rule of the house for \u2068Service\u2069." in page
    assert AuditEvent.objects.latest("id").details["of"] == "house"


def test_an_administrator_sets_rules_and_quiet_hours_for_somebody(administrator, office):
    address = f"/pops/rules/of/{office.users[1].pk}"
    administrator.post(address, {"form": "when", "when": "never"})
    administrator.post(address, QUIET)
    assert PopRule.objects.get().user == QuietHours.objects.get().user == office.users[1]
    assert [event.target_name for event in AuditEvent.objects.all()] == ["User 202", "User 202"]


@pytest.mark.parametrize("owner", [1, None], ids=["somebody_elses", "the_houses"])
def test_an_agent_can_change_only_own_rules(agent, office, owner):
    theirs = PopRule.objects.create(user=office.users[owner] if owner else None, when="never")
    assert agent.post(f"/pops/rules/{theirs.pk}/remove").status_code == 404
    assert agent.post("/pops/rules/house", {"form": "when", "when": "ring"}).status_code == 403
    assert agent.post(f"/pops/rules/of/{office.users[1].pk}", {"form": "when", "when": "ring"}).status_code == 403
    assert [rule.when for rule in PopRule.objects.all()] == ["never"]
    assert agent.post("/pops/rules/999999/remove").status_code == 404


def test_the_house_has_no_quiet_hours(administrator):
    assert administrator.post("/pops/rules/house", QUIET).status_code == 200
    assert not QuietHours.objects.exists()


def test_the_forms_want_the_token(office):
    client = Client(enforce_csrf_checks=True)
    client.force_login(office.users[0])
    assert client.post("/pops/rules", {"form": "when", "when": "never"}).status_code == 403


def test_names_of_lines_queues_and_people_stay_text(administrator, office):
    Line.objects.update(label=NASTY[:80])
    Queue.objects.update(label=NASTY[:80])
    office.users[1].full_name = NASTY
    office.users[1].save()
    PopRule.objects.create(user=office.users[1], line=Line.objects.get(), when="never")
    page = administrator.get(f"/pops/rules/of/{office.users[1].pk}").content.decode()
    assert "<img" not in page and "<svg onload" not in page


def test_the_page_takes_no_query_per_line(agent, office, django_assert_max_num_queries):
    for place in range(40):
        Line.objects.create(pbx=office.pbx, did=f"+4930{place:05d}", label=f"Line {place}")
    with django_assert_max_num_queries(25):
        agent.get("/pops/rules")


# --- what the desk is told -------------------------------------------------------------------------------------------


def banners(office):
    return [banner.title for banner in rules_banners(office.users[0], utc_now())]


def test_the_desk_is_told_nothing_while_cards_show(office):
    PopRule.objects.create(line=Line.objects.get(), when="never")
    assert banners(office) == []


def test_the_desk_is_told_of_quiet_hours(office):
    QuietHours.objects.create(user=office.users[0], starts="00:00", ends="23:59:59", days=[])
    assert banners(office) == ["No cards show now: quiet hours until 23:59"]


def test_the_desk_is_told_that_cards_are_off_and_that_some_show(office):
    PopRule.objects.create(user=office.users[0], when="never")
    assert banners(office) == ["No cards show: pop-ups are off"]
    PopRule.objects.create(user=office.users[0], line=Line.objects.get(), when="ring")
    assert banners(office) == ["Cards show for some calls only"]
