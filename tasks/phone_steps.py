"""The rows of a key sequence: each step is written down before its keys go out, and what was seen of it afterwards."""

import time
from dataclasses import dataclass, field

from crmconnector.calls.models import CommandStep, StepState
from crmconnector.calls.services import Grant
from crmconnector.common.clock import GRANT_VALID_SECONDS, SEQUENCE_LEASE_SECONDS, utc_now
from phones.lease import extend_lease
from phones.sequences import Sequence, Step, Why

OBSERVED_LENGTH = 120


@dataclass
class StepRows:
    """The diary of `phones.sequences_run` for a command. The lease is renewed, and proved ours, before each request."""

    grant: Grant
    rows: dict[int, CommandStep] = field(default_factory=dict)
    acted: bool = False

    def plan(self, sequence: Sequence) -> None:
        """All steps that are to come, so that a person sees them."""
        for step in sequence.steps:
            self._add(step)

    def forget_unsent(self) -> None:
        """Steps that were not needed, or never came to be sent."""
        CommandStep.objects.filter(command_id=self.grant.command_id, state=StepState.WAITING).delete()

    def sending(self, step: Step) -> Why | None:
        row = self.rows.get(id(step)) or self._add(step)
        row.state, row.sent_at = StepState.SENT, utc_now()
        row.save(update_fields=["state", "sent_at"])
        ours = extend_lease(
            phone_id=self.grant.phone.pk, token=self.grant.token, now=utc_now(), seconds=SEQUENCE_LEASE_SECONDS
        )
        # Last, so that nothing slow comes between this and the request.
        if not self.acted and time.monotonic() - self.grant.granted_monotonic > GRANT_VALID_SECONDS:
            return Why.TOO_LATE
        self.acted = True
        return None if ours else Why.LEASE_LOST

    def seen(self, step: Step, observed: str, seconds: float) -> None:
        self._end(step, StepState.SEEN, observed)

    def missed(self, step: Step, observed: str) -> None:
        self._end(step, StepState.MISSED, observed)

    def _add(self, step: Step) -> CommandStep:
        row = CommandStep.objects.create(
            command_id=self.grant.command_id, position=len(self.rows) + 1, name=step.name, keys=step.keys_told,
            expected=step.expected,
        )  # fmt: skip
        self.rows[id(step)] = row
        return row

    def _end(self, step: Step, state: StepState, observed: str) -> None:
        row = self.rows[id(step)]
        if row.state != StepState.SENT:
            return
        row.state, row.observed, row.seen_at = state, observed[:OBSERVED_LENGTH], utc_now()
        row.save(update_fields=["state", "observed", "seen_at"])
