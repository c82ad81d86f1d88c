"""What is there for the verbs of a call at a phone, from rows: its driver, its calibrations, its PBX and our rights.

Loaded for many phones at once, so that a desk with fifty cards asks no more than one with a single card.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from django.db.models import Q, prefetch_related_objects

from crmconnector.calls.models import PathPolicy
from crmconnector.calls.verbs import SEQUENCES, VERBS, Choice, Ground, choose_way
from crmconnector.calls.ways import Decision, newest_word
from crmconnector.common.clock import utc_now
from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.pbx.models import Pbx, PbxLink
from phones.calibrations import calibrated_verbs
from phones.drivers.base import PhoneAddress, Support
from phones.drivers.registry import UnknownVendor, open_driver
from phones.identity import identity_of_phone
from phones.models import Phone

NOT_BY_PHONE = (Support.NONE, Support.VIA_PBX)


def ground_of(phone: Phone, pbx: Pbx | None, *, kind: str = "", now: datetime | None = None) -> Ground:
    """For one phone. `pbx`: of the call or account; None: there is none, so nothing goes by it. `kind`: for this verb
    alone, so that what others need is not looked up."""
    by_keys = not kind or VERBS[kind].phone in SEQUENCES
    return _ground(phone, pbx, calibrated_verbs(phone) if by_keys else frozenset(), now or utc_now())


@dataclass
class Grounds:
    """The grounds of many phones: one question for all decisions, one for each model and firmware among them."""

    now: datetime
    policies: list[PathPolicy]
    _calibrated: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    _decided: dict[int, dict[str, Decision]] = field(default_factory=dict)

    @classmethod
    def of(cls, phones: Iterable[Phone], *, now: datetime) -> "Grounds":
        asked = list(phones)
        prefetch_related_objects(asked, "accounts")  # what a phone says it is, it said as one of its accounts
        rows = PathPolicy.objects.filter(Q(phone__in=asked) | Q(phone=None))
        return cls(now, list(rows.order_by("phone_id")))

    def at(self, phone: Phone, pbx: Pbx | None) -> Ground:
        identity = identity_of_phone(phone)
        kind = (identity.model, identity.firmware)
        if kind not in self._calibrated:
            self._calibrated[kind] = calibrated_verbs(phone)
        return _ground(phone, pbx, self._calibrated[kind], self.now)

    def choose(self, kind: str, phone: Phone, ground: Ground, *, only: str = "") -> Choice:
        """As calls.wanted.way_of decides. `only`: this way and no other, such as that of the transfer it belongs to."""
        if phone.pk not in self._decided:
            self._decided[phone.pk] = newest_word(self.policies, phone)
        decision = self._decided[phone.pk].get(kind, Decision())
        return choose_way(kind, ground, wanted=only or decision.path, fall_back=decision.fall_back and not only)


def _ground(phone: Phone, pbx: Pbx | None, calibrated: frozenset[str], now: datetime) -> Ground:
    link = getattr(pbx, "link", None)
    return Ground(
        phone_verbs=_verbs_of(phone.vendor),
        calibrated=calibrated,
        phone_answers=_answers(phone, now),
        pbx_actions=(link.may_send or ()) if link is not None else (),
        pbx_linked=link is not None and link.state == PbxLink.State.CONNECTED,
        snippet=pbx is not None and bool(pbx.snippet_context),
    )


def _answers(phone: Phone, now: datetime) -> bool:
    """It takes our passcode, and the breaker is closed: nobody waits for a phone that was away a moment ago."""
    status = getattr(phone, "status", None)
    rests = status is not None and status.breaker_until is not None and status.breaker_until > now
    return phone.passcode_refused_at is None and not rests


@cache
def _verbs_of(vendor: str) -> frozenset[str]:
    """What phones of this vendor do by themselves or by keys. A driver tells without a phone."""
    nobody = PhoneAddress("http", "192.0.2.1", 80)
    try:
        driver = open_driver(vendor, nobody, Secret(""), policy=AddressPolicy((), allowed_ports=None))
    except UnknownVendor:
        return frozenset()
    return frozenset(verb for verb, support in driver.capabilities().items() if support not in NOT_BY_PHONE)
