"""Reads about files of contacts."""

from django.db.models import QuerySet

from crmconnector.contacts.imports.running import UNDER_WAY
from crmconnector.contacts.models import ContactImport
from crmconnector.users.models import User


def imports_seen_by(user: User) -> QuerySet[ContactImport]:
    """A supervisor sees the own files, an administrator all; agents bring in nothing."""
    if user.is_administrator:
        return ContactImport.objects.all()
    return ContactImport.objects.filter(by=user) if user.is_supervisor else ContactImport.objects.none()


def imports_under_way() -> list[int]:
    return list(ContactImport.objects.filter(state__in=UNDER_WAY).order_by("changed_at").values_list("pk", flat=True))
