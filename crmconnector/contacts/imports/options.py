"""What the person chose for a file, and what its columns Owner and Team mean here."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from crmconnector.contacts.imports.cells import Problem, Wanted
from crmconnector.contacts.imports.plan import Duplicates, Same
from crmconnector.users.models import Team, User


@dataclass(frozen=True, slots=True)
class Options:
    """`country`: where a number without a plus is read. `same`: by what a contact is known again."""

    country: str
    duplicates: Duplicates = Duplicates.SKIP
    same: tuple[Same, ...] = (Same.EXTERNAL_ID, Same.NAME)
    owner_id: int | None = None
    team_id: int | None = None
    tag: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Options":
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        same = tuple(Same(one) for one in known.pop("same", ()))
        rule = Duplicates(known.pop("duplicates", Duplicates.SKIP))
        return cls(**known, same=same, duplicates=rule)


def teams_of(user: User | None) -> list[int] | None:
    """Whose contacts this user may see beside everybody's; None: all. The terminal is an administrator's."""
    if user is None or user.is_administrator:
        return None
    return list(user.teams.values_list("pk", flat=True))


class Names:
    """Owners by user name and teams by name, as far as the importer may give contacts to them."""

    def __init__(self, options: Options, *, teams: list[int] | None) -> None:
        self._options = options
        named = Team.objects.all() if teams is None else Team.objects.filter(pk__in=teams)
        self._teams = {team.name.casefold(): team.pk for team in named}
        people = User.objects.filter(is_active=True)
        if teams is not None:
            people = people.filter(Q(teams__in=teams)).distinct()
        self._people = {user.username.casefold(): user.pk for user in people}

    def place(self, row: Wanted) -> tuple[int | None, int | None, list[Problem]]:
        """(owner, team, what is wrong). An unknown team refuses the row: everybody would see it otherwise."""
        problems: list[Problem] = []
        owner, team = self._options.owner_id, self._options.team_id
        if row.owner:
            owner = self._people.get(row.owner.casefold())
            if owner is None:
                owner = self._options.owner_id
                sentence = _("Nobody here has this user name, so the owner was left out.")
                problems.append(Problem(row.line, "owner", sentence, row.owner[:200], refused=False))
        if row.team:
            team = self._teams.get(row.team.casefold())
            if team is None:
                problems.append(Problem(row.line, "team", _("You have no team of this name."), row.team[:200]))
        return owner, team, problems


def tagged(rows: Iterable[Wanted], tag: str) -> None:
    for row in rows:
        if tag and tag not in row.tags:
            row.tags = [*row.tags[:19], tag]
