"""One simulated phone on which a key sequence is run, with a fault, a person or a far end at work meanwhile.

The phone's clock is virtual and is what the sequence waits by, so that a transfer of ten seconds takes none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.switch import ScriptedSwitch
from phones.drivers.base import KeyPlan, Limits, Lines, LineWord, PhoneAddress
from phones.drivers.grandstream.driver import GrandstreamDriver
from phones.sequences import Sequence, Step, Why
from phones.sequences_run import Ending, Runner
from tests.support.canary import PASSCODE
from tests.support.phone_farm import RunningFarm

CALLER, COLLEAGUE = "+493012345678", "205"
DEED_FUNCTIONS = ("api-make_call", "api-phone_operation", "api-send_key")
AFTERWARDS_SECONDS = 45.0  # whatever was left on a screen has been sent by itself by then
OnPhone = Callable[[Phone], object]
Meanwhile = Callable[["Bench"], object]


@dataclass
class FarmClock:
    farm: RunningFarm

    def now(self) -> float:
        return self.farm.farm.pace.now()

    def sleep(self, seconds: float) -> None:
        self.farm.advance(seconds)


@dataclass
class BenchDiary:
    """Does `meanwhile` right before the request of the step with this number (from 0) goes out."""

    bench: Bench
    at: int = -1
    meanwhile: Meanwhile | None = None
    sent: list[Step] = field(default_factory=list)
    said_seen: list[str] = field(default_factory=list)

    def sending(self, step: Step) -> Why | None:
        if len(self.sent) == self.at and self.meanwhile is not None:
            self.meanwhile(self.bench)
        self.sent.append(step)
        return None

    def seen(self, step: Step, observed: str, seconds: float) -> None:
        self.said_seen.append(step.name)

    def missed(self, step: Step, observed: str) -> None:
        pass


@dataclass
class Bench:
    """`phone`: extension in the farm; `seconds`: after which a request counts as unanswered, in real time."""

    farm: RunningFarm
    phone: str
    seconds: float = 2.0

    @property
    def driver(self) -> GrandstreamDriver:
        address = PhoneAddress("http", "127.0.0.1", self.farm.phone_port(self.phone))
        limits = Limits(connect_seconds=1.0, total_seconds=self.seconds)
        policy = AddressPolicy(["127.0.0.0/8"], allowed_ports=None)
        return GrandstreamDriver(address, Secret(PASSCODE), policy=policy, limits=limits)

    def talk(self) -> None:
        """The caller is connected on line 1."""
        self.farm.incoming(self.phone, CALLER)
        self.farm.user(self.phone, "answer")

    def consult(self) -> None:
        """The caller is held on line 1, the colleague is connected on line 2."""
        self.talk()
        self.farm.user(self.phone, "hold")
        self.farm.dial(self.phone, COLLEAGUE)
        self.farm.advance(2.0)

    def set_up(self, situation: str) -> None:
        """rest, talk or consult."""
        {"rest": lambda: None, "talk": self.talk, "consult": self.consult}[situation]()
        self.farm.advance(10.0)

    def soon(self, deed: OnPhone, seconds: float = 0.0) -> None:
        """Let it happen by itself, so many seconds of the phone's clock from now; it is given the phone."""

        async def plan() -> None:
            self.farm.farm.pace.later(seconds, deed, self.farm.farm.phone(self.phone))

        self.farm._do(plan())

    def run(self, sequence: Sequence, at: int = -1, meanwhile: Meanwhile | None = None) -> tuple[Ending, BenchDiary]:
        lines: Lines = self.driver.line_status()
        diary = BenchDiary(self, at, meanwhile)
        runner = Runner(self.driver, KeyPlan("GRP2614"), diary, FarmClock(self.farm))
        return runner.run(sequence, lines), diary

    def requests(self) -> list[str]:
        """Requests that would do something, as they came to the phone."""
        rows = self.farm.journal(self.phone)
        return [row["query"] for row in rows if row["path"].rpartition("/")[2] in DEED_FUNCTIONS]

    def joined(self) -> bool:
        """Whether the caller and the colleague were put together by the network."""
        return bool(self.farm.snapshot()["joined"])

    def states(self) -> dict[int, str]:
        return self.farm.states(self.phone)

    def trips(self) -> list[str]:
        return [row["kind"] for row in self.farm.tripwires() if row["extension"] == self.phone]

    def words(self) -> set[LineWord]:
        return {line.state for line in self.driver.line_status()}


def network_of(phone: Phone) -> ScriptedSwitch:
    assert isinstance(phone.switch, ScriptedSwitch)
    return phone.switch
