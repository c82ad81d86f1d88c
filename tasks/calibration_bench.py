"""What a calibration works with: looks at the phone under a lease that is renewed each time, waits with a deadline, and
a log that the page reads while it goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import close_old_connections

from crmconnector.common.clock import utc_now
from phones.calibrations import finish
from phones.drivers.base import Lines, PhoneDriver
from phones.drivers.errors import CredentialRefused, NothingSent, PhoneError, Refused
from phones.lease import extend_lease
from phones.models import Calibration, DeviceOrder, OrderState
from phones.orders import OrderGrant, lease_seconds, stop_asked
from phones.sequences import as_told, words_told
from phones.trials import Plan, Trial

LOOK_EVERY_SECONDS: Final = 0.25
MOST_BLIND_LOOKS: Final = 4  # in a row: then the phone is away, and the run ends


class StopAsked(Exception):
    """A person pressed Stop."""


class LeaseLost(Exception):
    """The phone is no longer ours: nothing more may be sent to it, not even a look."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What ends the whole run before its last trial. `hands_off`: not even what is ours is hung up."""

    state: OrderState
    code: str
    sentence: str
    hands_off: bool = False


@dataclass
class StepLog:
    """One step as the page shows it. `milliseconds`: from its keys to the state that was awaited."""

    title: str
    changed: Callable[[], None]
    began: float = field(default_factory=time.monotonic)
    state: str = "sent"
    observed: str = ""
    milliseconds: int | None = None

    def seen(self, observed: str, milliseconds: int | None = None) -> None:
        """`milliseconds`: as whoever sent the keys measured it; else since the step began."""
        took = milliseconds if milliseconds is not None else round(1000 * (time.monotonic() - self.began))
        self._end("seen", observed, took)

    def missed(self, observed: str) -> None:
        self._end("missed", observed, None)

    def _end(self, state: str, observed: str, milliseconds: int | None) -> None:
        self.state, self.observed, self.milliseconds = state, observed, milliseconds
        self.changed()

    def as_json(self) -> dict[str, Any]:
        return {"step": self.title, "state": self.state, "seen": self.observed, "milliseconds": self.milliseconds}


@dataclass
class TrialLog:
    """One trial as the page shows it: waiting, running, worked, failed, or stopped (nothing was learnt)."""

    trial: Trial
    changed: Callable[[], None]
    state: str = "waiting"
    sentence: str = ""
    steps: list[StepLog] = field(default_factory=list)

    def begin(self) -> None:
        self.state = "running"
        self.changed()

    def begin_step(self, title: str) -> StepLog:
        self.steps.append(StepLog(title, self.changed))
        self.changed()
        return self.steps[-1]

    def end(self, state: str, sentence: str) -> None:
        for step in self.steps:
            if step.state == "sent":
                step.state = "missed"
        self.state, self.sentence = state, sentence
        self.changed()

    def add(self, sentence: str) -> None:
        self.sentence = f"{self.sentence} {sentence}".strip()
        self.changed()

    def as_json(self) -> dict[str, Any]:
        steps = [step.as_json() for step in self.steps]
        return {"name": self.trial.name, "state": self.state, "sentence": self.sentence, "steps": steps}


class Bench:
    """The phone under test. Every request to it goes through `look` or `send`, so none without the lease."""

    def __init__(self, grant: OrderGrant, driver: PhoneDriver, plan: Plan) -> None:
        self.grant, self.phone, self.plan, self.driver = grant, grant.phone, plan, driver
        self.trials = [TrialLog(trial, self.show) for trial in plan.trials]
        self.dialled = False  # in this trial: there may be something to hang up
        self.began_at = utc_now()  # this trial
        self.tidying = False  # nobody can stop that
        self.lines: Lines = ()
        self.by_name: str = DeviceOrder.objects.values_list("user_name", flat=True).get(pk=grant.order_id)
        self._open_row: int | None = None
        self.show()

    # -- the phone

    def look(self) -> Lines:
        self.hold()
        self.lines = as_told(self.driver.line_status())
        return self.lines

    def send(self, deed: Callable[[], None]) -> None:
        """One request. A refusal is raised; whether one without a clear answer was obeyed is seen on the lines."""
        self.hold()
        try:
            deed()
        except (CredentialRefused, Refused, NothingSent):
            raise
        except PhoneError:
            pass

    def wait(self, condition: Callable[[Lines], bool], seconds: float) -> bool:
        """Look until it holds; False when it did not in that time. A look may fail; several in a row end it."""
        ends_at, blind = time.monotonic() + seconds, 0
        while True:
            try:
                lines, blind = self.look(), 0
            except CredentialRefused:
                raise
            except PhoneError:
                blind += 1
                if blind >= MOST_BLIND_LOOKS:
                    raise
            else:
                if condition(lines):
                    return True
            if time.monotonic() >= ends_at:
                return False
            time.sleep(LOOK_EVERY_SECONDS)

    @property
    def observed(self) -> str:
        """The lines in use, as last seen: "1 connected, 2 on hold"."""
        return words_told(self.lines)

    def hold(self) -> None:
        """Prove that the phone is still ours and hold it for what comes next; StopAsked, LeaseLost."""
        if not self.tidying and stop_asked(order_id=self.grant.order_id):
            raise StopAsked
        seconds = lease_seconds(self.grant.kind)
        held = extend_lease(phone_id=self.phone.pk, token=self.grant.token, now=utc_now(), seconds=seconds)
        close_old_connections()  # the phone may take seconds, and connections to the database are few
        if not held:
            raise LeaseLost

    # -- what is written down

    def begin_row(self, row: int) -> None:
        self._open_row = row

    def end_row(self, outcome: str, sentence: str, timings: list[dict[str, object]]) -> None:
        """At most once for each row that was begun."""
        if self._open_row is not None:
            finish(self._open_row, outcome, sentence[:300], timings, utc_now())
        self._open_row = None

    def drop_row(self, sentence: str) -> None:
        """A sequence that was under way when the trial broke off says nothing about the model."""
        self.end_row(Calibration.Outcome.STOPPED, sentence, [])

    def as_json(self) -> dict[str, Any]:
        return {"trials": [log.as_json() for log in self.trials]}

    def show(self) -> None:
        """Only under our own token, while the order is ours: a late worker changes nothing."""
        rows = DeviceOrder.objects.filter(pk=self.grant.order_id, state=OrderState.GRANTED, token=self.grant.token)
        rows.update(result=self.as_json())
