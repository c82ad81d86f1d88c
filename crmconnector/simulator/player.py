"""Plays the scenes of the story, one after the other and again, while somebody listens on AMI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from crmconnector.simulator.pace import Pace
from crmconnector.simulator.story import OutgoingScene, Scene
from crmconnector.simulator.switchboard import NoSuch, Switchboard

FIRST_SECONDS = 2.0  # after a client has logged in and asked for the channels
LOOK_SECONDS = 0.25


@dataclass
class Player:
    """`audience` is set while an AMI client knows the state of the office."""

    board: Switchboard
    pace: Pace
    audience: asyncio.Event
    now: asyncio.Event = field(default_factory=asyncio.Event)
    last_scene: str = ""

    async def run(self) -> None:
        """Endless; cancelled when the office stops."""
        rest = FIRST_SECONDS
        while self.board.story.scenes:
            for scene in self.board.story.scenes:
                await self._wait(rest)
                self.begin(scene)
                rest = self.board.draw(self.board.story.pause_seconds)

    def begin(self, scene: Scene) -> None:
        """Start one scene now, whatever else goes on."""
        self.last_scene = scene.name
        if isinstance(scene, OutgoingScene):
            self.board.far_ends[scene.number] = scene.far_end
            self.board.phone(scene.extension).make_call(scene.number)
        else:
            self.board.play(scene)

    def named(self, name: str) -> Scene:
        for scene in self.board.story.scenes:
            if scene.name == name:
                return scene
        raise NoSuch(f"No scene is called {name!r}.")

    async def _wait(self, rest: float) -> None:
        """Until there is an audience, all is quiet and the rest is over; or until somebody says: next scene now."""
        calm = asyncio.create_task(self._calm(rest))
        hurry = asyncio.create_task(self.now.wait())
        try:
            await asyncio.wait({calm, hurry}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            calm.cancel()
            hurry.cancel()
            self.now.clear()

    async def _calm(self, rest: float) -> None:
        while not (self.audience.is_set() and self.board.is_quiet):
            await self.pace.sleep(LOOK_SECONDS)
        await self.pace.sleep(rest)
