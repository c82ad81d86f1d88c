"""Files of contacts: checked, brought in and undone in a process of their own, one at a time.

Reading two hundred thousand numbers keeps a processor busy for seconds. In a thread of the worker that would hold up
every answered call, so a child does it, at a lower priority; what it needs of memory goes with it. The child can be
killed at any moment: the import goes on where it stopped (see `crmconnector.contacts.imports.running`).
"""

import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog
from billiard import current_process
from celery.signals import worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections
from kombu.exceptions import OperationalError as BrokerAway
from redis.exceptions import RedisError

from crmconnector.contacts.imports.limits import MOST_SECONDS
from crmconnector.contacts.imports.selectors import imports_under_way
from tasks.celery import app

log = structlog.get_logger(__name__)


@app.task(name="contact_imports.look_now", acks_late=False, max_retries=0, ignore_result=True)
def look_now(import_id: int) -> None:
    """Look what is asked of this import, and see it done."""
    if current_process().name == "MainProcess":
        DESK.take(import_id)
    else:
        carry_out(import_id)


def enqueue_import(import_id: int) -> bool:
    """Hand "look now" to the broker; False when it is away. The page then offers to start it again."""
    try:
        look_now.apply_async(args=[import_id], retry=False)
    except (BrokerAway, RedisError, OSError) as error:
        log.warning("contact_imports.broker_away", reason=type(error).__name__)
        return False
    return True


def carry_out(import_id: int) -> None:
    """Run the child and wait for it. It prints nothing of the file."""
    command = [sys.executable, "-m", "crmconnector.contacts.imports", str(int(import_id))]
    child = subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)  # noqa: S603
    with _CHILDREN_LOCK:
        _CHILDREN.add(child)
    try:
        code = child.wait(2 * MOST_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    finally:
        with _CHILDREN_LOCK:
            _CHILDREN.discard(child)
    if code:
        log.warning("contact_imports.stopped", id=import_id, code=code)


class ImportDesk:
    """One thread: two large files at once would only take each other's time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="imports")
        self._here: set[int] = set()
        self._lock = threading.Lock()

    def take(self, import_id: int) -> None:
        with self._lock:
            if import_id in self._here:
                return
            self._here.add(import_id)
        self._thread.submit(self._carry_out, import_id)

    def close(self) -> None:
        """What is under way stops where it is; the next worker goes on."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        with _CHILDREN_LOCK:
            for child in _CHILDREN:
                child.terminate()

    def _carry_out(self, import_id: int) -> None:
        with self._lock:
            self._here.discard(import_id)  # asked again while it runs: looked at again afterwards
        try:
            carry_out(import_id)
        except OSError as error:
            log.warning("contact_imports.failed", id=import_id, reason=type(error).__name__)


@worker_ready.connect
def _go_on(**_: object) -> None:
    """What a stopped worker left half done, or the broker lost."""
    threading.Thread(target=_take_left_over, name="imports-left-over", daemon=True).start()


def _take_left_over() -> None:
    try:
        _take_all(imports_under_way())
    except DatabaseProblem as error:
        log.warning("contact_imports.database_away", reason=type(error).__name__)
    finally:
        close_old_connections()


def _take_all(import_ids: Iterable[int]) -> None:
    for import_id in import_ids:
        DESK.take(import_id)


@worker_shutdown.connect
def _stop(**_: object) -> None:
    DESK.close()


_CHILDREN: set[subprocess.Popen[bytes]] = set()
_CHILDREN_LOCK = threading.Lock()
DESK = ImportDesk()
