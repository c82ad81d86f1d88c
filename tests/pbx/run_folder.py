"""A folder for one run of the lab: Asterisk's settings, logs and sockets."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path

from tests.pbx.asterisk_root import LabError

PREFIX = "crmconnector-lab-"
LONGEST_PATH = 80  # Asterisk's console socket lies in it, and the path of a socket ends at 108 bytes


class RunFolder:
    """Made under the machine's folder for temporary files; removed at the end, or by the next run after a crash."""

    def __init__(self) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        if len(str(self.path)) > LONGEST_PATH:
            self.path.rmdir()
            raise LabError(f"The folder for temporary files has too long a name, set TMPDIR: {self.path.parent}")
        # The kernel frees the lock when this process ends, however it ends: an unlocked folder has no owner.
        self._owner = (self.path / "owner").open("w")
        fcntl.flock(self._owner, fcntl.LOCK_EX)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._owner.close()


def _sweep() -> None:
    """Remove what runs that were killed left behind."""
    for owner in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/owner"):
        try:
            with owner.open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(owner.parent, ignore_errors=True)
        except OSError:
            continue  # its owner lives, or it belongs to somebody else
