"""Files of contacts for the tests of their import: received, checked, brought in, undone in this process."""

from typing import Any

from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports.options import Options
from crmconnector.contacts.imports.running import run_import
from crmconnector.contacts.imports.services import ask_bring_in, ask_check, ask_undo, choose, receive_file
from crmconnector.contacts.imports.source import Reading
from crmconnector.contacts.models import ContactImport, ContactImportProblem
from crmconnector.users.models import User


def received(content: bytes | str, *, name: str = "people.csv", actor: User | None = None) -> ContactImport:
    raw = content.encode() if isinstance(content, str) else content
    pieces = [raw[at : at + 65536] for at in range(0, len(raw), 65536)]
    return receive_file(actor=actor, file_name=name, chunks=pieces, country="DE", now=utc_now())


def checked(content: bytes | str, *, actor: User | None = None, **options: Any) -> ContactImport:
    one = received(content, actor=actor)
    if options:
        chosen = Options.from_json(one.options | options)
        choose(import_id=one.pk, reading=Reading.from_json(one.reading), options=chosen, now=utc_now())
    ask_check(import_id=one.pk, actor=actor, now=utc_now())
    run_import(one.pk)
    one.refresh_from_db()
    return one


def brought_in(content: bytes | str, *, actor: User | None = None, **options: Any) -> ContactImport:
    one = checked(content, actor=actor, **options)
    assert one.state == "checked", one.sentence
    return finish(one, actor=actor)


def finish(one: ContactImport, *, actor: User | None = None) -> ContactImport:
    ask_bring_in(import_id=one.pk, actor=actor, now=utc_now())
    run_import(one.pk)
    one.refresh_from_db()
    return one


def undone(one: ContactImport, *, actor: User | None = None) -> ContactImport:
    ask_undo(import_id=one.pk, actor=actor, now=utc_now())
    run_import(one.pk)
    one.refresh_from_db()
    return one


def told(one: ContactImport) -> list[tuple[int, str]]:
    """(line, code) of everything refused or left out."""
    return list(ContactImportProblem.objects.filter(source=one).order_by("pk").values_list("line", "code"))
