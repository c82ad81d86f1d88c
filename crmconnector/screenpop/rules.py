"""When a caller's card shows: pure, from plain rules to one verdict.

The most special rule wins, and only that one counts:
1. the person's own rule for the queue that the call rings for
2. the person's own rule for the line (the public number) that was dialled
3. the person's own rule for everything else
4. the house's rule for the queue
5. the house's rule for the line
6. the house's rule for everything else
7. nothing is said: the card shows when it rings.
A queue comes before a line, because it is what the phone rings for: one line may lead to several queues. Quiet hours
stand above all rules. A card that is open stays open, whatever the rules say by then.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time

RING, ANSWER, NEVER = "ring", "answer", "never"
DEFAULT = "default"
QUIET = "quiet_hours"
OPEN_STATES = {RING: ("ringing", "talking", "held"), ANSWER: ("talking", "held"), NEVER: ()}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. None means any: of the house (user), for whatever queue, for whatever line."""

    rule_id: int
    user_id: int | None
    queue: str | None  # its name on the PBX
    line_id: int | None
    when: str  # ring, answer, never


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `starts` until just before `ends`; over midnight when `ends` is earlier, a whole day when both are equal.

    `days` are those it starts on, 0 is Monday; none named: every day.
    """

    starts: time
    ends: time
    days: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`because` is the scope of the rule that won (user_queue, user_line, user, queue, line, house), default, or
    quiet_hours."""

    when: str
    because: str
    rule_id: int | None = None


SCOPES = ("user_queue", "user_line", "user", "queue", "line", "house")


def scope_of(rule: Rule) -> str:
    what = "queue" if rule.queue is not None else "line" if rule.line_id is not None else ""
    if rule.user_id is None:
        return what or "house"
    return f"user_{what}" if what else "user"


def decide(
    rules: Sequence[Rule],
    quiet: Quiet | None,
    *,
    user_id: int,
    queue: str | None,
    line_id: int | None,
    local: datetime,
) -> Verdict:
    """When this person's card of such a call shows. `queue` and `line_id`: what the call came by; `local`: the house's
    clock."""
    if quiet is not None and is_quiet(quiet, local):
        return Verdict(NEVER, QUIET)
    fitting = [rule for rule in rules if _fits(rule, user_id, queue, line_id)]
    if not fitting:
        return Verdict(RING, DEFAULT)
    best = min(fitting, key=lambda rule: (SCOPES.index(scope_of(rule)), rule.rule_id))
    return Verdict(best.when, scope_of(best), best.rule_id)


def may_open(verdict: Verdict, leg_states: Collection[str]) -> bool:
    """Whether a card opens now, given the states of the person's legs in the call."""
    return any(state in OPEN_STATES.get(verdict.when, ()) for state in leg_states)


def is_quiet(quiet: Quiet, local: datetime) -> bool:
    now, today = local.time(), local.weekday()
    days = quiet.days or range(7)
    if quiet.starts < quiet.ends:
        return today in days and quiet.starts <= now < quiet.ends
    began_yesterday = (today - 1) % 7 in days and now < quiet.ends
    return (today in days and now >= quiet.starts) or began_yesterday


def _fits(rule: Rule, user_id: int, queue: str | None, line_id: int | None) -> bool:
    mine = rule.user_id is None or rule.user_id == user_id
    here = rule.queue is None or rule.queue == queue
    return mine and here and (rule.line_id is None or rule.line_id == line_id)
