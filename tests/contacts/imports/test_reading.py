"""Files of strange programs: encodings, separators, headings, bombs. No database."""

import tracemalloc
from collections.abc import Iterator

import pytest

from crmconnector.contacts.imports.cells import Problem, Wanted
from crmconnector.contacts.imports.encodings import census_of
from crmconnector.contacts.imports.limits import FileRefused
from crmconnector.contacts.imports.reading import csv_rows, text_lines
from crmconnector.contacts.imports.source import Reading, guess_reading, wanted_rows

NAMES = {
    "western": "Änne Größel,Zoë Müller,François Lefèvre,José Núñez,Søren Ångström,“Weiß”",
    "central": "Łukasz Wiśniewski,Zażółć Gęślą,Jiří Dvořák,Šárka Nováková,Győző Erdős",
    "cyrillic": "Иван Петров,Наталья Щербакова,Жанна Юрьева,Пётр Чайковский",
}


def pieces(content: bytes, size: int = 7) -> Iterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def read(content: bytes, *, size: int = 7, country: str = "DE") -> tuple[Reading, list[Wanted], list[Problem]]:
    reading = guess_reading(census_of(pieces(content, size)), country=country)
    rows = list(wanted_rows(pieces(content, size), reading, country=country))
    return reading, [row for _p, row, _w in rows if row], [one for _p, _row, wrong in rows for one in wrong]


@pytest.mark.parametrize(
    "kind, encoding, expected",
    [
        ("western", "utf-8", "utf-8"),
        ("western", "utf-8-sig", "utf-8"),
        ("western", "utf-16", "utf-16-le"),
        ("western", "utf-16-be", "utf-16-be"),
        ("western", "cp1252", "cp1252"),
        ("central", "cp1250", "cp1250"),
        ("cyrillic", "cp1251", "cp1251"),
        ("cyrillic", "koi8-r", "koi8-r"),
        ("cyrillic", "utf-16-le", "utf-16-le"),
    ],
)
def test_the_encoding_is_told_by_the_bytes(kind: str, encoding: str, expected: str) -> None:
    names = NAMES[kind].split(",")
    content = "".join(f"{name};0302312544{place}\r\n" for place, name in enumerate(names))
    reading, rows, problems = read(("Name;Telefon\r\n" + content).encode(encoding))
    assert reading.encoding == expected and not problems
    assert [row.name for row in rows] == names


def test_iso_8859_15_is_told_from_windows_1252_by_its_own_letters() -> None:
    reading, rows, _problems = read("Name\nŠárka Œuvre Žižek\nBéla Šimek\n".encode("iso8859-15"))
    assert reading.encoding == "iso8859-15" and rows[0].name == "Šárka Œuvre Žižek"


def test_two_encodings_in_one_file_refuse_the_rows_of_the_smaller_part_only() -> None:
    lines = [b"Name\n"] + ["Änne\n".encode()] * 5 + ["Größel\n".encode("cp1252")]
    _reading, rows, problems = read(b"".join(lines))
    assert len(rows) == 5 and [(one.line, one.code) for one in problems] == [(7, "encoding")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
def test_the_separator_is_guessed(separator: str) -> None:
    content = separator.join(["Name", "Firma", "Telefon"]) + "\n" + separator.join(["A", "B", "030 23125447"]) + "\n"
    reading, rows, _problems = read(content.encode())
    assert reading.separator == separator and (rows[0].name, rows[0].company) == ("A", "B")


def test_the_hint_of_a_spreadsheet_in_the_first_line_is_heeded_and_lines_are_counted_with_it() -> None:
    reading, rows, problems = read(b"sep=|\r\nName|Phone\r\nA,B|030 23125447\r\n|12\r\n")
    assert reading.separator == "|" and rows[0].name == "A,B" and problems[0].line == 4


@pytest.mark.parametrize(
    "content, expected",
    [
        ("Name,Mobile,Work phone\nA,0171 2345678,030 23125447\n", ["name", "phone", "phone"]),
        ("Vorname;Name;Handy\nÄnne;Größel;0171 2345678\n", ["first_name", "last_name", "phone"]),
        ("Nome;Cognome;Cellulare\nA;B;+39 347 1234567\n", ["first_name", "last_name", "phone"]),
        ("Änne Größel,Havel GmbH,030 23125447,a@example.com\nB,C,030 23125448,b@example.com\n",
         ["name", "company", "phone", "email"]),
        ("Wer,Irgendwas\nA,030 23125447\nB,030 23125448\n", ["", "phone"]),
        ("Name,Phone 1 label,Phone 1,Phone 2 label,Phone 2\nA,x,030 23125447,y,030 23125448\n",
         ["name", "phone_label", "phone", "phone_label", "phone"]),
    ],
    ids=["english", "german", "italian", "no-headings", "by-content", "export"],
)  # fmt: skip
def test_columns_are_known_by_name_and_by_content(content: str, expected: list[str]) -> None:
    reading, _rows, _problems = read(content.encode())
    assert [use.field for use in reading.columns] == expected


def test_first_and_last_name_are_joined_and_labels_stand_beside_their_numbers() -> None:
    _reading, rows, _problems = read(
        b"First name,Last name,Mobile,Phone 2,Phone 2 type\nA,B,0171 2345678,030 23125447,desk\n"
    )
    assert rows[0].name == "A B"
    assert [(number.label, number.e164) for number in rows[0].numbers] == [
        ("Mobile", "+491712345678"), ("desk", "+493023125447")
    ]  # fmt: skip


def test_old_files_with_carriage_returns_only_are_read() -> None:
    _reading, rows, _problems = read(b"Name,Phone\rA,030 23125447\rB,030 23125448\r")
    assert [row.name for row in rows] == ["A", "B"]


def test_notes_keep_their_lines_and_the_lines_after_them_their_numbers() -> None:
    _reading, rows, problems = read(b'Name,Notes\nA,"one\ntwo"\n,x\n')
    assert rows[0].notes == "one\ntwo" and problems[0].line == 4


def test_formulas_are_text_and_lose_only_the_guard_of_our_export() -> None:
    _reading, rows, _problems = read("Name,Notes\n'=1+1,'+49\n'quoted',＝x\n".encode())
    assert [(row.name, row.notes) for row in rows] == [("=1+1", "+49"), ("'quoted'", "＝x")]


@pytest.mark.parametrize(
    "content, code",
    [
        (b"Name,Phone\nA,1,2\n", "ragged"),
        (b"Name,Phone\nA\n", "ragged"),
        (b'Name,Phone\n"A"x,1\n', "quotes"),
        (b'Name,Phone\n"A,1\n', "quotes"),
        (b"Name,Phone\nA\x00B,1\n", "control"),
        (b"Name,Phone\n" + b"A" * 201 + b",1\n", "long"),
        (b"Name,Notes\nA," + b"x" * 33_000 + b"\n", "long"),
        (b"Name,Phone\n,030 23125447\n", "no_name"),
    ],
    ids=["too-many", "too-few", "quote", "open-quote", "nul", "long-name", "long-cell", "no-name"],
)
def test_a_bad_row_is_refused_with_its_line_and_reason(content: bytes, code: str) -> None:
    _reading, rows, problems = read(content, size=1000)
    assert not rows and [(one.line, one.code, one.refused) for one in problems] == [(2, code, True)]


def test_what_is_wrong_with_one_cell_is_left_out_and_told() -> None:
    _reading, rows, problems = read(
        b"Name,Phone,E-mail,Link,Tags\nA,hello,nobody,javascript:alert(1)," + b"t" * 41 + b"\n"
    )
    assert len(rows) == 1 and not rows[0].numbers and not rows[0].email and not rows[0].external_link
    assert sorted(one.code for one in problems) == ["email", "link", "number", "tag"]
    assert not any(one.refused for one in problems)


def test_empty_fields_at_the_end_of_a_row_do_no_harm() -> None:
    _reading, rows, problems = read(b"Name,Phone\nA,030 23125447,,,\n")
    assert len(rows) == 1 and not problems


def long_line() -> Iterator[bytes]:
    yield b"Name,Phone\n"
    for _place in range(800):
        yield b"x" * 65_536  # 50 MB without an end


def rows_without_end() -> Iterator[bytes]:
    yield b"Name,Phone\n"
    for _place in range(20):
        yield b"A,1\n" * 100_000


CSV = Reading("csv", "utf-8")


def test_a_line_without_end_is_refused_without_filling_the_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FileRefused, match="Line 2 is longer than 256 KB"):
            list(wanted_rows(long_line(), CSV, country="DE"))
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_more_than_a_million_rows_are_refused() -> None:
    lines = text_lines(rows_without_end(), encoding="utf-8")
    with pytest.raises(FileRefused, match="more than 1,000,000 rows"):
        for _row in csv_rows(lines, separator=",", skip=1):
            pass


def test_a_row_far_down_with_a_million_columns_is_refused_as_too_wide() -> None:
    with pytest.raises(FileRefused, match="200 columns"):
        list(wanted_rows([b"a,b\n", b"x," * 100_000 + b"\n"], CSV, country="DE"))
    with pytest.raises(FileRefused, match="256 KB"):
        list(wanted_rows([b"a,b\n", b"x," * 1_000_000 + b"\n"], CSV, country="DE"))
