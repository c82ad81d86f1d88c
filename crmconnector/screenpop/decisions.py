"""Why somebody did, or did not, get a card for a call: pure, from plain facts to one word and what fills its sentence.

Every word is listed here once; crmconnector.screenpop.explain has the sentence of each.

Who placed a call gets a card whatever the rules say (`placed`). A leg of a person gets no card when
- it was the first leg of an own click-to-call (`own_click`), or the person had placed the call (`own_call`): so it was
  until placed calls had cards, and it still is when a call is found whose placer has no leg of it;
- the account is closed (`account_closed`);
- quiet hours (`quiet_hours`) or a rule (`rule`) say so, or the rule waits for an answer (`waits_for_answer`), which
  then did not come (`not_answered`);
- the phone never rang: it was busy, said no, or could not be reached (`did_not_ring`);
- it was found talking and nobody heard it ring (`gap`, or `before_we_listened` where no gap is known);
- it was over when its ring was written: somebody else had it (`answered_elsewhere`), the caller had given up
  (`gave_up_first`), or it ended in another way (`too_late`).
A leg of nobody gets none either (`not_assigned`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crmconnector.screenpop.rules import ANSWER, NEVER, QUIET, Verdict

SHOWN = ("ring", "answer", "picked_up", "followed", "placed")
NOT_SHOWN = (
    "rule", "quiet_hours", "waits_for_answer", "not_answered", "answered_elsewhere", "gave_up_first", "too_late",
    "did_not_ring", "own_click", "own_call", "not_assigned", "account_closed", "gap", "before_we_listened",
)  # fmt: skip
WORDS = (*SHOWN, *NOT_SHOWN)
# Said once of a call that is over for this person, they stay: a rule that changes later did not cause it.
_SETTLED = ("rule", "quiet_hours", "account_closed", "not_answered", "answered_elsewhere", "gave_up_first", "too_late")
_BY_OUTCOME = {"elsewhere": "answered_elsewhere", "cancelled": "gave_up_first"}


@dataclass(frozen=True, slots=True)
class LegView:
    """One leg of the person in this call."""

    endpoint: str
    pops: bool  # False: the first leg of an own click-to-call
    rang: bool
    answered: bool
    over: bool  # ended, or known to have ended though its end is still to be written
    outcome: str = ""  # empty while it is not written
    answered_by: str = ""  # endpoint of who took it
    picked_up: bool = False  # taken from another phone that rang
    placed: bool = False  # this phone began the call


@dataclass(frozen=True, slots=True)
class Reason:
    """`details` fill the sentence; plain values only, for they are stored."""

    word: str
    endpoint: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def shown(self) -> bool:
        return self.word in SHOWN


def why_shown(legs: Sequence[LegView], verdict: Verdict) -> Reason:
    """A card was made just now."""
    own = next((leg for leg in legs if leg.placed and not leg.over), None)
    if own is not None:
        return Reason("placed", own.endpoint)
    leg = next((leg for leg in legs if leg.pops and leg.rang and not leg.over), legs[0])
    word = "picked_up" if leg.picked_up else ("answer" if verdict.when == ANSWER else "ring")
    return Reason(word, leg.endpoint, _rule(verdict))


def why_not(legs: Sequence[LegView], verdict: Verdict, *, active: bool, unheard: str, known: str = "") -> Reason | None:
    """No card was made. None: what is known stays.

    `unheard` is the word for a leg whose ring nobody heard (gap or before_we_listened); `known` the word that was
    written before.
    """
    may = [leg for leg in legs if leg.pops]
    if not may:
        return Reason("own_click", legs[0].endpoint)
    rang = [leg for leg in may if leg.rang or leg.placed]
    over = all(leg.over for leg in may)
    if over and known in _SETTLED and not (known == "too_late" and rang and rang[-1].outcome):
        return None
    if not active:
        return Reason("account_closed", may[0].endpoint)
    if not rang:
        return _never_rang(may, unheard)
    if any(leg.placed for leg in rang):
        return Reason("too_late", rang[0].endpoint, {"outcome": rang[0].outcome}) if over else None
    if known == "waits_for_answer" and over:
        return Reason("not_answered", rang[0].endpoint, _rule(verdict))
    if verdict.because == QUIET:
        return Reason("quiet_hours", rang[0].endpoint)
    if verdict.when == NEVER:
        return Reason("rule", rang[0].endpoint, _rule(verdict))
    if over:
        return _over_before(rang, verdict)
    return Reason("waits_for_answer", rang[0].endpoint, _rule(verdict)) if verdict.when == ANSWER else None


def _never_rang(legs: Sequence[LegView], unheard: str) -> Reason:
    leg = next((leg for leg in legs if leg.answered or not leg.over), legs[0])
    if leg.answered or not leg.over:
        return Reason(unheard, leg.endpoint)
    return Reason("did_not_ring", leg.endpoint, {"outcome": leg.outcome})


def _over_before(legs: Sequence[LegView], verdict: Verdict) -> Reason:
    """It rang and was over before a card could open."""
    leg = next((leg for leg in legs if leg.outcome == "elsewhere"), legs[-1])
    if verdict.when == ANSWER and not any(one.answered for one in legs) and leg.outcome:
        return Reason("not_answered", leg.endpoint, _rule(verdict))
    details = {"outcome": leg.outcome} | ({"by": leg.answered_by} if leg.answered_by else {})
    return Reason(_BY_OUTCOME.get(leg.outcome, "too_late"), leg.endpoint, details)


def _rule(verdict: Verdict) -> dict[str, object]:
    return {"when": verdict.when, "because": verdict.because, "rule": verdict.rule_id}
