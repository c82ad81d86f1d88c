"""System checks of the whole product: a wrong setting stops the start, with its name and its cure."""

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


def refuse_wrong_settings() -> None:
    """For the processes that Django's commands do not start (uvicorn, Celery): stop with every name and cure."""
    if settings.PROBLEMS:
        lines = [f"  {problem}" for problem in settings.PROBLEMS]
        raise SystemExit("\n".join(["The settings cannot be used:", *lines]))
