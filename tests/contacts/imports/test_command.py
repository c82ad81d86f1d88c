"""`manage.py import_contacts` from the file to the undo."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from crmconnector.contacts.models import Contact, ContactImport

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("import_contacts", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("Wer;Nr\nÄnne Größel;030 23125447\n;030 23125448\n", "utf-8")
    return path


def test_a_file_is_brought_in_and_undone_from_the_terminal(file: Path) -> None:
    said = run(file, "--mapping", "Wer=name", "2=phone", "--country", "DE", "--tag", "new")
    assert "created 1" in said and "line 3:" in said
    contact = Contact.objects.get()
    assert contact.numbers.get().e164 == "+493023125447" and contact.tags == ["new"]
    assert "removed 1" in run("--undo", ContactImport.objects.get().pk)
    assert not Contact.objects.exists()


def test_a_dry_run_leaves_nothing_behind(file: Path) -> None:
    assert "Nothing was changed" in run(file, "--mapping", "Wer=name", "--dry-run")
    assert not Contact.objects.exists() and not ContactImport.objects.exists()


def test_wrong_arguments_are_told(file: Path, tmp_path: Path) -> None:
    for arguments in (
        (tmp_path / "none.csv",), (file, "--mapping", "Nix=name"), (file, "--mapping", "Wer=nix"),
        (file, "--country", "XX"), (), ("--undo", 999),
    ):  # fmt: skip
        with pytest.raises(CommandError):
            run(*arguments)
    assert not ContactImport.objects.exists()
