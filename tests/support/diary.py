"""What the pretend PBX said and when, noted in its own thread: the truth that the product's rows are held against."""

import threading
import time
from dataclasses import dataclass

from crmconnector.simulator.running import RunningOffice


@dataclass
class Life:
    """One call of the office, its id is the Linkedid. Times in epoch seconds; `ended_at` None = still up."""

    call: str
    begun_at: float
    ended_at: float | None = None
    answered: bool = False
    channels: int = 0


class Diary:
    """Notes every call from the moment it is made; `rings` has the clock of the first ring, taken before the write."""

    def __init__(self, office: RunningOffice) -> None:
        self._lock = threading.Lock()
        self._lives: dict[str, Life] = {}
        self.rings: dict[str, float] = {}  # call -> time.perf_counter()
        office._office.pbx.listeners.insert(0, self._note)  # before the AMI port's own

    def lives(self) -> list[Life]:
        with self._lock:
            return list(self._lives.values())

    def live(self) -> list[str]:
        return [life.call for life in self.lives() if life.ended_at is None]

    def _note(self, headers: list[tuple[str, str]]) -> None:
        told = dict(headers)
        call = told.get("Linkedid")
        if call is None:
            return
        with self._lock:
            life = self._lives.setdefault(call, Life(call, time.time()))
            self._count(life, told)

    def _count(self, life: Life, told: dict[str, str]) -> None:
        event = told["Event"]
        life.channels += {"Newchannel": 1, "Hangup": -1}.get(event, 0)
        if event == "Hangup" and life.channels == 0:
            life.ended_at = time.time()
        elif event == "BridgeEnter":
            life.answered = True
        elif event == "Newstate" and told.get("ChannelStateDesc") == "Ringing":
            self.rings.setdefault(life.call, time.perf_counter())
