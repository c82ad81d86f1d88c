"""The doors of a phone: its HTTP and HTTPS ports, and what can be wrong with them.

Open, shut and open again as the phone restarts, is refused on purpose, or changes its web mode.
"""

from __future__ import annotations

import asyncio

from crmconnector.simulator.cti.faults import LASTING, Fault, Faults
from crmconnector.simulator.cti.tls import EXPIRED, NOT_YET_VALID, VALID, Paper, PhoneTls
from crmconnector.simulator.httpd import Handler, HttpDoor, free_port
from crmconnector.simulator.phone import Phone
from crmconnector.simulator.phone_line import Shown

WEB_MODES = ("http", "https", "both", "off")
CERTIFICATES = {"expired_certificate": EXPIRED, "early_certificate": NOT_YET_VALID, "changed_certificate": VALID}


class PhoneDoor:
    """What every phone has, whatever is spoken at it. `went_away` is called when the phone restarts."""

    def __init__(
        self, phone: Phone, handler: Handler, port: int = 0, tls_port: int = 0, web_mode: str = "http", seed: str = ""
    ) -> None:
        self.phone = phone
        self.faults = Faults(seed)
        self.http = HttpDoor(handler, port, sleep=phone.pace.sleep)
        self.https: HttpDoor | None = None
        self.tls: PhoneTls | None = None
        self.as_it_was: dict[int, Shown] = {}  # the lines when the fault stale_line was set
        self._handler, self._wanted_tls_port = handler, tls_port
        self._kept_paper: tuple[Paper, bytes] | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_refusing = False
        self._set_mode(web_mode)
        phone.on_reboot, phone.on_boot, phone.on_reset = self._phone_left, self._phone_came, self._factory

    @property
    def port(self) -> int:
        return self.http.port

    @property
    def tls_port(self) -> int:
        return self.https.port if self.https is not None else 0

    @property
    def url(self) -> str:
        """Where a client finds the phone: HTTPS when there is no HTTP."""
        secure = self.web_mode == "https"
        return f"https://127.0.0.1:{self.tls_port}" if secure else f"http://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> str:
        """What the phone shows now, as PEM; "" without HTTPS."""
        return self.tls.paper.certificate if self.tls is not None else ""

    def went_away(self) -> None:
        pass

    async def open(self) -> None:
        """Open what the web mode says, unless the phone is away. Raises OSError when a port is taken."""
        if not self.phone.is_up or self._is_refusing:
            return
        if self.web_mode in ("http", "both"):
            await self.http.open()
        if self.web_mode in ("https", "both") and self.https is not None:
            await self.https.open()

    def shut(self) -> None:
        for door in self._doors():
            door.shut()

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        for door in self._doors():
            await door.close()

    async def set_web_mode(self, mode: str) -> None:
        """http, https, both or off, as the phone's web page has it."""
        self._set_mode(mode)
        self.shut()
        await self.open()

    async def add_fault(self, fault: Fault) -> None:
        """Raises ValueError for one that cannot happen to this phone."""
        if fault.kind in (*CERTIFICATES, "old_tls") and self.tls is None:
            raise ValueError("This phone has no HTTPS; set its web mode to https or both.")
        if fault.kind == "stale_line":
            self.as_it_was = {line.number: line.shown for line in self.phone.lines}
        if fault.kind in LASTING:
            await self._begin(fault.kind)
        else:
            self.faults.add(fault)

    async def clear_faults(self) -> None:
        self.faults.clear()
        self._is_refusing = False
        if self.tls is not None:
            self.tls.only_old(False)
            if self._kept_paper is not None:
                self.tls.show_again(self._kept_paper)
        self._kept_paper = None
        await self.open()

    async def _begin(self, kind: str) -> None:
        if kind == "refuse":
            self._is_refusing = True
            self.shut()
        elif kind == "moved":
            await self._move()
        elif self.tls is not None and kind == "old_tls":
            self.tls.only_old()
        elif self.tls is not None:
            self._kept_paper = self._kept_paper or self.tls.keep()
            self.tls.renew(CERTIFICATES[kind])

    async def _move(self) -> None:
        """To other ports; the old ones refuse, and stay nobody's as long as the new ones are being chosen."""
        doors = [door for door in self._doors() if door.port]
        fresh = [free_port() for _ in doors]
        for door, port in zip(doors, fresh, strict=True):
            await door.close()
            door.port = port
        await self.open()

    def _set_mode(self, mode: str) -> None:
        if mode not in WEB_MODES:
            raise ValueError(f"A web mode is one of {', '.join(WEB_MODES)}.")
        self.web_mode = mode
        if mode in ("https", "both") and self.https is None:
            self.tls = PhoneTls(self.phone.story.mac)
            self.https = HttpDoor(self._handler, self._wanted_tls_port, self.tls.context, self.phone.pace.sleep)

    def _doors(self) -> list[HttpDoor]:
        return [self.http] if self.https is None else [self.http, self.https]

    def _phone_left(self) -> None:
        self.went_away()
        self.shut()

    def _phone_came(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self.open())

    def _factory(self) -> None:
        """A phone out of the box makes a new key for itself."""
        self._kept_paper = None
        if self.tls is not None:
            self.tls.renew()
