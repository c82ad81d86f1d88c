"""How well the PBX is heard, in plain words: each trouble on the desk, the PBX page, the health page and /readyz."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from crmconnector.asterisk.ami_reasons import SENTENCES
from crmconnector.common.clock import utc_now
from crmconnector.listener.hearing import OVERFLOW
from crmconnector.listener.models import DeadLetter
from crmconnector.pbx.models import Pbx, PbxLink
from crmconnector.web.link_reasons import DATABASE, LISTENER, WHY, clause_of, code_of
from tests.support.office import RowOffice

WARNING = "The AMI user may not start calls: add `originate` to `write` in manager.conf."
SECRET = "s3cr3t-canary"


def text_of(html: str) -> str:
    """What a person reads on a page: no tags, no entities, one blank between words."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


def down(code: str, reason: str = "") -> None:
    at = utc_now() - timedelta(minutes=1)
    PbxLink.objects.update(state="down", reason_code=code, reason=reason or SENTENCES[code], heard_at=at)


def banners(client: Client) -> str:
    html = client.get("/desk").content.decode()
    return text_of(html.split('id="desk-banners"')[1].split('id="desk-lines"')[0])


def page(client: Client, path: str) -> str:
    return text_of(client.get(path).content.decode())


def readyz() -> tuple[int, dict]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def test_every_reason_has_words_for_people_and_a_cure() -> None:
    assert set(WHY) == set(SENTENCES) | {LISTENER, DATABASE}
    assert [code for code, why in WHY.items() if not why.clause or not why.cure] == []


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_the_sentence_of_a_gap_leads_back_to_its_reason(code: str) -> None:
    assert code_of(SENTENCES[code]) == code == code_of(f"{SENTENCES[code]} The PBX said: no.")


def test_what_the_listener_writes_of_itself_has_a_reason_too() -> None:
    assert clause_of(code_of(OVERFLOW)) == "our database was away or too slow for too long"
    assert clause_of(code_of("The listener had stopped; another one took over.")) == "our listener had stopped"
    assert clause_of(code_of("Something nobody has heard of")) == ""


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_a_link_that_is_down_is_said_to_everybody_in_their_words(
    office: RowOffice, agent: Client, administrator: Client, code: str
) -> None:
    down(code)
    why, cure = WHY[code].clause, WHY[code].cure
    told = banners(agent)
    assert "We have not heard the PBX Office since" in told and why.lower() in told.lower()
    assert "Desk phones work as always" in told and cure not in told and SENTENCES[code] not in told
    for where in (banners(administrator), page(administrator, "/health"), page(administrator, "/pbxes")):
        assert SENTENCES[code] in where and cure in where
    assert SENTENCES[code] in page(administrator, f"/pbxes/{office.pbx.pk}")
    status, answer = readyz()
    link = answer["parts"]["pbx_link"]["links"][0]
    assert status == 503 and (link["ok"], link["reason_code"], link["cure"]) == (False, code, cure)


def test_a_listener_that_died_is_said_and_not_the_last_trouble_of_the_link(office: RowOffice, agent: Client) -> None:
    PbxLink.objects.update(heard_at=utc_now() - timedelta(minutes=1), reason_code="")
    assert "Our listener had stopped." in banners(agent)
    assert readyz()[1]["parts"]["pbx_link"]["links"][0]["reason_code"] == LISTENER


def test_a_pbx_that_is_switched_off_here_is_no_trouble(office: RowOffice, administrator: Client) -> None:
    down("cut")
    Pbx.objects.update(enabled=False)
    told = page(administrator, f"/pbxes/{office.pbx.pk}")
    assert "not listened to" in told and SENTENCES["cut"] not in told


def test_warnings_are_for_administrators_and_fail_nothing(
    office: RowOffice, agent: Client, administrator: Client
) -> None:
    PbxLink.objects.update(warning=f"{WARNING}\nA second one.")
    told, shown = banners(administrator), WARNING.replace("`", "")
    assert "The PBX Office is heard, but" in told and shown in told and "A second one." in told
    assert told.count("is heard, but") == 1
    assert shown in page(administrator, f"/pbxes/{office.pbx.pk}") and shown in page(administrator, "/health")
    for path in ("/desk", "/desk/status", "/calls"):
        assert "manager.conf" not in page(agent, path)
    _status, answer = readyz()
    assert any(WARNING in warning for warning in answer["warnings"]) and answer["parts"]["pbx_link"]["ok"]


@pytest.mark.parametrize(
    ("unwritten", "behind", "said"),
    [(0, 30.0, False), (200, 1.0, False), (201, 1.0, True), (3, 6.0, True), (3, 2.0, False)],
)
def test_waiting_facts_are_said_when_they_are_many_or_do_not_get_less(
    office: RowOffice, agent: Client, administrator: Client, unwritten: int, behind: float, said: bool
) -> None:
    PbxLink.objects.update(unwritten=unwritten, heard_at=utc_now() - timedelta(seconds=min(behind, 15)))
    told = banners(agent)
    assert ("cards and lists lag behind" in told) is said and "PostgreSQL" not in told
    assert (f"{unwritten} events wait for the database. Look at the PostgreSQL" in banners(administrator)) is said
    for path in (f"/pbxes/{office.pbx.pk}", "/health"):
        assert (f"{unwritten} events wait for the database" in page(administrator, path)) is said
    answer = readyz()[1]
    assert bool(answer["warnings"]) is said and answer["parts"]["pbx_link"]["links"][0]["unwritten"] == unwritten


def test_a_hostile_warning_stays_text(office: RowOffice, administrator: Client) -> None:
    PbxLink.objects.update(warning="`<img src=x>` <svg onload=1>\nunpaired ` tick")
    for path in ("/desk", f"/pbxes/{office.pbx.pk}", "/health"):
        html = administrator.get(path).content.decode()
        assert "<img src=x" not in html and "<svg onload" not in html and "&lt;img src=x&gt;</span>" in html


def test_left_out_details_are_said_with_their_time(office: RowOffice, agent: Client, administrator: Client) -> None:
    at = utc_now() - timedelta(minutes=5)
    PbxLink.objects.update(dropped_facts=1234, dropped_at=at)
    told = banners(agent)
    assert "Details of calls at the PBX Office were left out, the last at" in told and "No call is missing" in told
    assert "1,234 facts" not in told
    for where in (banners(administrator), page(administrator, f"/pbxes/{office.pbx.pk}")):
        assert "1,234 facts in all" in where
    assert readyz()[1]["parts"]["pbx_link"]["links"][0]["dropped_facts"] == 1234
    PbxLink.objects.update(dropped_at=utc_now() - timedelta(hours=2))
    assert "left out" not in banners(agent) and "left out" in page(administrator, f"/pbxes/{office.pbx.pk}")
    PbxLink.objects.update(dropped_at=utc_now() - timedelta(days=2))
    assert "left out" not in page(administrator, f"/pbxes/{office.pbx.pk}")


def test_a_gap_that_is_over_is_said_everywhere_with_its_reason(
    office: RowOffice, agent: Client, administrator: Client
) -> None:
    at = utc_now() - timedelta(minutes=5)
    office.pbx.gaps.create(from_at=at, until_at=at + timedelta(seconds=89), reason=OVERFLOW)
    told = "(our database was away or too slow for too long)"
    for where in (banners(agent), banners(administrator), page(administrator, "/health"),
                  page(administrator, f"/pbxes/{office.pbx.pk}")):  # fmt: skip
        assert "We did not hear the PBX Office from" in where and told in where
    _status, answer = readyz()
    assert any(told in warning for warning in answer["warnings"]) and answer["parts"]["pbx_link"]["ok"]


def bury(office: RowOffice, count: int = 1, **changes: object) -> None:
    fields = {"at": utc_now(), "reason": "ValueError while interpreting", "raw": '{"Event": "Newchannel"}', **changes}
    for _each in range(count):
        DeadLetter.objects.create(pbx=office.pbx, **fields)


def test_events_that_were_not_understood_are_counted_where_an_administrator_looks(
    office: RowOffice, agent: Client, administrator: Client
) -> None:
    assert "could not be understood" not in page(administrator, f"/pbxes/{office.pbx.pk}")
    bury(office, 3)
    assert "3 events could not be understood since" in page(administrator, f"/pbxes/{office.pbx.pk}")
    assert "3 events of the PBX Office could not be understood" in banners(administrator)
    assert "could not be understood" not in banners(agent)
    assert "ValueError while interpreting" in page(administrator, "/health")
    assert any("3 events of the PBX Office" in warning for warning in readyz()[1]["warnings"])
    DeadLetter.objects.update(at=utc_now() - timedelta(days=2))
    assert "could not be understood" not in banners(administrator) and readyz()[1]["warnings"] == []
    assert "3 events could not be understood since" in page(administrator, f"/pbxes/{office.pbx.pk}")


def test_the_text_of_such_an_event_is_cut_escaped_and_without_secrets(office: RowOffice, administrator: Client) -> None:
    raw = f'{{"Secret": "{SECRET}", "Name": "<img src=x onerror=alert(1)>\u202e", "Long": "{"x" * 5000}"}}'
    bury(office, raw=raw)
    path = f"/pbxes/{office.pbx.pk}"
    assert "onerror" not in administrator.get(path).content.decode()
    html = administrator.get(f"{path}?unread=1").content.decode()
    shown = html.split('id="unread"')[1].split("</section>")[0]
    assert SECRET not in html and "&lt;img src=x onerror=alert(1)&gt;" in shown and "\u202e" not in shown
    assert shown.count("x") < 700 and "ValueError while interpreting" in shown


def test_the_text_of_such_an_event_is_never_for_others(office: RowOffice, agent: Client) -> None:
    bury(office, raw="for administrators alone")
    assert agent.get(f"/pbxes/{office.pbx.pk}?unread=1").status_code == 403
    assert agent.get("/health").status_code == 403
    for path in ("/desk", "/calls", "/desk/status"):
        assert "alone" not in agent.get(f"{path}?unread=1").content.decode()
