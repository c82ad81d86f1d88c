"""`manage.py listen`: hear the PBXes and write what happens. Run two: one leads, the other stands by."""

import asyncio
import signal

from django.core.management.base import BaseCommand
from phonenumbers import geocoder  # noqa: F401  (a second's worth of tables: now, not at the first call)

from crmconnector.listener.daemon import Listener


class Command(BaseCommand):
    help = "Listen to every enabled PBX; a second listener stands by and takes over when the first one dies."
    requires_migrations_checks = True

    def handle(self, *args: object, **options: object) -> None:
        asyncio.run(_listen())


async def _listen() -> None:
    listener = Listener()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, listener.stop)
    await listener.run()
