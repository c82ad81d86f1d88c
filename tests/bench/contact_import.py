"""A file of 100,000 contacts with two numbers each, by the path of the worker, against COPY of the same rows, as they
end up, into the same indexed tables. Reading 200,000 numbers is the floor of the first: it is told beside them.
"""

import csv
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.backends.utils import CursorWrapper

from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import read_number
from crmconnector.contacts.imports.copying import copy
from crmconnector.contacts.imports.running import run_import
from crmconnector.contacts.imports.services import ask_bring_in, ask_check, receive_file
from crmconnector.contacts.models import Contact, ContactNumber
from tests.bench.figures import Figure

CONTACTS = 100_000
PIECE = 64 * 1024
NUMBER_COLUMNS = "contact_id, label, written, e164, match_key"


def measure(folder: Path) -> list[Figure]:
    path = folder / "contacts.csv"
    _write(path)
    _warm_up()
    before = _memory_mb()
    with _Peak() as peak:
        imported = _import(path)
    plain = _copy_alone()
    floor = _reading_alone()
    check, bring = imported["check"], imported["bring in"]
    whole = imported["receive"] + check + bring
    print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in imported.items()))
    return [
        Figure("import: bring in 100,000 contacts", CONTACTS / bring, "contacts/s", "COPY alone", CONTACTS / plain),
        Figure("import: bring in", bring, "s", "reading its 200,000 numbers", floor),
        Figure("import: receive, check and bring in", whole, "s", "COPY alone", plain),
        Figure("import: peak memory growth", max(peak.mb, _memory_mb()) - before, "MB", "target", 150),
    ]


def _write(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "Company", "E-mail", "External id", "Phone 1 label", "Phone 1", "Mobile"])
        for place in range(CONTACTS):
            writer.writerow([
                f"Zoë Größel {place}", f"Havelquell {place // 7} GmbH", f"p{place}@example.com", f"K-{place}",
                "Büro", f"030 {23_000_000 + place}", f"+49 171 {3_000_000 + place}",
            ])  # fmt: skip


def _warm_up() -> None:
    """Imports, metadata of number plans and connections are not what is measured."""
    chunks = [b"Name,Phone\nA,030 23125447\n"]
    one = receive_file(actor=None, file_name="warm.csv", chunks=chunks, country="DE", now=utc_now())
    ask_check(import_id=one.pk, actor=None, now=utc_now())
    run_import(one.pk)


def _import(path: Path) -> dict[str, float]:
    took: dict[str, float] = {}
    began = time.monotonic()
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(PIECE), b"")
        one = receive_file(actor=None, file_name=path.name, chunks=pieces, country="DE", now=utc_now())
    took["receive"] = time.monotonic() - began
    for name, ask in (("check", ask_check), ("bring in", ask_bring_in)):
        began = time.monotonic()
        ask(import_id=one.pk, actor=None, now=utc_now())
        run_import(one.pk)
        took[name] = time.monotonic() - began
    if Contact.objects.count() != CONTACTS or ContactNumber.objects.count() != 2 * CONTACTS:
        raise RuntimeError("not everything was brought in")
    return took


def _copy_alone() -> float:
    """Seconds for the same rows, as they are now, into the same tables with the same indexes, emptied before."""
    with connection.cursor() as cursor:
        columns = _columns(cursor)
        contacts = _rows(cursor, f"SELECT {columns} FROM contacts_contact ORDER BY id")
        numbers = _rows(cursor, f"SELECT {NUMBER_COLUMNS} FROM contacts_contactnumber ORDER BY id")
    call_command("flush", interactive=False, verbosity=0)
    began = time.monotonic()
    copy(f"COPY contacts_contact ({columns}) FROM STDIN", contacts)
    copy(f"COPY contacts_contactnumber ({NUMBER_COLUMNS}) FROM STDIN", numbers)
    return time.monotonic() - began


def _columns(cursor: CursorWrapper) -> str:
    """Of a contact; what the database computes itself cannot be copied in."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'contacts_contact' "
        "AND is_generated = 'NEVER' ORDER BY ordinal_position"
    )
    return ", ".join(row[0] for row in cursor.fetchall())


def _rows(cursor: CursorWrapper, query: str) -> list[tuple[object, ...]]:
    cursor.execute(query)
    return cursor.fetchall()


def _reading_alone() -> float:
    began = time.monotonic()
    for place in range(CONTACTS):
        read_number(f"030 {23_000_000 + place}", country="DE")
        read_number(f"+49 171 {3_000_000 + place}", country="DE")
    return time.monotonic() - began


def _memory_mb() -> float:
    """Of this process now, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Peak:
    """The highest memory of this process, looked at ten times a second."""

    def __init__(self, look: Callable[[], float] = _memory_mb) -> None:
        self.mb, self._look, self._over = look(), look, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.mb = max(self.mb, self._look())
