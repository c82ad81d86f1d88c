"""The rows behind the rules: loaded once for a batch, in two queries however many people and calls it has."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from crmconnector.calls.models import Call
from crmconnector.pbx.models import Pbx
from crmconnector.screenpop.models import PopRule, QuietHours
from crmconnector.screenpop.rules import Quiet, Rule, Verdict, decide
from crmconnector.users.models import User


class RuleBook:
    """Rules, quiet hours and accounts of these people, as they are now."""

    def __init__(self, *, pbx: Pbx, user_ids: Iterable[int], now: datetime) -> None:
        self._local = timezone.localtime(now)
        wanted = set(user_ids)
        people = User.objects.filter(pk__in=wanted).select_related("quiet_hours") if wanted else []
        self._people = {user.pk: (user.is_active, quiet_of(user)) for user in people}
        self._rules = rules_of(wanted, pbx=pbx) if wanted else []

    def verdict(self, *, user_id: int, call: Call) -> Verdict:
        return decide(
            self._rules,
            self._people.get(user_id, (False, None))[1],
            user_id=user_id,
            queue=call.queue_name or None,
            line_id=call.line_id,
            local=self._local,
        )

    def active(self, user_id: int) -> bool:
        return self._people.get(user_id, (False, None))[0]


def rules_of(user_ids: Iterable[int], *, pbx: Pbx) -> list[Rule]:
    """Those of the house and of these people that can be meant by a call of this PBX."""
    rows = PopRule.objects.filter(
        Q(user=None) | Q(user__in=set(user_ids)),
        Q(queue=None) | Q(queue__pbx=pbx),
        Q(line=None) | Q(line__pbx=pbx),
    ).values_list("pk", "user_id", "queue__name", "line_id", "when")
    return [Rule(*row) for row in rows]


def quiet_of(user: User) -> Quiet | None:
    row: QuietHours | None = getattr(user, "quiet_hours", None)
    return Quiet(row.starts, row.ends, tuple(row.days)) if row else None
