"""A visit of the doctor to phone 201 of a simulated office, without any row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import Secret
from crmconnector.simulator.running import RunningOffice
from phones.doctor.checks import AccountSeen, Check, Subject, Verdict
from phones.doctor.examine import examine
from phones.doctor.probes import SocketProbes
from phones.drivers.base import Limits, PhoneAddress
from phones.drivers.registry import open_driver
from tests.support.simulated import PASSCODE

NOW = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)
POLICY = AddressPolicy([ip_network("127.0.0.0/8")], allowed_ports=None)
PATIENCE = Limits(total_seconds=2.0)  # for phones that never answer
ACCOUNT = AccountSeen(
    1, "201", "PJSIP/201", "Office", True, "Grandstream GRP2614 1.0.9.30", "127.0.0.1", NOW - timedelta(seconds=52)
)


def subject_at(port: int, **changes) -> Subject:
    known = Subject(
        name="Front desk", address="127.0.0.1", port=port, scheme="http", model="GRP2614", firmware="1.0.9.30",
        firmware_source="pbx", accounts=(ACCOUNT,), countries=("DE",),
    )  # fmt: skip
    return replace(known, **changes)


def visit(
    office: RunningOffice, *, call="", passcode=PASSCODE, port=0, trust=None, seen=None, is_ours=None, **changes
) -> dict[str, Check]:
    """Examine phone 201; the findings by name. `changes`: of the subject."""
    subject = subject_at(port or office.phone_port("201"), **changes)
    address = PhoneAddress("https" if subject.encrypted else "http", subject.address, subject.port)
    driver = open_driver("grandstream", address, Secret(passcode), policy=POLICY, trust=trust, limits=PATIENCE)
    probes = SocketProbes(address, policy=POLICY, trust=trust)
    listen, ours = seen or (lambda _check: None), is_ours or (lambda: True)
    found = examine(subject, driver, probes, NOW, call or None, report=listen, is_ours=ours)
    return {check.name: check for check in found}


def told(check: Check) -> str:
    return " ".join(str(one) for one in (*check.evidence, *check.cure, *check.places))


def failed(checks: dict[str, Check]) -> list[str]:
    return [name for name, check in checks.items() if check.verdict is Verdict.FAIL]


def with_passcode(office: RunningOffice) -> list[dict]:
    return [row for row in office.journal("201") if "passcode" in row["query"]]


def dials(office: RunningOffice) -> list[dict]:
    return [row for row in office.journal("201") if "make_call" in row["path"]]


def lines_in_use(office: RunningOffice) -> list[dict]:
    return office.snapshot()["phones"]["201"]["lines"]
