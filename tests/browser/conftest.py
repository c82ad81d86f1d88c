"""A browser, a real web process and cards written as a listener would write them."""

import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis
from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser, expect

from crmconnector.calls import events as ev
from crmconnector.common.clock import utc_now
from crmconnector.listener.dispatch import handle_batch
from crmconnector.screenpop.publisher import wake
from tests.support.browser import Seen, started_browser
from tests.support.office import RowOffice, make_office
from tests.support.processes import Process, eventually, free_port, product_environment
from tests.support.story import TRUNK

HERE = Path(__file__).parent
expect.set_options(timeout=15_000)  # a build server is busy; what is there at once is not waited for


class Web:
    """One web process on a port that stays the same when it is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.log, self.port = folder / "web.log", free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: Process | None = None

    def start(self) -> None:
        self.process = Process(
            sys.executable, "-m", "uvicorn", "crmconnector.asgi:application", "--port", str(self.port),
            "--timeout-graceful-shutdown", "1", "--no-access-log",
            environment=product_environment(), log=self.log,
        )  # fmt: skip
        eventually(self.answers, seconds=40, what=self.process.said)

    def kill(self) -> None:
        if self.process:
            self.process.kill()

    def hold_still(self) -> bool:
        """Stopped, if it is just asking the database nothing. The rows are about to be taken away, table by table: what
        it reads meanwhile and the taking away could wait for each other."""
        self._signal(signal.SIGSTOP)
        if _nobody_asks():
            return True
        self._signal(signal.SIGCONT)
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.popen.poll() is None:
            self.process.popen.send_signal(number)

    def be_there(self) -> None:
        """Started at the first test, and again after one that left it dead or deaf."""
        self._signal(signal.SIGCONT)
        if self.process is None or self.process.popen.poll() is not None or not self.answers():
            self.kill()
            self.start()

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


class Pbx:
    """What a PBX would say, told to the database and the streams without a listener."""

    def __init__(self, office: RowOffice) -> None:
        self.office = office

    def says(self, *batch: ev.CallEvent) -> None:
        link = self.office.pbx.link
        wake(handle_batch(pbx=self.office.pbx, epoch=link.epoch, batch=batch, now=utc_now()))

    def rings(
        self, *phones: str, number: str = "03023125447", key: str = "1.1", name: str | None = None, since: float = 3.0
    ) -> None:
        at, far = time.time() - since, ev.Party(TRUNK, number, name, False)
        dialled = "+493023125100"
        batch: list[ev.CallEvent] = [ev.CallStarted(key, at, "inbound", False, far, dialled)]
        batch += [
            ev.LegRinging(key, at, f"{key}-{phone}", f"PJSIP/{phone}", far, None, dialled)
            for phone in phones or ("201",)
        ]
        self.says(*batch)

    def answered(self, by: str, *, others: Sequence[str] = (), key: str = "1.1", number: str = "03023125447") -> None:
        at, far = time.time(), ev.Party(TRUNK, number, None, False)
        gone = [ev.LegEnded(key, at, f"{key}-{one}", f"PJSIP/{one}", "elsewhere", f"PJSIP/{by}") for one in others]
        self.says(
            *gone,
            ev.LegAnswered(key, at, f"{key}-{by}", f"PJSIP/{by}", far),
            ev.CallAnswered(key, at, f"{key}-{by}", f"PJSIP/{by}"),
        )


class Shared:
    """One Chromium and one web process for all tests of this folder that follow each other."""

    def __init__(self) -> None:
        self.open = ExitStack()
        self.browser: Browser | None = None
        self.web: Web | None = None

    def the_browser(self) -> Browser:
        if self.browser is None or not self.browser.is_connected():
            self.close()
            self.browser = self.open.enter_context(started_browser())
        return self.browser

    def the_web(self, factory: pytest.TempPathFactory) -> Web:
        self.web = self.web or Web(factory.mktemp("web"))
        self.web.be_there()
        return self.web

    def close(self) -> None:
        if self.web:
            self.web.kill()
        self.browser = None
        self.open.close()


SHARED = pytest.StashKey[Shared]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Tests elsewhere have no loop of Playwright's in their thread and no web process beside them."""
    try:
        return (yield)
    finally:
        if nextitem is None or HERE not in nextitem.path.parents:
            item.config.stash[SHARED].close()


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest, django_db_setup: None) -> Iterator[Shared]:
    yield request.config.stash[SHARED]
    request.config.stash[SHARED].close()  # before the database goes


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SHARED] = Shared()


@pytest.fixture
def browser(shared: Shared) -> Browser:
    return shared.the_browser()


@pytest.fixture
def web(shared: Shared, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Web:
    return shared.the_web(tmp_path_factory)


@pytest.fixture
def office(transactional_db: None) -> RowOffice:
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    rows = make_office()
    rows.add_contact("Rosalind Achterberg-Whitcombe", "030 23125447", company="Havelquell Gebäudetechnik GmbH & Co. KG")
    return rows


@pytest.fixture
def pbx(office: RowOffice) -> Pbx:
    return Pbx(office)


@pytest.fixture
def sees(browser: Browser, web: Web, office: RowOffice) -> Iterator[Callable[..., Seen]]:
    """Open a browser of its own for a user; all are closed before the rows go."""
    opened: list[Seen] = []

    def see(user: object = None, **how: object) -> Seen:
        opened.append(Seen(browser, web.address, user, **how))
        return opened[-1]

    yield see
    for one in opened:
        one.context.close()
    try:
        eventually(web.hold_still, seconds=10, what=_who_asks)
    except AssertionError as busy:
        print(f"the web process is started anew: {busy}")
        web.kill()


def _who_asks() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select state, wait_event, left(query, 200) from pg_stat_activity where state <> 'idle'")
        return str(cursor.fetchall())


def _nobody_asks() -> bool:
    others = "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
    with connection.cursor() as cursor:
        cursor.execute(f"select not exists (select from pg_stat_activity where {others} and state <> 'idle')")
        return bool(cursor.fetchone()[0])


@pytest.fixture
def seen(sees: Callable[..., Seen], office: RowOffice) -> Seen:
    return sees(office.users[0])
