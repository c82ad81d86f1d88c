"""What a checked file would do, in numbers and a few examples: what the person sees before deciding. No secrets."""

from collections.abc import Sequence
from typing import Any

from phones.imports.cells import Problem
from phones.imports.office import Office
from phones.imports.plan import Options, Plan, RowPlan
from phones.imports.reading import PhonesFile

MOST_EXAMPLES = 8
MOST_LOSING = 50


def summary_of(
    file: PhonesFile, plan: Plan, problems: Sequence[Problem], options: Options, office: Office
) -> dict[str, Any]:
    """Counts, how the file was read, the first rows that change something, and who loses a phone."""
    return {
        "lines": file.lines,
        "good": len(plan.good),
        "bad": len({problem.line for problem in problems}),
        "encoding": file.encoding,
        "separator": file.separator,
        "columns": [column for column in file.columns if column not in file.unknown and column.strip() == column],
        "unknown": file.unknown,
        "unusual": file.unusual,
        "take_over": options.take_over,
        "move": options.move,
        **_counts(plan),
        "examples": _examples(plan),
        "losing": _losing(plan, office),
    }


def _counts(plan: Plan) -> dict[str, int]:
    seats = [each.seat for each in plan.good if each.seat]
    changed = [each for each in plan.good if not each.phone_is_new and each.changes_phone]
    return {
        "phones_new": sum(each.phone_is_new for each in plan.good),
        "phones_changed": len(changed),
        "phones_unchanged": sum(not each.phone_is_new and not each.changes_phone for each in plan.good),
        "passcodes_replaced": sum(bool(each.passcode) for each in changed),
        "accounts_new": sum(bool(each.account and each.account.account.pk is None) for each in plan.good),
        "accounts_changed": sum(bool(each.account and each.account.account.pk) for each in plan.good),
        "seats_new": sum(seat.is_new for seat in seats),
        "seats_changed": sum(seat.changes_end for seat in seats),
        "seats_ended": len({seat.pk for each in seats for seat, _at in each.ended}),
        "seats_unchanged": sum(not seat.is_new and not seat.changes_end for seat in seats),
    }


def _examples(plan: Plan) -> list[dict[str, Any]]:
    """The first rows that do something: {"line", "phone", "made", "columns", "user"}."""
    acting = (each for each in plan.good if each.changes_phone or each.phone_is_new or _acts(each))
    return [
        {
            "line": each.row.line,
            "phone": each.row.phone,
            "made": each.phone_is_new,
            "columns": _columns(each),
            "user": each.row.user if _acts(each) else "",
        }
        for each, _place in zip(acting, range(MOST_EXAMPLES), strict=False)
    ]


def _acts(each: RowPlan) -> bool:
    return each.seat is not None and (each.seat.is_new or each.seat.changes_end or bool(each.seat.ended))


def _columns(each: RowPlan) -> list[str]:
    """The columns that change something, as the file calls them."""
    named = ["connection" if name == "scheme" else name for name in each.changes]
    named += ["passcode"] if each.passcode else []
    return sorted(named + (list(each.account.changes) if each.account else []))


def _losing(plan: Plan, office: Office) -> list[dict[str, Any]]:
    """Whose seats end: {"line", "phone", "user"}, the first of them."""
    found: dict[int, dict[str, Any]] = {}
    for each in plan.good:
        for seat, _at in each.seat.ended if each.seat else []:
            phone, user = office.names.get(seat.phone_id, ""), office.people[seat.user_id].username
            found.setdefault(seat.pk, {"line": each.row.line, "phone": phone, "user": user})
        if len(found) > MOST_LOSING:
            break
    return list(found.values())[:MOST_LOSING]
