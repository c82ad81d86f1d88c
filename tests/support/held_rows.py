"""Rows that somebody else is just changing, and does not get done with."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def held_elsewhere(change: Callable[[], object]) -> Iterator[None]:
    """As by a worker that is frozen after `change` and before its commit. Whoever waits for its rows fails after two
    seconds; whoever passes over them is not hurried. Needs a test with transactions of its own."""
    taken, go_on = threading.Event(), threading.Event()

    def frozen() -> None:
        try:
            with transaction.atomic():
                change()
                taken.set()
                go_on.wait(30)
        finally:
            connection.close()

    one = threading.Thread(target=frozen)
    one.start()
    assert taken.wait(10)
    with connection.cursor() as cursor:
        cursor.execute("set lock_timeout = '2s'")
        try:
            yield
        finally:
            go_on.set()
            one.join(10)
            cursor.execute("reset lock_timeout")
