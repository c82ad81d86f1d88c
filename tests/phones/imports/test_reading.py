"""Files of phones and seats as people and programs write them: read, or refused with line, column and cause."""

import tracemalloc
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.network import AddressPolicy
from phones.imports import reading as importers
from phones.imports.reading import (
    LONGEST_LINE,
    MOST_BYTES,
    MOST_ROWS,
    SAMPLE,
    FileRefused,
    PhonesFile,
    read_phones_file,
)
from tests.support.canary import PASSCODE as CANARY

BERLIN = ZoneInfo("Europe/Berlin")
HEAD = "phone,address,passcode"
ROW = "Front desk,192.168.1.9,1234"


def read(content: bytes | str, *, networks: tuple[str, ...] = ("192.168.0.0/16",)) -> PhonesFile:
    raw = content.encode() if isinstance(content, str) else content
    return read_phones_file(raw, zone=BERLIN, policy=AddressPolicy(networks, allowed_ports=None))


def wrong(content: str, **how: tuple[str, ...]) -> list[tuple[int, str, str]]:
    return [(one.line, one.column, one.cause) for one in read(content, **how).problems]


def cause_in(column: str, value: str) -> str:
    """Why this cell is refused; empty when it is taken."""
    more = [] if column in ("phone", "address", "passcode") else [column]
    more += ["user"] if column in ("from", "until") else []
    cells = {"phone": "Front desk", "address": "192.168.1.9", "passcode": CANARY, "user": "anna", column: value}
    columns = ["phone", "address", "passcode", *more]
    line = ";".join('"' + cells[one].replace('"', '""') + '"' for one in columns)
    problems = read(";".join(columns) + "\n" + line).problems
    assert all(one.line == 2 and one.column == column for one in problems)
    return " ".join(one.cause for one in problems)


def settings_of(column: str, value: str) -> object:
    row = read(f"phone,{column}\nFront desk,{value}").rows[0]
    return row.settings[{"connection": "scheme"}.get(column, column)]


# --- how files are written ----------------------------------------------------------------------------------------
NAMES = "phone;address;passcode\nEmpfang Süd – Straße;192.168.1.9;1234\n"


@pytest.mark.parametrize(
    ("codec", "start", "words"),
    [
        ("utf-8", b"", "UTF-8"),
        ("utf-8", b"\xef\xbb\xbf", "byte order mark"),
        ("utf-16-le", b"\xff\xfe", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16, guessed"),
        ("utf-16-be", b"", "UTF-16, guessed"),
        ("cp1252", b"", "Windows-1252, guessed"),
    ],
)
def test_the_encoding_is_found_and_said(codec: str, start: bytes, words: str) -> None:
    file = read(start + NAMES.encode(codec))
    assert [row.phone for row in file.rows] == ["Empfang Süd – Straße"] and words in file.encoding
    assert file.unusual == "Empfang Süd – Straße"


def test_a_byte_that_windows_does_not_know_is_read_as_latin_and_then_refused_as_a_control() -> None:
    file = read(b"phone,address,passcode\nS\xfcd \x81,192.168.1.9,1234")
    assert "Latin-1" in file.encoding and "control character" in file.problems[0].cause


def test_a_file_of_two_encodings_is_refused_with_both_lines() -> None:
    with pytest.raises(FileRefused, match="line 2 is UTF-8, line 3 is not"):
        read(b"phone,address,passcode\nS\xc3\xbcd,192.168.1.9,1\nN\xfcrd,192.168.1.8,1\n")


@pytest.mark.parametrize(("separator", "words"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_separator_is_found_whatever_ends_the_lines(separator: str, words: str, end: str) -> None:
    file = read(end.join(line.replace(",", separator) for line in (HEAD, ROW, ROW.replace(".9", ".8"))))
    assert words in file.separator and [row.line for row in file.rows] == [2, 3] and not file.problems


def test_a_separator_inside_a_name_does_not_mislead() -> None:
    file = read('phone;address;passcode\n"Desk, left, window, sun, plant";192.168.1.9;1\n')
    assert file.separator == "semicolon" and file.rows[0].phone == "Desk, left, window, sun, plant"


def test_the_hint_that_excel_writes_is_obeyed_and_lines_still_count_from_the_top() -> None:
    file = read("sep=;\r\nphone;address;passcode\r\n;;1\r\n")
    assert file.separator == "semicolon" and file.problems[0].line == 3


def test_headings_are_known_in_any_order_case_and_common_spelling() -> None:
    file = read("\ufeffUsed by;IP_Address;Phone  Name;MAC-Address;WEB PASSWORD;Ext.;Endpoint\nanna;192.168.1.9;A;;1;;")
    assert file.columns == ["user", "address", "phone", "mac", "passcode", "extension", "endpoint"]
    assert file.rows[0].user == "anna" and not file.unknown


def test_unknown_columns_are_named_and_not_read() -> None:
    file = read("phone,address,passcode,Colour,\nA,192.168.1.9,1,red,x")
    assert file.unknown == ["Colour", "column 5"] and len(file.rows) == 1


def test_quoted_fields_hold_separators_marks_and_line_breaks() -> None:
    file = read('phone,address,passcode\n"A ""big"" one, left",192.168.1.9,"a,b"\n"two\nlines",192.168.1.8,1\nB,,\n')
    assert file.rows[0].phone == 'A "big" one, left' and file.rows[0].passcode.reveal() == "a,b"
    assert [(one.line, one.column) for one in file.problems] == [(3, "phone")]
    assert "line break" in file.problems[0].cause and file.rows[-1].line == 5


def test_empty_lines_and_empty_cells_ask_for_nothing() -> None:
    file = read("phone,address,passcode\n\n,,\nA,,\n  \n")
    assert file.lines == 1 and file.rows[0].line == 4
    assert not file.rows[0].settings and file.rows[0].passcode is None


@pytest.mark.parametrize(("line", "column"), [("A,192.168.1.9", "passcode"), ("A,192.168.1.9,1,2", "passcode")])
def test_a_ragged_line_is_refused_where_it_stops(line: str, column: str) -> None:
    problems = read(f"{HEAD}\n{ROW}\n{line}\n").problems
    assert [(one.line, one.column) for one in problems] == [(3, column)]
    assert "the headings are 3" in problems[0].cause


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f'{HEAD}\n{ROW}\n"A,192.168.1.8,1\nB,192.168.1.7,1\n', 3, "never closed"),
        (f'{HEAD}\n"A"x,192.168.1.8,1\n{ROW}\n', 2, "do not fit"),
        (f'{HEAD}\n"' + "x\n" * 70_000 + f'",1,1\n{ROW}\n', 2, "far too long"),
    ],
)
def test_a_lost_quotation_mark_is_told_with_the_line_where_it_was_opened(text: str, line: int, words: str) -> None:
    try:
        problem = read(text).problems[0]
    except FileRefused as refused:  # what follows a mark that swallowed a lot may be too many lines
        assert "10,000 lines" in str(refused)
        return
    assert problem.line == line and words in problem.cause


# --- what is not read at all --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "Excel workbook"),
        (b"%PDF-1.7", "not a text file"),
        (b"\x1f\x8b\x08", "not a text file"),
        (b"\xff\xfe\x00\x00p\x00\x00\x00", "not a text file"),
        (b"\xef\xbb\xbfphone\xff", "encoding is not known"),
        (b"\xff\xfep", "encoding is not known"),
        (b"phone,address,passcode\n", "no line below"),
        (b"name,IP,phone\nA,192.168.1.9,1", "Two columns mean"),
        (b"phone" + b",x" * 32, "more than 32 columns"),
        (b"phone," + b"x" * (LONGEST_LINE + 1), "Line 1 is longer"),
        (b"phone\nA\n" + b"x" * (LONGEST_LINE + 1), "Line 3 is longer"),
        (b"phone\n" + b"A\n" * (MOST_ROWS + 1), "more than 10,000 lines"),
        (b"x" * (MOST_BYTES + 1), "larger than 2 MB"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_as_a_whole(content: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        read(content)


def test_a_file_without_headings_is_refused_without_repeating_its_first_line() -> None:
    with pytest.raises(FileRefused, match="no heading") as refused:
        read(f"Front desk,192.168.1.9,{CANARY}\n")
    assert CANARY not in str(refused.value)


def test_the_largest_file_is_read_in_little_memory() -> None:
    line = 'A{n},192.168.{a}.{b},"' + "p" * 150 + '"\n'
    text = HEAD + "\n" + "".join(line.format(n=n, a=n // 250, b=n % 250 + 1) for n in range(MOST_ROWS))
    assert len(text) < MOST_BYTES
    tracemalloc.start()
    file = read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(file.rows) == MOST_ROWS and not file.problems
    assert peak < 60 * 1024 * 1024


def test_a_file_of_nothing_but_problems_keeps_a_bounded_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importers, "MOST_PROBLEMS", 50)
    assert len(read("phone,port,mac\n" + "A,x,y\n" * 100).problems) == 50


# --- cells --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("column", ["phone", "mac", "model", "passcode", "user", "pbx", "endpoint", "address"])
@pytest.mark.parametrize("char", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u202e", "\u2066", "\ue000"])
def test_what_cannot_be_seen_is_refused(column: str, char: str) -> None:
    cells = {"phone": "Front desk", "address": "192.168.1.9", "passcode": "1", "user": "anna", column: f"a{char}b"}
    text = ";".join(cells) + ";x\n" + ";".join(cells.values()) + ";\n"
    problems = read(text).problems
    assert [one.column for one in problems] == [column] and "cannot be seen" in problems[0].cause


@pytest.mark.parametrize("char", ["\n", "\r", "\u2028", "\u2029"])
def test_a_line_break_in_a_cell_is_refused(char: str) -> None:
    assert "line break" in cause_in("passcode", f"12{char}34")


@pytest.mark.parametrize("column", ["phone", "model", "passcode", "user", "pbx"])
def test_a_very_long_cell_is_refused(column: str) -> None:
    assert "Longer than 500" in cause_in(column, "x" * 501)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("phone", "x" * 81, "at most 80"),
        ("phone", " ", "needs the name"),
        ("model", "x" * 25, "at most 24"),
        ("firmware", "1.0.13.24b", "looks like 1.0.13.24"),
        ("firmware", "１.0.1", "looks like 1.0.13.24"),
        ("port", "0", "1"),
        ("port", "65536", "65535"),
        ("port", "80.0", "from 1 to 65535"),
        ("port", "８０", "from 1 to 65535"),
        ("port", "-1", "from 1 to 65535"),
        ("connection", "ftp", "http, https"),
        ("passcode", "   ", "Only blanks"),
        ("passcode", "••••", "stars"),
        ("passcode", "****", "stars"),
        ("user", "x" * 151, "that long"),
    ],
)
def test_a_cell_is_refused_by_the_rule_of_its_column(column: str, value: str, words: str) -> None:
    assert words in cause_in(column, value)


@pytest.mark.parametrize(
    "address",
    [
        "192.168.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "192.168.001.009", "phone.example",
        "169.254.169.254", "10.0.0.1", "::ffff:192.168.1.9", "192.168.1.9:80",
        "http://192.168.1.9", "192.168.1.9%eth0", "①.1.1.1", "::1",
        "64:ff9b::a9fe:a9fe", "224.0.0.1", "0.0.0.0", "192.168.1.9/32",
    ],
)  # fmt: skip
def test_an_address_outside_the_phones_networks_is_refused_never_repaired(address: str) -> None:
    assert cause_in("address", address)


def test_addresses_are_allowed_by_the_installations_networks() -> None:
    assert not wrong(f"{HEAD}\nA,fd12::9,1", networks=("fd12::/16",)) and wrong(f"{HEAD}\nA,192.168.1.9,1", networks=())


@pytest.mark.parametrize(
    "spelling", ["000b82a14c07", "00:0B:82:A1:4C:07", "00-0b-82-a1-4c-07", "000B.82A1.4C07", "00 0b 82 a1 4c 07"]
)
def test_a_mac_address_is_taken_in_every_spelling_that_can_mean_one_only(spelling: str) -> None:
    assert settings_of("mac", spelling) == "00:0B:82:A1:4C:07"


@pytest.mark.parametrize(
    "spelling",
    ["1.23E+11", "00:0B:82:A1:4C", "00:0B-82:A1:4C:07", "00:0B:82:A1:4C:0G", "0:B:82:A1:4C:07", "00:0B:82:A1:4C:07:00",
     "x000b82a14c07", "000b82:a14c07", "０００b82a14c07"],
)  # fmt: skip
def test_a_mac_address_that_was_damaged_is_refused(spelling: str) -> None:
    assert "looks like" in cause_in("mac", spelling)


@pytest.mark.parametrize(
    ("words", "scheme"),
    [
        ("http", "http"), ("HTTP", "http"), ("HTTP, not encrypted", "http"), ("https", "https-pinned"),
        ("https pinned", "https-pinned"), ("https-pinned", "https-pinned"), ("HTTPS unverified", "https-unverified"),
        ("https-unverified", "https-unverified"), ("HTTPS, certificate not checked", "https-unverified"),
    ],
)  # fmt: skip
def test_a_connection_is_known_by_its_words(words: str, scheme: str) -> None:
    assert settings_of("connection", f'"{words}"') == scheme


@pytest.mark.parametrize(
    ("extension", "endpoint", "column"),
    [("204", "", "endpoint"), ("", "PJSIP/204", "extension"), ("2O4", "PJSIP/204", "extension"),
     ("٢٠٤", "PJSIP/204", "extension"), ("204", "204", "endpoint"), ("204", "Local/9@from-internal", "endpoint"),
     ("204", "PJSIP/204/sip:x@y", "endpoint"), ("204", "PJSIP/2&4", "endpoint")],
)  # fmt: skip
def test_half_an_account_or_a_wrong_one_is_refused(extension: str, endpoint: str, column: str) -> None:
    problems = read(f"phone,extension,endpoint\nA,{extension},{endpoint}").problems
    assert [one.column for one in problems] == [column]


# --- times --------------------------------------------------------------------------------------------------------
def seat(from_at: str = "", until_at: str = "") -> tuple[datetime | None, datetime | None]:
    row = read(f"phone,user,from,until\nA,anna,{from_at},{until_at}").rows[0]
    return row.from_at, row.until_at


def test_a_day_begins_at_midnight_of_the_installation_and_lasts_to_its_very_end() -> None:
    assert seat("2026-03-01", "2026-06-30") == (
        datetime(2026, 2, 28, 23, tzinfo=UTC),
        datetime(2026, 6, 30, 22, tzinfo=UTC),
    )


def test_a_time_is_that_of_the_installation_unless_it_says_another() -> None:
    assert seat("2026-03-01 08:00", "2026-07-01T17:30:15")[0] == datetime(2026, 3, 1, 7, tzinfo=UTC)
    assert seat("2026-03-01T08:00Z", "2026-07-01 17:30+05:30") == (
        datetime(2026, 3, 1, 8, tzinfo=UTC),
        datetime(2026, 7, 1, 12, tzinfo=UTC),
    )


def test_no_time_means_from_now_until_released() -> None:
    assert seat() == (None, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1.3.2026", "looks like 2026-03-31"),
        ("03/01/2026", "looks like"),
        ("2026-W10-1", "looks like"),
        ("20260301", "looks like"),
        ("２０２６-03-01", "looks like"),
        ("2026-02-30", "no such day"),
        ("2026-03-01 24:00", "no such day or time"),
        ("1998-12-31", "2000 to 2099"),
        ("9998-12-31", "2000 to 2099"),
        ("2026-03-29 02:30", "does not exist"),
        ("2026-10-25 02:30", "comes twice"),
        ("46022", "looks like"),
    ],
)
@pytest.mark.parametrize("column", ["from", "until"])
def test_a_time_that_is_not_one_is_refused(column: str, text: str, words: str) -> None:
    assert words in cause_in(column, text)


def test_a_time_that_comes_twice_is_taken_with_its_offset() -> None:
    assert seat("2026-10-25 02:30+01:00")[0] == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_time_without_a_user_and_an_end_before_its_start_are_refused() -> None:
    assert [
        (one[0], one[1]) for one in wrong("phone,user,from,until\nA,,2026-01-01,\nB,anna,2026-02-02,2026-02-01")
    ] == [
        (2, "from"),
        (3, "until"),
    ]


# --- what is said -------------------------------------------------------------------------------------------------
def test_everything_that_is_wrong_with_a_line_is_told_at_once() -> None:
    problems = wrong("phone,mac,port,firmware,address\nA,x,y,z,nowhere")
    assert [column for _line, column, _cause in problems] == ["mac", "port", "firmware", "address"]


@pytest.mark.parametrize("shift", range(14))
def test_no_cause_repeats_a_passcode_even_when_the_columns_are_shifted(shift: int) -> None:
    columns = SAMPLE.splitlines()[0].split(",")
    cells = ["A", "x", "y" * 30, "z", "q", "w", "ftp", CANARY, "none", "ext", "end", "", "soon", "late"]
    file = read(",".join(columns) + "\n" + ",".join(cells[shift:] + cells[:shift]))
    assert file.problems
    assert all(CANARY not in one.cause for one in file.problems)
    assert CANARY not in repr([row for row in file.rows if row.passcode and row.passcode.reveal() == CANARY])


def test_the_passcode_is_kept_to_the_letter() -> None:
    assert read(f'{HEAD}\nA,192.168.1.9," 12 ""34"" "').rows[0].passcode.reveal() == ' 12 "34" '


def test_the_sample_is_read_without_a_problem() -> None:
    file = read(SAMPLE)
    assert len(file.rows) == 3 and not file.problems and not file.unknown


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        file = read(b"phone,address,passcode\n" + content)
    except FileRefused:
        return
    assert file.lines >= len(file.rows) and all(one.line > 1 for one in file.problems)


@given(st.lists(st.lists(st.text(max_size=20), min_size=3, max_size=3), max_size=8), st.sampled_from(",;\t|"))
def test_any_texts_are_read_or_refused(lines: list[list[str]], separator: str) -> None:
    quoted = (separator.join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    try:
        file = read("\n".join([HEAD.replace(",", separator), *quoted]).encode("utf-8", "surrogatepass"))
    except FileRefused:
        return
    given_names = {line[0].strip() for line in lines}
    assert all(row.phone in given_names for row in file.rows)
