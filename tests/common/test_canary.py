"""The lookout itself: a passcode that lies across two pieces of a file is found, one that is not there is not."""

from pathlib import Path

from tests.support.canary import PASSCODE, PIECE, Lookout, files_below


def test_a_passcode_is_found_wherever_it_lies_in_a_file(tmp_path: Path) -> None:
    for place in (0, 100, PIECE - 10, 2 * PIECE - 1, 3 * PIECE):
        file = tmp_path / f"{place}.bin"
        file.write_bytes(b"x" * place + PASSCODE.encode() + b"\0" * 100)
        lookout = Lookout()
        lookout.look_in_file("logs", file)
        assert lookout.found == [f"logs: {file}"], place


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(PASSCODE.encode()[:-1] * 1000)
    lookout = Lookout()
    for file in files_below(tmp_path, suffixes=(".log",)):
        lookout.look_in_file("logs", file)
    lookout.look("pages", "a page", "/here")
    assert lookout.found == []
    assert lookout.told() == "canary passcode: 0 hits in 0 MB of logs, 1 pages"


def test_what_another_process_found_counts(tmp_path: Path) -> None:
    lookout = Lookout()
    lookout.look("pages", f"a {PASSCODE}", "/there")
    lookout.add({"pages": 4}, ["task messages: x"])
    assert lookout.found == ["pages: /there", "task messages: x"]
    assert lookout.told() == "canary passcode: 2 hits in 5 pages"
