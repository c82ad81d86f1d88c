"""The columns of a file of phones and seats, and what may stand in a cell of each. Wrong is refused, never repaired.

Pure: texts in, values or a cause in words out. No cause repeats what stood in the cell, but for what is an address:
with the columns shifted by one, a passcode stands anywhere.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from crmconnector.common.network import AddressPolicy, AddressRefused
from crmconnector.common.secrets import Secret
from phones.models import Phone, SipAccount

LONGEST_FIELD = 500  # characters
EARLIEST_YEAR, LATEST_YEAR = 2000, 2099

# Column -> the headings it is known by, without case; points, hyphens and underscores count as blanks.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "phone": ("phone", "phone name", "name", "desk phone", "device", "device name", "desk"),
    "mac": ("mac", "mac address", "hardware address"),
    "model": ("model", "phone model", "device model"),
    "firmware": ("firmware", "firmware version"),
    "address": ("address", "ip", "ip address", "phone address"),
    "port": ("port", "http port", "web port"),
    "connection": ("connection", "scheme", "protocol"),
    "passcode": (
        "passcode", "password", "user passcode", "user password", "web password", "user level passcode",
        "user level password",
    ),
    "pbx": ("pbx", "pbx name", "phone system"),
    "extension": ("extension", "ext", "internal number"),
    "endpoint": ("endpoint", "sip endpoint", "pbx endpoint"),
    "user": ("user", "username", "user name", "person", "assigned to", "used by", "assignee"),
    "from": ("from", "since", "start", "from at", "valid from", "assigned from"),
    "until": ("until", "to", "end", "until at", "valid until", "assigned until"),
}  # fmt: skip
# Columns that are fields of the phone's row.
FIELDS = {
    "mac": "mac", "model": "model", "firmware": "firmware", "address": "address", "port": "port",
    "connection": "scheme",
}  # fmt: skip
_COLUMN_OF = {heading: column for column, headings in HEADINGS.items() for heading in headings}

CONNECTIONS: Mapping[str, str] = {
    "http": Phone.Scheme.HTTP,
    "http not encrypted": Phone.Scheme.HTTP,
    "https": Phone.Scheme.HTTPS_PINNED,
    "https pinned": Phone.Scheme.HTTPS_PINNED,
    "https certificate pinned": Phone.Scheme.HTTPS_PINNED,
    "https unverified": Phone.Scheme.HTTPS_UNVERIFIED,
    "https not checked": Phone.Scheme.HTTPS_UNVERIFIED,
    "https certificate not checked": Phone.Scheme.HTTPS_UNVERIFIED,
}

_BLANKS = re.compile(r"[\s\-_./,*:]+")
# Twelve hexadecimal digits, all pairs kept apart by the same sign or by none; or three groups of four.
_MAC = re.compile(r"\A[0-9A-F]{2}([:\- ]?)[0-9A-F]{2}(\1[0-9A-F]{2}){4}\Z|\A[0-9A-F]{4}(\.[0-9A-F]{4}){2}\Z")
_TIME = re.compile(
    r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?\Z"
)
_PORT = re.compile(r"\A[0-9]{1,5}\Z")
# Overrides of the writing direction: they make a text look like another one.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class CellRefused(Exception):
    """Why this cell is not taken, in words; never with what stands in it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell or a line that is not taken. `line` counts from 1 as editors do; `phone` helps to find it."""

    line: int
    column: str
    cause: str
    phone: str = ""

    def as_json(self) -> dict[str, object]:
        return {"line": self.line, "column": self.column, "cause": self.cause, "phone": self.phone}


@dataclass(frozen=True, slots=True)
class WantedRow:
    """What one line of the file asks for. An empty cell asks for nothing: what is stored stays.

    `settings` by the names of the phone's fields: mac, model, firmware, address, port, scheme. `from_at` None: from
    the moment of bringing in. `until_at` None: until released. The passcode shows itself only when asked by name.
    """

    line: int
    phone: str
    settings: Mapping[str, str | int] = field(default_factory=dict)
    passcode: Secret | None = None
    pbx: str = ""
    extension: str = ""
    endpoint: str = ""
    user: str = ""
    from_at: datetime | None = None
    until_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """For the sealed row of the database only: the passcode is in it."""
        return {
            "line": self.line, "phone": self.phone, "settings": dict(self.settings),
            "passcode": self.passcode.reveal() if self.passcode else None,
            "pbx": self.pbx, "extension": self.extension, "endpoint": self.endpoint, "user": self.user,
            "from_at": self.from_at.isoformat() if self.from_at else None,
            "until_at": self.until_at.isoformat() if self.until_at else None,
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "WantedRow":
        passcode, from_at, until_at = stored["passcode"], stored["from_at"], stored["until_at"]
        return cls(
            line=stored["line"], phone=stored["phone"], settings=stored["settings"],
            passcode=Secret(passcode) if passcode else None,
            pbx=stored["pbx"], extension=stored["extension"], endpoint=stored["endpoint"], user=stored["user"],
            from_at=datetime.fromisoformat(from_at) if from_at else None,
            until_at=datetime.fromisoformat(until_at) if until_at else None,
        )  # fmt: skip


def column_of(heading: str) -> str | None:
    """The column that a heading means; None when it is none of ours."""
    return _COLUMN_OF.get(_folded(heading))


def read_row(
    line: int, cells: Mapping[str, str], *, zone: tzinfo, policy: AddressPolicy
) -> tuple[WantedRow | None, list[Problem]]:
    """One line of the file, its cells by column: what it asks for, or everything that is wrong with it."""
    name = cells.get("phone", "").strip()
    shown = name if len(name) <= 80 and name.isprintable() else ""
    read, problems = _read_cells(line, cells, zone, policy, shown)
    problems += [Problem(line, column, cause, shown) for column, cause in _beside_each_other(read, cells)]
    if problems:
        return None, problems
    settings: dict[str, str | int] = {FIELDS[column]: value for column, value in read.items() if column in FIELDS}
    row = WantedRow(
        line, read["phone"], settings, read.get("passcode"), read.get("pbx", ""), read.get("extension", ""),
        read.get("endpoint", ""), read.get("user", ""), read.get("from"), read.get("until"),
    )  # fmt: skip
    return row, []


def _read_cells(
    line: int, cells: Mapping[str, str], zone: tzinfo, policy: AddressPolicy, shown: str
) -> tuple[dict[str, Any], list[Problem]]:
    read: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, text in cells.items():
        try:
            _refuse_shape(text)
            wanted = text if column == "passcode" else text.strip()
            if wanted:
                read[column] = _READERS[column](wanted, zone, policy)
            elif column == "phone":
                raise CellRefused(_("Every line needs the name of a phone."))
        except CellRefused as refused:
            problems.append(Problem(line, column, str(refused), shown))
    return read, problems


def _beside_each_other(read: Mapping[str, Any], cells: Mapping[str, str]) -> list[tuple[str, str]]:
    """What only two cells together make wrong: (column, cause)."""
    wrong = []
    if ("extension" in read) != ("endpoint" in read) and bool(cells.get("extension")) != bool(cells.get("endpoint")):
        missing = "extension" if "endpoint" in read else "endpoint"
        wrong.append((missing, _("Extension and endpoint belong together: give both or neither.")))
    if not cells.get("user", "").strip():
        late = [column for column in ("from", "until") if cells.get(column, "").strip()]
        wrong += [(column, _("A time without a user says nothing. Name the user, or empty this.")) for column in late]
    from_at, until_at = read.get("from"), read.get("until")
    if from_at and until_at and until_at <= from_at:
        wrong.append(("until", _("The end must be later than the start.")))
    return wrong


def _refuse_shape(text: str) -> None:
    if len(text) > LONGEST_FIELD:
        raise CellRefused(_("Longer than %(most)d characters.") % {"most": LONGEST_FIELD})
    if text.isprintable():
        return
    for char in text:
        if char in "\r\n\u2028\u2029":
            raise CellRefused(_("There is a line break in it."))
        if char in _DIRECTION or unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn"):
            raise CellRefused(_("There is a control character in it that cannot be seen. Type the cell anew."))


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _by_field(model: type[Phone] | type[SipAccount], name: str, text: str) -> Any:
    """As the model's own field takes it; its messages repeat no value."""
    known: Any = model._meta.get_field(name)
    try:
        return known.clean(text, None)
    except ValidationError as error:
        raise CellRefused(" ".join(error.messages)) from None


def _plain(model: type[Phone] | type[SipAccount], name: str) -> "Reader":
    return lambda text, zone, policy: _by_field(model, name, text)


def _mac(text: str, zone: tzinfo, policy: AddressPolicy) -> str:
    text = text.upper()
    if not _MAC.match(text):
        raise CellRefused(_("A MAC address looks like 00:0B:82:A1:4C:07."))
    digits = re.sub(r"[^0-9A-F]", "", text)
    return str(_by_field(Phone, "mac", ":".join(digits[at : at + 2] for at in range(0, 12, 2))))


def _address(text: str, zone: tzinfo, policy: AddressPolicy) -> str:
    try:
        # Any port will do here: which ones administrators give to phones is theirs to say.
        return str(policy.check(text, 80))
    except AddressRefused as refused:
        raise CellRefused(refusal_words(refused)) from None


def refusal_words(refused: AddressRefused) -> str:
    """Why we do not connect there, in the reader's language."""
    return _(refused.text) % {name: _(str(one)) if name == "what" else one for name, one in refused.values.items()}


def _port(text: str, zone: tzinfo, policy: AddressPolicy) -> int:
    if not _PORT.match(text):
        raise CellRefused(_("The port must be a number from 1 to 65535."))
    return int(_by_field(Phone, "port", text))


def _connection(text: str, zone: tzinfo, policy: AddressPolicy) -> str:
    known = CONNECTIONS.get(_folded(text))
    if known is None:
        raise CellRefused(_("Write http, https (with the pinned certificate) or https unverified."))
    return str(known)


def _passcode(text: str, zone: tzinfo, policy: AddressPolicy) -> Secret:
    if not text.strip():
        raise CellRefused(_("Only blanks. Empty the cell to keep the passcode that is stored."))
    if set(text) <= set("*•●"):
        raise CellRefused(_("These are only the stars that hide a passcode. Enter the passcode itself."))
    return Secret(text)


def _username(text: str, zone: tzinfo, policy: AddressPolicy) -> str:
    if len(text) > 150:
        raise CellRefused(_("No user name is that long."))
    return text


def _from(text: str, zone: tzinfo, policy: AddressPolicy) -> datetime:
    return _instant(text, zone, days_later=0)


def _until(text: str, zone: tzinfo, policy: AddressPolicy) -> datetime:
    """A day alone is a day still had: until 30 June means to its very end."""
    return _instant(text, zone, days_later=1)


def _instant(text: str, zone: tzinfo, *, days_later: int) -> datetime:
    if not _TIME.match(text):
        raise CellRefused(_("A day looks like 2026-03-31, a time like 2026-03-31 08:00."))
    try:
        if len(text) == 10:
            local = datetime.combine(date.fromisoformat(text) + timedelta(days=days_later), time())
        else:
            local = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CellRefused(_("There is no such day or time.")) from None
    if not EARLIEST_YEAR <= local.year <= LATEST_YEAR:
        raise CellRefused(_("The year must be from 2000 to 2099."))
    return local.astimezone(UTC) if local.tzinfo else _in_zone(local, zone, whole_day=len(text) == 10)


def _in_zone(local: datetime, zone: tzinfo, *, whole_day: bool) -> datetime:
    """The instant at which the clocks of the installation show this; refused when never, or twice."""
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    at = first.astimezone(UTC)
    if whole_day or first.utcoffset() == second.utcoffset():
        return at
    if at.astimezone(zone).replace(tzinfo=None) != local:
        raise CellRefused(_("The clocks are put forward then: this time does not exist. Take one an hour later."))
    raise CellRefused(_("The clocks are put back then: this time comes twice. Write it with its offset: +01:00."))


Reader = Callable[[str, tzinfo, AddressPolicy], Any]
_READERS: Mapping[str, Reader] = {
    "phone": _plain(Phone, "name"),
    "mac": _mac,
    "model": _plain(Phone, "model"),
    "firmware": _plain(Phone, "firmware"),
    "address": _address,
    "port": _port,
    "connection": _connection,
    "passcode": _passcode,
    "pbx": lambda text, zone, policy: text,
    "extension": _plain(SipAccount, "extension"),
    "endpoint": _plain(SipAccount, "endpoint"),
    "user": _username,
    "from": _from,
    "until": _until,
}
