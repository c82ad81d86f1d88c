"""The one passcode that every phone of the test run has, and where it must never be seen.

Over the whole run it is looked for in: log records, output and error texts of tests, task messages, pages, and at the
end in the raw files of PostgreSQL (tables and write-ahead log, so rolled back rows too), of Valkey, and in every log
file that a process of ours has written.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PASSCODE = "CANARY-9f3c-desk-phone"
NEEDLE = PASSCODE.encode()
MOST_SHOWN = 20
PIECE = 1 << 20


@dataclass
class Lookout:
    """What was looked through, by kind, and where the passcode was found."""

    seen: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def look(self, kind: str, text: str, where: str) -> None:
        self.seen[kind] = self.seen.get(kind, 0) + 1
        if PASSCODE in text:
            self.found.append(f"{kind}: {where}")

    def look_in_file(self, kind: str, path: Path) -> None:
        self.seen[f"MB of {kind}"] = self.seen.get(f"MB of {kind}", 0) + path.stat().st_size // PIECE
        if any(NEEDLE in piece for piece in _pieces(path)):
            self.found.append(f"{kind}: {path}")

    def add(self, seen: dict[str, int], found: Iterable[str]) -> None:
        """What another process of the run has seen."""
        for kind, count in seen.items():
            self.seen[kind] = self.seen.get(kind, 0) + count
        self.found += found

    def told(self) -> str:
        """One sentence with the counts."""
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.seen.items()))
        return f"canary passcode: {len(self.found)} hits in {counts or 'nothing'}"


class LookoutHandler(logging.Handler):
    """Looks at every log record as it would be written."""

    def __init__(self, lookout: Lookout) -> None:
        super().__init__(logging.NOTSET)
        self.lookout = lookout

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self.lookout.look("log records", f"{text} {record.__dict__!r}", f"{record.name} {record.levelname}")


def files_below(*folders: Path, suffixes: tuple[str, ...] = ()) -> Iterator[Path]:
    """All plain files below these folders, with one of the endings if some are given."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and (not suffixes or path.suffix in suffixes):
                yield path


def _pieces(path: Path) -> Iterator[bytes]:
    """The file in pieces that overlap by the length of the passcode, so that none is cut in two."""
    rest = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield rest + piece
                rest = piece[-len(NEEDLE) :]
    except FileNotFoundError:
        return  # a server removed it between the listing and now
