"""From the kept reasons to sentences: for a call and everybody concerned, was a card shown, where, and if not why not.

The word of a reason is crmconnector.screenpop.decisions'; what became of a card (delivered, seen) is read from its
receipts. Calls from before the reasons were kept are told from their legs and cards as far as those say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.screenpop.models import Pop, PopDecision, PopRule

DELIVERY_SECONDS = 5  # so long after a card was made a desk may still place it
LABELS = {
    "ring": gettext_lazy("Shown when it rang"),
    "answer": gettext_lazy("Shown when answered"),
    "picked_up": gettext_lazy("Shown: taken from another phone"),
    "followed": gettext_lazy("Shown: put through to this person"),
    "placed": gettext_lazy("Shown: this person called"),
    "rule": gettext_lazy("A rule says never"),
    "quiet_hours": gettext_lazy("Quiet hours"),
    "waits_for_answer": gettext_lazy("Waits for the answer"),
    "not_answered": gettext_lazy("Not answered"),
    "answered_elsewhere": gettext_lazy("Somebody else was first"),
    "gave_up_first": gettext_lazy("The caller gave up first"),
    "too_late": gettext_lazy("Over before the card was made"),
    "did_not_ring": gettext_lazy("The phone did not ring"),
    "own_click": gettext_lazy("Dialled for this person"),
    "own_call": gettext_lazy("Own call"),
    "not_assigned": gettext_lazy("Nobody has this phone"),
    "account_closed": gettext_lazy("Account closed"),
    "gap": gettext_lazy("PBX not heard while it rang"),
    "before_we_listened": gettext_lazy("Rang before we listened"),
    "not_recorded": gettext_lazy("Not recorded then"),
}
# Nothing is wrong with these: nobody expects a card.
_NATURAL = ("own_click", "own_call")
_DID_NOT_RING = {
    "busy": gettext_noop("Not shown: the phone did not ring. It was busy or set to do not disturb."),
    "rejected": gettext_noop("Not shown: the phone refused the call before it rang."),
    "failed": gettext_noop("Not shown: the PBX could not reach the phone. Is it registered?"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A browser that placed the card, and when somebody looked at it."""

    browser: str
    delivered_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One person (or one phone of nobody) and one call. `who` is a name as somebody typed it: put it in <bdi>.

    `action_url` leads to the cure; `for_user` is whose page that is (None: an administrator's), so that it is offered
    only to those who may open it.
    """

    who: str
    endpoint: str
    shown: bool
    word: str
    title: str
    sentence: str
    when: datetime | None
    tone: str = ""  # proven, refused, unknown or nothing, as the timeline's steps
    icon: str = "point"
    desks: Sequence[Desk] = field(default_factory=tuple)
    action_url: str = ""
    action_label: str = ""
    for_user: int | None = None


def explain_call(call: Call) -> list[Explained]:
    """Everybody concerned, those with a card first. Five queries at most, whatever the call."""
    rows = list(with_receipts(PopDecision.objects.filter(call=call)))
    legs = list(call.legs.select_related("user").order_by("id"))
    told = explain_rows(rows, legs=legs) if rows else _from_before(call, legs)
    return sorted(told, key=lambda one: (not one.shown, one.when or call.started_at, one.endpoint))


def explain_rows(rows: Sequence[PopDecision], *, legs: Iterable[Leg] = ()) -> list[Explained]:
    """Sentences for kept reasons, loaded by `with_receipts`. `legs` give the names of who took a call."""
    names = {leg.endpoint: leg.user.display_name for leg in legs if leg.user is not None}
    ids = {row.details.get("rule") for row in rows} - {None}
    rules = (
        {rule.pk: rule for rule in PopRule.objects.filter(pk__in=ids).select_related("queue", "line")} if ids else {}
    )
    now = utc_now()
    return [_explain(row, names, rules, now) for row in rows]


def with_receipts(rows: QuerySet[PopDecision]) -> QuerySet[PopDecision]:
    """With everything that the sentences read: two queries more, however many rows."""
    return rows.select_related("user", "pop").prefetch_related("pop__receipts")


def _explain(row: PopDecision, names: Mapping[str, str], rules: Mapping[int, PopRule], now: datetime) -> Explained:
    who = row.user.display_name if row.user else extension_of(row.endpoint)
    if row.shown:
        return _explain_shown(row, who, rules, now)
    tell = _SENTENCES.get(row.reason, _not_recorded)
    url, label, for_user = _cure(row)
    natural = row.reason in _NATURAL
    return Explained(
        who=who, endpoint=row.endpoint, shown=False, word=row.reason,
        title=_("No card for %(who)s") % {"who": isolated(who)}, sentence=tell(row, names, rules), when=row.decided_at,
        tone="" if natural else "refused", icon="point" if natural else "refused",
        action_url=url, action_label=label, for_user=for_user,
    )  # fmt: skip


def _explain_shown(row: PopDecision, who: str, rules: Mapping[int, PopRule], now: datetime) -> Explained:
    desks = desks_of(row.pop)
    made = row.pop.opened_at if row.pop else row.decided_at
    lost = not desks and now - made > timedelta(seconds=DELIVERY_SECONDS)
    title = _("Card shown to %(who)s") if desks else _("Card made for %(who)s")
    tone = "proven" if desks else ("unknown" if lost else "asked")
    sentences = [_why_shown(row, rules), _delivered(who, made, desks, lost=lost)]
    return Explained(
        who=who, endpoint=row.endpoint, shown=True, word=row.reason, title=title % {"who": isolated(who)},
        sentence=" ".join(filter(None, sentences)), when=row.decided_at, tone=tone, icon=tone, desks=desks,
    )  # fmt: skip


def desks_of(pop: Pop | None) -> list[Desk]:
    receipts = sorted(pop.receipts.all(), key=lambda one: one.delivered_at) if pop else []
    return [Desk(one.browser or _("a browser"), one.delivered_at, one.seen_at) for one in receipts]


def isolated(name: str) -> str:
    """A name inside a sentence, whatever its direction: it must not turn the words around it."""
    return f"\u2068{name}\u2069"


def extension_of(endpoint: str) -> str:
    return endpoint.partition("/")[2] or endpoint


def clock(at: datetime) -> str:
    return timezone.localtime(at).strftime("%H:%M:%S")


def _delivered(who: str, made: datetime, desks: Sequence[Desk], *, lost: bool) -> str:
    if lost:
        said = {"at": clock(made), "who": isolated(who)}
        return _("Made at %(at)s, but no desk of %(who)s was open.") % said
    told = []
    for desk in desks:
        said = {"browser": isolated(desk.browser), "at": clock(desk.delivered_at)}
        if desk.seen_at is None:
            told.append(_("Delivered to %(browser)s at %(at)s, not looked at.") % said)
        else:
            seen = {**said, "seen": clock(desk.seen_at)}
            told.append(_("Delivered to %(browser)s at %(at)s, seen at %(seen)s.") % seen)
    return " ".join(told) or _("Made at %(at)s; no desk has said yet that it shows it.") % {"at": clock(made)}


_WHY_SHOWN = {
    "picked_up": gettext_noop("The call was taken from another phone that rang."),
    "followed": gettext_noop("The call was put through; the card went on with the other caller."),
    "placed": gettext_noop("This person placed the call."),
}


def _why_shown(row: PopDecision, rules: Mapping[int, PopRule]) -> str:
    if row.reason in _WHY_SHOWN:
        return _(_WHY_SHOWN[row.reason])
    when = _("show when it rings") if row.details.get("when") != "answer" else _("show when answered")
    return _("%(rule)s: %(when)s.") % {"rule": _name_of_rule(row, rules), "when": when}


_SCOPES = {
    "user_queue": gettext_noop("Own rule for %(what)s"),
    "user_line": gettext_noop("Own rule for %(what)s"),
    "user": gettext_noop("Own rule"),
    "queue": gettext_noop("Rule of the house for %(what)s"),
    "line": gettext_noop("Rule of the house for %(what)s"),
    "house": gettext_noop("Rule of the house"),
    "default": gettext_noop("No rule says otherwise"),
}


def name_of_scope(because: str, what: str) -> str:
    """Of a verdict's `because`; `what` is the queue or line as people call it."""
    return _(_SCOPES.get(because, _SCOPES["default"])) % {"what": isolated(what)}


def _name_of_rule(row: PopDecision, rules: Mapping[int, PopRule]) -> str:
    because = str(row.details.get("because", "default"))
    return name_of_scope(because, _what(rules.get(row.details.get("rule", 0))))


def _what(rule: PopRule | None) -> str:
    """The queue or line that a rule is for."""
    if rule is None:
        return _("a queue or line")  # the rule is gone since
    return str(rule.queue or rule.line or "")


def _by_rule(row: PopDecision, _names: Mapping[str, str], rules: Mapping[int, PopRule]) -> str:
    because, what = str(row.details.get("because", "")), _what(rules.get(row.details.get("rule", 0)))
    if because in ("user_queue", "user_line", "queue", "line"):
        return _("Not shown: pop-ups are off for %(what)s.") % {"what": isolated(what)}
    if because == "user":
        return _("Not shown: pop-ups are off in this account.")
    return _("Not shown: pop-ups are off for everybody.")


def _waits(row: PopDecision, _names: Mapping[str, str], rules: Mapping[int, PopRule]) -> str:
    return _("Not shown yet: cards wait until the call is answered. %(rule)s.") % {"rule": _name_of_rule(row, rules)}


def _not_answered(row: PopDecision, _names: Mapping[str, str], rules: Mapping[int, PopRule]) -> str:
    said = {"rule": _name_of_rule(row, rules)}
    return _("Not shown: cards wait until the call is answered, and it was not. %(rule)s.") % said


def _elsewhere(row: PopDecision, names: Mapping[str, str], _rules: object) -> str:
    by = str(row.details.get("by", ""))
    who = names.get(by) or extension_of(by)
    if not who:
        return _("Not shown: somebody else took the call before the card could open.")
    return _("Not shown: %(who)s took the call before the card could open.") % {"who": isolated(who)}


def _did_not_ring(row: PopDecision, _names: object, _rules: object) -> str:
    said = _DID_NOT_RING.get(str(row.details.get("outcome")), gettext_noop("Not shown: the phone did not ring."))
    return _(said)


def _not_assigned(row: PopDecision, _names: object, _rules: object) -> str:
    if row.details.get("known"):
        return _("Not shown: this phone was assigned to nobody.")
    return _("Not shown: %(endpoint)s is no phone we know.") % {"endpoint": isolated(row.endpoint)}


def _gap(row: PopDecision, _names: object, _rules: object) -> str:
    since = row.details.get("from")
    if not isinstance(since, str):
        return _("Not shown: the PBX was not heard when it rang. Nothing pops afterwards.")
    at = clock(datetime.fromisoformat(since))
    return _("Not shown: the PBX was not heard from %(at)s, when it rang. Nothing pops afterwards.") % {"at": at}


def _fixed(text: str) -> Callable[..., str]:
    return lambda *_rest: _(text)


_not_recorded = _fixed(gettext_noop("Not recorded then."))
_SENTENCES: dict[str, Callable[..., str]] = {
    "rule": _by_rule,
    "quiet_hours": _fixed(gettext_noop("Not shown: quiet hours.")),
    "waits_for_answer": _waits,
    "not_answered": _not_answered,
    "answered_elsewhere": _elsewhere,
    "gave_up_first": _fixed(gettext_noop("Not shown: the caller had given up before the card could open.")),
    "too_late": _fixed(gettext_noop("Not shown: the call was over when we could write it.")),
    "did_not_ring": _did_not_ring,
    "own_click": _fixed(gettext_noop("No card: the PBX rang this phone first, to dial for it.")),
    "own_call": _fixed(gettext_noop("No card: this person placed the call.")),
    "not_assigned": _not_assigned,
    "account_closed": _fixed(gettext_noop("Not shown: this account is closed.")),
    "gap": _gap,
    "before_we_listened": _fixed(gettext_noop("Not shown: it rang before we began to listen.")),
}


def _cure(row: PopDecision) -> tuple[str, str, int | None]:
    """(address, label, whose page; None: an administrator's)"""
    if row.reason == "quiet_hours" and row.user_id:
        return reverse("pop-rules-of", args=[row.user_id]), _("Change the quiet hours"), row.user_id
    if row.reason in ("rule", "not_answered"):
        if str(row.details.get("because", "")).startswith("user") and row.user_id:
            return reverse("pop-rules-of", args=[row.user_id]), _("Change the rule"), row.user_id
        return reverse("pop-rules-house"), _("Change the rule"), None
    phone = row.details.get("phone")
    if row.reason == "not_assigned":
        return (reverse("phone", args=[phone]) if phone else reverse("phones")), _("Assign the phone"), None
    if row.reason == "did_not_ring" and row.details.get("phone"):
        return reverse("phone", args=[phone]), _("See the phone"), None
    return "", "", None


def _from_before(call: Call, legs: Sequence[Leg]) -> list[Explained]:
    """A call from before reasons were kept: its cards are known, why somebody had none is not."""
    pops = {pop.user_id: pop for pop in call.pops.select_related("user").prefetch_related("receipts")}
    told = [_old(pop.user.display_name, "", pop.opened_at, desks_of(pop), shown=True) for pop in pops.values()]
    missing = {leg.user_id: leg for leg in legs if leg.user is not None and leg.user_id not in pops}
    told += [
        _old(leg.user.display_name, leg.endpoint, leg.rang_at or leg.ended_at, [], shown=False)
        for leg in missing.values()
        if leg.user is not None
    ]
    return told


def _old(who: str, endpoint: str, when: datetime | None, desks: Sequence[Desk], *, shown: bool) -> Explained:
    title = _("Card made for %(who)s") if shown else _("No card for %(who)s")
    told = _("Whether a desk showed it was not recorded then.") if not desks else ""
    sentence = told if shown else _("Why was not recorded then.")
    return Explained(
        who=who, endpoint=endpoint, shown=shown, word="not_recorded", title=title % {"who": isolated(who)},
        sentence=sentence, when=when, tone="proven" if shown else "unknown", icon="proven" if shown else "unknown",
        desks=desks,
    )  # fmt: skip
