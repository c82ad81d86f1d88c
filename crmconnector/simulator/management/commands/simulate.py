"""`manage.py simulate`: the pretend office as a process, for the demo and for trying things out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crmconnector.simulator.office import Office
from crmconnector.simulator.story import FIRST_DAY
from crmconnector.simulator.story_loader import StoryError, load_story


class Command(BaseCommand):
    """Needs no database. The AMI secret comes from SIMULATOR_AMI_SECRET, never from the command line."""

    help = "Run the simulated office: a PBX with AMI, desk phones with CTI, and a story."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--ami-port", type=int, default=os.environ.get("SIMULATOR_AMI_PORT", "5038"))
        parser.add_argument("--ami-username", default=os.environ.get("SIMULATOR_AMI_USERNAME", "crmconnector"))
        parser.add_argument(
            "--phone-port",
            type=int,
            default=os.environ.get("SIMULATOR_PHONE_PORT", "18080"),
            help="base port; each phone listens on this plus its port_offset",
        )
        parser.add_argument(
            "--control-port",
            type=int,
            default=os.environ.get("SIMULATOR_CONTROL_PORT", "0"),
            help="0: any free port, told in the ready line",
        )
        parser.add_argument("--story", type=Path, default=FIRST_DAY)
        parser.add_argument("--speed", type=float, default=1.0, help="10 makes a minute last six seconds")
        parser.add_argument("--no-story", action="store_true", help="the office is there, but nobody calls")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(self._run(options))
        except (StoryError, ValueError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"A port cannot be opened: {error.strerror}. Is an office running already?") from error

    async def _run(self, options: dict[str, Any]) -> None:
        stop = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stop.set)
        office = build(options)
        await office.start()
        self.stdout.write(json.dumps({"ready": True, **office.ports}))
        self.stdout.flush()
        await stop.wait()
        await office.stop()


def build(options: dict[str, Any]) -> Office:
    """An office from the command's options. Raises StoryError, and ValueError without a secret."""
    secret = os.environ.get("SIMULATOR_AMI_SECRET", "")
    if not secret:
        raise ValueError("SIMULATOR_AMI_SECRET is empty; set it to what the AMI client will send.")
    return Office(
        load_story(options["story"]),
        ami_username=options["ami_username"],
        ami_secret=secret,
        ami_port=options["ami_port"],
        phone_port=options["phone_port"],
        control_port=options["control_port"],
        speed=options["speed"],
        play=not options["no_story"],
    )
