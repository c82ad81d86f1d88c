"""The export of contacts: what the list shows, as lines of CSV, batch after batch."""

import csv
import io
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection

from crmconnector.audit.services import record_act
from crmconnector.contacts.exporting import batches, header_of, ids_of, rows_of
from crmconnector.contacts.selectors import contacts_seen_by, find_contacts
from crmconnector.users.models import User
from crmconnector.web.contact_page import wanted_of
from crmconnector.web.spreadsheet import harmless

# Our import takes one apostrophe off before what a spreadsheet computes; a text that has one of its own gets another.
_guarded_already = re.compile(r"\A'+[ \u00a0]*[=+\-@\t\r\n\x00＝＋－＠]")


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written: the columns, and the ids in the order of the list."""

    user: User
    header: list[str]
    ids: "array[int]"

    def head(self) -> str:
        """The byte order mark is what makes spreadsheets read it as UTF-8."""
        return "\ufeff" + _csv([self.header])

    def batches(self) -> Iterator[list[int]]:
        return batches(self.ids)

    def lines(self, ids: list[int]) -> str:
        """One batch. The connection goes back to the pool, for the next batch may be minutes away."""
        try:
            return _csv(rows_of(contacts_seen_by(self.user), ids, width=len(self.header)))
        finally:
            if not connection.in_atomic_block:
                connection.close()


def export_of(asked: Mapping[str, str], user: User, *, text: str, country: str) -> Export:
    """Reads the ids, and records that somebody took so many contacts with them."""
    wanted = wanted_of(asked, user, text=text)
    found = find_contacts(contacts_seen_by(user), wanted, country=country)
    export = Export(user, header_of(found), ids_of(found))
    record_act(actor=user, action="contact.exported", target=user, details={"contacts": len(export.ids)})
    return export


def _csv(rows: Iterable[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([_cell(cell) for cell in row] for row in rows)
    return written.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if _guarded_already.match(text) else harmless(text)
