"""`manage.py listen`: hear the PBXes and write what happens. Run two: one leads, the other stands by."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from crmconnector.common.clock import FORGOTTEN_TRANSACTION_SECONDS
from crmconnector.listener.daemon import Listener


class Command(BaseCommand):
    help = "Listen to every enabled PBX; a second listener stands by and takes over when the first one dies."
    requires_migrations_checks = True

    def execute(self, *args: Any, **options: Any) -> str | None:
        end_forgotten_transactions()  # before the check of the migrations opens the first connection
        return super().execute(*args, **options)

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(_listen())


def end_forgotten_transactions() -> None:
    """A listener that is frozen in the middle of a transaction keeps its row locks, and its successor would wait for
    them for ever: the server ends such sessions, sooner than the lease runs out. Call it before the first query."""
    options = connections["default"].settings_dict["OPTIONS"]
    milliseconds = round(FORGOTTEN_TRANSACTION_SECONDS * 1000)
    options["options"] = f"{options.get('options', '')} -c idle_in_transaction_session_timeout={milliseconds}".strip()


async def _listen() -> None:
    listener = Listener()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, listener.stop)
    await listener.run()
