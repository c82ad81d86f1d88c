"""The scenes are played while somebody listens."""

import dataclasses

import pytest

from crmconnector.simulator.pace import Pace
from crmconnector.simulator.pbx import Pbx
from crmconnector.simulator.running import running_office
from crmconnector.simulator.story import FIRST_DAY
from crmconnector.simulator.story_loader import load_story
from crmconnector.simulator.switchboard import NoSuch, Switchboard


@pytest.fixture
def playing():
    with running_office(speed=100, play=True) as office:
        yield office


def sync(wire):
    wire.send(Action="CoreShowChannels", ActionID="sync")
    wire.until("CoreShowChannelsComplete")


def test_nobody_calls_before_a_client_has_asked_for_the_channels(playing, ami_of):
    wire = ami_of(playing)
    assert wire.quiet(0.2)
    sync(wire)
    first = wire.until("Newchannel")
    assert (first["CallerIDNum"], first["Exten"]) == ("03023125201", "+493023125100")


def test_the_scenes_come_one_after_the_other_and_again(playing, ami_of, wait_until):
    story = playing.story
    wire = ami_of(playing)
    sync(wire)
    callers = []
    while len(callers) < len(story.scenes) + 1:
        channel = wire.until("Newchannel")
        if channel["Uniqueid"] == channel["Linkedid"]:
            callers.append(channel["CallerIDNum"])
    expected = [getattr(scene, "extension", scene.number) for scene in story.scenes]
    assert callers == [*expected, expected[0]]


def test_a_scene_waits_until_the_call_before_it_is_over(playing, ami_of):
    wire = ami_of(playing)
    sync(wire)
    first = wire.until("Newchannel")
    wire.until("DialState")
    playing.user("204", "answer")
    playing.user("204", "hold")
    second = wire.until("Newchannel")
    while second["Linkedid"] == first["Linkedid"]:
        second = wire.until("Newchannel")
    ended = [event["Uniqueid"] for event in wire.events() if event["Event"] == "Hangup"]
    assert first["Uniqueid"] in ended


def test_an_answered_call_of_the_story_is_ended_by_the_caller(playing, ami_of, wait_until):
    wire = ami_of(playing)
    sync(wire)
    wire.until("DialState")
    assert playing.user("204", "answer") is True
    assert wire.until("HangupRequest")["Channel"].startswith("PJSIP/carrier-berlin")


def test_a_colleague_takes_the_queue_call_if_nobody_else_does(office, ami):
    office.scene("queue-call")
    assert ami.until("AgentConnect")["Interface"] == "PJSIP/206"


def test_a_call_that_nobody_takes_is_given_up(office, ami):
    office.scene("missed-call")
    assert ami.until("DialEnd")["DialStatus"] == "CANCEL"


def test_a_colleague_calls_out_by_the_script(office, ami):
    office.scene("colleague-calls-out")
    begin = ami.until("DialBegin")
    assert begin["Channel"].startswith("PJSIP/205")
    assert ami.until("HangupRequest")["Channel"].startswith("PJSIP/carrier-berlin")


def test_the_next_scene_can_be_had_at_once_even_without_an_audience(wait_until):
    with running_office(play=True) as office:
        assert office.snapshot()["calls"] == {}
        office.next_scene()
        wait_until(lambda: office.snapshot()["scene"] == "known-customer")


def test_without_a_player_there_is_no_next_scene(office):
    with pytest.raises(NoSuch, match="No story is being played"):
        office.next_scene()


def test_an_unknown_scene_is_named(office):
    with pytest.raises(NoSuch, match="No scene is called 'opera'"):
        office.scene("opera")


def test_the_same_seed_gives_the_same_times():
    def talk(seed):
        story = dataclasses.replace(load_story(FIRST_DAY), seed=seed)
        board = Switchboard(story, Pace(), Pbx(seed))
        return [board.draw((15, 25)) for _ in range(5)]

    assert talk(7) == talk(7) != talk(8)


def test_the_story_stops_when_the_audience_is_gone(playing, ami_of, wait_until):
    wire = ami_of(playing)
    sync(wire)
    wire.until("Newchannel")
    playing.drop_link()
    wait_until(lambda: not playing.snapshot()["calls"])
    scene = playing.snapshot()["scene"]
    other = ami_of(playing)
    assert other.quiet(0.5)
    assert playing.snapshot()["scene"] == scene
