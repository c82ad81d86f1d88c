"""System checks of the whole product: a wrong setting stops the start, with its name and its cure."""

import zoneinfo
from collections.abc import Iterable

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_environment(**_: object) -> Iterable[CheckMessage]:
    """One error per environment variable that is missing or wrong; the value itself is never shown."""
    return [
        Error(f"{problem.name}: {problem.what_is_wrong}", hint=problem.cure, id="crmconnector.E001")
        for problem in settings.PROBLEMS
    ]


@register(Tags.compatibility)
def check_time_zone(**_: object) -> Iterable[CheckMessage]:
    if settings.TIME_ZONE in zoneinfo.available_timezones():
        return []
    return [
        Error(
            f"TIME_ZONE: {settings.TIME_ZONE!r} is not a known time zone.",
            hint="Give a name such as Europe/Berlin.",
            id="crmconnector.E002",
        )
    ]
