"""Two or three presses at once on one Call button, through the real web process, from one browser or from two."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import httpx
from django.conf import settings
from django.test import Client

from crmconnector.calls.models import CallCommand, CommandKind
from crmconnector.users.models import User
from tests.support.dials import Asked, next_number
from tests.support.stage import Stage

CSRF: Final = "a" * 32
PRESS_SECONDS: Final = 30.0
BROWSERS: Final = 2
AT_ONCE: Final = 12  # presses: as many as one web process takes without asking to come back later


class Press(NamedTuple):
    """From which of the person's browsers, and with which key: the number of the drawing of the button."""

    browser: int
    key: int


# What a person does to a button, and each press at the same moment.
MANNERS: Final[dict[str, tuple[Press, ...]]] = {
    "same key twice": (Press(0, 0), Press(0, 0)),
    "same key three times": (Press(0, 0), Press(0, 0), Press(0, 0)),
    "two keys": (Press(0, 0), Press(0, 1)),
    "three keys": (Press(0, 0), Press(0, 1), Press(0, 2)),
    "two browsers": (Press(0, 0), Press(1, 1)),
    "two browsers, one twice": (Press(0, 0), Press(1, 1), Press(1, 1)),
}


@dataclass(frozen=True)
class Pressed:
    """One double click: what the web process answered to each press, and the commands that came of it."""

    manner: str
    extension: str
    number: str
    statuses: tuple[int, ...]
    commands: tuple[UUID, ...]

    @property
    def asked(self) -> Asked:
        return Asked(self.commands[0], self.extension, self.number)

    def problem(self) -> str:
        """One command, whoever pressed how often; a press that came after the dial may be told so."""
        name = f"{self.manner} at {self.extension}: {self.statuses}, {len(self.commands)} commands"
        right = len(self.commands) == 1 and 202 in self.statuses and set(self.statuses) <= {202, 409}
        return "" if right else name


class Desks:
    """Everybody of the stage, signed in with two browsers each."""

    def __init__(self, stage: Stage, address: str) -> None:
        self.stage, self.address = stage, address
        self._cookies = [[_signed_in(user) for _ in range(BROWSERS)] for user in stage.rows.users]
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._http = httpx.Client(base_url=address, timeout=PRESS_SECONDS, limits=httpx.Limits(max_connections=AT_ONCE))

    def close(self) -> None:
        self._pool.shutdown()
        self._http.close()

    def press(self, manners: Sequence[str]) -> list[Pressed]:
        """Everybody, each in the manner of their place, a number that nobody pressed before. The presses of one person
        come at the same moment; they are neighbours in the queue, so the last of them never lacks a thread."""
        numbers = [next_number() for _ in manners]
        presses = [(place, press) for place, manner in enumerate(manners) for press in MANNERS[manner]]
        together = [threading.Barrier(len(MANNERS[manner])) for manner in manners]

        def one(place: int, press: Press) -> int:
            together[place].wait(PRESS_SECONDS)
            return self._post(place, press, numbers[place])

        statuses = list(self._pool.map(lambda each: one(*each), presses))
        return [
            Pressed(
                manner, str(201 + place), numbers[place],
                tuple(status for (where, _), status in zip(presses, statuses, strict=True) if where == place),
                self._commands(place, numbers[place]),
            )
            for place, manner in enumerate(manners)
        ]  # fmt: skip

    def _post(self, place: int, press: Press, number: str) -> int:
        session = self._cookies[place][press.browser]
        cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={CSRF}"
        headers = {"Accept": "application/json", "Cookie": cookies, "X-CSRFToken": CSRF}
        form = {"number": number, "key": f"{number}:{press.key}", "shown": number}
        return self._http.post("/dial", data=form, headers=headers).status_code

    def _commands(self, place: int, number: str) -> tuple[UUID, ...]:
        dials = CallCommand.objects.filter(kind=CommandKind.MAKE_CALL, dial_string=number)
        return tuple(dials.filter(user=self.stage.rows.users[place]).values_list("pk", flat=True))


def _signed_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
