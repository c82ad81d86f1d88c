"""A command's life in any order of events, with a clock: sent at most once, always ended, a proof never undone."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crmconnector.calls.confirmation import Disproof, Proof
from crmconnector.calls.falling_back import request_fallback
from crmconnector.calls.models import Call, CallCommand, CommandPath, CommandState, Leg
from crmconnector.calls.services import SEQUENCES, Grant, Outcome, grant_command, record_outcome, settle_commands
from crmconnector.listener import sweeper
from crmconnector.pbx.models import PbxLink
from phones.lease import take_lease, take_over
from phones.models import PhoneLease
from phones.sequences import Why
from phones.sequences_catalogue import blind_transfer
from tasks import phone_steps
from tasks.phone_steps import StepRows
from tests.support.commands import sent_command
from tests.support.office import RowOffice, make_office

ENDED = ("confirmed", "refused", "failed", "expired", "cancelled")
OUTCOMES = [
    Outcome(CommandState.SENT), Outcome(CommandState.UNKNOWN, "silent", "No answer."),
    Outcome(CommandState.REFUSED, "no", "It said no.", nothing_happened=True),
    Outcome(CommandState.FAILED, "away", "Nobody there.", nothing_happened=True),
    Outcome(CommandState.FAILED, "left", "The caller left."),
    Outcome(CommandState.CONFIRMED, "", "", evidence="It has the note."),
]  # fmt: skip
KINDS = ["attended_start", "make_call", "hold", "dtmf"]
LONGEST_LIFE = 30 + 30 + 30 + 11  # void, or two leases of keys one after the other, and the looking after it


@dataclass
class World:
    """What the machine acts on; `now` is the only clock, of the services and of the sweeper alike."""

    office: RowOffice
    leg: Leg
    now: datetime = field(default_factory=lambda: datetime(2026, 3, 3, 9, tzinfo=UTC))


WORLD: list[World] = []
HAPPENED: Counter[str] = Counter()  # so that nobody takes a machine that did nothing for a proof


def over(command: CallCommand) -> bool:
    return command.state in ENDED or (command.state == CommandState.UNKNOWN and command.settled)


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = WORLD[0]
        self.now = self.world.now
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        self.commands: list[CallCommand] = []
        self.grants: list[Grant] = []
        self.diaries: dict[uuid.UUID, StepRows] = {}
        self.proved: set[uuid.UUID] = set()
        self.ended: dict[uuid.UUID, str] = {}
        self.leases: dict[int, int] = {}

    def teardown(self) -> None:
        """Whatever happened before: left alone, everything ends."""
        try:
            for _ in range(0, LONGEST_LIFE, 10):
                self.now = self.world.now = self.now + timedelta(seconds=10)
                self.sweep()
            for command in self.rows():
                assert over(command), command.state
        finally:
            transaction.set_rollback(True)
            self.rolled_back.__exit__(None, None, None)

    def rows(self) -> list[CallCommand]:
        return list(CallCommand.objects.filter(pk__in=[command.pk for command in self.commands]))

    @initialize(
        kind=st.sampled_from([*KINDS, "attended_start"]),
        path=st.sampled_from([CommandPath.PHONE, CommandPath.PHONE, CommandPath.PBX]),
        help_=st.booleans(),
        granted=st.sampled_from([True, True, False]),
    )
    def begin(self, kind: str, path: CommandPath, help_: bool, granted: bool) -> None:
        self.ask(kind, path, help_)
        if granted:
            self.grant(0)

    @rule(kind=st.sampled_from(KINDS), path=st.sampled_from([CommandPath.PHONE, CommandPath.PBX]), help_=st.booleans())
    def asked(self, kind: str, path: CommandPath, help_: bool) -> None:
        self.ask(kind, path, help_)

    def ask(self, kind: str, path: CommandPath, help_: bool) -> None:
        if len(self.commands) >= 3 or any(row.kind == kind and not over(row) for row in self.rows()):
            return
        leg = None if kind == "make_call" else self.world.leg
        more: dict[str, Any] = {"far_number": "112" if help_ else "202", "dial_string": "202"} if leg is None else {}
        if more.get("far_number") == "112":
            more["dial_string"] = "112"
        self.commands.append(
            sent_command(
                self.world.office, kind, leg=leg, now=self.now, state=CommandState.REQUESTED, granted_at=None,
                sent_at=None, token=None, path=path, may_fall_back=True, **more,
            )
        )  # fmt: skip

    @precondition(lambda self: self.commands)
    @rule(which=st.integers(0, 2))
    def a_worker_takes_it_up(self, which: int) -> None:
        self.grant(which)

    def grant(self, which: int) -> None:
        command = self.commands[which % len(self.commands)]
        grant = grant_command(command_id=command.pk, now=self.now)
        if grant is not None:
            self.grants.append(grant)
            HAPPENED["granted"] += 1

    def pressing(self) -> list[Grant]:
        return [one for one in self.grants if one.kind in SEQUENCES and one.command.path == CommandPath.PHONE]

    @precondition(lambda self: self.pressing())
    @rule(which=st.integers(0, 3))
    def press(self, which: int) -> None:
        """One step of a sequence: written down, and only under a lease that is ours."""
        grant = self.pressing()[which % len(self.pressing())]
        diary = self.diaries.setdefault(grant.command_id, StepRows(grant))
        held = PhoneLease.objects.filter(token=grant.token, held_until__gt=self.now).exists()
        told = diary.sending(blind_transfer(1, "202").steps[0])
        assert (told is None) == held, (told, held)
        assert told in (None, Why.LEASE_LOST)
        HAPPENED["pressed on" if told is None else "stopped"] += 1

    @precondition(lambda self: self.grants)
    @rule(which=st.integers(0, 3), outcome=st.sampled_from(OUTCOMES))
    def worker_tells(self, which: int, outcome: Outcome) -> None:
        grant = self.grants[which % len(self.grants)]
        before = CallCommand.objects.get(pk=grant.command_id)
        taken = record_outcome(grant=grant, outcome=outcome, now=self.now)
        doubted = before.state == "unknown" and not before.settled
        assert taken == (before.state == "granted" or doubted), (before.state, outcome)
        if taken and outcome.state == CommandState.CONFIRMED:
            self.proved.add(grant.command_id)
        second = request_fallback(command=grant.command, outcome=outcome, now=self.now)
        HAPPENED["told in time" if before.state == "granted" else "told late"] += taken
        if second is not None:
            HAPPENED["the other way"] += 1
            assert second.fallback_of_id == grant.command_id and grant.command.fallback_of_id is None
            assert CallCommand.objects.get(pk=grant.command_id).state in ("failed", "refused")
            self.commands.append(second)

    @precondition(lambda self: self.grants)
    @rule(outcome=st.sampled_from(OUTCOMES), which=st.integers(0, 3), older=st.integers(1, 3))
    def worker_of_an_older_token_tells(self, outcome: Outcome, which: int, older: int) -> None:
        grant = self.grants[which % len(self.grants)]
        held = list(PhoneLease.objects.values_list("token", "held_until"))
        assert not record_outcome(grant=Grant(grant.command, -older, 0.0), outcome=outcome, now=self.now)
        assert list(PhoneLease.objects.values_list("token", "held_until")) == held

    @precondition(lambda self: self.commands)
    @rule(which=st.integers(0, 2), happened=st.booleans())
    def pbx_tells(self, which: int, happened: bool) -> None:
        command = self.commands[which % len(self.commands)]
        verdict = Proof("", 1.0, "Seen.") if happened else Disproof("", 1.0, "Gone.")
        settle_commands({command.pk: verdict}, self.now)
        if CallCommand.objects.get(pk=command.pk).state == "confirmed":
            self.proved.add(command.pk)
            HAPPENED["proved"] += 1

    @rule(forced=st.booleans())
    def somebody_wants_the_phone(self, forced: bool) -> None:
        take = take_over if forced else take_lease
        held = PhoneLease.objects.filter(held_until__gt=self.now).exists()
        token = take(phone_id=self.world.office.phones[0].pk, holder="somebody", now=self.now)
        assert (token is None) == (held and not forced)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 4.9, 11.0, 29.0]))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.world.now = self.now

    @rule()
    def sweep(self) -> None:
        sweeper.sweep()
        for command in self.rows():
            assert command.sentence or command.state not in ("unknown", "expired"), command.state

    @invariant()
    def each_is_granted_at_most_once(self) -> None:
        granted = [grant.command_id for grant in self.grants]
        assert len(granted) == len(set(granted))

    @invariant()
    def what_is_proved_or_ended_stays(self) -> None:
        now = {command.pk: command.state for command in self.rows()}
        assert all(now[pk] == "confirmed" for pk in self.proved)
        assert all(now[pk] == state for pk, state in self.ended.items())
        self.ended |= {pk: state for pk, state in now.items() if state in ENDED}

    @invariant()
    def a_token_only_grows_and_one_holds_the_phone(self) -> None:
        for lease in PhoneLease.objects.all():
            assert lease.token >= self.leases.get(lease.phone_id, 0)
            self.leases[lease.phone_id] = lease.token
        by_phone = [grant.token for grant in self.grants if grant.command.path == CommandPath.PHONE]
        assert len(by_phone) == len(set(by_phone)), "no two were ever given the same leave"

    @invariant()
    def a_worker_that_presses_on_is_not_given_up(self) -> None:
        for grant in self.grants:
            row = CallCommand.objects.get(pk=grant.command_id)
            steps = [step.sent_at for step in row.steps.all() if step.sent_at]
            fresh = steps and (self.now - max(steps)).total_seconds() < 3.0
            if fresh and row.sent_at is None and row.state == "unknown":
                doubts = row.changes.filter(state="unknown").values_list("at", flat=True)
                assert not row.settled and all(at <= max(steps) for at in doubts)


@pytest.mark.timeout(300)
@pytest.mark.django_db
def test_in_any_order_a_command_is_sent_once_at_most_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    office = make_office()
    PbxLink.objects.update(state=PbxLink.State.DOWN)
    call = Call.objects.create(pbx=office.pbx, linkedid="1.1", direction="inbound", started_at=datetime.now(UTC))
    leg = Leg.objects.create(
        call=call, pbx=office.pbx, uniqueid="1.2", endpoint="PJSIP/201", state="talking", user=office.users[0],
        phone=office.phones[0],
    )  # fmt: skip
    WORLD[:] = [World(office, leg, now=datetime.now(UTC))]
    monkeypatch.setattr(sweeper, "utc_now", lambda: WORLD[0].now)
    monkeypatch.setattr(phone_steps, "utc_now", lambda: WORLD[0].now)
    monkeypatch.setattr(sweeper, "enqueue", lambda ids: True)
    monkeypatch.setattr(sweeper, "reconcile_now", lambda ids, final: True)
    for other in ("_sweep_orders", "_give_sign_of_life", "_forget_old_files"):
        monkeypatch.setattr(sweeper, other, lambda now: None)
    monkeypatch.setattr(sweeper, "wake", lambda people: None)
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    wanted = {"granted", "pressed on", "stopped", "told in time", "told late", "the other way", "proved"}
    assert wanted <= {name for name, times in HAPPENED.items() if times}, HAPPENED
