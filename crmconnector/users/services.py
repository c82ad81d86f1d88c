"""Writes about users."""

from collections.abc import Iterable

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.common.clock import utc_now
from crmconnector.users.models import Role, Team, User
from crmconnector.users.selectors import administrators_who_can_sign_in


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


class UserProblem(Exception):
    """Why a person or a team was not saved, in a sentence for the administrator who asked."""


@transaction.atomic
def save_person(*, actor: User, user: User, teams: Iterable[Team], keep_session: str = "") -> User:
    """Keep a new or changed person. A changed role or a closed account ends the person's sessions.

    May raise UserProblem. `keep_session` is the actor's own session, which survives a change of the actor's own row.
    """
    before, others = _locked(user) if user.pk else (None, [])
    if user.role != Role.ADMINISTRATOR:
        user.is_superuser = user.is_staff = False  # a superuser would stay an administrator whatever the role says
    if before:
        _refuse_losing_the_last(actor=actor, before=before, after=user, others=others)
    user.save()
    user.teams.set(teams)
    if before and _may(before) != _may(user):
        end_sessions(user=user, keep=keep_session)
    return user


@transaction.atomic
def set_password(*, user: User, password: str) -> None:
    """A new password ends every session of the person; the caller may open a new one for the own browser."""
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user=user)


@transaction.atomic
def add_team(*, name: str) -> Team:
    """May raise UserProblem."""
    if Team.objects.filter(name__iexact=name).exists():
        raise UserProblem(_("There is a team of this name already. Choose another name."))
    return Team.objects.create(name=name)


def end_sessions(*, user: User, keep: str = "") -> int:
    """Sign the person out everywhere; open streams end when they look next. Sessions are encoded, so each is read."""
    ended = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=utc_now()).exclude(pk=keep).iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(pk__in=ended).delete()
    return len(ended)


def _may(user: User) -> tuple[object, ...]:
    return user.is_active, user.role, user.is_superuser


def _locked(user: User) -> tuple[User | None, list[User]]:
    """(the person's row as it is, the other administrators who can sign in), locked in one order.

    Two who remove each other at the same time then neither both succeed nor wait for each other for ever.
    """
    wanted = administrators_who_can_sign_in() | User.objects.filter(pk=user.pk)
    rows = {row.pk: row for row in wanted.select_for_update().order_by("pk")}
    return rows.pop(user.pk, None), list(rows.values())


def _refuse_losing_the_last(*, actor: User, before: User, after: User, others: list[User]) -> None:
    if actor.pk == after.pk and not after.is_active:
        raise UserProblem(_("You cannot close your own account. Ask another administrator to do it."))
    if not before.is_administrator or after.is_administrator:
        return
    if not others:
        raise UserProblem(
            _(
                "%(name)s is the last administrator who can sign in, so nobody could set up anything any more. "
                "Make somebody else an administrator first."
            )
            % {"name": before.display_name}
        )
