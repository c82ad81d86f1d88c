"""The pages of bringing in a file: what they say, who may, what they never show, and the command that does the same."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, User
from crmconnector.web.spreadsheet import harmless
from phones.imports.reading import MOST_BYTES
from phones.models import Phone, PhoneImport
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice

HEAD = "phone,address,passcode,user,extension,endpoint"
GOOD = f"Desk 7,127.0.0.1,{PASSCODE},,207,PJSIP/207"
BAD = f"Desk 8,10.0.0.1,{PASSCODE},,,"


def upload(client: Client, *lines: str | bytes, name: str = "phones.csv", **fields: str):
    content = lines[0] if isinstance(lines[0], bytes) else "\n".join(lines).encode()
    return client.post(
        "/phones/import", {"file": SimpleUploadedFile(name, content), "others": "keep", **fields}
    )  # fmt: skip


def planned(client: Client, *lines: str, **fields: str) -> str:
    """The address of the plan of this file."""
    answer = upload(client, *lines, **fields)
    assert answer.status_code == 302, answer.content.decode()
    return answer["Location"]


def test_a_file_is_checked_shown_brought_in_and_undone(office: RowOffice, administrator: Client) -> None:
    plan = planned(administrator, HEAD, GOOD)
    page = administrator.get(plan).content.decode()
    assert "Every line is good" in page and "Desk 7" in page and "Bring in" in page
    assert not Phone.objects.filter(name="Desk 7").exists()
    done = administrator.post(f"{plan}/apply", {"which": "all"})
    assert done["Location"] == plan and Phone.objects.get(name="Desk 7").passcode.reveal() == PASSCODE
    page = administrator.get(plan).content.decode()
    assert "Brought in at" in page and "by boss" in page and "Undo all of it" in page
    assert administrator.post(f"{plan}/undo")["Location"] == plan
    assert not Phone.objects.filter(name="Desk 7").exists()
    assert "Undone at" in administrator.get(plan).content.decode()
    acts = AuditEvent.objects.order_by("id").values_list("action", "actor_name", "target_name")
    assert [row[:2] for row in acts] == [("phone_import.brought_in", "boss"), ("phone_import.undone", "boss")]
    assert AuditEvent.objects.first().details["phones_new"] == 1


def test_a_file_with_bad_lines_offers_to_correct_it_or_to_leave_them_out(
    office: RowOffice, administrator: Client
) -> None:
    plan = planned(administrator, HEAD, GOOD, BAD)
    page = administrator.get(plan).content.decode()
    assert "1 bad line" in page and "Correct the file" in page
    assert "Bring in the 1 good line, leave 1 out" in page and 'value="all"' not in page
    refused = administrator.post(f"{plan}/apply", {"which": "all"})
    assert refused.status_code == 409 and "There are bad lines" in refused.content.decode()
    assert not Phone.objects.filter(name="Desk 7").exists()
    administrator.post(f"{plan}/apply", {"which": "good"})
    assert Phone.objects.filter(name__in=["Desk 7", "Desk 8"]).count() == 1
    assert "1 bad line was left out" in administrator.get(plan).content.decode()


def test_reasons_are_told_when_something_changed_since(office: RowOffice, administrator: Client) -> None:
    plan = planned(administrator, HEAD, GOOD)
    Phone.objects.create(name="Other", address="127.0.0.1", port=80, passcode="x")
    answer = administrator.post(f"{plan}/apply", {"which": "all"})
    page = answer.content.decode()
    assert answer.status_code == 409 and "Something changed since the check" in page and "Line 2, Desk 7" in page
    assert not AuditEvent.objects.exists()


def test_reasons_are_told_when_it_can_no_longer_be_undone(office: RowOffice, administrator: Client) -> None:
    plan = planned(administrator, HEAD, GOOD)
    administrator.post(f"{plan}/apply", {"which": "all"})
    Phone.objects.filter(name="Desk 7").update(model="GRP2601")
    answer = administrator.post(f"{plan}/undo")
    assert answer.status_code == 409 and "Desk 7 was changed since: model" in answer.content.decode()
    assert AuditEvent.objects.count() == 1


def test_options_are_what_was_chosen(office: RowOffice, administrator: Client) -> None:
    line = "Phone 202,,,user201,,"
    assert "user202 has it then" in administrator.get(planned(administrator, HEAD, line)).content.decode()
    plan = planned(administrator, HEAD, line, take_over="on", others="move")
    page = administrator.get(plan).content.decode()
    assert "Who loses a phone: 2 seats" in page and "People leave their other phones" in page
    administrator.post(f"{plan}/apply", {"which": "all"})
    now = utc_now()
    mine = Phone.objects.filter(assignments__user=office.users[0], assignments__during__contains=now)
    assert [phone.name for phone in mine] == ["Phone 202"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file is empty"),
        (b"PK\x03\x04", "Excel workbook"),
        (f"Front desk,127.0.0.1,{PASSCODE}".encode(), "no heading"),
        (b"x" * (MOST_BYTES + 1), "larger than 2 MB"),
    ],
)
def test_a_file_that_is_not_read_is_refused_on_the_page(
    office: RowOffice, administrator: Client, content: bytes, words: str
) -> None:
    page = upload(administrator, content).content.decode()
    assert words in page and "Nothing was changed" in page and PASSCODE not in page
    assert not PhoneImport.objects.exists()


def test_no_file_at_all_is_told(office: RowOffice, administrator: Client) -> None:
    assert "This field is required" in administrator.post("/phones/import", {"others": "keep"}).content.decode()


def test_a_huge_upload_is_refused_before_it_is_unpacked(office: RowOffice, administrator: Client) -> None:
    """By its announced length: the body is not even parsed for the token."""
    before = PhoneImport.objects.count()
    answer = upload(administrator, b"x" * (3 * 1024 * 1024))
    assert answer.status_code == 413 and "larger than 2 MB" in answer.content.decode()
    assert PhoneImport.objects.count() == before


def test_an_upload_without_the_token_is_refused(office: RowOffice, boss: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss)
    answer = upload(client, HEAD, GOOD)
    assert answer.status_code == 403 and "no longer valid" in answer.content.decode()
    assert not PhoneImport.objects.exists()


@pytest.mark.parametrize("act", ["apply", "undo"])
def test_no_act_without_the_token_or_by_a_get(office: RowOffice, administrator: Client, boss: User, act: str) -> None:
    plan = planned(administrator, HEAD, GOOD)
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss)
    assert client.post(f"{plan}/{act}", {"which": "all"}).status_code == 403
    assert administrator.get(f"{plan}/{act}").status_code == 405
    assert not Phone.objects.filter(name="Desk 7").exists()


def test_the_list_of_bad_lines_is_a_harmless_file(office: RowOffice, administrator: Client) -> None:
    formulas = ['=HYPERLINK("//evil")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "＝1+1"]
    lines = [f"{_quoted(name)},nowhere,{PASSCODE},,," for name in formulas]
    plan = planned(administrator, HEAD, *lines)
    answer = administrator.get(f"{plan}?list=csv")
    assert answer["Content-Type"].startswith("text/csv") and "attachment" in answer["Content-Disposition"]
    text = answer.content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [row[:3] for row in rows[1:]] == [[str(n), "address", f"'{name}"] for n, name in enumerate(formulas, 2)]
    assert PASSCODE not in text and rows[0] == ["Line", "Column", "Phone", "Cause"]


@pytest.mark.parametrize("start", [*"=+-@\t\r\x00＝＋－＠", " =", "\u00a0="])
def test_a_cell_that_a_spreadsheet_would_compute_is_made_a_text(start: str) -> None:
    assert harmless(f"{start}1") == f"'{start}1"


@pytest.mark.parametrize("text", ["", "Desk 7", "1+1", "a=b", "it's"])
def test_an_ordinary_cell_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_hostile_names_stay_text(office: RowOffice, administrator: Client) -> None:
    nasty = "<img src=x onerror=alert(1)>{{7*7}}"
    lines = [f"{HEAD},<b>x</b>", f"{nasty},nowhere,1,,,,", f"{nasty} 2,127.0.0.1,1,,,,"]
    plan = planned(administrator, *lines)
    assert "&lt;img" in administrator.get(plan).content.decode()
    upload(administrator, *lines, name="<i>.csv")
    for address in (plan, "/phones/import"):
        page = administrator.get(address).content.decode()
        assert "<img" not in page and "<b>x" not in page and "<i>" not in page


def test_no_page_shows_a_passcode(office: RowOffice, administrator: Client) -> None:
    plan = planned(administrator, HEAD, GOOD, BAD, f"Phone 201,{PASSCODE},x,{PASSCODE},{PASSCODE},{PASSCODE}")
    for address in (plan, f"{plan}?list=csv", "/phones/import"):
        assert PASSCODE not in administrator.get(address).content.decode()
    administrator.post(f"{plan}/apply", {"which": "good"})
    assert PASSCODE not in administrator.get(plan).content.decode() + str(list(AuditEvent.objects.values()))


def test_the_sample_is_brought_in_as_it_is(office: RowOffice, administrator: Client, settings: object) -> None:
    settings.PHONE_NETWORKS = ["192.168.0.0/16"]
    User.objects.create_user("anna")
    User.objects.create_user("ben")
    sample = administrator.get("/phones/import/sample.csv")
    assert "attachment" in sample["Content-Disposition"]
    answer = upload(administrator, sample.content)
    page = administrator.get(answer["Location"]).content.decode()
    assert "Every line is good" in page


def test_old_checks_of_others_are_not_listed_with_their_rows(office: RowOffice, administrator: Client) -> None:
    """The list of files reads neither rows nor problems: they may be megabytes each."""
    planned(administrator, HEAD, GOOD)
    with CaptureQueriesContext(connection) as queries:
        administrator.get("/phones/import")
    asked = [query["sql"] for query in queries if "phones_phoneimport" in query["sql"]]
    assert asked and not any('"undo"' in sql or '"rows"' in sql or '"problems"' in sql for sql in asked)


def test_a_long_list_of_bad_lines_is_cut_on_the_page(office: RowOffice, administrator: Client) -> None:
    plan = planned(administrator, "phone,port", *(f"Phone {n},x" for n in range(150)))
    page = administrator.get(plan).content.decode()
    assert "And 50 more" in page and "There is no good line in it" in page and "Bring in the" not in page
    assert len(administrator.get(f"{plan}?list=csv").content.decode().splitlines()) == 151


# --- who may ------------------------------------------------------------------------------------------------------
VISITORS = {
    "anonymous": lambda office: None,
    "agent": lambda office: office.users[0],
    "supervisor": lambda office: _supervisor(office),
    "administrator": lambda office: User.objects.create_user("boss2", role=Role.ADMINISTRATOR),
}
ADDRESSES: dict[str, tuple[str, int]] = {
    "/phones/import": ("get", 200),
    "/phones/import ": ("post", 200),  # an empty form: its errors
    "/phones/import/sample.csv": ("get", 200),
    "/phones/import/{id}": ("get", 200),
    "/phones/import/{id}?list=csv": ("get", 200),
    "/phones/import/{id}/apply": ("post", 302),
    "/phones/import/{id}/undo": ("post", 409),  # nothing is brought in yet
    "/phones/import/999999": ("get", 404),
    "/phones/import/999999/apply": ("post", 404),
    "/phones/import/999999/undo": ("post", 404),
}


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_only_administrators_come_near_a_file(
    office: RowOffice, administrator: Client, visitor: str, address: str
) -> None:
    plan = planned(administrator, HEAD, GOOD)
    client, user = Client(), VISITORS[visitor](office)
    if user:
        client.force_login(user)
    method, status = ADDRESSES[address]
    answer = getattr(client, method)(address.strip().replace("{id}", plan.rsplit("/", 1)[1]))
    expected = {"anonymous": 302, "administrator": status}.get(visitor, 403)
    assert answer.status_code == expected
    if visitor == "anonymous":
        assert answer["Location"].startswith("/sign-in?next=")
    if visitor != "administrator":
        assert not Phone.objects.filter(name="Desk 7").exists() and "Desk 7" not in answer.content.decode()


# --- the command --------------------------------------------------------------------------------------------------
@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    def write(*lines: str) -> str:
        path = tmp_path / "phones.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        return str(path)

    return write


def told(*words: str) -> str:
    out = StringIO()
    call_command("import_phones", *words, stdout=out)
    return out.getvalue()


def test_the_command_checks_and_leaves_nothing_behind(office: RowOffice, written: Callable[..., str]) -> None:
    said = told(written(HEAD, GOOD, BAD))
    assert "Nothing was changed" in said and "good 1, bad 1" in said and "line 3, address:" in said
    assert PASSCODE not in said and not PhoneImport.objects.exists() and Phone.objects.count() == 3


def test_the_command_brings_in_whole_or_not_at_all(office: RowOffice, written: Callable[..., str]) -> None:
    path = written(HEAD, GOOD, BAD)
    with pytest.raises(CommandError, match="bad lines"):
        told(path, "--apply")
    assert Phone.objects.count() == 3 and not PhoneImport.objects.exists()
    assert "Brought in" in told(path, "--apply", "--leave-bad-out")
    assert Phone.objects.count() == 4 and AuditEvent.objects.get().actor_name == "system"


def test_the_command_takes_over_and_moves_when_told_to(office: RowOffice, written: Callable[..., str]) -> None:
    told(written("phone,user", "Phone 202,user201"), "--apply", "--take-over", "--move")
    there = Phone.objects.filter(assignments__during__contains=utc_now() + timedelta(seconds=1))
    assert {phone.name for phone in there} == {"Phone 202", "Phone 203"}


def test_the_command_refuses_what_it_cannot_read(office: RowOffice, written: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match="no heading"):
        told(written("just,words"))
    with pytest.raises(CommandError, match="cannot be read"):
        told("/nowhere/phones.csv")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _supervisor(office: RowOffice) -> User:
    office.users[1].role = Role.SUPERVISOR
    office.users[1].save()
    return office.users[1]
