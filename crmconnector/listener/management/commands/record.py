"""`manage.py record FILE`: save a redacted recording from a live PBX; `manage.py replay FILE` tells its calls."""

import asyncio
import contextlib
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crmconnector.asterisk.ami import AmiClient, AmiError
from crmconnector.listener.recorder import recorded_lines
from crmconnector.pbx.connection import ami_address
from crmconnector.pbx.models import Pbx


class Command(BaseCommand):
    help = (
        "Record the calls of a PBX into a file that can be given away: names, and the last six digits of every longer "
        "number, are replaced. Ends with Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="where to write; must not exist yet")
        parser.add_argument("--pbx", default="", help="the name of the PBX; may be left out when there is only one")
        parser.add_argument("--seconds", type=float, default=None, help="end after so many seconds")

    def handle(self, *args: object, **options: Any) -> None:
        pbx = _chosen(options["pbx"])
        self.stdout.write(f"Recording {pbx.name} into {options['file']}. Ctrl-C ends it.")
        try:
            count = asyncio.run(_record(AmiClient(ami_address(pbx)), options["file"], options["seconds"]))
        except FileExistsError:
            raise CommandError(f"{options['file']} exists already. Choose another name.") from None
        except (OSError, AmiError) as error:
            raise CommandError(f"The recording ended early. {error}") from None
        self.stdout.write(f"{count} events. Look at it with: manage.py replay {options['file']}")


def _chosen(name: str) -> Pbx:
    found = list(Pbx.objects.filter(name=name) if name else Pbx.objects.all())
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(Pbx.objects.values_list("name", flat=True))) or "none is set up"
    raise CommandError(f"Say which PBX with --pbx: {names}.")


async def _record(client: AmiClient, path: Path, seconds: float | None) -> int:
    loop = asyncio.get_running_loop()
    supervisor = asyncio.create_task(client.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: loop.create_task(client.close()))
    writing = asyncio.create_task(_write(client, path))
    try:
        await asyncio.wait({writing}, timeout=seconds)
    finally:
        await client.close()
        with contextlib.suppress(asyncio.CancelledError):
            await supervisor
    if not writing.done():
        await writing
    return writing.result()


async def _write(client: AmiClient, path: Path) -> int:
    count = 0
    with path.open("x", encoding="utf-8") as file:
        async for line in recorded_lines(client):
            file.write(line + "\n")
            file.flush()
            count += 1
    return count
