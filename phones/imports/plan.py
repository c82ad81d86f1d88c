"""What bringing in a file would do to the office as it is now: a plan for every good row, a cause for every bad one.

Plain deciding: rows and an `Office` in, a `Plan` out; nothing is written here. The same planner runs when the file is
checked and again, under locks, when it is brought in: a row whose plan has another `mark` by then is refused.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from crmconnector.common.secrets import Secret, SecretError
from phones.imports.cells import Problem, WantedRow
from phones.imports.office import Office
from phones.imports.seats import SeatPlan, plan_seats
from phones.models import Phone, SipAccount

MOST_ACCOUNTS = 16
HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Options:
    """`take_over`: whoever has a phone of the file now loses it. `move`: its users leave their other phones."""

    take_over: bool = False
    move: bool = False


@dataclass(slots=True)
class AccountPlan:
    """An account to make (without a pk), or one of the phone's with what becomes of it."""

    account: SipAccount
    changes: dict[str, str]


@dataclass(slots=True)
class RowPlan:
    """What one row does. `changes` by field; a passcode only when it is another one than the stored."""

    row: WantedRow
    phone: Phone
    changes: dict[str, str | int]
    passcode: Secret | None = None
    account: AccountPlan | None = None
    seat: SeatPlan | None = None

    @property
    def phone_is_new(self) -> bool:
        return self.phone.pk is None

    @property
    def changes_phone(self) -> bool:
        return bool(self.changes or self.passcode or self.account)

    @property
    def mark(self) -> str:
        """The same as long as the same would be done to the same rows. Holds no value of a passcode."""
        before = {name: getattr(self.phone, name) for name in self.changes}
        account = self.account and (self.account.account.pk, str(self.account.account), self.account.changes)
        seat = self.seat and self.seat.mark
        facts = [self.phone.pk, before, bool(self.passcode), account, seat]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


@dataclass(slots=True)
class Plan:
    good: list[RowPlan] = field(default_factory=list)  # in the order of the file
    problems: list[Problem] = field(default_factory=list)


def make_plan(rows: Sequence[WantedRow], office: Office, options: Options, *, now: datetime) -> Plan:
    """Every row is good, or has a problem; what one row of the file does to another is seen."""
    plans: dict[int, RowPlan] = {}
    problems: list[Problem] = []
    for row in rows:
        made, wrong = _plan_phone(row, office)
        problems += wrong
        if not wrong:
            plans[row.line] = made
    for problem in _named_twice(rows, plans):
        problems.append(problem)
        plans.pop(problem.line, None)
    seats, wrong = plan_seats(
        [(plan.row, plan.phone.pk) for plan in plans.values() if plan.row.user],
        office, take_over=options.take_over, move=options.move, now=now,
    )  # fmt: skip
    bad = {problem.line for problem in wrong}
    good = [plan for line, plan in sorted(plans.items()) if line not in bad]
    for plan in good:
        plan.seat = seats.get(plan.row.line)
    return Plan(good, sorted(problems + wrong, key=lambda one: (one.line, one.column)))


def _plan_phone(row: WantedRow, office: Office) -> tuple[RowPlan, list[Problem]]:
    phone = office.phones.get(row.phone) or Phone(name=row.phone)
    plan = RowPlan(row, phone, _changes(row, phone))
    causes = [*_wrong_phone(row, phone, office), *_wrong_account(plan, row, office)]
    if row.passcode and not _same(phone.passcode, row.passcode):
        plan.passcode = row.passcode
    return plan, [Problem(row.line, column, cause, row.phone) for column, cause in causes]


def _changes(row: WantedRow, phone: Phone) -> dict[str, str | int]:
    wanted = dict(row.settings)
    if phone.pk is None and "port" not in wanted and str(wanted.get("scheme", "")).startswith("https"):
        wanted["port"] = HTTPS_PORT
    if phone.pk is None:
        return wanted
    return {name: value for name, value in wanted.items() if getattr(phone, name) != value}


def _same(stored: Secret | None, given: Secret) -> bool:
    try:
        return stored == given
    except SecretError:  # the key of the stored one was lost: the given one is its cure
        return False


def _wrong_phone(row: WantedRow, phone: Phone, office: Office) -> Iterator[tuple[str, str]]:
    """(column, cause) of what the phone's row forbids."""
    spelt = office.spelt.get(row.phone.casefold())
    if phone.pk is None and spelt:
        yield "phone", _("There is a phone “%(name)s”. Write its name just so.") % {"name": spelt}
        return
    if phone.pk is None:
        if "address" not in row.settings:
            yield "address", _("There is no phone of this name, and a new one needs an address.")
        if not row.passcode:
            yield "passcode", _("There is no phone of this name, and a new one needs its passcode.")
    if row.settings.get("scheme") == Phone.Scheme.HTTPS_PINNED and not phone.certificate:
        cause = _("A pinned connection needs a certificate. Paste it on the phone’s page, or write: https unverified.")
        yield "connection", cause
    other = office.macs.get(str(row.settings.get("mac", "")))
    if other is not None and other != phone.pk:
        yield "mac", _("The phone “%(name)s” has this MAC address.") % {"name": office.names[other]}
    other = office.places.get(_place(row, phone))
    if other is not None and other != phone.pk:
        name = {"name": office.names[other]}
        yield "address", _("The phone “%(name)s” has this address and port now. Change that one first.") % name


def _place(row: WantedRow, phone: Phone) -> tuple[str, int]:
    """Where the phone will be: (address, port)."""
    port = _changes(row, phone).get("port", phone.port)
    return str(row.settings.get("address", phone.address)), int(port)


def _wrong_account(plan: RowPlan, row: WantedRow, office: Office) -> Iterator[tuple[str, str]]:
    """Notes the account in the plan; (column, cause) when there cannot be one."""
    if row.pbx and row.pbx.casefold() not in office.pbxes:
        yield "pbx", _("There is no PBX of this name.")
        return
    if not row.endpoint:
        return
    if not row.pbx and len(office.pbxes) != 1:
        yield "pbx", _("Name the PBX: there are several.") if office.pbxes else _("There is no PBX yet. Add it first.")
        return
    pbx_id = office.pbxes[row.pbx.casefold()] if row.pbx else next(iter(office.pbxes.values()))
    owner = office.endpoints.get((pbx_id, row.endpoint))
    if owner is not None and owner != plan.phone.pk:
        cause = _("The phone “%(name)s” has this endpoint. Take it away there first.")
        yield "endpoint", cause % {"name": office.names.get(owner, "")}
        return
    own = office.accounts.get(plan.phone.pk, []) if plan.phone.pk else []
    plan.account = _account_plan(pbx_id, row, own)
    if plan.account and plan.account.account.pk is None and plan.account.account.position > MOST_ACCOUNTS:
        yield "endpoint", _("This phone has 16 accounts already.")


def _account_plan(pbx_id: int, row: WantedRow, own: Sequence[SipAccount]) -> AccountPlan | None:
    """The phone's account with this endpoint, else with this extension, else one more; None when it is so already."""
    of_pbx = [one for one in own if one.pbx_id == pbx_id]
    account = next((one for one in of_pbx if one.endpoint == row.endpoint), None)
    account = account or next((one for one in of_pbx if one.extension == row.extension), None)
    wanted = {"extension": row.extension, "endpoint": row.endpoint}
    if account is None:
        taken = {one.position for one in own}
        position = next(place for place in range(1, MOST_ACCOUNTS + 2) if place not in taken)
        return AccountPlan(SipAccount(pbx_id=pbx_id, position=position), wanted)
    changes = {name: value for name, value in wanted.items() if getattr(account, name) != value}
    return AccountPlan(account, changes) if changes else None


def _named_twice(rows: Sequence[WantedRow], plans: dict[int, RowPlan]) -> list[Problem]:
    """What two lines of one file claim: neither is believed, because nobody but its author knows which is right."""
    claims: dict[tuple[str, Hashable], list[WantedRow]] = defaultdict(list)
    for row in rows:
        claims["phone", row.phone.casefold()].append(row)
        if row.settings.get("mac"):
            claims["mac", row.settings["mac"]].append(row)
        if row.line in plans and "address" in row.settings:
            claims["address", _place(row, plans[row.line].phone)].append(row)
        account = plans[row.line].account if row.line in plans else None
        if account:
            claims["endpoint", (account.account.pbx_id, row.endpoint)].append(row)
    cause = _("Line %(line)d has the same. Keep one of them.")
    return [
        Problem(row.line, column, cause % {"line": (same[1] if row is same[0] else same[0]).line}, row.phone)
        for (column, _claim), same in claims.items()
        if len(same) > 1
        for row in same
    ]
