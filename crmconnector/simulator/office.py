"""The whole pretend office in one object: a PBX with AMI, phones with CTI, a story, a control port.

In a loop of your own: `office = Office(story); await office.start(); …; await office.stop()`.
From a test without a loop: `with running_office() as office: office.incoming("030…", target="204")`.
"""

from __future__ import annotations

import asyncio
from dataclasses import KW_ONLY, dataclass, field

from crmconnector.simulator.ami.server import AmiServer
from crmconnector.simulator.control import Control
from crmconnector.simulator.control_port import ControlPort
from crmconnector.simulator.cti.action_urls import ActionUrls
from crmconnector.simulator.cti.pipeline import CtiDoor
from crmconnector.simulator.httpd import HttpDoor
from crmconnector.simulator.journal import Journal
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.pbx import Pbx
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.player import Player
from crmconnector.simulator.story import Story
from crmconnector.simulator.switchboard import NoSuch, Switchboard


@dataclass
class Office:
    """Port 0 = any free one; after start() `ports` says which. `play` starts the story's scenes.

    `phone_port` is the base to which each phone's port_offset is added; 0 gives each phone any free port.
    """

    story: Story
    _: KW_ONLY
    ami_username: str = "crmconnector"
    ami_secret: str = field(default="pretend-secret", repr=False)
    ami_port: int = 0
    phone_port: int = 0
    control_port: int = 0
    speed: float = 1.0
    play: bool = False
    timestamps: bool = False
    clock: Pace | None = None  # e.g. VirtualPace(); otherwise real time at `speed`

    def __post_init__(self) -> None:
        self.pace = self.clock or Pace(self.speed)
        self.seed = self.story.seed
        self.notifiers: dict[str, ActionUrls] = {}
        self.pbx = Pbx(self.story.seed, self.timestamps)
        self.board = Switchboard(self.story, self.pace, self.pbx)
        self.journal = Journal()
        self.control = Control(self)
        self._doors = {
            phone.extension: CtiDoor(phone, self.journal, self._port_of(phone.extension), seed=self.seed)
            for phone in self.board.phones.values()
        }

    def _port_of(self, extension: str) -> int:
        offset = next(phone.port_offset for phone in self.story.phones if phone.extension == extension)
        return self.phone_port + offset if self.phone_port else 0

    async def start(self) -> None:
        """Open every port. Raises OSError when one is taken; nothing stays open then."""
        self.ami = AmiServer(self.board, self.ami_username, self.ami_secret, self.ami_port)
        self.player = Player(self.board, self.pace, self.ami.someone_synced)
        self.control_door = HttpDoor(ControlPort(self.control).handle, self.control_port)
        self._playing: asyncio.Task[None] | None = None
        try:
            await self.ami.open()
            for door in self._doors.values():
                await door.open()
            await self.control_door.open()
        except OSError:
            await self.stop()
            raise
        if self.play:
            self._playing = asyncio.create_task(self.player.run())

    async def stop(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        self.pace.cancel_all()
        for notifier in self.notifiers.values():
            await notifier.stop()
        await self.control_door.close()
        for door in self._doors.values():
            await door.close()
        await self.ami.close()

    @property
    def is_playing(self) -> bool:
        return self._playing is not None and not self._playing.done()

    @property
    def ports(self) -> dict[str, int | dict[str, int]]:
        """{"ami": …, "control": …, "phones": {extension: port}}"""
        phones = {extension: door.port for extension, door in self._doors.items()}
        return {"ami": self.ami.port, "control": self.control_door.port, "phones": phones}

    @property
    def phones(self) -> dict[str, Phone]:
        return self.board.phones

    @property
    def referrals(self) -> dict[str, str]:
        return self.board.referrals

    def phone(self, extension: str) -> Phone:
        return self.board.phone(extension)

    def door(self, extension: str) -> CtiDoor:
        if extension not in self._doors:
            raise NoSuch(f"No phone has the extension {extension!r}.")
        return self._doors[extension]
