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

from crmconnector.simulator.farm import ADMIN_PASSCODE, USER_PASSCODE, Passcodes, PhoneFarm
from crmconnector.simulator.office import Office
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.profiles import PROFILES
from crmconnector.simulator.story import FIRST_DAY
from crmconnector.simulator.story_loader import StoryError, load_story


class Command(BaseCommand):
    """Needs no database. The AMI secret comes from SIMULATOR_AMI_SECRET, never from the command line.

    The phones of a fleet take SIMULATOR_FARM_PASSCODE and SIMULATOR_FARM_ADMIN_PASSCODE the same way; without them
    they have well-known ones (farm.py), which is no harm for pretend phones that only this machine can reach.
    """

    help = (
        "Run the simulated office: a PBX with AMI, desk phones with CTI, and a story; and a fleet of phones beside it."
    )
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
        self._add_fleet(parser.add_argument_group("a fleet of phones without a PBX, to try the pages of many phones"))

    def _add_fleet(self, group: Any) -> None:
        group.add_argument(
            "--phones", type=int, default=0, metavar="N", help="so many; their ports are in the ready line"
        )
        group.add_argument("--no-office", action="store_true", help="only the fleet: no PBX, no story, no AMI secret")
        group.add_argument("--fleet-port", type=int, default=0, help="the first phone's port; 0: any free ones")
        group.add_argument("--make", action="append", choices=sorted(PROFILES), help="makes go round; may be repeated")
        group.add_argument(
            "--https", action="store_true", help="the fleet speaks HTTPS only, with certificates of its own"
        )

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
        farm = build_farm(options)
        office = None if options["no_office"] else build(options)
        if office is not None:
            await office.start()
        try:
            await farm.start()
            self._say_ready(office, farm)
            await stop.wait()
        finally:
            await farm.stop()
            if office is not None:
                await office.stop()

    def _say_ready(self, office: Office | None, farm: PhoneFarm) -> None:
        """One line of JSON: {"ready": true, "ami": …, "control": …, "phones": {…}, "farm": {…}}, as far as they run."""
        fleet = {"farm": farm.ports} if farm.phones else {}
        self.stdout.write(json.dumps({"ready": True, **(office.ports if office else {}), **fleet}))
        self.stdout.flush()


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


def build_farm(options: dict[str, Any]) -> PhoneFarm:
    """A fleet from the command's options; of no phones when none were asked for. Raises ValueError."""
    count = options["phones"]
    if count < 0 or (options["no_office"] and not count):
        raise ValueError("Say how many phones: --phones N.")
    return PhoneFarm(
        count,
        profiles=options["make"] or ("grp261x-guide",),
        https=options["https"],
        pace=Pace(options["speed"]),
        passcodes=Passcodes(
            user=os.environ.get("SIMULATOR_FARM_PASSCODE") or USER_PASSCODE,
            admin=os.environ.get("SIMULATOR_FARM_ADMIN_PASSCODE") or ADMIN_PASSCODE,
        ),
        first_port=options["fleet_port"],
        control_port=0 if count else None,
    )
