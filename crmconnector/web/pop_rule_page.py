"""What the pages of rules show: the rules of one scope, and what they come to for each queue and line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from crmconnector.common.clock import utc_now
from crmconnector.pbx.models import Line, Queue
from crmconnector.screenpop.explain import isolated, name_of_scope
from crmconnector.screenpop.models import PopRule
from crmconnector.screenpop.rulebook import quiet_of
from crmconnector.screenpop.rules import NEVER, QUIET, Quiet, Rule, Verdict, decide, is_quiet
from crmconnector.users.models import User
from crmconnector.web.link_banners import Banner

MOST_PREVIEWS = 30
NOBODY = 0  # a person without rules: what the house's rules alone come to
WHEN_WORDS = {
    "ring": gettext_noop("shows when it rings"),
    "answer": gettext_noop("shows when it is answered"),
    "never": gettext_noop("does not show"),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """One sentence: a call by this queue or line, when its card shows, by which rule."""

    what: str
    when: str
    because: str
    off: bool

    @property
    def sentence(self) -> str:
        said = {"what": isolated(self.what), "when": self.when, "because": self.because}
        return (
            _("A call by %(what)s %(when)s: %(because)s.") if self.what else _("Any other call %(when)s: %(because)s.")
        ) % said


def rules_page(*, owner: User | None, viewer: User) -> dict[str, object]:
    """`owner` None: the house."""
    rows = PopRule.objects.filter(Q(user=None) | Q(user=owner)).select_related("queue", "line").order_by("pk")
    own = [row for row in rows if row.user_id == (owner.pk if owner else None)]
    quiet = quiet_of(owner) if owner else None
    return {
        "owner": owner,
        "house": owner is None,
        "mine": owner is not None and owner.pk == viewer.pk,
        "general": next((row.when for row in own if row.queue_id is None and row.line_id is None), ""),
        "exceptions": [row for row in own if row.queue_id or row.line_id],
        "previews": previews(rows, owner),
        "quiet_now": quiet is not None and is_quiet(quiet, timezone.localtime(utc_now())),
    }


def previews(rows: Iterable[PopRule], owner: User | None) -> list[Preview]:
    """What the rules come to, outside quiet hours; every queue and line by name, then the rest."""
    rules = [plain(row) for row in rows]
    user_id = owner.pk if owner else NOBODY
    named: list[tuple[str, dict[str, object]]]
    named = [(str(one), {"queue": one.name}) for one in Queue.objects.order_by("name")[:MOST_PREVIEWS]]
    named += [(one.label, {"line_id": one.pk}) for one in Line.objects.order_by("label")[:MOST_PREVIEWS]]
    named.append(("", {}))
    return [_preview(what, _verdict(rules, None, user_id, **call)) for what, call in named]  # type: ignore[arg-type]


def plain(row: PopRule) -> Rule:
    return Rule(row.pk, row.user_id, row.queue.name if row.queue else None, row.line_id, row.when)


def rules_banners(user: User, now: datetime) -> list[Banner]:
    """That this person sees no cards now, and why; nothing when cards show at least for some calls. Two queries."""
    quiet = quiet_of(User.objects.select_related("quiet_hours").get(pk=user.pk))
    local = timezone.localtime(now)
    rules = [plain(row) for row in PopRule.objects.filter(Q(user=None) | Q(user=user)).select_related("queue")]
    verdict = _verdict(rules, quiet, user.pk, local=local)
    url = reverse("pop-rules")
    if verdict.because == QUIET and quiet is not None:
        title = _("No cards show now: quiet hours until %(at)s") % {"at": quiet.ends.strftime("%H:%M")}
        return [Banner("note", "note", title, _("Calls still ring and are in the log."), url, _("Change"))]
    if verdict.when != NEVER:
        return []
    some = any(rule.when != NEVER and (rule.queue or rule.line_id) for rule in rules)
    title = _("Cards show for some calls only") if some else _("No cards show: pop-ups are off")
    text = _("By your own rule.") if verdict.because == "user" else _("By a rule of the house.")
    return [Banner("note", "note", title, text, url, _("See the rules"))]


def _verdict(
    rules: Sequence[Rule], quiet: Quiet | None, user_id: int, *, queue: str | None = None, line_id: int | None = None,
    local: datetime | None = None,
) -> Verdict:  # fmt: skip
    at = local or timezone.localtime(utc_now())
    return decide(rules, quiet, user_id=user_id, queue=queue, line_id=line_id, local=at)


def _preview(what: str, verdict: Verdict) -> Preview:
    because = name_of_scope(verdict.because, what)
    return Preview(what, _(WHEN_WORDS[verdict.when]), because[:1].lower() + because[1:], verdict.when == NEVER)
