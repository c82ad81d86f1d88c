"""Reads about users."""

from collections.abc import Iterable

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Count, Q, QuerySet

from crmconnector.users.models import Role, Team, User


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


def find_people(text: str) -> QuerySet[User]:
    """Everybody, active first, by name; `text` looks in names, user names and teams."""
    people = User.objects.prefetch_related("teams").order_by("-is_active", "full_name", "username")
    if not text:
        return people
    named = Q(full_name__icontains=text) | Q(username__icontains=text)
    return people.filter(named | Q(pk__in=User.objects.filter(teams__name__icontains=text).values("pk")))


def teams_with_sizes() -> QuerySet[Team]:
    return Team.objects.annotate(size=Count("members", filter=Q(members__is_active=True))).order_by("name")


def administrators_who_can_sign_in() -> QuerySet[User]:
    """Without a password nobody signs in: people of the demo story do not count."""
    return User.objects.filter(Q(role=Role.ADMINISTRATOR) | Q(is_superuser=True), is_active=True).exclude(
        password__startswith=UNUSABLE_PASSWORD_PREFIX
    )
