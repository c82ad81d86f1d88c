"""A run that was stopped goes on and brings in nothing twice; two runs of one file do not both write."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from django.db import connection

from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports import running
from crmconnector.contacts.imports.limits import ImportProblem
from crmconnector.contacts.imports.running import claim, run_import
from crmconnector.contacts.imports.services import ask_bring_in, ask_check, ask_undo
from crmconnector.contacts.models import Contact, ContactImport, ContactImportProblem, ContactNumber
from tests.support.contact_files import checked, finish, received
from tests.support.processes import ROOT, eventually, product_environment

ROWS = 40_000
FILE = "Name,Phone\n" + "".join(f"P{place},030 {20_000_000 + place}\n" for place in range(ROWS)) + ",030 1234567\n"


def stop_after(slices: int):  # type: ignore[no-untyped-def]
    count = iter(range(slices - 1))

    def report(one: ContactImport) -> None:
        if next(count, None) is None:
            raise KeyboardInterrupt

    return report


@pytest.mark.django_db
def test_a_stopped_run_goes_on_where_it_was_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SLICE_ROWS", 10)
    rows = "".join(f"P{place},030 {20_000_000 + place}\n" for place in range(55))
    one = checked(f"Name,Phone\n{rows},12\n", duplicates="add")
    ask_bring_in(import_id=one.pk, actor=None, now=utc_now())
    with pytest.raises(KeyboardInterrupt):
        run_import(one.pk, report=stop_after(3))
    assert Contact.objects.count() == 30
    run_import(one.pk)
    one.refresh_from_db()
    assert one.state == "done" and one.counts["created"] == 55 == Contact.objects.count()
    assert ContactImportProblem.objects.filter(source=one).count() == 1 == one.counts["refused"]


@pytest.mark.django_db
def test_a_run_that_was_taken_over_writes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SLICE_ROWS", 10)
    one = checked("Name\n" + "".join(f"P{place}\n" for place in range(50)))
    ask_bring_in(import_id=one.pk, actor=None, now=utc_now())
    assert run_import(one.pk, report=lambda _one: claim(one.pk, now=utc_now())) is None
    one.refresh_from_db()
    assert one.state == "running" and one.rows_done == 10 == Contact.objects.count()


@pytest.mark.django_db
def test_a_stopped_undo_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from crmconnector.contacts.imports import undo

    monkeypatch.setattr(undo, "SLICE", 10)
    one = finish(checked("Name\n" + "".join(f"P{place}\n" for place in range(50))))
    ask_undo(import_id=one.pk, actor=None, now=utc_now())
    with pytest.raises(KeyboardInterrupt):
        run_import(one.pk, report=stop_after(2))
    run_import(one.pk)
    one.refresh_from_db()
    assert one.state == "undone" and one.counts["removed"] == 50 and not Contact.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_starts_the_run() -> None:
    one = received("Name\nA\n")
    both, won = threading.Barrier(2), []

    def click() -> None:
        both.wait()
        try:
            won.append(ask_check(import_id=one.pk, actor=None, now=utc_now()))
        except ImportProblem:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_child_is_followed_by_another_that_doubles_nothing() -> None:
    one = checked(FILE)
    ask_bring_in(import_id=one.pk, actor=None, now=utc_now())
    command = [sys.executable, "-m", "crmconnector.contacts.imports", str(one.pk)]
    first = subprocess.Popen(command, cwd=ROOT, env=product_environment())
    try:
        eventually(lambda: Contact.objects.exists() or first.poll() is not None, seconds=60)
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait(10)
    one.refresh_from_db()
    assert one.state == "running" and 0 < one.rows_done < ROWS, "killed too late to show anything"
    assert Contact.objects.count() == one.counts["created"]
    subprocess.run(command, cwd=ROOT, env=product_environment(), check=True, timeout=100)
    one.refresh_from_db()
    assert one.state == "done" and one.counts["refused"] == 1
    assert Contact.objects.count() == ROWS == ContactNumber.objects.count()
    assert Contact.objects.values("name").distinct().count() == ROWS
