"""Does the product's book agree with what really happened? One checker for every story with faults.

What must hold, whatever died: at most one dial or answer per intent, every intent ended, every call of the office is
one finished row, at most one card per call and person, every card closed, no gap left open.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crmconnector.calls.models import Call, CallCommand, Leg
from crmconnector.pbx.models import LinkGap
from crmconnector.screenpop.models import Pop
from phones.models import SipAccount
from tests.support.diary import Life

SLACK_SECONDS = 1.0  # an event is heard a moment after it happened
Span = tuple[float, float]


@dataclass
class Balance:
    """`problems` are sentences; `counts` are rows for a table."""

    problems: list[str] = field(default_factory=list)
    counts: dict[str, object] = field(default_factory=dict)


def check_ledger(*, lives: Sequence[Life], journal: Iterable[Mapping[str, Any]], blind: Sequence[Span] = ()) -> Balance:
    """Hold the rows against the office's diary and its phones' journal.

    A call that began and ended while nobody could hear may be missing: within a `LinkGap`, or within one of `blind`
    (epoch seconds). Call this when every call has ended and the listener is in step.
    """
    balance = Balance()
    deaf = [*blind, *_gaps(balance)]
    _check_calls(balance, lives, deaf)
    _check_answers(balance, lives, deaf)
    _check_pops(balance)
    _check_sends(balance, journal)
    return balance


def _check_calls(balance: Balance, lives: Sequence[Life], deaf: Sequence[Span]) -> None:
    rows = Counter(Call.objects.values_list("linkedid", flat=True))
    lost = [life for life in lives if not rows[life.call]]
    unheard = [life for life in lost if _within(life, deaf)]
    balance.problems += [f"call {life.call} has no row, and no gap tells why" for life in lost if life not in unheard]
    balance.problems += [f"call {call} has {count} rows" for call, count in rows.items() if count > 1]
    balance.problems += [f"call {call} was never made" for call in rows.keys() - {life.call for life in lives}]
    for model, name in ((Call, "linkedid"), (Leg, "uniqueid")):
        still = model.objects.filter(ended_at=None).values_list(name, flat=True)
        balance.problems += [f"{model.__name__} {one} never ended" for one in still]
    endings = Counter(Call.objects.values_list("disposition", flat=True))
    balance.counts |= {"calls made": len(lives), "calls in the log": sum(rows.values()), "in a gap": len(unheard)}
    balance.counts["dispositions"] = ", ".join(f"{name or 'none'} {count}" for name, count in endings.most_common())


def _check_answers(balance: Balance, lives: Sequence[Life], deaf: Sequence[Span]) -> None:
    """Answered or not must be told as it was, of every call that was heard from its beginning to its end."""
    told = dict(Call.objects.values_list("linkedid", "disposition"))
    heard = [life for life in lives if life.call in told and not any(_touch(life, span) for span in deaf)]
    for life in heard:
        if life.answered != (told[life.call] == "answered"):
            was = "answered" if life.answered else "not answered"
            balance.problems.append(f"call {life.call} was {was} and is told as {told[life.call]!r}")


def _check_pops(balance: Balance) -> None:
    pairs = Counter(Pop.objects.order_by().values_list("call__linkedid", "user__username"))
    balance.problems += [
        f"{user} has {count} cards of call {call}" for (call, user), count in pairs.items() if count > 1
    ]
    open_pops = Pop.objects.exclude(state="closed").values_list("call__linkedid", "state")
    balance.problems += [f"the card of call {call} is still {state}" for call, state in open_pops]
    balance.counts["cards"] = sum(pairs.values())


def _check_sends(balance: Balance, journal: Iterable[Mapping[str, Any]]) -> None:
    """A send belongs to the last command that its phone was asked before it."""
    sends: Counter[str] = Counter()
    commands = _commands_by_extension()
    for entry in journal:
        if "phone_operation" in entry["path"]:
            before = [key for at, key in commands.get(entry["extension"], []) if at <= entry["at"]]
            sends[before[-1] if before else f"nobody at {entry['extension']}"] += 1
    balance.problems += [f"{key} sent {count} times" for key, count in sends.items() if count > 1]
    balance.problems += [f"{key} sent without an order" for key in sends if key.startswith("nobody")]
    unsettled = CallCommand.objects.filter(settled=False).values_list("idempotency_key", "state")
    balance.problems += [f"command {key} is still {state}" for key, state in unsettled]
    told = CallCommand.objects.order_by().values_list("state", "reason_code")
    ends = Counter(f"{state} ({code})" if code else state for state, code in told)
    balance.counts |= {"commands": sum(ends.values()), "sends": sum(sends.values())}
    balance.counts["command ends"] = ", ".join(f"{state} {count}" for state, count in ends.most_common()) or "none"


def _commands_by_extension() -> dict[str, list[tuple[float, str]]]:
    """extension -> (asked at, key), oldest first."""
    extensions = dict(SipAccount.objects.values_list("phone_id", "extension"))
    found: dict[str, list[tuple[float, str]]] = {}
    for command in CallCommand.objects.order_by("requested_at"):
        asked = (command.requested_at.timestamp(), f"command {command.idempotency_key}")
        found.setdefault(extensions[command.phone_id], []).append(asked)
    return found


def _gaps(balance: Balance) -> list[Span]:
    gaps = list(LinkGap.objects.order_by("from_at"))
    balance.problems += [f"the gap since {gap} is still open" for gap in gaps if gap.until_at is None]
    balance.counts["gaps"] = len(gaps)
    return [(gap.from_at.timestamp(), gap.until_at.timestamp()) for gap in gaps if gap.until_at is not None]


def _touch(life: Life, span: Span) -> bool:
    ended_at = life.ended_at or float("inf")
    return life.begun_at <= span[1] + SLACK_SECONDS and ended_at >= span[0] - SLACK_SECONDS


def _within(life: Life, spans: Sequence[Span]) -> bool:
    if life.ended_at is None:
        return False
    return any(begin - SLACK_SECONDS <= life.begun_at and life.ended_at <= end + SLACK_SECONDS for begin, end in spans)
