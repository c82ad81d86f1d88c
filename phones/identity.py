"""Which model and firmware a phone is, from whom we know it, and since when. Pure: values in, values out.

Two sources: what a person typed in, and the SIP User-Agent with which the phone registered at the PBX. The PBX's word
is fresh by itself, a typed one grows old with the next firmware: the newer of the two counts. Neither is proof: anyone
who may register may call himself anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from phones.drivers.grandstream.models import Identity as ToldIdentity
from phones.drivers.grandstream.models import identity_of as read_user_agent

if TYPE_CHECKING:
    from phones.models import Phone, SipAccount

AgentReader = Callable[[str], ToldIdentity | None]
JUST_NOW = timedelta(minutes=1)


class Source(StrEnum):
    PBX = "pbx"
    TYPED = "typed"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """`model` and `firmware` are "" when nobody told; each has its own source. `seen_at`: when the PBX last saw it,
    None when nothing here is the PBX's word; `typed_at`: when a person typed the rest, None if that is not known."""

    model: str = ""
    firmware: str = ""
    model_source: Source = Source.UNKNOWN
    firmware_source: Source = Source.UNKNOWN
    seen_at: datetime | None = None
    typed_at: datetime | None = None

    @property
    def source(self) -> Source:
        """Of the two together: the PBX's word where there is any."""
        return max(self.model_source, self.firmware_source, key=(Source.UNKNOWN, Source.TYPED, Source.PBX).index)


def identity_of(
    *,
    typed_model: str,
    typed_firmware: str,
    typed_at: datetime | None,
    agents: Iterable[tuple[str, datetime | None]],
    read: AgentReader = read_user_agent,
) -> Identity:
    """`agents`: the User-Agent of each account and when the PBX last had it.

    Text that was typed at an unknown time is taken for older than what the PBX had at a known one; a User-Agent of an
    unknown time only fills gaps.
    """
    told = [(at, found) for agent, at in agents if (found := read(agent)) is not None]
    seen_at, agent = max(told, key=_by_time) if told else (None, ToldIdentity("", ""))
    pbx_is_newer = seen_at is not None and (typed_at is None or seen_at > typed_at)
    model, model_source = _newer(agent.model, typed_model, pbx_is_newer=pbx_is_newer)
    firmware, firmware_source = _newer(agent.firmware, typed_firmware, pbx_is_newer=pbx_is_newer)
    sources = (model_source, firmware_source)
    return Identity(
        model,
        firmware,
        model_source,
        firmware_source,
        seen_at if Source.PBX in sources else None,
        typed_at if Source.TYPED in sources else None,
    )


def identity_of_phone(phone: Phone, accounts: Iterable[SipAccount] | None = None) -> Identity:
    """The same for a row; no query when its accounts were prefetched, or are given."""
    rows = phone.accounts.all() if accounts is None else accounts
    agents = [(account.user_agent, account.contact_seen_at) for account in rows]
    return identity_of(
        typed_model=phone.model, typed_firmware=phone.firmware, typed_at=phone.identity_typed_at, agents=agents
    )


def source_words(source: Source, identity: Identity, *, now: datetime) -> str:
    """ "from the PBX, 3 min ago", "typed in by hand on 3 March 2026" or "unknown".

    Days are those of `now`'s own time zone.
    """
    if source is Source.PBX:
        if identity.seen_at is None:
            return _("from the PBX")
        return _("from the PBX, %(age)s") % {"age": _age(now - identity.seen_at)}
    if source is Source.TYPED:
        at = identity.typed_at
        if at is None:
            return _("typed in by hand")
        return _("typed in by hand on %(day)s") % {"day": date_format(at.astimezone(now.tzinfo), "j F Y")}
    return _("unknown")


def _by_time(told: tuple[datetime | None, ToldIdentity]) -> tuple[bool, float]:
    return (told[0] is not None, told[0].timestamp() if told[0] else 0.0)


def _newer(of_pbx: str, typed: str, *, pbx_is_newer: bool) -> tuple[str, Source]:
    """What only one of them knows is that one's."""
    if of_pbx and (pbx_is_newer or not typed):
        return of_pbx, Source.PBX
    return (typed, Source.TYPED) if typed else ("", Source.UNKNOWN)


def _age(age: timedelta) -> str:
    if age < JUST_NOW:
        return _("just now")
    minutes = int(age.total_seconds() // 60)
    if minutes < 60:
        return _("%(n)d min ago") % {"n": minutes}
    hours = minutes // 60
    return _("%(n)d h ago") % {"n": hours} if hours < 48 else _("%(n)d days ago") % {"n": hours // 24}
