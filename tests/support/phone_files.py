"""How tests check, bring in and undo a file of phones and seats."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from crmconnector.common.network import AddressPolicy
from crmconnector.pbx.models import Pbx
from phones.imports.plan import Options
from phones.imports.services import apply_import, check_import, undo_import
from phones.models import Assignment, Phone, PhoneImport, SipAccount
from tests.support.canary import PASSCODE

POLICY = AddressPolicy(["10.0.0.0/8", "127.0.0.0/8"], allowed_ports=None)
CANARY = f"{PASSCODE}-new"  # it is looked for in the raw files of the whole run too
HOUR = timedelta(hours=1)


def pbxes() -> dict[str, int]:
    return dict(Pbx.objects.values_list("name", "pk"))


def check(*lines: str, now: datetime, take_over: bool = False, move: bool = False) -> PhoneImport:
    return check_import(
        user=None, file_name="phones.csv", content="\n".join(lines).encode(), options=Options(take_over, move),
        pbxes=pbxes(), zone=UTC, policy=POLICY, now=now,
    )  # fmt: skip


def bring_in(one: PhoneImport, now: datetime, *, leave_bad_out: bool = False) -> PhoneImport:
    return apply_import(import_id=one.pk, by=None, leave_bad_out=leave_bad_out, pbxes=pbxes(), now=now)


def undo(one: PhoneImport, now: datetime) -> PhoneImport:
    return undo_import(import_id=one.pk, by=None, now=now)


def brought(*lines: str, now: datetime, **options: bool) -> PhoneImport:
    one = check(*lines, now=now, **options)
    assert not one.problems, one.problems
    return bring_in(one, now)


def causes(one: PhoneImport) -> dict[tuple[int, str], str]:
    return {(problem["line"], problem["column"]): problem["cause"] for problem in one.problems}


def everything() -> list[object]:
    """Every phone, account and seat, with passcodes in clear and without the ids that a return gives anew."""
    phones = [
        (phone.name, phone.model, phone.firmware, phone.mac, str(phone.address), phone.port, phone.scheme,
         phone.passcode.reveal(), phone.passcode_refused_at, phone.identity_typed_at, phone.created_at)
        for phone in Phone.objects.order_by("name")
    ]  # fmt: skip
    accounts = SipAccount.objects.order_by("endpoint").values_list("phone__name", "extension", "endpoint", "position")
    seats = Assignment.objects.order_by("phone__name", "during").values_list("phone__name", "user_id", "during")
    return [phones, list(accounts), list(seats)]


def sitting(at: datetime) -> dict[str, str]:
    rows = Assignment.objects.filter(during__contains=at).select_related("user", "phone")
    return {row.phone.name: row.user.username for row in rows}


def stored() -> str:
    """The table as it lies in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(i)::text FROM phones_phoneimport i")
        return "\n".join(row[0] for row in cursor.fetchall())


HEAD = "phone,address,port,passcode,extension,endpoint,user"
