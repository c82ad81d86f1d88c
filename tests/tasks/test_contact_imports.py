"""A real worker checks a file in a child of its own, and takes up what an earlier one left."""

import pytest
import redis
from django.conf import settings

from crmconnector.common.clock import utc_now
from crmconnector.contacts.imports.services import ask_bring_in, ask_check
from crmconnector.contacts.models import Contact, ContactImport
from tasks.contact_imports import enqueue_import
from tests.support.contact_files import received
from tests.support.processes import Product, eventually

pytestmark = pytest.mark.slow


def state(pk: int) -> str:
    return ContactImport.objects.get(pk=pk).state


def test_a_worker_checks_and_brings_in_and_takes_up_what_was_left(transactional_db, tmp_path) -> None:  # type: ignore[no-untyped-def]
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    one = received("Name,Phone\nA,030 23125447\n")
    ask_check(import_id=one.pk, actor=None, now=utc_now())  # and the broker lost it
    product = Product(tmp_path)
    try:
        worker = product.worker()
        eventually(lambda: state(one.pk) == "checked", seconds=60, what=worker.said)
        ask_bring_in(import_id=one.pk, actor=None, now=utc_now())
        assert enqueue_import(one.pk)
        eventually(lambda: state(one.pk) == "done", seconds=60, what=worker.said)
        assert Contact.objects.get().name == "A"
        assert "Traceback" not in worker.said()
    finally:
        product.stop()
