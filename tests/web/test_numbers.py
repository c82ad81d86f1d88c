"""The number playground: what it tells, to whom, and what it does with what no person would type."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.contacts.models import Contact, NumberChoice
from crmconnector.users.models import Team
from tests.support.office import RowOffice
from tests.support.web_story import NASTY


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def shown(client: Client, **asked: str) -> str:
    answer = client.get("/numbers", asked)
    assert answer.status_code == 200
    return text_of(answer.content.decode().split('id="main"')[1].split("</main>")[0])


def test_a_number_is_told_in_all_its_forms_with_whom_it_matches(office: RowOffice, agent: Client) -> None:
    office.add_contact("Rosalind Achterberg-Whitcombe", "030 23125447", company="Havelquell")
    page = shown(agent, number="0049 (0)30 / 23125-447")
    for words in ("+493023125447", "023125447", "Landline", "Rosalind Achterberg-Whitcombe", "Havelquell",
                  "This would be dialled:", "Exact number : 1 contact"):  # fmt: skip
        assert words.replace(" :", ":") in page.replace(" :", ":"), words


def test_a_name_of_another_team_is_counted_and_not_told(
    office: RowOffice, agent: Client, administrator: Client
) -> None:
    secret = office.add_contact("Secret Person", "030 23125447")
    office.add_contact("Open Person", "030 23125447")
    Contact.objects.filter(pk=secret.pk).update(team=Team.objects.create(name="Board"))
    for asked in ({"number": "03023125447"}, {"number": "03023125447\n112"}):
        page = shown(agent, **asked)
        assert "Open Person" in page and "Secret Person" not in page and "2 contacts" in page
        assert "Secret Person" in shown(administrator, **asked)
    assert "1 contact that is not shown here" in shown(agent, number="03023125447")


def test_a_member_of_the_team_sees_the_name(office: RowOffice, agent: Client) -> None:
    team = Team.objects.create(name="Board")
    team.members.add(office.users[0])
    contact = office.add_contact("Secret Person", "030 23125447")
    Contact.objects.filter(pk=contact.pk).update(team=team)
    assert "Secret Person" in shown(agent, number="03023125447")


@pytest.mark.parametrize(
    ("asked", "e164"),
    [({}, "+497327020"), ({"country": "AT"}, "+437327020"),
     ({"line": "+43720123"}, "+437327020"), ({"line": "Wien"}, "+437327020"),
     ({"line": "+43720123", "country": "DE"}, "+497327020")],
)  # fmt: skip
def test_the_country_given_wins_over_the_lines_and_that_over_the_pbx(
    office: RowOffice, agent: Client, asked: dict[str, str], e164: str
) -> None:
    office.pbx.lines.create(did="+43720123", label="Wien", country="AT")
    story = agent.get("/numbers", {"number": "0732 7020", **asked}).context["story"]
    assert story.reading.e164 == e164


def test_an_extension_says_who_sits_there(office: RowOffice, agent: Client) -> None:
    assert "Extension 202: Phone 202 , User 202" in shown(agent, number="202")


def test_several_lines_make_a_table_in_one_query(office: RowOffice, agent: Client) -> None:
    office.add_contact("Ada Lovelace", "030 23125447")

    def asked(count: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            page = shown(agent, number="\n".join(f"030 2312544{n % 10}" for n in range(count)))
        assert "Ada Lovelace" in page
        return len(seen)

    asked(10)
    assert asked(10) == asked(50)


def test_nothing_is_kept_of_what_was_asked(office: RowOffice, agent: Client) -> None:
    shown(agent, number="03023125447")
    assert Contact.objects.count() == NumberChoice.objects.count() == 0
    assert agent.post("/numbers", {"number": "1"}).status_code == 405


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1" * 1_000_000, "more than 8000 characters"), ("1" * 61, "longer than 60 characters"),
        ("1\n" * 51, "51 lines, and 50 at once is the most"),
    ],
)  # fmt: skip
def test_too_much_is_refused_in_words(office: RowOffice, agent: Client, number: str, words: str) -> None:
    page = shown(agent, number=number)
    assert "Not read" in page and words in page


HOSTILE = {
    "nul": "\x00", "nul in digits": "030\x0023125447", "right to left": "\u202e74452132030\u202c", "emoji": "☎️0️⃣3️⃣",
    "markup": NASTY[:60], "letters": "1-800-FLOWERS", "sql": "' OR 1=1--", "separator": "\u2028", "tabs": "\t\t",
    "arabic": "٠١ ٩٩ ٠٠ ٦٢ ٠٨", "sip": "sip:+4930@example.com;user=phone", "plus": "+", "percent": "%00%s%(x)s",
    "template": "{{ 7|add:7 }}{% now %}", "tags": "\U000e0041\U000e0042", "zalgo": "1\u0301\u0302\u0303" * 10,
    "surrogate": "\ud800", "superscript": "²³⁴", "fractions": "½¾", "roman": "ⅯⅭ",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HOSTILE))
@pytest.mark.parametrize("where", ["number", "country", "line"])
def test_hostile_text_is_shown_as_text_or_refused(office: RowOffice, agent: Client, name: str, where: str) -> None:
    text = HOSTILE[name].encode("utf-8", "replace").decode()
    answer = agent.get("/numbers", {"number": "112", where: text})
    html = answer.content.decode()
    assert answer.status_code == 200 and "<img" not in html and "\x00" not in html
    several = agent.get("/numbers", {"number": f"112\n{text}\n030 23125447"})
    assert several.status_code == 200 and "<img" not in several.content.decode()


def test_an_unknown_country_or_line_is_said(office: RowOffice, agent: Client) -> None:
    assert "XX is no country of telephone numbers" in shown(agent, number="1", country="xx")
    assert "There is no line +1" in shown(agent, number="1", line="+1")


def told(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("number", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    except CommandError as problem:
        return str(problem), problem.returncode
    return out.getvalue(), 0


def test_the_command_tells_the_same_and_ends_with_what_it_found(office: RowOffice) -> None:
    office.add_contact("Ada Lovelace", "030 23125447")
    said, code = told("0049 (0)30 / 23125-447")
    assert code == 0 and "+493023125447" in said and "-> Ada Lovelace" in said
    said, code = told("0732 7020", "--country", "AT")
    assert code == 1 and "+437327020" in said and "Ada" not in said
    assert told("202")[1] == 0
    assert told("1" * 100)[1] == 2 and told("1", "--country", "XX")[1] == 2 and told("1", "--line", "nobody")[1] == 2


def test_the_command_reads_as_a_caller_of_the_line(office: RowOffice) -> None:
    office.pbx.lines.create(did="+43720123", label="Wien", country="AT")
    said, _code = told("0732 7020", "--line", "+43720123")
    assert "+437327020" in said and "for callers of Wien" in said


@pytest.mark.parametrize("text", ["\x1b[2J", "\udcff", "\u202e1", "\x00", ""])
def test_the_command_prints_nothing_that_moves_the_terminal(office: RowOffice, text: str) -> None:
    said, code = told(text)
    assert code in (1, 2) and all(char.isprintable() or char == "\n" for char in said)
