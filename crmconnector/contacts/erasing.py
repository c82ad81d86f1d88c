"""Erasing a person on request: every trace, and a ledger entry that proves it without naming anybody.

Here is what contacts know and what lies below them; calls, cards and dead letters forget in their own `forgetting.py`,
and crmconnector.web.erasing calls them all in one transaction.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from crmconnector.audit.models import AuditEvent
from crmconnector.common.clock import utc_now
from crmconnector.common.numbers import KEY_DIGITS, NumberKind, fold_digits, read_number
from crmconnector.contacts.models import (
    Contact,
    ContactImport,
    ContactImportChunk,
    ContactImportProblem,
    ContactNumber,
    Erasure,
    NumberChoice,
)
from crmconnector.contacts.selectors import who_else_has
from crmconnector.contacts.services import ContactProblem, lock_contact
from crmconnector.users.models import User

Counts = dict[str, int]
LEAST_CORE = 7  # digits; shorter numbers would be found inside others
_KEY_CONTEXT = b"crmconnector: erased numbers, 1"
_digits = re.compile(r"[^0-9]+")


@dataclass(frozen=True)
class Traces:
    """By what a person is recognised in texts. `numbers`: E.164, or bare digits of what could not be read so.

    `shared`: numbers that somebody else has too; they stay, and so do calls with them.
    """

    contact_ids: frozenset[int]
    numbers: frozenset[str]
    shared: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()  # e-mail, external id and link: whole, as they are
    cores: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cores", frozenset(_core(number) for number in self.numbers))

    def touches(self, text: str) -> bool:
        """Whether this text tells of the person: one of the numbers in any written form, or a name."""
        if not text:
            return False
        digits = _digits.sub("", fold_digits(text))
        if any((core in digits) if len(core) >= LEAST_CORE else core == digits for core in self.cores):
            return True
        folded = text.casefold()
        return any(one.casefold() in folded for one in self.texts) or any(_word(name, folded) for name in self.names)

    def without(self, value: object) -> object:
        """The same JSON value with every text that touches the person emptied."""
        if isinstance(value, str):
            return "" if self.touches(value) else value
        if isinstance(value, list):
            return [self.without(one) for one in value]
        if isinstance(value, dict):
            return {key: self.without(one) for key, one in value.items()}
        return value

    def find_in(self, column: str) -> Q:
        """A first sieve for a text column: what does not pass cannot touch. Names with capitals either way."""
        found = Q(pk__in=[])
        for core in self.cores:
            pattern = r"[^0-9]*".join(core) if len(core) >= LEAST_CORE else rf"\y{core}\y"
            found |= Q(**{f"{column}__regex": pattern})
        for text in (*self.names, *self.texts):
            found |= Q(**{f"{column}__icontains": text})
        return found


def traces_of(contact: Contact) -> Traces:
    """All names and numbers that this contact has, and had according to its history."""
    others = who_else_has(contact)
    shared = {_number(row) for row in contact.numbers.all() if row.pk in others}
    names, merged = {contact.name}, {contact.pk}
    for change in contact.changes.all():
        names |= set(_names_in(change.details))
        merged |= {gone for gone in [change.details.get("gone_id")] if isinstance(gone, int)}
    return Traces(
        contact_ids=frozenset(merged),
        numbers=frozenset(_number(row) for row in contact.numbers.all()) - shared,
        shared=frozenset(shared),
        names=frozenset(name for name in names if len(name.strip()) > 1),
        texts=frozenset(text for text in (contact.email, contact.external_link) if text),
    )


def forget_contact(*, contact: Contact, traces: Traces) -> Counts:
    """The contact with its numbers and history, what files of contacts still hold, and the acts done to it."""
    counts = {
        "numbers": contact.numbers.count(),
        "changes": contact.changes.count(),
        "choices": NumberChoice.objects.filter(contact=contact).count(),
        "files": _forget_files(traces),
        "acts": _forget_acts(traces),
    }
    Contact.objects.filter(pk=contact.pk).delete()
    return counts


def enter_in_ledger(*, traces: Traces, counts: Counts, reason: str, by: User) -> Erasure:
    """The proof. The reason must not tell who it was: that is refused."""
    if traces.touches(reason):
        raise ContactProblem(_("The reason names the person. It stays in the ledger, so say it without."))
    digests = sorted(digest_of(number) for number in traces.numbers)
    return Erasure.objects.create(
        at=utc_now(), by=by, by_name=by.display_name, reason=reason, digests=digests, counts=counts
    )


def locked_for_erasing(contact_id: int) -> Contact:
    """May raise ContactProblem: somebody else was quicker."""
    return lock_contact(contact_id)


def digest_of(number: str, *, key: str = "") -> str:
    """Keyed, for the numbers of a country are few enough to try them all. `key`: an encryption key, else the newest."""
    derived = hmac.digest((key or settings.ENCRYPTION_KEYS[0]).encode(), _KEY_CONTEXT, "sha256")
    return hmac.new(derived, number.encode(), hashlib.sha256).hexdigest()


def erasures_of(text: str, *, country: str) -> list[Erasure]:
    """The ledger entries under which this number was erased, also those made with older keys."""
    reading = read_number(text, country=country)
    number = reading.e164 or _bare(reading.written)
    if reading.kind is NumberKind.WITHHELD or not number:
        raise ContactProblem(_("This is not a telephone number. Write it as you would dial it, or with +49."))
    return list(
        Erasure.objects.filter(digests__overlap=[digest_of(number, key=key) for key in settings.ENCRYPTION_KEYS])
    )


def _forget_acts(traces: Traces) -> int:
    """Acts stay, with who did them and when; what they tell of the person goes."""
    ids = [str(pk) for pk in traces.contact_ids]
    theirs = AuditEvent.objects.filter(target_type=Contact._meta.label_lower, target_id__in=ids)
    LogEntry.objects.filter(content_type__app_label="contacts", object_id__in=ids).update(
        object_repr="", change_message=""
    )
    count = theirs.update(target_name="", details={})
    sieve = traces.find_in("told") | traces.find_in("target_name")
    others = AuditEvent.objects.exclude(target_type__startswith="users.")  # a colleague may have the same name
    for event in others.annotate(told=Cast("details", TextField())).filter(sieve).iterator(chunk_size=500):
        details, name = traces.without(event.details), traces.without(event.target_name)
        if (details, name) != (event.details, event.target_name):
            count += AuditEvent.objects.filter(pk=event.pk).update(details=details, target_name=name)
    return count


def _forget_files(traces: Traces) -> int:
    """A file on its way in that tells of the person is given up: it would bring them back."""
    problems = ContactImportProblem.objects.filter(traces.find_in("shown") | traces.find_in("sentence"))
    for problem in problems.iterator(chunk_size=500):
        if traces.touches(problem.shown) or traces.touches(problem.sentence):
            ContactImportProblem.objects.filter(pk=problem.pk).update(shown="", sentence=_("Erased on request."))
    for one in ContactImport.objects.iterator(chunk_size=100):
        kept = {name: traces.without(getattr(one, name)) for name in ("file_name", "sentence", "reading", "options")}
        ContactImport.objects.filter(pk=one.pk).update(**kept)
    held = [one for one in ContactImport.objects.filter(chunks__isnull=False).distinct() if _tells(one, traces)]
    ContactImportChunk.objects.filter(source__in=held).delete()
    sentence = _("Given up: the file told of somebody who was erased. Take them out of the file and bring it in anew.")
    ContactImport.objects.filter(pk__in=[one.pk for one in held]).update(
        state=ContactImport.State.FAILED, sentence=sentence, changed_at=utc_now()
    )
    return len(held)


def _tells(source: ContactImport, traces: Traces) -> bool:
    """Chunk after chunk, each with the end of the one before: a number may lie across."""
    tail = b""
    for content in source.chunks.order_by("position").values_list("content", flat=True).iterator(chunk_size=4):
        piece = tail + bytes(content)
        if any(traces.touches(line) for text in _readings(piece) for line in text.splitlines()):
            return True
        tail = piece[-2000:]
    return False


def _readings(piece: bytes) -> Iterable[str]:
    """As text in the encodings that files of contacts come in; the import may not have guessed it yet."""
    yield piece.decode("utf-8", "ignore")
    yield piece.decode("cp1252", "ignore")
    if b"\x00" in piece:
        yield piece.replace(b"\x00", b"").decode("latin-1")


def _number(row: ContactNumber) -> str:
    return row.e164 or _bare(row.written)


def _bare(text: str) -> str:
    return _digits.sub("", fold_digits(text))


def _core(number: str) -> str:
    """What every written form of a number has in it: the end of the national number, or all of a short one."""
    if not number.startswith("+"):
        return number.lstrip("0") or number
    reading = read_number(number, country="")
    return reading.key or number[-KEY_DIGITS:]


def _word(name: str, folded: str) -> bool:
    """A single word is a name only where nothing else stands: “Anna” must not empty what is told of Anna Schmidt."""
    if len(name.split()) < 2:
        return name.strip().casefold() == folded.strip()
    return re.search(rf"(?<!\w){re.escape(name.strip().casefold())}(?!\w)", folded) is not None


def _names_in(details: dict[str, object]) -> Iterable[str]:
    """Former names: of edits, and of contacts that were merged into this one."""
    pair, gone = details.get("name"), details.get("gone")
    yield from (str(one) for one in (pair if isinstance(pair, list) else []) if one)
    if isinstance(gone, dict) and gone.get("name"):
        yield str(gone["name"])


@transaction.atomic
def forget_choices(*, traces: Traces) -> int:
    """Remembered choices of numbers that nobody has any more."""
    keys = [*traces.numbers, *(core[-KEY_DIGITS:] for core in traces.cores)]
    return NumberChoice.objects.filter(number__in=keys).delete()[0]
