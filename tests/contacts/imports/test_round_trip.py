"""What our export writes, our import reads back to the same contacts."""

import csv
import io
import random

import pytest

from crmconnector.contacts.exporting import header_of, ids_of, rows_of
from crmconnector.contacts.models import Contact, ContactNumber
from crmconnector.users.models import Team
from crmconnector.web.spreadsheet import harmless
from tests.support.contact_files import brought_in
from tests.support.office import RowOffice

PIECES = (
    "=1+1", "+49", "-2", "@SUM(A1)", "'", '"', '""', ",", ";", "|", "Größel", "Łukasz", "Иван", "محمد", "山田",
    "👩‍👩‍👧", "\u202eevil", "<b>", "{{7*7}}", "\\", "null", "0", " ", "a\u00a0b", "é", "e\u0301", "＝1",
    "\u200fx", "x" * 60,
)  # fmt: skip


def text(chance: random.Random, *, lines: bool = False) -> str:
    made = "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 4)))
    return (f"{made}\n{made}\r\n\n{made}" if lines else made).strip()


def fill(office: RowOffice) -> None:
    chance, team = random.Random(5), Team.objects.create(name="Süd, Nord; +1")
    for place in range(200):
        contact = Contact.objects.create(
            name=text(chance) + f"{place}", company=chance.choice(["", text(chance)]), title=text(chance)[:120],
            kind=chance.choice(["person", "company"]), notes=text(chance, lines=True), external_id=f"=K-{place}",
            tags=[f"tag {place}", "-x"], email=chance.choice(["", "a+b@example.com"]),
            external_link=chance.choice(["", "https://crm.example.org/?a=1,2;3"]),
            owner=chance.choice([None, office.users[0]]), team=chance.choice([None, team]),
        )  # fmt: skip
        for at in range(chance.randint(0, 4)):
            written = chance.choice([f"+49 30 2312{5000 + place}{at}", f"(030) 23{10000 + place}{at}", f"{201 + at}"])
            ContactNumber.objects.get_or_create(contact=contact, written=written, defaults={"label": text(chance)[:40]})


def everything() -> list[tuple[object, ...]]:
    fields = ("kind", "name", "company", "title", "email", "notes", "tags", "owner", "team", "external_id",
              "external_link")  # fmt: skip
    rows = Contact.objects.order_by("external_id").values("pk", *fields)
    return [
        (*(row[name] for name in fields),
         list(ContactNumber.objects.filter(contact=row["pk"]).order_by("pk").values_list("label", "written")))
        for row in rows
    ]  # fmt: skip


@pytest.mark.django_db
def test_two_hundred_nasty_contacts_come_back_equal(office: RowOffice) -> None:
    Contact.objects.all().delete()
    fill(office)
    before, found = everything(), Contact.objects.all()
    header = header_of(found)
    out = io.StringIO("")
    rows = [header, *rows_of(found, list(ids_of(found)), width=len(header))]
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in rows)
    Contact.objects.all().delete()
    one = brought_in("\ufeff" + out.getvalue(), duplicates="add")
    assert one.counts["refused"] == 0 == one.counts["left_out"]
    after = everything()
    assert len(after) == 200
    for was, now in zip(before, after, strict=True):
        assert now == was
