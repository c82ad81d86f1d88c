"""Keeps a lookout for the canary passcode during the whole test run; a hit makes the run fail. See canary.py."""

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary import MOST_SHOWN, Lookout, LookoutHandler, files_below

LOOKOUT = pytest.StashKey[Lookout]()
LOG_FILES = (".log", ".out", ".err", ".txt")


class Reports:
    """Looks at what each test has printed and how it failed."""

    def __init__(self, lookout: Lookout) -> None:
        self.lookout = lookout

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.lookout.look("test reports", f"{report.sections!r} {report.longreprtext}", report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    lookout = config.stash[LOOKOUT] = Lookout()
    if not hasattr(config, "workerinput"):  # the reports of all workers come here
        config.pluginmanager.register(Reports(lookout), "canary-reports")
    logging.getLogger().addHandler(LookoutHandler(lookout))
    _watch_pages(lookout)
    _watch_tasks(lookout)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    told = getattr(node, "workeroutput", {}).get("canary")
    if told:
        node.config.stash[LOOKOUT].add(*told)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    lookout = session.config.stash[LOOKOUT]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["canary"] = (lookout.seen, lookout.found)
        return
    _look_at_files(session.config, lookout)
    if lookout.found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lookout = config.stash[LOOKOUT]
    terminalreporter.write_line(lookout.told())
    for where in lookout.found[:MOST_SHOWN]:
        terminalreporter.write_line(f"  {where}", red=True)


def _look_at_files(config: pytest.Config, lookout: Lookout) -> None:
    from tests.settings import servers

    if servers is not None:
        for path in files_below(servers.postgres.files):
            lookout.look_in_file("database files", path)
        for path in files_below(servers.valkey.files):
            lookout.look_in_file("queue files", path)
        for path in files_below(servers.logs):
            lookout.look_in_file("server logs", path)
    factory = getattr(config, "_tmp_path_factory", None)
    base: Path | None = getattr(factory, "_basetemp", None)
    if base is not None and base.exists():
        for path in files_below(base, suffixes=LOG_FILES):
            lookout.look_in_file("process logs", path)


def _watch_pages(lookout: Lookout) -> None:
    """Look at everything Django's test client is answered."""
    from django.test.client import Client

    plain = Client.request

    def request(self: Client, **how: Any) -> Any:
        response = plain(self, **how)
        if not getattr(response, "streaming", False):
            text = bytes(response.content).decode("utf-8", "replace") + repr(response.headers)
            lookout.look("pages", text, str(how.get("PATH_INFO")))
        return response

    Client.request = request  # type: ignore[method-assign]


def _watch_tasks(lookout: Lookout) -> None:
    from celery.signals import before_task_publish

    def look(sender: object = None, body: object = None, headers: object = None, **_: object) -> None:
        lookout.look("task messages", f"{body!r} {headers!r}", str(sender))

    before_task_publish.connect(look, weak=False)
