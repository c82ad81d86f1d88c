"""CSV files that people open in a spreadsheet: no cell of ours may become a formula there."""

import csv
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

# With one of these in front a spreadsheet computes, or fetches an address. The full-width signs mean the same to some.
_DANGEROUS = tuple("=+-@\t\r\n\x00＝＋－＠")


def harmless(cell: object) -> str:
    """The text with an apostrophe in front where a spreadsheet would compute it; blanks before it do not hide that.

    One that has such an apostrophe of its own gets another: who reads the file back takes one off.
    """
    text = str(cell)
    return f"'{text}" if text.lstrip("' \u00a0").startswith(_DANGEROUS) else text


def csv_response(name: str, rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A download. The byte order mark is what makes spreadsheets read it as UTF-8."""
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    writer = csv.writer(response)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return response
