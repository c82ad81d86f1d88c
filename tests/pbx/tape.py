"""What the product's AMI user sees, across reconnections, on one clock."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from tests.pbx.ami_wire import AmiWire, Message
from tests.pbx.children import wait_until
from tests.support.lab import Lab

STILL_SECONDS = 0.4  # no event for so long after the last channel went: the story is over


def product_user(lab: Lab) -> AmiWire:
    """An AMI connection with the product's own rights."""
    return AmiWire(lab.ami_host, lab.ami_port, lab.ami_username, lab.ami_secret)


class Tape:
    """Records events, not responses. The clock starts with the first connection."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.messages: list[Message] = []  # the events heard so far, up to the last loss of the connection
        self._wire: AmiWire | None = None
        self.started = time.monotonic()

    def connect(self, *, ask: bool = False) -> None:
        """Log in; `ask` also for the channels that there are now, as a listener must after a gap."""
        self._wire = product_user(self._lab)
        if not self.messages:
            self.started = self._wire.opened
        self._wire.wait(lambda message: message.event == "FullyBooted", "FullyBooted")
        if ask:
            self._wire.listing("CoreShowChannels", "CoreShowChannelsComplete")

    def disconnect(self) -> None:
        """Lose the connection (or find it lost); keep what came so far."""
        if self._wire is not None:
            self._wire.close()
            offset = self._wire.opened - self.started
            heard = [message for message in self._wire.messages if message.event]
            self.messages += [replace(message, t=message.t + offset) for message in heard]
        self._wire = None

    def finish(self) -> None:
        """Wait until nothing more happens, then stop."""
        with self._lab.truth() as truth:
            wait_until(lambda: "0 active channels" in truth.command("core show channels count"), "no channel left")
        wire = self._wire
        if wire is not None:
            wait_until(lambda: wire.now - wire.messages[-1].t > STILL_SECONDS, "the last event of the story")
        self.disconnect()

    def lines(self) -> list[str]:
        """One JSON text a line: {"t": seconds, "headers": {…}}; a header that came twice has a list."""
        return [
            json.dumps({"t": round(event.t, 3), "headers": event.headers}, ensure_ascii=False) + "\n"
            for event in self.messages
        ]
