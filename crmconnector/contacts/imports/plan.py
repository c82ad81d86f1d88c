"""What is to be done with a row whose contact we may know already. Pure.

Sameness is looked for in the order of `Same`; the first that hits decides. A row may also be the same as an earlier
row of its own slice of the file: then it is joined to that row before the database is asked at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from crmconnector.contacts.imports.cells import Number, Wanted

TEXTS: Final = ("name", "company", "title", "email", "notes", "external_id", "external_link")


class Duplicates(StrEnum):
    ADD = "add"
    SKIP = "skip"
    FILL = "fill"
    OVERWRITE = "overwrite"


class Same(StrEnum):
    EXTERNAL_ID = "external_id"
    NAME = "name"  # and company, written alike
    NUMBER = "number"


Key = tuple[Same, str, str]


@dataclass(slots=True)
class Stored:
    """A contact as it stands in the database, as far as an import may change it."""

    pk: int
    fields: dict[str, Any]  # TEXTS, kind, tags, owner_id, team_id
    numbers: list[Number]


def keys_of(wanted: Wanted, same: Iterable[Same]) -> list[Key]:
    """By what this row is known again, the surest first."""
    found: list[Key] = []
    for one in same:
        if one is Same.EXTERNAL_ID and wanted.external_id:
            found.append((one, wanted.external_id, ""))
        elif one is Same.NAME:
            found.append((one, wanted.name, wanted.company))
        elif one is Same.NUMBER:
            found += [(one, number.e164, "") for number in wanted.numbers if number.e164]
    return found


def join_alike(
    rows: Sequence[Wanted], *, same: Sequence[Same], rule: Duplicates
) -> tuple[list[Wanted], dict[int, list[int]]]:
    """(the rows that stand for themselves, place of each -> places of the rows that were joined to it)."""
    if rule is Duplicates.ADD:
        return list(rows), {}
    first: dict[Key, Wanted] = {}
    alone: list[Wanted] = []
    joined: dict[int, list[int]] = {}
    for row in rows:
        keys = keys_of(row, same)
        twin = next((first[key] for key in keys if key in first), None)
        if twin is None:
            alone.append(row)
        else:
            joined.setdefault(twin.place, []).append(row.place)
            _join(twin, row, rule)
        for key in keys:
            first.setdefault(key, twin or row)
    return alone, joined


def _join(twin: Wanted, row: Wanted, rule: Duplicates) -> None:
    if rule is Duplicates.SKIP:
        return
    for name in TEXTS:
        text = getattr(row, name)
        if text and (rule is Duplicates.OVERWRITE or not getattr(twin, name)):
            setattr(twin, name, text)
    twin.tags = union(twin.tags, row.tags)
    twin.numbers += new_numbers(twin.numbers, row.numbers)


def changes_of(
    stored: Stored, wanted: Wanted, *, rule: Duplicates, owner_id: int | None, team_id: int | None
) -> tuple[dict[str, Any], list[Number]]:
    """(field -> its new value, numbers to add). Empty cells change nothing; no number is ever taken away.

    The team is changed by overwriting only: filling it in would hide from many what they see now.
    """
    if rule not in (Duplicates.FILL, Duplicates.OVERWRITE):
        return {}, []
    over = rule is Duplicates.OVERWRITE
    asked: dict[str, Any] = {name: getattr(wanted, name) for name in TEXTS} | {"owner_id": owner_id}
    if over:
        asked["team_id"] = team_id
    changed = {
        name: value for name, value in asked.items()
        if value and value != stored.fields[name] and (over or not stored.fields[name])
    }  # fmt: skip
    tags = union(stored.fields["tags"], wanted.tags)
    if tags != stored.fields["tags"]:
        changed["tags"] = tags
    return changed, new_numbers(stored.numbers, wanted.numbers)


def union(have: Sequence[str], more: Iterable[str], *, most: int = 20) -> list[str]:
    return list(dict.fromkeys([*have, *more]))[: max(most, len(have))]


def new_numbers(have: Sequence[Number], more: Iterable[Number]) -> list[Number]:
    written = {number.written for number in have}
    complete = {number.e164 for number in have if number.e164}
    return [number for number in more if number.written not in written and number.e164 not in complete]


def history_of(before: Mapping[str, Any], changed: Mapping[str, Any], numbers: Sequence[Number]) -> dict[str, Any]:
    """For the contact's history: field -> [before, after]."""
    told = {name.removesuffix("_id"): [before[name], value] for name, value in changed.items()}
    return told | ({"numbers": [[], [number.written for number in numbers]]} if numbers else {})
