"""A file is checked, brought in once, and undone."""

import pytest

from crmconnector.audit.models import AuditEvent
from crmconnector.contacts.imports import running, services
from crmconnector.contacts.imports.limits import FileRefused, ImportProblem
from crmconnector.contacts.models import Contact, ContactChange, ContactImport, ContactImportChunk
from tests.support.contact_files import brought_in, checked, finish, received, told, undone

pytestmark = pytest.mark.django_db

FILE = (
    "Vorname;Nachname;Firma;Mobil;Telefon 2;Telefon 2 Art;E-Mail;Kategorien\n"
    "Änne;Größel;Havel GmbH;0171 2345678;030 23125447;Büro;aenne@example.com;Kunde; \n"
    "Björn;Ström;;;;;kaputt;\n"
    ";;;030 23125448;;;;\n"
)


def test_a_check_says_what_would_happen_and_changes_nothing() -> None:
    one = checked(FILE.replace("Kunde; ", "Kunde"))
    assert one.state == "checked"
    assert one.counts["rows"] == 3 and one.counts["created"] == 2 and one.counts["refused"] == 1
    assert told(one) == [(3, "email"), (4, "no_name")]
    assert not Contact.objects.exists()


def test_a_file_is_brought_in_with_names_numbers_labels_tags_and_history() -> None:
    one = brought_in(FILE.replace("Kunde; ", "Kunde"), tag="Messe 2026")
    assert one.state == "done" and one.counts["created"] == 2
    contact = Contact.objects.get(name="Änne Größel")
    assert (contact.company, contact.email, contact.tags) == (
        "Havel GmbH",
        "aenne@example.com",
        ["Kunde", "Messe 2026"],
    )
    numbers = [(n.label, n.written, n.e164, n.match_key) for n in contact.numbers.all()]
    assert numbers == [
        ("Mobile", "0171 2345678", "+491712345678", "712345678"),
        ("Büro", "030 23125447", "+493023125447", "023125447"),
    ]
    assert ContactChange.objects.get(contact=contact).details["file"] == "people.csv"
    assert not ContactImportChunk.objects.exists()
    assert AuditEvent.objects.get(action="contacts.imported").details["created"] == 2


def test_a_file_is_brought_in_once() -> None:
    one = brought_in("Name,Phone\nA,+493023125447\n")
    with pytest.raises(ImportProblem):
        finish(one)
    assert Contact.objects.count() == 1


def test_undo_removes_what_the_import_made() -> None:
    one = undone(brought_in("Name,Phone\nA,+493023125447\nB,+493023125448\n"))
    assert one.state == "undone" and one.counts["removed"] == 2
    assert not Contact.objects.exists()


def test_of_very_many_refused_rows_the_first_are_listed_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_PROBLEMS", 5)
    one = checked("Name,Phone\nA,\n" + ",030 23125447\n" * 20)
    assert one.counts["refused"] == 20 and [line for line, _code in told(one)] == [3, 4, 5, 6, 7]


def test_a_file_that_takes_too_long_is_given_up_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "MOST_SECONDS", -1)
    one = checked("Name\nA\n")
    assert one.state == "failed" and "longer than an hour" in one.sentence


def test_a_file_that_turns_out_too_large_while_it_comes_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_BYTES", 1000)
    with pytest.raises(FileRefused, match="200 MB"):
        received("Name\n" + "A\n" * 1000)
    assert not ContactImport.objects.exists()


def test_a_file_with_headings_only_is_refused() -> None:
    one = checked("Name,Phone\n")
    assert one.state == "failed" and "no row" in one.sentence


def test_a_bomb_behind_a_good_start_ends_the_check_with_its_line() -> None:
    one = checked("Name,Phone\n" + "A,030 23125447\n" * 30_000 + "x" * 300_000)
    assert one.state == "failed" and "Line 30002 is longer than 256 KB" in one.sentence
    assert not Contact.objects.exists()


def test_a_mistake_of_ours_is_told_without_what_stands_in_the_file(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("Rosalind +493023125447")

    monkeypatch.setattr(running, "_count", break_down)
    one = checked("Name,Phone\nRosalind,+493023125447\n")
    assert one.state == "failed" and "not in the file" in one.sentence
    assert "Rosalind" not in one.sentence + caplog.text


def test_what_an_undo_needs_goes_after_a_month_and_unused_files_after_a_week() -> None:
    done, idle = brought_in("Name\nA\n"), received("Name\nB\n")
    old = done.changed_at.replace(year=done.changed_at.year - 1)
    ContactImport.objects.filter(pk__in=[done.pk, idle.pk]).update(changed_at=old)
    received("Name\nC\n")
    assert not ContactImport.objects.filter(pk=idle.pk).exists() and not services.can_undo(done.pk)
    with pytest.raises(ImportProblem):
        undone(done)
