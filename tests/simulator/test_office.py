"""The office as a whole: starting, stopping, ports, and the command."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from crmconnector.simulator.office import Office
from crmconnector.simulator.running import running_office
from crmconnector.simulator.story import FIRST_DAY
from crmconnector.simulator.story_loader import load_story

REPOSITORY = Path(__file__).parents[2]
RUN = """
import sys
from django.conf import settings
settings.configure(INSTALLED_APPS=["crmconnector.simulator"])
import django
django.setup()
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "simulate", *sys.argv[1:]])
"""


def can_connect(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_office_runs_in_a_loop_of_ones_own():
    async def visit():
        office = Office(load_story(FIRST_DAY))
        await office.start()
        call = await office.control.incoming("03023125201", target="204")
        snapshot = await office.control.snapshot()
        await office.stop()
        return call, snapshot

    call, snapshot = asyncio.run(visit())
    assert list(snapshot["calls"]) == [call]


def test_after_the_end_no_port_is_open_and_no_thread_is_left(ami_of):
    with running_office() as office:
        ami_of(office)
        ports = [office.ami_port, office.control_port, office.phone_port("204")]
        assert all(can_connect(port) for port in ports)
    assert not any(can_connect(port) for port in ports)
    assert not [thread for thread in threading.enumerate() if thread.name == "simulated-office"]


def test_it_ends_cleanly_with_a_call_up_and_an_answer_owed(ami_of, cti_of, wait_until, caplog):
    ended = []

    def ask(desk):
        try:
            desk.status()
        except httpx.TransportError as error:
            ended.append(error)

    with running_office() as office:
        wire, desk = ami_of(office), cti_of(office, "204")
        office.incoming("03023125201", target="204")
        wire.until("DialState")
        office.fault("204", "slow", seconds=36000)
        waiting = threading.Thread(target=ask, args=(desk,))
        waiting.start()
        wait_until(lambda: office.journal("204"))
    waiting.join(10)
    assert len(ended) == 1
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_each_phone_listens_on_the_base_port_plus_its_offset():
    for _ in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            base = probe.getsockname()[1]
        try:
            with running_office(phone_port=base) as office:
                assert [office.phone_port(extension) for extension in ("204", "207")] == [base, base + 3]
                return
        except OSError:
            continue  # another program sits in the range
    raise AssertionError("no free range of ports")


def test_a_taken_port_is_told_and_leaves_nothing_open():
    with running_office() as office:
        with pytest.raises(OSError, match="in use"), running_office(control_port=office.control_port):
            pass
        assert can_connect(office.control_port)


def test_an_office_that_cannot_open_every_port_keeps_none_open():
    async def visit(taken):
        office = Office(load_story(FIRST_DAY), control_port=taken)
        with pytest.raises(OSError, match="in use"):
            await office.start()
        return office.ami.port, office.door("204").port

    with running_office() as other:
        ports = asyncio.run(visit(other.control_port))
    assert not any(can_connect(port) for port in ports)


def test_nothing_happens_any_more_once_the_office_has_stopped():
    async def visit():
        office = Office(load_story(FIRST_DAY), speed=20)
        await office.start()
        await office.control.incoming("03023125201", target="204")
        await office.stop()
        await office.pace.sleep(1)  # ten times as long as a phone takes to ring
        return (await office.control.snapshot())["phones"]["204"]["status"]

    assert asyncio.run(visit()) != "ringing"


def test_two_hundred_phones_fit_into_one_office(cti_of):
    story = load_story(FIRST_DAY)
    one = story.phones[0]
    more = tuple(
        dataclasses.replace(one, extension=str(extension), sip_account=str(extension), mac=f"{extension:012X}")
        for extension in range(1000, 1200)
    )
    with running_office(dataclasses.replace(story, phones=(*story.phones, *more))) as office:
        assert cti_of(office, "1199").status() == "available"


def test_the_secret_is_in_no_repr():
    assert "hush" not in repr(Office(load_story(FIRST_DAY), ami_secret="hush"))


def test_a_speed_of_zero_is_refused():
    with pytest.raises(ValueError, match="greater than zero"):
        Office(load_story(FIRST_DAY), speed=0)


@contextmanager
def command(*arguments, secret="hush", ports="0"):
    """The command as a process; whatever happens in the test, it does not outlive it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    environment |= {"PYTHONPATH": str(REPOSITORY), "SIMULATOR_AMI_SECRET": secret}
    environment |= {"SIMULATOR_AMI_PORT": ports, "SIMULATOR_PHONE_PORT": ports, "SIMULATOR_CONTROL_PORT": ports}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # does nothing to one that has ended


def test_the_command_says_when_it_is_ready_and_stops_cleanly_on_sigterm():
    with command("--no-story") as process:
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        assert sorted(ready["phones"]) == ["204", "205", "206", "207"]
        assert can_connect(ready["ami"])
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "", "")
    assert not can_connect(ready["ami"])


@pytest.mark.parametrize(
    ("arguments", "secret", "sentence"),
    [
        (["--no-story"], "", "SIMULATOR_AMI_SECRET is empty"),
        (["--story", "nowhere.json"], "hush", "The story file nowhere.json cannot be read"),
        (["--speed", "0"], "hush", "speed must be greater than zero"),
    ],
)
def test_the_command_refuses_with_a_sentence(arguments, secret, sentence):
    with command(*arguments, secret=secret) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert sentence in errors
    assert "Traceback" not in errors
