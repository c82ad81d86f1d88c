"""The apostrophe that keeps a cell from becoming a formula: our export puts it there, our import takes it off again."""

import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from crmconnector.contacts.imports.cells import read_cells, without_guard
from crmconnector.web.spreadsheet import harmless

PIECES = st.text(alphabet="'=+-@\t \u00a0＝ab", max_size=8)


def back_from_file(text: str, field: str) -> str:
    """What a contact's text is after it was written to a file and read from it; blanks around it do not count."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow([harmless("Ada"), harmless(text)])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    wanted, problems = read_cells(1, 1, [("name", "", row[0]), (field, "", row[1])], country="DE")
    assert not problems
    return str(getattr(wanted, field))


@given(PIECES)
@example("'=1")
@example("''=1")
@example("' =1")
@example("'\t")
@example(" =1")
def test_what_the_export_guards_the_import_takes_off_and_nothing_else(text: str) -> None:
    assert without_guard(harmless(text)) == text


@given(PIECES)
@example("'=1")
@example("'\t")
@example(" '=1")
@example("= ")
def test_a_text_full_of_apostrophes_and_formula_signs_comes_back_the_same(text: str) -> None:
    assert back_from_file(text, "notes") == text.strip()
    assert back_from_file(text.replace("\t", " "), "company") == text.replace("\t", " ").strip()


@given(PIECES)
def test_no_cell_of_the_export_begins_as_a_formula_does(text: str) -> None:
    assert not harmless(text).lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "＝"))
