"""vCard files of three versions and many programs. No database."""

from collections.abc import Iterator

from crmconnector.contacts.imports.cells import Problem, Wanted
from crmconnector.contacts.imports.encodings import census_of
from crmconnector.contacts.imports.source import guess_reading, wanted_rows


def pieces(content: bytes, size: int = 11) -> Iterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def read(content: bytes | str) -> tuple[list[Wanted], list[Problem]]:
    raw = content.encode() if isinstance(content, str) else content
    reading = guess_reading(census_of(pieces(raw)), country="DE")
    assert reading.format == "vcard"
    rows = list(wanted_rows(pieces(raw), reading, country="DE"))
    return [row for _p, row, _w in rows if row], [one for _p, _row, wrong in rows for one in wrong]


def card(*lines: str, version: str = "3.0", end: str = "\r\n") -> str:
    return end.join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def test_a_card_of_version_three_with_everything_we_keep() -> None:
    rows, problems = read(card(
        "N:Größel;Änne;;Dr.;", "FN:Dr. Änne Größel", "ORG:Havel\\, Söhne & Co;Sales", "TITLE:Head", "ROLE:Boss",
        "TEL;TYPE=work,voice:030 23125447", "TEL;TYPE=CELL;TYPE=pref:+49 171 2345678", "TEL;TYPE=work,fax:03023125448",
        "EMAIL;TYPE=INTERNET:aenne@example.com", "NOTE:one\\ntwo\\; three", "CATEGORIES:VIP,Berlin",
        "URL:https://crm.example.org/7", "UID:urn:uuid:1", "PHOTO;ENCODING=b:AAAA", " BBBB", " CCCC",
    ))  # fmt: skip
    assert not problems
    row = rows[0]
    assert (row.name, row.company, row.title) == ("Dr. Änne Größel", "Havel, Söhne & Co", "Head")
    assert [(one.label, one.e164) for one in row.numbers] == [
        ("Work", "+493023125447"), ("Mobile", "+491712345678"), ("Work Fax", "+493023125448"),
    ]  # fmt: skip
    assert (row.notes, row.tags, row.email) == ("one\ntwo; three", ["VIP", "Berlin"], "aenne@example.com")
    assert (row.external_id, row.external_link) == ("urn:uuid:1", "https://crm.example.org/7")


def test_version_two_one_with_quoted_printable_soft_breaks_and_its_own_charset() -> None:
    rows, problems = read(
        b"BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Gr=F6=DFel;=C4n=\nne\n"
        b"TEL;CELL;VOICE:0171 2345678\nNOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0Ab\nEND:VCARD\n"
    )
    assert not problems and rows[0].name == "Änne Größel" and rows[0].notes == "a\r\nb"
    assert rows[0].numbers[0].label == "Mobile"


def test_version_four_with_links_as_numbers_and_a_company() -> None:
    rows, problems = read(
        card("KIND:org", "FN:Havel GmbH", 'TEL;VALUE=uri;TYPE="work,voice":tel:+49-30-23125447', version="4.0")
        + card("FN:B", "TEL;VALUE=uri:tel:+493023125447;ext=5", version="4.0")
    )
    assert rows[0].kind == "company" and rows[0].numbers[0].e164 == "+493023125447"
    assert rows[1].numbers[0].e164 == "+493023125447" and not problems


def test_folded_lines_are_joined_within_letters() -> None:
    raw = card("FN:Änne Gr").encode().replace(b"Gr\r\n", b"Gr\xc3\r\n \xb6\xc3\x9fel\r\n")
    rows, problems = read(raw)
    assert not problems and rows[0].name == "Änne Größel"


def test_labels_of_grouped_numbers_and_cards_within_cards() -> None:
    rows, _problems = read(card(
        "FN:A", "item1.TEL:030 23125447", "item1.X-ABLabel:_$!<Assistant>!$_", "AGENT:BEGIN:VCARD", "FN:Not me",
        "END:VCARD", "TEL;HOME:030 23125448",
    ))  # fmt: skip
    assert [row.name for row in rows] == ["A"]
    assert [one.label for one in rows[0].numbers] == ["Assistant", "Home"]


def test_a_utf_16_file_of_cards_is_read() -> None:
    rows, problems = read(card("FN:Änne Größel").encode("utf-16"))
    assert not problems and rows[0].name == "Änne Größel"


def test_a_card_without_end_or_name_is_refused_with_the_line_where_it_begins() -> None:
    rows, problems = read(card("FN:A") + card("TEL:030 23125447") + "BEGIN:VCARD\nFN:B\n")
    assert len(rows) == 1 and [(one.line, one.code) for one in problems] == [(5, "no_name"), (9, "card")]


def test_a_huge_picture_in_one_line_is_passed_over() -> None:
    rows, problems = read("BEGIN:VCARD\nFN:A\nPHOTO;BASE64:" + "A" * 600_000 + "\nTEL:030 23125447\nEND:VCARD\n")
    assert not problems and rows[0].numbers
