"""The lab: a real Asterisk and real SIP phones with a desk phone's CTI face, all on this machine.

lab = Lab(); lab.start()
lab.trunk.call(lab.did_direct, from_number="+442079460123", from_name="Ada Smith")
lab.phones["1001"].wait_state("ringing")
lab.phones["1001"].answer()
lab.stop()
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import TracebackType

from tests.pbx.ami_wire import AmiWire
from tests.pbx.asterisk_root import REPOSITORY, LabError, install_mmdebstrap, missing_for_unpacking, unpack
from tests.pbx.asterisk_server import ASTERISK22, TRUNK_ADDRESS, AsteriskServer, PbxSettings, Variant
from tests.pbx.children import free_port, start_child, wait_until
from tests.pbx.phone_client import LabPhone
from tests.pbx.run_folder import RunFolder
from tests.pbx.softphone_settings import PhoneSettings, to_environment

__all__ = ["Lab", "LabError", "LabPhone", "lab_missing", "prepare_lab"]

AGENTS = {"1001": "Anna Berg", "1002": "Ben Okafor", "1003": "Chloé Martin", "1004": "Dan Whitfield"}
# Berlin numbers that the regulator keeps free for films and books.
MAIN_NUMBER = "+493023125100"
DIDS = {
    "direct": "+493023125101",
    "group": "+493023125102",
    "queue": "+493023125103",
    "queue_local": "+493023125104",
}
QUALIFY = {"PJSIP": "pjsip qualify", "SIP": "sip qualify peer"}  # to ask a phone whether it is there
KEEP_VARIABLE = "CRMCONNECTOR_LAB_KEEP"  # set: the run folder stays, for a look at its settings and logs


def lab_missing(variant: Variant = ASTERISK22) -> str | None:
    """One sentence on what this machine cannot provide and how to get it; None if the lab can run."""
    if sys.platform != "linux":
        return "The lab needs Linux with Debian's packages: run it in a Debian container."
    if importlib.util.find_spec("pjsua2") is None:
        return "The SIP phones need pjsua2: pip install -r tests/requirements.lock."
    return missing_for_unpacking(variant.suite)


def prepare_lab(say: Callable[[str], None], variant: Variant = ASTERISK22) -> None:
    """Get what is missing: the unpacking tool by apt (as root on Debian), then Asterisk itself. Raises LabError."""
    install_mmdebstrap(say, variant.suite)
    missing = lab_missing(variant)
    if missing:
        raise LabError(missing)
    unpack(say, variant.suite)


class Lab:
    """One PBX, four desk phones 1001–1004 and a phone that plays the outside world."""

    did_direct = DIDS["direct"]  # rings 1001
    did_group = DIDS["group"]  # rings 1001, 1002, 1003 at once
    did_queue = DIDS["queue"]  # queue 600, its members are phones
    did_queue_local = DIDS["queue_local"]  # queue 602, its members are Local channels, as FreePBX makes them
    main_number = MAIN_NUMBER  # what the company shows when it calls out
    ami_host = "127.0.0.1"

    def __init__(self, say: Callable[[str], None] = lambda _: None, variant: Variant = ASTERISK22) -> None:
        self._say = say
        self.variant = variant
        self._server: AsteriskServer | None = None
        self.phones: dict[str, LabPhone] = {}
        self._trunk: LabPhone | None = None
        self._run_folder: RunFolder | None = None

    def __enter__(self) -> Lab:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # --- addresses --------------------------------------------------------------------------------------------------

    @property
    def server(self) -> AsteriskServer:
        if self._server is None:
            raise LabError("The lab is not started.")
        return self._server

    @property
    def trunk(self) -> LabPhone:
        if self._trunk is None:
            raise LabError("The lab is not started.")
        return self._trunk

    @property
    def ami_port(self) -> int:
        return self.server.settings.ami_port

    @property
    def ami_username(self) -> str:
        return self.server.settings.ami_username

    @property
    def ami_secret(self) -> str:
        return self.server.settings.ami_secret

    @property
    def truth_username(self) -> str:
        return self.server.settings.truth_username

    @property
    def truth_secret(self) -> str:
        return self.server.settings.truth_secret

    @property
    def asterisk_version(self) -> str:
        return self.server.root.version()

    def truth(self) -> AmiWire:
        """A new AMI connection that sees everything; use it as a context manager."""
        return self.server.truth()

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything; return when the PBX is booted and every phone registered. Raises LabError."""
        root = unpack(self._say, self.variant.suite)
        self._run_folder = RunFolder()
        try:
            settings = PbxSettings(self._run_folder.path, AGENTS, DIDS, MAIN_NUMBER)
            self._server = AsteriskServer(root, settings, self.variant)
            # The phones start beside Asterisk and register once it is there.
            self.phones = {extension: self._start_phone(extension) for extension in AGENTS}
            self._trunk = self._start_phone("trunk")
            self._server.start()
            self._wait_phones()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process, remove the run folder. Can be called twice."""
        for phone in self._all_phones():
            phone.stop()
        if self._server is not None:
            self._server.stop()
        self.phones, self._trunk, self._server = {}, None, None
        if self._run_folder is not None and not os.environ.get(KEEP_VARIABLE):
            self._run_folder.remove()
        self._run_folder = None

    def restart_asterisk(self) -> None:
        """Restart the PBX (or start it after kill_asterisk) on the same ports; return when the phones can be called."""
        self.server.restart()
        # A PBX that lost its power may have forgotten who registered a moment ago; waiting for each phone's next
        # turn would take minutes.
        for phone in self._all_phones():
            phone.register()
        self._wait_phones()

    def kill_asterisk(self) -> None:
        """End the PBX as a power cut would: nobody is told."""
        self.server.kill()

    def quiet(self) -> None:
        """Clear away what is left of a story: every phone idle and just ringing again, no channel in the PBX."""
        if self.server.pid is None:
            self.restart_asterisk()
        for phone in self._all_phones():
            phone.clear()
        with self.truth() as wire:
            wire.command("channel request hangup all")
            wait_until(lambda: "0 active channels" in wire.command("core show channels count"), "no channel left")
        for phone in self._all_phones():
            phone.wait_state("idle")
            phone.forget()

    def _all_phones(self) -> list[LabPhone]:
        return [*self.phones.values(), *([self._trunk] if self._trunk else [])]

    def _start_phone(self, extension: str) -> LabPhone:
        settings = self._phone_settings(extension)
        assert self._run_folder is not None
        log = self._run_folder.path / f"phone-{extension}.log"
        child = start_child(
            [sys.executable, "-m", "tests.pbx.softphone"],
            output=log,
            cwd=REPOSITORY,
            environment=to_environment(settings),
        )
        return LabPhone(settings, f"{self.variant.technology}/{extension}", child, log)

    def _phone_settings(self, extension: str) -> PhoneSettings:
        pbx = self.server.settings
        is_trunk = extension == "trunk"
        address = TRUNK_ADDRESS if is_trunk else "127.0.0.1"
        return PhoneSettings(
            extension=extension,
            address=address,
            sip_port=pbx.trunk_port if is_trunk else free_port(socket.SOCK_DGRAM),
            rtp_port=free_port(socket.SOCK_DGRAM, address) // 2 * 2,
            pbx_port=pbx.sip_port,
            cti_port=free_port(),
            control_port=free_port(),
            sip_secret=pbx.sip_secret,
            passcode=secrets.token_hex(8),
            registers=not is_trunk,
            line_count=24 if is_trunk else 8,
        )

    def _wait_phones(self) -> None:
        for phone in self._all_phones():
            wait_until(phone.is_up, f"phone {phone.extension} to register", timeout_seconds=30)
        with self.truth() as wire:
            for phone in self.phones.values():
                # A contact that the PBX remembers across a restart counts as unavailable, and no queue rings it, until
                # it has answered OPTIONS; that is asked only once a minute.
                wire.command(f"{QUALIFY[self.variant.technology]} {phone.extension}")
                wait_until(partial(_can_be_called, wire, phone), f"the PBX to reach phone {phone.extension}")


def _can_be_called(wire: AmiWire, phone: LabPhone) -> bool:
    state = wire.action("Getvar", Variable=f"DEVICE_STATE({phone.endpoint})").get("Value")
    return state not in ("UNAVAILABLE", "INVALID", "UNKNOWN")
