"""Reads about users."""

from collections.abc import Iterable

from django.db.models import QuerySet

from crmconnector.users.models import User


def people_seen_by(user: User) -> QuerySet[User]:
    """Whose calls this user may see: own; the teams' (supervisor); everybody's (administrator)."""
    if user.is_administrator:
        return User.objects.all()
    if user.is_supervisor:
        return (User.objects.filter(teams__in=user.teams.all()) | User.objects.filter(pk=user.pk)).distinct()
    return User.objects.filter(pk=user.pk)


def names_of(user_ids: Iterable[int]) -> dict[int, str]:
    """Display names by id, in one query."""
    rows = User.objects.filter(pk__in=set(user_ids)).only("id", "full_name", "username")
    return {row.pk: row.display_name for row in rows}
