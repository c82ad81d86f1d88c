"""What the AMI of the simulated office does with calls, as a client asks for it: the phones and the PBX agree."""

from __future__ import annotations

import pytest

from crmconnector.simulator.operator import PARKING
from tests.simulator.conftest import eventually

CALLER = "03023125201"


def lines(office, phone):
    return [(line["state"], line["number"]) for line in office.snapshot()["phones"][phone]["lines"]]


def bridges(office):
    """Who hears whom: a set of endpoints for each bridge with more than one in it."""
    found: dict[str, set[str]] = {}
    for channel in office._office.pbx.channels.values():
        if channel.bridge is not None:
            found.setdefault(channel.bridge.uniqueid, set()).add(channel.endpoint)
    return [members for members in found.values() if len(members) > 1]


def channel(office, endpoint):
    return next(one for one in office._office.pbx.channels.values() if one.endpoint == endpoint)


@pytest.fixture
def do(ami):
    """Send one action; answers the reply."""
    numbers = iter(range(1, 100))

    def send(action, **headers):
        number = f"d{next(numbers)}"
        ami.send(Action=action, ActionID=number, **headers)
        while True:
            message = ami.next()
            if message.get("ActionID") == number and "Response" in message and "Event" not in message:
                return message

    return send


@pytest.fixture
def talking(office, ami):
    """A caller talks with 204: the Uniqueid of 204's end."""
    office.incoming(CALLER, target="204")
    eventually(lambda: lines(office, "204") == [("ringing", CALLER)])
    office.user("204", "answer")
    return channel(office, "204").uniqueid


def asking(office, do, own):
    """204 asks 206, who has picked up."""
    assert do("Atxfer", Channel=own, Exten="206", Context="from-internal")["Response"] == "Success"
    eventually(lambda: lines(office, "206") == [("ringing", "204")])
    office.user("206", "answer")
    eventually(lambda: {"204", "206"} in bridges(office))


def test_the_actions_that_the_product_sends_are_listed_with_their_rights(do):
    told = do("ListCommands")
    wanted = ("Originate", "Hangup", "BlindTransfer", "Atxfer", "CancelAtxfer", "Bridge", "Park", "PlayDTMF", "Setvar")
    assert all("(Priv: " in told[name] for name in (*wanted, "Redirect", "Getvar", "CoreShowChannels"))


@pytest.mark.parametrize("by", ["uniqueid", "name"])
def test_a_channel_is_named_by_its_uniqueid_or_its_name(office, do, talking, by):
    assert do("Hangup", Channel=getattr(channel(office, "204"), by))["Response"] == "Success"
    assert lines(office, "204") == [] and not office._office.pbx.channels


@pytest.mark.parametrize(
    "action", ["Hangup", "BlindTransfer", "Atxfer", "CancelAtxfer", "Park", "PlayDTMF", "Redirect"]
)
def test_a_channel_that_is_not_there_is_refused(do, action):
    answer = do(action, Channel="1700000000.1", Exten="c1")
    assert (answer["Response"], answer["Message"]) == ("Error", "No such channel")


def test_originate_rings_the_phone_which_picks_up_and_dials(office, ami, do):
    do("Originate", Channel="PJSIP/204", Context="from-internal", Exten="206", CallerID='"206" <204>', Async="true")
    assert ami.until("OriginateResponse")["Response"] == "Success"
    eventually(lambda: lines(office, "206") == [("ringing", "204")])
    office.user("206", "answer")
    eventually(lambda: bridges(office) == [{"204", "206"}])


def test_a_phone_that_does_not_pick_up_by_itself_rings_until_its_owner_does(office, do):
    office.profile("204", obeys_pick_up=False)
    do("Originate", Channel="PJSIP/204", Exten="206", CallerID='"206" <204>', Timeout="600000")
    eventually(lambda: lines(office, "204") == [("ringing", "204")])
    assert lines(office, "206") == []
    office.user("204", "answer")
    eventually(lambda: lines(office, "206") == [("ringing", "204")])


@pytest.mark.parametrize("how", ["reject", "patience", "unregistered"])
def test_an_originate_that_nobody_takes_fails_and_dials_nobody(office, ami, do, how):
    office.profile("204", obeys_pick_up=False, registered=how != "unregistered")
    do("Originate", Channel="PJSIP/204", Exten="206", Timeout="4000" if how == "patience" else "600000")
    if how == "reject":
        eventually(lambda: lines(office, "204") == [("ringing", "")])
        office.user("204", "reject")
    assert ami.until("OriginateResponse")["Response"] == "Failure"
    assert lines(office, "204") == lines(office, "206") == [] and not office._office.board.calls


def test_a_blind_transfer_rings_the_target_for_the_caller(office, do, talking):
    do("BlindTransfer", Channel=talking, Exten="206", Context="from-internal")
    eventually(lambda: lines(office, "206") == [("ringing", CALLER)])
    assert lines(office, "204") == []


def test_an_attended_transfer_is_completed_by_hanging_up(office, ami, do, talking):
    asking(office, do, talking)
    do("Hangup", Channel=talking)
    assert bridges(office) == [{"206", "carrier-berlin"}] and lines(office, "204") == []
    office.user("206", "hangup")
    eventually(lambda: not office._office.pbx.channels and not office._office.board.calls)


def test_one_that_still_rings_then_rings_for_the_caller(office, do, talking):
    do("Atxfer", Channel=talking, Exten="206", Context="from-internal")
    eventually(lambda: lines(office, "206") == [("ringing", "204")])
    do("Hangup", Channel=talking)
    assert lines(office, "206") == [("ringing", CALLER)]
    office.user("206", "answer")
    assert bridges(office) == [{"206", "carrier-berlin"}]


@pytest.mark.parametrize("who", ["cancelled", "asked hangs up", "asked rejects"])
def test_the_caller_is_back_when_the_consultation_ends(office, do, talking, who):
    if who == "asked rejects":
        do("Atxfer", Channel=talking, Exten="206", Context="from-internal")
        eventually(lambda: lines(office, "206") == [("ringing", "204")])
        office.user("206", "reject")
    else:
        asking(office, do, talking)
        assert who != "cancelled" or do("CancelAtxfer", Channel=talking)["Response"] == "Success"
        assert who == "cancelled" or office.user("206", "hangup")
    assert bridges(office) == [{"204", "carrier-berlin"}]
    assert lines(office, "206") == [] and lines(office, "204") == [("connected", CALLER)]


def test_without_a_consultation_nothing_is_cancelled(do, talking):
    assert do("CancelAtxfer", Channel=talking)["Response"] == "Error"


def test_a_caller_who_gives_up_leaves_the_consultation_as_a_call(office, do, talking):
    asking(office, do, talking)
    assert office.remote_hangup()
    assert bridges(office) == [{"204", "206"}]


def test_two_calls_of_one_phone_are_put_together(office, do, talking):
    office.dial("204", "206")
    eventually(lambda: lines(office, "206") == [("ringing", "204")])
    office.user("206", "answer")
    far = channel(office, "carrier-berlin").uniqueid
    do("Bridge", Channel1=far, Channel2=channel(office, "206").uniqueid, Tone="no")
    assert bridges(office) == [{"206", "carrier-berlin"}] and lines(office, "204") == []


def test_a_parked_caller_waits_until_somebody_dials_the_place(office, ami, do, talking):
    do("Park", Channel=channel(office, "carrier-berlin").uniqueid)
    assert lines(office, "204") == [] and not bridges(office)
    office.dial("206", str(PARKING[0]))
    eventually(lambda: bridges(office) == [{"206", "carrier-berlin"}])
    assert not office._office.board.parked


def test_all_three_hear_each_other_in_a_room_and_each_may_leave(office, do, talking):
    asking(office, do, talking)
    room = {"Context": "crmconnector", "Exten": "c123456789012", "Priority": "1"}
    do("Redirect", Channel=channel(office, "carrier-berlin").uniqueid, **room)
    extra = {f"Extra{name}": value for name, value in room.items()}
    do("Redirect", Channel=talking, ExtraChannel=channel(office, "206").uniqueid, **room, **extra)
    assert bridges(office) == [{"204", "206", "carrier-berlin"}]
    office.user("206", "hangup")
    assert bridges(office) == [{"204", "carrier-berlin"}]


def test_tones_and_mute_are_known_to_the_pbx(office, do, talking):
    far = channel(office, "carrier-berlin").uniqueid
    for digit in "4#":
        do("PlayDTMF", Channel=far, Digit=digit)
    assert office._office.pbx.heard[far] == ["4", "#"]
    do("Setvar", Channel=talking, Variable="MUTEAUDIO(in)", Value="on")
    assert channel(office, "204").muted


def test_the_note_of_do_not_disturb_keeps_calls_away(office, ami, do):
    def note(wanted):
        ami.send(Action="Originate", Channel="Local/dnd@crmconnector", Variable=f"CRM_EXTENSION=204\r\nVariable: CRM_WANTED={wanted}")  # noqa: E501  # fmt: skip
        return eventually(lambda: do("Getvar", Variable="DB_EXISTS(DND/204)").get("Value"))

    assert note("on") == "1"
    office.incoming(CALLER, target="204")
    assert lines(office, "204") == []
    assert note("off") == "0"
