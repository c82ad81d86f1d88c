"""Who is at the other end of a request."""

from django.http import HttpRequest

from crmconnector.users.models import User


def signed_in(request: HttpRequest) -> User:
    """The user of a view behind the sign-in; anything else is a mistake of ours, not of the person."""
    if not isinstance(request.user, User):
        raise TypeError("This view must be behind the sign-in.")
    return request.user
