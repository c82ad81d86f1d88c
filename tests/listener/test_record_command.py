"""`manage.py record`: from a live PBX to a file that can be given away, and back to calls."""

import io
import json
import threading

import pytest
from django.core.management import CommandError, call_command

from crmconnector.calls.replay import calls_from_events
from crmconnector.pbx.models import Pbx
from crmconnector.simulator.running import running_office
from tests.support.processes import eventually
from tests.support.simulated import DID, rows_for, small_story

CALLER = "+442079460123"


@pytest.fixture
def pbx_and_office(transactional_db, tmp_path):
    with running_office(small_story(tmp_path, phones=2)) as office:
        yield rows_for(office, ["201", "202"]).pbx, office


def recorded_while(act, path, pbx):
    """Record in a thread of its own until `act` is done."""
    stop, failed = threading.Event(), []

    def work():
        try:
            act()
        except BaseException as error:
            failed.append(error)
        stop.set()

    begun = threading.Timer(0.5, work)
    begun.start()
    out = io.StringIO()
    call_command("record", str(path), "--pbx", pbx.name, "--seconds", "4", stdout=out)
    begun.join()
    assert not failed, failed
    return out.getvalue()


def test_a_recording_holds_the_calls_without_the_people(pbx_and_office, tmp_path):
    pbx, office = pbx_and_office
    path = tmp_path / "calls.jsonl"
    office.incoming(CALLER, "Ada Smith", did=DID)  # rings already when the recording begins
    eventually(lambda: office.snapshot()["calls"], what=lambda: "no call")

    def act():
        office.user("201", "answer")
        office.remote_hangup()

    said = recorded_while(act, path, pbx)
    assert f"manage.py replay {path}" in said
    text = path.read_text("utf-8")
    assert "Ada" not in text
    assert CALLER[-6:] not in text
    (call,) = calls_from_events([json.loads(line) for line in text.splitlines()], trunks=["PJSIP/trunk"])
    assert (call["direction"], call["disposition"], call["ended"]) == ("inbound", "answered", True)
    assert [pop["endpoint"] for pop in call["pops"]] == ["PJSIP/201"]


def test_a_file_that_exists_is_never_overwritten(pbx_and_office, tmp_path):
    pbx, _ = pbx_and_office
    path = tmp_path / "calls.jsonl"
    path.write_text("mine")
    with pytest.raises(CommandError, match="exists already"):
        call_command("record", str(path), "--pbx", pbx.name, "--seconds", "1")
    assert path.read_text() == "mine"


def test_a_pbx_must_be_named_unless_there_is_only_one(transactional_db, tmp_path):
    Pbx.objects.all().delete()
    with pytest.raises(CommandError, match="none is set up"):
        call_command("record", str(tmp_path / "x"))
    for name in ("East", "West"):
        Pbx.objects.create(name=name, host="127.0.0.1", port=1, username="u", country="DE")
    with pytest.raises(CommandError, match="East, West"):
        call_command("record", str(tmp_path / "x"))
