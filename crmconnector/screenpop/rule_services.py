"""Writes of the rules by which cards show. One rule for each scope: setting it again changes it."""

from collections.abc import Sequence
from datetime import time

from crmconnector.pbx.models import Line, Queue
from crmconnector.screenpop.models import PopRule, QuietHours
from crmconnector.users.models import User


def set_rule(*, user: User | None, when: str, queue: Queue | None = None, line: Line | None = None) -> PopRule | None:
    """`user` None: of the house. An empty `when` takes the rule out: the next in order counts again."""
    if not when:
        PopRule.objects.filter(user=user, queue=queue, line=line).delete()
        return None
    rule, _made = PopRule.objects.update_or_create(user=user, queue=queue, line=line, defaults={"when": when})
    return rule


def set_quiet_hours(*, user: User, starts: time | None, ends: time | None, days: Sequence[int]) -> QuietHours | None:
    """No times: no quiet hours."""
    if starts is None or ends is None:
        QuietHours.objects.filter(user=user).delete()
        return None
    values = {"starts": starts, "ends": ends, "days": sorted(set(days))}
    row, _made = QuietHours.objects.update_or_create(user=user, defaults=values)
    return row
