"""Many phones in one process, without a PBX."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from crmconnector.simulator.farm import Passcodes, PhoneFarm
from crmconnector.simulator.httpd import free_port
from crmconnector.simulator.pace import Pace
from crmconnector.simulator.switchboard import NoSuch
from tests.support.phone_farm import running_farm

REPOSITORY = Path(__file__).parents[2]
RUN = """import sys
from django.conf import settings
settings.configure(INSTALLED_APPS=["crmconnector.simulator"], LOGGING_CONFIG=None)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "simulate", *sys.argv[1:]])
"""


@pytest.fixture
def farm():
    with running_farm(3, pace=Pace(20)) as running:
        yield running


def test_every_phone_has_a_door_a_name_and_an_address_of_its_own(farm):
    ports = farm.farm.ports["phones"]
    assert [*ports] == ["1001", "1002", "1003"]
    assert len({*ports.values()}) == 3
    stories = [phone.story for phone in farm.farm.phones.values()]
    assert [story.mac for story in stories] == ["C074AD000001", "C074AD000002", "C074AD000003"]


def test_what_happens_to_one_phone_leaves_the_others_alone(farm):
    assert farm.incoming("1002", "03023125201", "Ana Gómez") == 1
    assert [farm.answer("api-get_phone_status", one)["body"] for one in farm.extensions] == [
        "available",
        "ringing",
        "available",
    ]
    assert farm.answer("api-get_line_status", "1002")["body"][0]["remotename"] == "Ana Gómez"


def test_a_call_that_the_far_end_answers_and_ends(farm, wait_until):
    farm.far_end("030123", "no_answer", 3600)
    farm.answer("api-make_call", phonenumber="030123")
    wait_until(lambda: farm.states("1001") == {1: "calling"})
    assert farm.remote_answer("1001") is True
    assert farm.states("1001") == {1: "connected"}
    assert farm.remote_answer("1001") is False
    assert farm.remote_hangup("1001") is True
    assert farm.states("1001") == {}


def test_a_busy_far_end_shows_as_failed(farm, wait_until):
    farm.far_end("030123", "no_answer", 3600)
    farm.answer("api-make_call", phonenumber="030123")
    wait_until(lambda: farm.states("1001") == {1: "calling"})
    assert farm.remote_busy("1001") is True
    assert farm.states("1001") == {1: "failed"}


def test_the_owner_answers_by_hand_and_presses_keys(farm):
    farm.incoming("1001", "03023125201")
    assert farm.user("1001", "answer") is True
    assert farm.user("1001", "HOLD") is True
    assert farm.states("1001") == {1: "onhold"}
    assert farm.user("1001", "hangup") is True
    assert farm.dial("1001", "030123") is True
    with pytest.raises(ValueError, match="A user cannot 'LINE99'"):
        farm.user("1001", "LINE99")


def test_a_blind_transfer_over_cti_is_joined_or_refused_as_scripted(farm, wait_until):
    for number, outcome in (("205", "refused"), ("206", "accepted")):
        farm.referral(number, outcome)
        if not farm.states("1001"):
            farm.incoming("1001", "03023125201")
            farm.user("1001", "answer")
        farm.keys("XFER")
        wait_until(lambda: farm.look("1001")["screen"] == "transfer")
        farm.keys(":".join([*number, "SEND"]))
        wait_until(lambda: farm.look("1001")["screen"] != "transfer")
        if outcome == "refused":
            wait_until(lambda: farm.farm.phones["1001"].first("onhold") and not farm.farm.phones["1001"].lines[0].role)
            farm.user("1001", "HOLD")
    wait_until(lambda: farm.states("1001") == {})
    assert farm.snapshot()["joined"] == [("03023125201", "206")]


def test_an_unknown_phone_line_or_make_is_told_by_a_sentence(farm):
    with pytest.raises(NoSuch, match="No phone has the extension '9'"):
        farm.incoming("9", "030")
    with pytest.raises(ValueError, match="The phone has the lines 1 to 8"):
        farm.remote_hangup("1001", 9)
    with pytest.raises(ValueError, match="There is no make 'fax'"):
        PhoneFarm(1, profiles=("fax",))


def test_the_makes_go_round():
    with running_farm(4, profiles=("grp-old", "grp261x-guide")) as farm:
        assert [len(farm.answer("api-get_line_status", one)["body"]) for one in farm.extensions] == [3, 8, 3, 8]


def test_the_tripwires_of_a_phone(farm, wait_until):
    farm.keys("MUTE", "1001")
    wait_until(lambda: farm.look("1001")["dnd"])
    farm.incoming("1002", "03023125201")
    farm.user("1002", "answer")
    farm.keys("7", "1002")
    wait_until(lambda: "digits_in_call" in farm.trip_kinds())
    farm.answer("api-sys_operation", "1002", request="REBOOT")
    wait_until(lambda: not farm.look("1002")["is_up"])
    assert farm.trip_kinds() == ["mute_idle", "digits_in_call", "reboot_in_call"]


def test_a_restart_of_an_idle_phone_trips_nothing_and_it_comes_back_at_the_same_port(farm, wait_until):
    farm.profile("1001", reboot_seconds=2)
    port = farm.phone_port("1001")
    assert farm.answer("api-sys_operation", request="REBOOT")["body"] == "savereboot"
    wait_until(lambda: not farm.look("1001")["is_up"])
    with pytest.raises(httpx.ConnectError):
        farm.ask("api-get_phone_status")
    wait_until(lambda: farm.farm.door("1001").http.is_open)
    assert (farm.phone_port("1001"), farm.answer("api-get_phone_status")["body"]) == (port, "available")
    assert farm.trip_kinds() == []


def test_a_factory_reset_leaves_a_phone_that_knows_nobody(farm, wait_until):
    farm.profile("1001", reboot_seconds=1)
    passcodes = farm.passcode("1001"), farm.passcode("1001", "admin")
    assert farm.answer("api-sys_operation", request="RESET", passcode=passcodes[1])["body"] == "reset"
    wait_until(lambda: not farm.look("1001")["is_up"])
    wait_until(lambda: farm.farm.door("1001").http.is_open)
    for passcode in passcodes:
        assert farm.answer("api-get_phone_status", passcode=passcode)["body"] == "unauthorized"
    assert farm.trip_kinds() == ["RESET"]


def test_a_question_on_the_screen_is_gone_after_a_restart(farm):
    farm.profile("1001", popup=True, reboot_seconds=3600)
    farm.answer("api-make_call", phonenumber="030123")
    assert farm.look("1001")["popups"] == 1
    farm.reboot("1001")
    assert farm.popup("1001", allow=True) is False
    assert farm.look("1001")["popups"] == 0


def test_a_lock_and_a_wrong_try_are_forgotten_by_a_restart(farm, wait_until):
    farm.profile("1001", reboot_seconds=1, attempt_limit=1)
    farm.answer("api-get_phone_status", passcode="wrong")
    assert farm.answer("api-get_phone_status")["body"] == "locked"
    farm.reboot("1001")
    wait_until(lambda: farm.farm.door("1001").http.is_open)
    assert farm.answer("api-get_phone_status")["body"] == "available"


def test_passcodes_are_the_ones_that_were_wanted_and_can_be_changed():
    with running_farm(1, passcodes=Passcodes(user="p&a#s s+é%", admin="chief")) as farm:
        assert farm.answer("api-get_phone_status")["body"] == "available"
        farm.change_passcode(farm.first, "new")
        assert farm.answer("api-get_phone_status", passcode="p&a#s s+é%")["body"] == "wrong4"
        assert farm.answer("api-get_phone_status")["body"] == "available"
        farm.change_passcode(farm.first, "boss", "admin")
        assert farm.answer("api-get_phone_status", passcode="chief")["response"] == "error"
        assert "chief" not in repr(Passcodes(admin="chief"))


def test_a_web_mode_can_be_changed_while_the_phone_runs(farm):
    farm.web_mode("1001", "off")
    with pytest.raises(httpx.ConnectError):
        farm.ask("api-get_phone_status")
    farm.web_mode("1001", "both")
    plain, secure = farm.phone_port("1001"), farm.phone_tls_port("1001")
    for url in (f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}"):
        query = {"passcode": farm.passcode(farm.first)}
        answer = httpx.get(f"{url}/cgi-bin/api-get_phone_status", params=query, verify=False)
        assert answer.json()["body"] == "available"
    farm.web_mode("1001", "https")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{plain}/")


def test_a_port_that_is_taken_opens_no_farm_and_leaves_no_door_open():
    async def try_it(farm):
        with pytest.raises(OSError, match="in use"):
            await farm.start()
        return [door.http.is_open for door in (farm.door("1001"), farm.door("1002"))]

    with socket.create_server(("127.0.0.1", 0)) as other:
        second = PhoneFarm(2)
        second.door("1002").http.port = other.getsockname()[1]
        assert asyncio.run(try_it(second)) == [False, False]


def test_ports_can_be_wanted_one_after_the_other():
    first = free_port()
    farm = PhoneFarm(3, first_port=first)
    assert [*farm.ports["phones"].values()] == [first, first + 1, first + 2]


def test_a_phone_that_is_away_does_nothing_and_stays_shut_whatever_is_cleared(farm):
    farm.profile("1001", reboot_seconds=3600)
    farm.reboot("1001")
    farm.clear_faults("1001")
    assert farm.farm.door("1001").http.is_open is False
    assert farm.dial("1001", "030123") is False
    assert farm.user("1001", "hold") is False
    assert farm.incoming("1001", "03023125201") is None


def test_two_hundred_phones_of_every_make_answer_side_by_side():
    with running_farm(200, profiles=("grp261x-guide", "grp-old", "gxp21xx", "wp826")) as farm:
        with ThreadPoolExecutor(8) as pool:
            bodies = [*pool.map(lambda one: farm.answer("api-get_phone_status", one)["body"], farm.extensions)]
        assert bodies == ["available"] * 200
        assert len({*farm.farm.ports["phones"].values()}) == 200
        assert len(farm.journal()) == 200


def test_five_thousand_phones_need_no_thread_of_their_own():
    before = threading.active_count()
    with running_farm(5000, journal_limit=0) as farm:
        assert threading.active_count() <= before + 2
        last = farm.extensions[-1]
        assert farm.answer("api-get_phone_status", last)["body"] == "available"


def test_the_same_seed_spoils_the_same_requests():
    def pattern(seed):
        with running_farm(2, seed=seed) as farm:
            farm.fault("1001", "error_500", None, chance=0.5)
            return [farm.ask("api-get_phone_status").status_code for _ in range(24)]

    first = pattern(1)
    assert {*first} == {200, 500}
    assert first == pattern(1)
    assert first != pattern(2)


@contextmanager
def command(*arguments, **more_environment):
    """The command as a process, without an AMI secret unless it is given; it does not outlive the test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        env=environment | {"PYTHONPATH": str(REPOSITORY), "SIMULATOR_FARM_PASSCODE": "of my own"} | more_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()  # does nothing to one that has ended


def test_the_command_starts_a_fleet_alone_and_tells_its_ports_but_no_passcode():
    with command("--phones", "3", "--no-office", "--make", "grp-old") as process:
        line = process.stdout.readline()
        fleet = json.loads(line)["farm"]
        url = f"http://127.0.0.1:{fleet['phones']['1003']}/cgi-bin/api-get_line_status"
        assert len(httpx.get(url, params={"passcode": "of my own"}).json()["body"]) == 3
        assert httpx.get(f"http://127.0.0.1:{fleet['control']}/snapshot").status_code == 200
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "", "")
    assert "of my own" not in line


def test_the_command_stands_a_fleet_beside_the_office():
    ports = ["--ami-port", "0", "--phone-port", "0", "--control-port", "0"]
    with command("--phones", "2", "--https", "--no-story", *ports, SIMULATOR_AMI_SECRET="hush") as process:
        ready = json.loads(process.stdout.readline())
    assert sorted(ready) == ["ami", "control", "farm", "phones", "ready"]
    assert sorted(ready["farm"]["phones"]) == ["1001", "1002"]
    assert "1001" not in ready["phones"]


def test_the_command_without_an_office_wants_a_number_of_phones():
    with command("--no-office") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Say how many phones: --phones N." in errors
