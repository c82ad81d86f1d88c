"""Bringing in a file of phones and seats: checked first, then all of it or nothing; and undone.

    check_import -> PhoneImport (checked) -> apply_import (brought in) -> undo_import (undone)

Between the check and the bringing in nothing is held: at the second everything is planned again under locks, and if
one row would do something else than what was shown, nothing is done and the reasons are told.

Secrets. The rows of a checked file are sealed with a key of their own, made for this file, which lies encrypted in
`PhoneImport.rows`; the sealed pieces lie in `undo`, which has no other use until then. A field takes a short text
only, so a key is put into it and not two thousand phones; and when the product's key is changed, only this key is
encrypted anew. Once brought in, the key and the pieces are gone, and `undo` holds what `import_write` notes. There the
former passcodes are kept as the ciphertext that lay in the phones' rows, so that an undo gives back what the phones
know; it goes with the undo, or after `UNDO_DAYS`. When `rotate_keys` has run in between, the rows of these phones are
no longer as the file left them, and such an undo is refused.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from crmconnector.common.network import AddressPolicy
from crmconnector.common.secrets import LONGEST_TEXT, Cipher, SecretError, new_key
from phones.imports.cells import WantedRow
from phones.imports.office import load_office
from phones.imports.plan import Options, Plan, make_plan
from phones.imports.reading import read_phones_file
from phones.imports.summary import summary_of
from phones.imports.undo import UndoRefused, take_back
from phones.imports.write import write_plan
from phones.models import PhoneImport

MOST_REASONS = 20
KEPT_HOURS = 24  # a checked file that nobody brought in: it may hold passcodes
UNDO_DAYS = 30


class ImportProblem(Exception):
    """Nothing was changed: why, with the reasons line by line; safe to show."""

    def __init__(self, sentence: str, reasons: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        left = len(reasons) - MOST_REASONS
        self.reasons = [*reasons[:MOST_REASONS], *([_("and %(n)d more") % {"n": left}] if left > 0 else [])]


@transaction.atomic
def check_import(
    *,
    user: AbstractBaseUser | None,
    file_name: str,
    content: bytes,
    options: Options,
    pbxes: Mapping[str, int],
    zone: tzinfo,
    policy: AddressPolicy,
    now: datetime,
) -> PhoneImport:
    """Read a file and say what bringing it in would do. Changes nothing else; raises FileRefused."""
    forget_old(now=now)
    file = read_phones_file(content, zone=zone, policy=policy)
    office = load_office(file.rows, pbxes=pbxes, now=now)
    plan = make_plan(file.rows, office, options, now=now)
    problems = sorted(file.problems + plan.problems, key=lambda one: (one.line, one.column))
    key, pieces = _sealed(plan, options)
    return PhoneImport.objects.create(
        user_id=user.pk if user else None,
        file_name=_safe_name(file_name),
        rows=key,
        undo=pieces,
        summary=summary_of(file, plan, problems, options, office),
        problems=[problem.as_json() for problem in problems],
        checked_at=now,
    )


def apply_import(
    *, import_id: int, by: AbstractBaseUser | None, leave_bad_out: bool, pbxes: Mapping[str, int], now: datetime
) -> PhoneImport:
    """Bring in every good row, in one transaction. With bad rows in the file only when they are left out by choice.

    Raises ImportProblem; then nothing at all was changed.
    """
    try:
        with transaction.atomic():
            return _apply(import_id, by, leave_bad_out, pbxes, now)
    except IntegrityError:
        # Somebody made a phone or a seat while this ran; which one the database says only by its constraint.
        raise ImportProblem(_("Somebody changed phones at the same moment. Check the file again.")) from None


def undo_import(*, import_id: int, by: AbstractBaseUser | None, now: datetime) -> PhoneImport:
    """Put back exactly what was there before. Refused as a whole when anything it would touch has changed since."""
    try:
        with transaction.atomic():
            one = _locked(import_id)
            if one.state != PhoneImport.State.APPLIED:
                raise ImportProblem(_("Only what was brought in can be undone, and only once."))
            if not one.undo:
                raise ImportProblem(_("Nothing was changed by it, or it is too long ago: there is nothing to undo."))
            take_back(one.undo)
            one.state, one.undone_at, one.undo, one.rows = PhoneImport.State.UNDONE, now, [], ""
            one.summary["undone_by"] = by.get_username() if by else ""
            one.save()
            return one
    except UndoRefused as refused:
        raise ImportProblem(_("Not undone: not everything is as it was left."), refused.reasons) from None
    except IntegrityError:
        raise ImportProblem(_("Somebody changed phones at the same moment. Look again.")) from None


def forget_old(*, now: datetime) -> None:
    """Files that nobody brought in go after a day, what an undo needs after a month: there are passcodes in both."""
    PhoneImport.objects.filter(
        state=PhoneImport.State.CHECKED, checked_at__lt=now - timedelta(hours=KEPT_HOURS)
    ).delete()
    old = PhoneImport.objects.filter(state=PhoneImport.State.APPLIED, applied_at__lt=now - timedelta(days=UNDO_DAYS))
    old.update(rows="", undo=[])


def _apply(
    import_id: int, by: AbstractBaseUser | None, leave_bad_out: bool, pbxes: Mapping[str, int], now: datetime
) -> PhoneImport:
    one = _locked(import_id)
    if one.state != PhoneImport.State.CHECKED:
        raise ImportProblem(_("This file was brought in already."))
    if one.checked_at < now - timedelta(hours=KEPT_HOURS):
        raise ImportProblem(_("This check is older than a day. Check the file again."))
    if one.problems and not leave_bad_out:
        raise ImportProblem(_("There are bad lines in it. Correct the file, or choose to leave them out."))
    options, good = _opened(_key(one), one.undo)
    if not good:
        raise ImportProblem(_("There is no good line in it, so there is nothing to bring in."))
    rows = [row for row, _mark in good]
    office = load_office(rows, pbxes=pbxes, now=now, lock=True)
    plan = make_plan(rows, office, options, now=now)
    _refuse_changed(plan, {row.line: mark for row, mark in good})
    one.undo, one.rows = write_plan(plan, office, now=now), ""
    one.state, one.applied_at = PhoneImport.State.APPLIED, now
    one.summary |= {"applied_by": by.get_username() if by else "", "left_out": one.summary["bad"]}
    one.save()
    connection.check_constraints()  # now, not at the commit: a person or a PBX may have gone meanwhile
    return one


def _refuse_changed(plan: Plan, marks: Mapping[int, str]) -> None:
    """What was shown to the person is what is done, or nothing is."""
    reasons = [_reason(problem.line, problem.phone, problem.cause) for problem in plan.problems]
    different = _("it is not as it was when the file was checked.")
    changed = [each.row for each in plan.good if each.mark != marks[each.row.line]]
    reasons += [_reason(row.line, row.phone, different) for row in changed]
    if reasons:
        raise ImportProblem(_("Something changed since the check, so nothing was brought in. Check it again."), reasons)


def _reason(line: int, phone: str, cause: str) -> str:
    return _("Line %(line)d, %(phone)s: %(cause)s") % {"line": line, "phone": phone, "cause": cause}


def _locked(import_id: int) -> PhoneImport:
    one = PhoneImport.objects.select_for_update(of=("self",)).filter(pk=import_id).first()
    if one is None:
        raise ImportProblem(_("This file is gone: a checked file is kept for a day. Bring it again."))
    return one


def _safe_name(name: str) -> str:
    """Of the file on the person's disk; shown, never opened."""
    kept = "".join(char for char in name if char.isprintable())
    return kept[-120:] or _("no name")


def _sealed(plan: Plan, options: Options) -> tuple[str, list[str]]:
    """The good rows with their marks under a key of their own: (the key, the sealed pieces)."""
    text = json.dumps(
        {
            "take_over": options.take_over,
            "move": options.move,
            "rows": [[each.row.as_json(), each.mark] for each in plan.good],
        }
    )
    key = new_key()
    cipher = Cipher([key])
    return key, [cipher.encrypt(text[at : at + LONGEST_TEXT]) for at in range(0, len(text), LONGEST_TEXT)]


def _opened(key: str, pieces: Sequence[str]) -> tuple[Options, list[tuple[WantedRow, str]]]:
    cipher = Cipher([key])
    stored = json.loads("".join(cipher.decrypt(piece) for piece in pieces))
    rows = [(WantedRow.from_json(row), str(mark)) for row, mark in stored["rows"]]
    return Options(stored["take_over"], stored["move"]), rows


def _key(one: PhoneImport) -> str:
    try:
        return one.rows.reveal() if one.rows else ""
    except SecretError:
        raise ImportProblem(_("The key of this file is lost, so it cannot be opened. Bring the file again.")) from None
