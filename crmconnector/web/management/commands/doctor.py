"""`manage.py doctor PHONE`: the same visit as on the page, in this process, printed as it goes on."""

import json
from ipaddress import ip_address
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from crmconnector.audit.services import record_act
from crmconnector.common.clock import utc_now
from phones.doctor.call import may_be_dialled
from phones.doctor.examine import Check, Verdict
from phones.lease import give_back, take_lease
from phones.looks import put_person_first
from phones.models import OrderKind, Phone
from phones.orders import lease_seconds
from tasks.doctor import subject_of, visit

NOT_RUN = 2  # the exit code when no check was made; 1 means that a check failed
WORDS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.CANNOT_TELL: "?"}


class Command(BaseCommand):
    help = "Examine one phone: address, network, passcode, switches, accounts, firmware. Exit code 1 if a check failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="its name, MAC address, address or id")
        parser.add_argument("--call", default="", metavar="EXTENSION", help="the phone will dial it, and hang up again")
        parser.add_argument("--json", action="store_true", help="one JSON document at the end instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        phone = find_phone(options["phone"])
        subject = subject_of(phone)
        if options["call"] and not may_be_dialled(options["call"], subject.countries):
            raise CommandError("This is no extension that may be dialled to try something.", returncode=NOT_RUN)
        put_person_first(Phone.objects.filter(pk=phone.pk).values("pk"))
        seconds = lease_seconds(OrderKind.DOCTOR)
        token = take_lease(phone_id=phone.pk, holder="doctor by hand", now=utc_now(), seconds=seconds)
        if token is None:
            raise CommandError("Another request to this phone is under way. Try again soon.", returncode=NOT_RUN)
        try:
            details = {"test_extension": options["call"]} if options["call"] else {}
            record_act(actor=None, action="phone.doctor_asked", target=phone, details=details)
            report = (lambda _check: None) if options["json"] else self.write_check
            checks = visit(phone, token, subject, test_extension=options["call"], report=report)
        finally:
            give_back(phone_id=phone.pk, token=token)
        if options["json"]:
            self.stdout.write(as_json(phone, checks))
        if any(check.verdict is Verdict.FAIL for check in checks):
            raise SystemExit(1)

    def write_check(self, check: Check) -> None:
        took = f" ({check.milliseconds} ms)" if check.milliseconds is not None else ""
        self.stdout.write(f"{WORDS[check.verdict]:>4}  {check.title}{took}")
        for sentence in check.evidence:
            self.stdout.write(f"      {sentence}")
        for sentence in (*check.cure, *check.places):
            self.stdout.write(f"      -> {sentence}")
        self.stdout.flush()


def find_phone(wanted: str) -> Phone:
    """By name, MAC address in any spelling, address, or id, in this order; CommandError unless it is exactly one."""
    digits = "".join(char for char in wanted.upper() if char.isalnum())
    mac = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    ways = [Q(name=wanted), Q(mac=mac) & ~Q(mac="")]
    if _is_address(wanted):
        ways.append(Q(address=wanted))
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
        ways.append(Q(pk=int(wanted)))
    for way in ways:
        found = list(Phone.objects.filter(way)[:2])
        if len(found) == 1:
            return found[0]
        if found:
            raise CommandError(f"Several phones are {wanted!r}. Name one by its name.", returncode=NOT_RUN)
    raise CommandError(f"There is no phone {wanted!r}, by name, MAC address, address or id.", returncode=NOT_RUN)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def as_json(phone: Phone, checks: tuple[Check, ...]) -> str:
    rows = [
        {
            "name": check.name,
            "verdict": check.verdict.value,
            "ran": check.ran,
            "title": check.title,
            "evidence": [str(sentence) for sentence in check.evidence],
            "cure": [str(sentence) for sentence in (*check.cure, *check.places)],
            "milliseconds": check.milliseconds,
            "reason_code": check.reason_code,
        }
        for check in checks
    ]
    return json.dumps({"phone": phone.name, "checks": rows}, indent=2, ensure_ascii=False)
