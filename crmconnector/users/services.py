"""Writes about users."""

from django.db import transaction

from crmconnector.users.models import Role, Team, User


@transaction.atomic
def ensure_login(*, username: str, password: str, role: str = Role.ADMINISTRATOR) -> tuple[User, bool]:
    """The first login of a new installation. An existing user keeps password and role: (user, was created)."""
    existing = User.objects.filter(username=username).first()
    if existing:
        return existing, False
    user = User(username=username, role=role, is_staff=True, is_superuser=True)
    user.set_password(password)
    user.save()
    return user, True


@transaction.atomic
def ensure_person(*, username: str, full_name: str, role: str, team: str | None) -> User:
    """A person of the demo story. Without a usable password nobody can sign in as them."""
    user, created = User.objects.get_or_create(username=username, defaults={"full_name": full_name, "role": role})
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    elif not user.full_name:
        user.full_name = full_name
        user.save(update_fields=["full_name"])
    if team:
        user.teams.add(Team.objects.get_or_create(name=team)[0])
    return user
