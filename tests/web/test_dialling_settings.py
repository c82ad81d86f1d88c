"""The page Dialling: who may change what, what it comes to, the stop and its banner, and the audit log."""

import re
from datetime import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.audit.models import AuditEvent
from crmconnector.audit.services import record_act
from crmconnector.calls.dial_services import save_brakes, stop_dialling
from crmconnector.calls.models import DialSettings
from crmconnector.calls.wanted import dial_settings
from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line
from crmconnector.users.models import User
from tests.support.office import RowOffice
from tests.support.web_story import NASTY

BRAKES = {
    "countries": "at, ch;GB",
    "calls_a_minute": "3",
    "premium": "on",
    "night_from": "22:00",
    "night_until": "06:00",
}


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def shown(client: Client, address: str = "/dialling", **asked: str) -> str:
    answer = client.get(address, asked)
    assert answer.status_code == 200
    return text_of(answer.content.decode())


def test_the_brakes_are_kept_and_audited(administrator: Client, boss: User) -> None:
    assert administrator.post("/dialling", BRAKES).status_code == 302
    row = dial_settings()
    assert (row.countries, row.calls_a_minute, row.premium, row.satellite) == (["AT", "CH", "GB"], 3, True, False)
    assert (row.night_from, row.night_until) == (time(22), time(6))
    event = AuditEvent.objects.get(action="dial_settings.changed")
    assert event.actor == boss and event.details["countries"] == ["AT", "CH", "GB"]
    assert "Allowed now: AT, CH, DE, GB" in shown(administrator)
    assert 'value="AT, CH, GB"' in administrator.get("/dialling").content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"countries": "AT, Atlantis"}, "ATLANTIS is no country of telephone numbers"),
     ({"countries": NASTY[:60]}, "is no country of telephone numbers"), ({"calls_a_minute": "0"}, "greater than"),
     ({"calls_a_minute": "61"}, "less than"), ({"night_until": ""}, "Both times are needed"),
     ({"night_until": "22:00"}, "The same time twice"), ({"night_from": "x"}, "valid time")],
)  # fmt: skip
def test_brakes_that_make_no_sense_are_refused_in_words(
    administrator: Client, changes: dict[str, str], words: str
) -> None:
    answer = administrator.post("/dialling", BRAKES | changes)
    html = answer.content.decode()
    assert answer.status_code == 200 and words in text_of(html) and "Nothing was saved" in html and "<img" not in html
    assert DialSettings.objects.count() == AuditEvent.objects.count() == 0


def test_the_rules_of_a_pbx_are_kept_audited_and_told_by_examples(office: RowOffice, administrator: Client) -> None:
    address = f"/dialling/pbxes/{office.pbx.pk}"
    assert administrator.post(address, {"dial_prefix": "0", "dial_style": "national"}).status_code == 302
    office.pbx.refresh_from_db()
    assert (office.pbx.dial_prefix, office.pbx.dial_style) == ("0", "national")
    assert AuditEvent.objects.get().details == {"dial_prefix": "0", "dial_style": "national"}
    page = shown(administrator)
    for words in ("030 23125447 dials 003023125447", "+44 20 7946 0148 dials 000442079460148", "204 dials 204",
                  "112 dials 0112"):  # fmt: skip
        assert words in page, words


def test_examples_follow_the_form_and_keep_nothing(office: RowOffice, administrator: Client) -> None:
    address = f"/dialling/pbxes/{office.pbx.pk}/examples"
    assert "030 23125447 dials 9493023125447" not in shown(administrator, address, dial_prefix="9", dial_style="e164")
    assert "030 23125447 dials +493023125447" in shown(administrator, address, dial_prefix="", dial_style="e164")
    assert "030 23125447 dials 900493023125447" in shown(administrator, address, dial_prefix="9", dial_style="e164")
    assert "no example" in shown(administrator, address, dial_prefix="<b>", dial_style="e164")
    office.pbx.refresh_from_db()
    assert office.pbx.dial_prefix == "" and AuditEvent.objects.count() == 0


@pytest.mark.parametrize("prefix", ["x", "0,", "0\n1", "00000", "٠", "0&1", "p"])
def test_a_prefix_is_digits_and_short(office: RowOffice, administrator: Client, prefix: str) -> None:
    line = Line.objects.get()
    for address in (f"/dialling/pbxes/{office.pbx.pk}", f"/dialling/lines/{line.pk}"):
        long = prefix * 2 if address.endswith(str(line.pk)) else prefix
        answer = administrator.post(address, {"dial_prefix": long, "dial_style": "national"})
        assert answer.status_code == 200 and "Nothing was saved" in answer.content.decode()
    office.pbx.refresh_from_db()
    line.refresh_from_db()
    assert office.pbx.dial_prefix == line.dial_prefix == ""


def test_a_lines_prefix_says_what_is_dialled_to_show_it(office: RowOffice, administrator: Client) -> None:
    line = Line.objects.get()
    assert "It cannot be chosen" in shown(administrator)
    administrator.post(f"/dialling/lines/{line.pk}", {"dial_prefix": "*81"})
    assert "030 23125447 dials *8103023125447" in shown(administrator)
    assert AuditEvent.objects.get().action == "line.dial_prefix_changed"


def test_the_stop_needs_a_reason_and_is_told_to_everybody(
    office: RowOffice, administrator: Client, agent: Client, boss: User
) -> None:
    assert "All dialling is stopped" not in shown(agent, "/calls")
    assert administrator.post("/dialling/stop", {"because": " "}).status_code == 200
    assert dial_settings().stopped_at is None
    assert administrator.post("/dialling/stop", {"because": f"fraud {NASTY}"[:200]}).status_code == 302
    row = dial_settings()
    assert row.stopped_at is not None and row.stopped_by == boss.display_name
    assert AuditEvent.objects.get(action="dialling.stopped").actor == boss
    for client, address in ((agent, "/calls"), (agent, "/desk"), (agent, "/desk/status"), (administrator, "/people")):
        html = client.get(address).content.decode()
        assert "All dialling is stopped since" in text_of(html) and "fraud" in html and "<img" not in html
    assert 'href="/dialling#stop"' not in agent.get("/calls").content.decode()
    assert 'href="/dialling#stop"' in administrator.get("/people").content.decode()
    assert administrator.post("/dialling/allow").status_code == 302
    event = AuditEvent.objects.get(action="dialling.allowed")
    assert event.details["stopped_by"] == boss.display_name
    assert "All dialling is stopped" not in shown(agent, "/calls")
    assert dial_settings().stopped_at is None


def test_the_banner_costs_no_query(office: RowOffice, agent: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            agent.get("/numbers")
        return len(seen)

    before = asked()
    stop_dialling(by="Marek", because="", now=utc_now())
    assert asked() == before


def test_what_was_held_back_is_listed(office: RowOffice, administrator: Client, boss: User) -> None:
    record_act(actor=office.users[0], action="dial.refused", target=office.users[0],
               details={"code": "country", "number": "+37121234567"})  # fmt: skip
    record_act(actor=office.users[0], action="dial.emergency", target=office.users[0], details={"number": "112"})
    page = shown(administrator)
    assert "Not dialled: another country user201 , +37121234567" in page and "Emergency number dialled" in page


@pytest.mark.parametrize("who", ["agent", "nobody"])
@pytest.mark.parametrize(
    ("address", "sent"),
    [("/dialling", BRAKES), ("/dialling/stop", {"because": "mischief"}), ("/dialling/allow", {}),
     ("/dialling/pbxes/{pbx}", {"dial_prefix": "9", "dial_style": "national"}),
     ("/dialling/lines/{line}", {"dial_prefix": "9"})],
)  # fmt: skip
def test_only_administrators_change_anything(
    office: RowOffice, agent: Client, who: str, address: str, sent: dict[str, str]
) -> None:
    stop_dialling(by="Marek", because="fraud", now=utc_now())
    before = list(DialSettings.objects.values())
    client = agent if who == "agent" else Client()
    address = address.format(pbx=office.pbx.pk, line=Line.objects.get().pk)
    assert client.post(address, sent).status_code == (403 if who == "agent" else 302)
    office.pbx.refresh_from_db()
    assert list(DialSettings.objects.values()) == before and office.pbx.dial_prefix == ""
    assert Line.objects.get().dial_prefix == "" and AuditEvent.objects.count() == 0


def test_what_does_not_exist_is_not_found(administrator: Client) -> None:
    assert administrator.post("/dialling/pbxes/999", {}).status_code == 404
    assert administrator.get("/dialling/pbxes/999/examples").status_code == 404
    assert administrator.post("/dialling/lines/999", {}).status_code == 404


# -- the number playground --


def test_the_playground_says_what_would_be_dialled_and_what_would_hold_it_back(
    office: RowOffice, agent: Client, boss: User
) -> None:
    office.pbx.dial_prefix = "0"
    office.pbx.save()
    page = shown(agent, "/numbers", number="030 23125447")
    assert "003023125447" in page and "This will dial 0 03023125447 (outside line, national)." in page
    page = shown(agent, "/numbers", number="+37121234567")
    assert (
        "000037121234567"[1:] in page and "number of another country (LV)" in page and "Ask boss to allow it." in page
    )
    assert "Nothing would be dialled. There are letters in it." in shown(agent, "/numbers", number="1-800-FLOWERS")
    save_brakes(row=DialSettings(countries=["LV"]))
    assert "another country" not in shown(agent, "/numbers", number="+37121234567")
    stop_dialling(by="Marek", because="", now=utc_now())
    assert "an emergency number" in shown(agent, "/numbers", number="112")
    assert "Not dialled: Marek stopped all dialling" in shown(agent, "/numbers", number="030 23125447")
    assert "Not dialled:" not in shown(agent, "/numbers", number="112")
    assert AuditEvent.objects.count() == 0
