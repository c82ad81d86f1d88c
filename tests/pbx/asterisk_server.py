"""A running Asterisk on 127.0.0.1 with free ports, in a throw-away run folder."""

from __future__ import annotations

import math
import re
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.pbx.ami_wire import AmiWire
from tests.pbx.asterisk_root import REPOSITORY, SUITE, AsteriskRoot, LabError
from tests.pbx.children import free_port, start_child, stop_child, wait_until

TEMPLATES = Path(__file__).with_name("conf")
# Modules that decline to load without their settings take the packaged examples.
SAMPLES = ("amd.conf", "confbridge.conf", "agents.conf", "udptl.conf", "indications.conf", "acl.conf")
# The piece of dialplan that users install: run here as it is shipped.
SHIPPED_DIALPLAN = REPOSITORY / "deploy/asterisk/crmconnector.conf"
TRUNK_ADDRESS = "127.0.0.2"  # all of 127/8 is this machine; the PBX knows the trunk by it
DRIVERS = {"PJSIP": ("pjsip", "chan_sip.so"), "SIP": ("sip", "chan_pjsip.so")}  # settings, the driver not wanted
READY_SECONDS = 40
# What Asterisk may find taken without stopping; then another program would answer in its place.
BIND_TROUBLE = ("Unable to bind", "Address already in use", "could not be started as")


@dataclass(frozen=True)
class Variant:
    """One kind of PBX that the lab can be."""

    name: str  # as recordings are filed
    suite: str  # the Debian release that carries this Asterisk
    technology: str  # the driver of the phones, the first word of their channels' names

    def translated(self, text: str) -> str:
        """The settings name phones PJSIP/… as the usual lab does; chan_sip calls the same phones SIP/…"""
        return text.replace("PJSIP/", f"{self.technology}/")


ASTERISK22 = Variant("asterisk22", SUITE, "PJSIP")
ASTERISK16 = Variant("asterisk16", "bullseye", "PJSIP")
ASTERISK16SIP = Variant("asterisk16sip", "bullseye", "SIP")
VARIANTS = {variant.name: variant for variant in (ASTERISK22, ASTERISK16, ASTERISK16SIP)}


@dataclass(frozen=True)
class PbxSettings:
    """Ports, users and secrets of one run."""

    run_folder: Path
    agents: dict[str, str]  # extension -> name
    dids: dict[str, str]  # direct, group, queue, queue_local -> number
    main_number: str
    ami_port: int = field(default_factory=free_port)
    sip_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    trunk_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM, TRUNK_ADDRESS))
    rtp_start: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM) // 2 * 2)
    ami_username: str = "crmconnector"
    truth_username: str = "truth"
    ami_secret: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    truth_secret: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    sip_secret: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)


class AsteriskServer:
    """Starts, restarts, kills and stops one Asterisk."""

    def __init__(self, root: AsteriskRoot, settings: PbxSettings, variant: Variant = ASTERISK22) -> None:
        self.root, self.settings, self.variant = root, settings, variant
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def console_log(self) -> Path:
        return self.settings.run_folder / "console.log"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self) -> None:
        """Write the settings, start Asterisk, return when it is fully booted. Raises LabError with the log's end."""
        self._write_settings()
        wrapper = self._write_wrapper()
        etc = self.settings.run_folder / "etc"
        command: list[str | Path] = [wrapper, "-f", "-C", etc / "asterisk.conf"]
        self._child = start_child(command, output=self.console_log, cwd=self.settings.run_folder)
        self.wait_ready()

    def restart(self) -> None:
        """Restart as an administrator does: with `core restart now`, or by starting it again if it was killed."""
        if self.pid is None:
            self.start()
            return
        with self.truth() as wire:
            wire.send("Command", Command="core restart now")
            wait_until(lambda: wire.closed, "Asterisk to go down for its restart", timeout_seconds=15)
        if not self.root.restarts_itself:  # it only ended: be the supervisor that starts it again
            wait_until(lambda: self.pid is None, "Asterisk to end", timeout_seconds=15)
            self.start()
            return
        self.wait_ready()

    def rights(self) -> dict[str, str]:
        """The product user's rights as the PBX has them: {"read": "system,call,…", "write": …}."""
        template = (TEMPLATES / "manager.conf").read_text(encoding="utf-8")
        product = template.split("[@@ami_username@@]")[1].split("[")[0]
        return dict(re.findall(r"^(read|write) = (.*)$", product, re.MULTILINE))

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(10)

    def stop(self) -> None:
        if self._child is not None:
            stop_child(self._child, patience_seconds=4)

    def truth(self) -> AmiWire:
        """A new connection of the referee's user, who sees everything."""
        settings = self.settings
        return AmiWire("127.0.0.1", settings.ami_port, settings.truth_username, settings.truth_secret)

    def add_ami_user(self, username: str, secret: str, *, read: str, write: str) -> None:
        """One more AMI user with such rights, until the PBX is started anew."""
        user = f"\n[{username}]\nsecret = {secret}\nread = {read}\nwrite = {write}\n"
        self._change_ami(lambda settings: settings + user)

    def stamp_events(self, stamped: bool) -> None:
        """Let every event say when it happened (header Timestamp), or not, until the PBX is started anew."""
        line = f"timestampevents = {'yes' if stamped else 'no'}"
        self._change_ami(lambda settings: re.sub("^timestampevents = .*$", line, settings, flags=re.MULTILINE))

    def _change_ami(self, change: Callable[[str], str]) -> None:
        path = self.settings.run_folder / "etc/manager.conf"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        with self.truth() as wire:
            wire.command("manager reload")

    def wait_ready(self) -> None:
        try:
            wait_until(self._is_ready, "Asterisk to be fully booted", timeout_seconds=READY_SECONDS, step_seconds=0.05)
        except TimeoutError as error:
            raise LabError(f"{error}\n{self.log_tail()}") from None
        trouble = [line for line in self._messages() if any(words in line for words in BIND_TROUBLE)]
        if trouble:
            raise LabError("A port of the lab was taken meanwhile:\n" + "\n".join(trouble))

    def _is_ready(self) -> bool:
        if self.pid is None:
            raise LabError(f"Asterisk ended at its start:\n{self.log_tail()}")
        try:
            with self.truth() as wire:
                # The event comes to every login, but only once the PBX is fully booted.
                wire.wait(lambda message: message.event == "FullyBooted", "FullyBooted", timeout_seconds=5)
        except (OSError, TimeoutError):  # PermissionError is an OSError: users are not loaded yet
            return False
        return True

    def log_tail(self) -> str:
        console = self.console_log.read_text(errors="replace") if self.console_log.exists() else ""
        return "\n".join([*self._messages()[-15:], *console.splitlines()[-15:]])

    def _messages(self) -> list[str]:
        log = self.settings.run_folder / "log/messages"
        return log.read_text(errors="replace").splitlines() if log.exists() else []

    # --- the run folder ---------------------------------------------------------------------------------------------

    def _write_wrapper(self) -> Path:
        """A script that starts Asterisk; a restart runs argument zero again, so that must be the script."""
        wrapper = self.settings.run_folder / "asterisk"
        command = " ".join(f"'{part}'" for part in self.root.command(wrapper))
        wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        wrapper.chmod(0o755)
        return wrapper

    def _write_settings(self) -> None:
        folder = self.settings.run_folder
        for name in ("etc", "log", "spool", "moh"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "moh/tone.sln").write_bytes(_tone())
        for name in SAMPLES:
            shutil.copy(self.root.samples / name, folder / "etc" / name)
        shutil.copy(SHIPPED_DIALPLAN, folder / "etc" / SHIPPED_DIALPLAN.name)
        values = self._values()
        for template in sorted(TEMPLATES.glob("*.conf")):
            if template.name not in self._unwanted_templates():
                target = folder / "etc" / template.name
                target.write_text(self.variant.translated(_filled(template, values)))
                target.chmod(0o600)

    def _unwanted_templates(self) -> set[str]:
        """The pieces, and the settings of the driver that this variant does without."""
        pieces = {f"{settings}-agent.conf" for settings, _ in DRIVERS.values()}
        return pieces | {f"{DRIVERS[name][0]}.conf" for name in DRIVERS if name != self.variant.technology}

    def _values(self) -> dict[str, str]:
        settings = self.settings
        driver, other_driver = DRIVERS[self.variant.technology]
        agents = [
            _filled(TEMPLATES / f"{driver}-agent.conf", {"extension": extension, "name": name})
            for extension, name in settings.agents.items()
        ]
        simple = {name: str(value) for name, value in vars(settings).items() if isinstance(value, str | int)}
        return {
            **simple,
            **{f"did_{name}": number for name, number in settings.dids.items()},
            "agents": "\n".join(agents),
            "other_driver": other_driver,
            "etc_dir": str(settings.run_folder / "etc"),
            "run_dir": str(settings.run_folder),
            "module_dir": str(self.root.modules),
            "share_dir": str(self.root.share),
            "rtp_end": str(settings.rtp_start + 199),
            "trunk_address": TRUNK_ADDRESS,
        }


def _filled(template: Path, values: dict[str, str]) -> str:
    text = template.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@@{name}@@", value)
    if "@@" in text:
        raise LabError(f"{template.name}: a value is missing: {text[text.index('@@') :][:40]}")
    return text


def _tone() -> bytes:
    """Two seconds of a soft 440 Hz tone, 8 kHz signed linear: the music on hold."""
    samples = (int(4000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(16000))
    return b"".join(struct.pack("<h", sample) for sample in samples)
