"""The people of one batch of cards: their names, their teams, and whose contacts they may see. One query."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Q

from crmconnector.users.models import User


@dataclass(frozen=True, slots=True)
class Member:
    user_id: int
    name: str
    administrator: bool = False
    team_ids: frozenset[int] = frozenset()
    teams: tuple[str, ...] = ()

    def may_see(self, team_id: int | None) -> bool:
        """A contact without a team is everybody's; else its team's and the administrators'."""
        return team_id is None or self.administrator or team_id in self.team_ids

    def works_with(self, other: "Member") -> bool:
        """In one team; who is in none works with everybody."""
        return not self.team_ids or not other.team_ids or bool(self.team_ids & other.team_ids)


NOBODY = Member(0, "")


def staff(user_ids: Iterable[int]) -> dict[int, Member]:
    wanted = set(user_ids)
    if not wanted:
        return {}
    in_a_team = Q(teams__isnull=False)
    rows = (
        User.objects.filter(pk__in=wanted)
        .order_by()
        .annotate(
            their_ids=ArrayAgg("teams__id", filter=in_a_team),
            their_teams=ArrayAgg("teams__name", filter=in_a_team, order_by="teams__name"),
        )
    )
    return {
        row.pk: Member(
            row.pk, row.display_name, row.is_administrator, frozenset(row.their_ids or ()), tuple(row.their_teams or ())
        )
        for row in rows
    }
