"""A doctor's run on one phone: what the rows know of it, the visit itself, each finding written down as it comes.

The visit may take half a minute: the page reads the findings from the order's row while it goes on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from crmconnector.calls.dial_check import bar_of_test_call
from crmconnector.common.clock import utc_now
from crmconnector.common.network import AddressRefused
from crmconnector.pbx.models import Pbx
from phones.connection import address_of, address_policy, driver_for, trust_of
from phones.doctor.checks import AccountSeen, Check, Subject, Verdict
from phones.doctor.examine import examine, names_of, passcode_was_refused
from phones.doctor.probes import SocketProbes, fingerprint_of
from phones.identity import identity_of_phone
from phones.lease import extend_lease
from phones.models import DeviceOrder, OrderKind, OrderState, Phone, PhoneLease, SipAccount
from phones.orders import OrderGrant, OrderOutcome, lease_seconds
from phones.services import note_passcode_refused, note_phone_answered, note_phone_silent


def run_doctor(grant: OrderGrant) -> OrderOutcome:
    """The whole visit under the order's lease. Its result: {"names": […], "checks": […]}."""
    done: list[dict[str, Any]] = []
    subject = subject_of(grant.phone)

    def write_down(check: Check) -> None:
        done.append(check.as_json())
        _show(grant, {"names": names_of(subject), "checks": done})

    _show(grant, {"names": names_of(subject), "checks": []})
    checks = visit(grant.phone, grant.token, subject, test_extension=grant.argument, report=write_down)
    failed = sum(check.verdict is Verdict.FAIL for check in checks)
    sentence = f"{len(checks)} checks, {failed} failed." if failed else f"{len(checks)} checks, none failed."
    return OrderOutcome(OrderState.CONFIRMED, sentence=sentence, result={"names": names_of(subject), "checks": done})


def visit(
    phone: Phone, token: int, subject: Subject, *, test_extension: str = "", report: Callable[[Check], None]
) -> tuple[Check, ...]:
    """Examine a phone whose lease we hold by `token`, and keep its health up to date by what was seen."""

    def heard(check: Check) -> None:
        if passcode_was_refused([check]) and _is_ours(phone, token):
            note_passcode_refused(phone_id=phone.pk, at=utc_now(), reason_code=check.reason_code)
        report(check)

    probes = SocketProbes(address_of(phone), policy=address_policy(), trust=trust_of(phone))
    checks = examine(
        subject, driver_for(phone), probes, utc_now(), test_extension or None, report=heard,
        is_ours=partial(_prolong, phone, token),
        bar=lambda extension: bar_of_test_call(pbxes=_pbxes_of(phone), extension=extension),
    )  # fmt: skip
    if not passcode_was_refused(checks) and _is_ours(phone, token):
        _note_health(phone, checks)
    return checks


def _pbxes_of(phone: Phone) -> list[Pbx]:
    return [account.pbx for account in phone.accounts.select_related("pbx")]


def _prolong(phone: Phone, token: int) -> bool:
    """Hold the lease for what comes next; False when it ran out or was taken from us."""
    held = extend_lease(phone_id=phone.pk, token=token, now=utc_now(), seconds=lease_seconds(OrderKind.DOCTOR))
    close_old_connections()  # the phone may take seconds, and connections to the database are few
    return held


def _is_ours(phone: Phone, token: int) -> bool:
    """False when somebody entered a new passcode meanwhile: what the phone said to the old one counts no more."""
    return PhoneLease.objects.filter(phone_id=phone.pk, token=token).exists()


def _note_health(phone: Phone, checks: Sequence[Check]) -> None:
    """Only what was tried: an address that is not allowed or a run without a passcode says nothing of the phone."""
    for check in checks:
        if check.name == "answers" and check.verdict is Verdict.PASS:
            note_phone_answered(phone_id=phone.pk, at=utc_now())
        elif check.name in ("reachable", "tls", "answers") and check.verdict is Verdict.FAIL:
            sentence = str(check.evidence[0])
            note_phone_silent(phone_id=phone.pk, at=utc_now(), reason_code=check.reason_code, sentence=sentence)


def subject_of(phone: Phone) -> Subject:
    """The phone as its rows have it now; nothing of it is asked."""
    accounts = list(phone.accounts.select_related("pbx").order_by("position"))
    identity = identity_of_phone(phone)
    return Subject(
        name=phone.name,
        address=str(phone.address),
        port=phone.port,
        scheme=phone.scheme,
        address_problem=_address_problem(phone),
        networks=", ".join(str(network) for network in settings.PHONE_NETWORKS),
        mac=phone.mac,
        model=identity.model,
        firmware=identity.firmware,
        firmware_source=identity.firmware_source.value,
        passcode_entered=bool(phone.passcode),
        passcode_refused_at=phone.passcode_refused_at,
        accounts=tuple(_account(account) for account in accounts),
        countries=tuple(sorted({account.pbx.country for account in accounts})),
        pinned_sha256=fingerprint_of(phone.certificate) if phone.scheme == Phone.Scheme.HTTPS_PINNED else None,
    )


def _account(row: SipAccount) -> AccountSeen:
    return AccountSeen(
        position=row.position,
        extension=row.extension,
        endpoint=row.endpoint,
        pbx_name=row.pbx.name,
        registered=row.registered_at_pbx,
        user_agent=row.user_agent,
        contact_address=str(row.contact_address or ""),
        seen_at=row.contact_seen_at,
    )


def _address_problem(phone: Phone) -> str:
    try:
        address_policy().check(str(phone.address), phone.port)
    except AddressRefused as refused:
        return str(refused)
    return ""


def _show(grant: OrderGrant, result: dict[str, Any]) -> None:
    """Only under our own token, while the order is ours: a late worker changes nothing."""
    rows = DeviceOrder.objects.filter(pk=grant.order_id, state=OrderState.GRANTED, token=grant.token)
    rows.update(result=result)
    close_old_connections()
