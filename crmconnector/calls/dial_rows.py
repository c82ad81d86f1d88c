"""What decides about one dial, from the database: the brakes as they are set now, and what was dialled lately.

One statement, written by hand: it is asked at every press and again before every send, while a person waits.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from crmconnector.calls.brakes import HOUR_SECONDS, MINUTE_SECONDS, Recent, range_of
from crmconnector.calls.models import CallCommand, DialSettings

# The conditions repeat those of the indexes command_dials_of_user and command_dials_to, so that these are used.
_COUNTS: Final = """
    select count(*), min(requested_at) from calls_callcommand
    where {whose} and requested_at > %(minute)s and state not in ('refused', 'expired', 'cancelled')
        and fallback_of_id is null {earlier}
"""
_BY_PERSON: Final = """
    user_id = %(user)s and kind in ('make_call', 'blind_transfer', 'attended_start', 'conference')
    and (kind = 'make_call' or far_number like '+%%')
"""
_TO_NUMBER: Final = "far_number = %(number)s and kind = 'make_call'"
_OF_RANGE: Final = """
    select count(distinct far_number) from calls_callcommand
    where far_number between %(first)s and %(last)s and kind = 'make_call' and requested_at > %(hour)s
        and length(far_number) = %(length)s and far_number <> %(number)s
        and state not in ('refused', 'expired', 'cancelled') and fallback_of_id is null {earlier}
"""
# Of two that were asked for at the same instant one is the first.
_EARLIER: Final = """
    and id <> all(%(itself)s)
    and (requested_at < %(before)s or (requested_at = %(before)s and id < %(command)s))
"""
_ALL: Final = """
    select settings.*, by_person.*, to_number.*, (select coalesce({of_range}, 0)) as of_range,
        array(select distinct country from pbx_pbx where enabled) as pbx_countries
    from (values (1)) as one (id) left join calls_dialsettings as settings using (id),
        ({by_person}) as by_person (by_person, by_person_since), ({to_number}) as to_number (to_number, to_number_since)
"""


def dial_settings() -> DialSettings:
    """The one row; the careful defaults as long as nobody has saved it."""
    return DialSettings.objects.filter(pk=1).first() or DialSettings(pk=1)


def settings_and_recent(
    *, far_number: str, user_id: int, now: datetime, command: CallCommand | None = None
) -> tuple[DialSettings, frozenset[str], Recent]:
    """(the brakes as they are set, countries of the PBXes, what was dialled before by this person, to this number by
    anybody and to its hundred). `command`: only what was asked for before it counts."""
    before = command.requested_at if command else now
    hundred = range_of(far_number)
    terms: dict[str, Any] = {
        "user": user_id, "number": far_number, "minute": before - timedelta(seconds=MINUTE_SECONDS),
        "hour": before - timedelta(seconds=HOUR_SECONDS), "first": f"{hundred}00", "last": f"{hundred}99",
        "length": len(far_number), "before": before,
    }  # fmt: skip
    if command is not None:
        terms |= {"command": command.pk, "itself": [command.pk, command.fallback_of_id or command.pk]}
    row: Any = DialSettings.objects.raw(_WITH_COMMAND[hundred != "", command is not None], terms)[0]
    recent = Recent(
        row.by_person, row.to_number, row.of_range, _free_in(row.by_person_since, now),
        _free_in(row.to_number_since, now),
    )  # fmt: skip
    settings = row if row.pk is not None else DialSettings(pk=1)
    return settings, frozenset(row.pbx_countries), recent


def _statement(*, with_range: bool, with_command: bool) -> str:
    earlier = _EARLIER if with_command else ""
    return _ALL.format(
        by_person=_COUNTS.format(whose=_BY_PERSON, earlier=earlier),
        to_number=_COUNTS.format(whose=_TO_NUMBER, earlier=earlier),
        of_range=f"({_OF_RANGE.format(earlier=earlier)})" if with_range else "0",
    )


_WITH_COMMAND: Final = {
    (with_range, with_command): _statement(with_range=with_range, with_command=with_command)
    for with_range in (True, False)
    for with_command in (True, False)
}


def _free_in(first: datetime | None, now: datetime) -> int:
    """Seconds until the oldest of those that count is a minute old; at least one."""
    if first is None:
        return MINUTE_SECONDS
    return max(1, round((first + timedelta(seconds=MINUTE_SECONDS) - now).total_seconds()))
