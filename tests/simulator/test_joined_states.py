"""What the phone shows and what AMI tells are one story."""


def test_an_incoming_call_rings_the_phone_and_ami_tells_who_calls(office, ami, desk):
    call = office.incoming("03023125201", "Jördis O'Neil", did="+493023125100")
    begin = ami.until("DialBegin")
    assert begin["CallerIDNum"] == "03023125201"
    assert begin["CallerIDName"] == "Jördis O\\'Neil"
    assert begin["DestChannel"].startswith("PJSIP/204-")
    assert begin["Linkedid"] == begin["DestLinkedid"] == call
    ami.until("Newstate", ChannelStateDesc="Ringing")
    line = desk.lines()[0]
    assert (line["state"], line["remotenum"], line["remotename"]) == ("ringing", "03023125201", "Jördis O'Neil")
    assert desk.status() == "ringing"


def test_acceptcall_on_the_phone_is_the_answer_on_ami(office, ami, desk):
    office.incoming("03023125201", target="204")
    ami.until("Newstate", ChannelStateDesc="Ringing")
    assert desk.operate("acceptcall") == {"response": "success", "body": True}
    assert ami.until("DialEnd")["DialStatus"] == "ANSWER"
    assert ami.until("BridgeEnter")["Channel"].startswith("PJSIP/204-")
    assert ami.until("BridgeEnter")["BridgeNumChannels"] == "2"
    assert desk.state() == "connected"
    assert desk.status() == "busy"


def test_the_callers_hangup_ends_phone_and_channels(office, ami, desk):
    call = office.incoming("03023125201", target="204")
    ami.until("Newstate", ChannelStateDesc="Ringing")
    desk.operate("acceptcall")
    assert office.remote_hangup(call) is True
    causes = [ami.until("Hangup")["Cause"], ami.until("Hangup")["Cause"]]
    assert causes == ["16", "16"]
    assert desk.state() == "idle"
    assert office.snapshot()["channels"] == []


def test_endcall_on_the_phone_hangs_up_both(office, ami, desk):
    office.incoming("03023125201", target="204")
    ami.until("Newstate", ChannelStateDesc="Ringing")
    desk.operate("acceptcall")
    assert desk.operate("endcall")["body"] is True
    assert ami.until("HangupRequest")["Channel"].startswith("PJSIP/204-")
    ami.until("Hangup")
    ami.until("Hangup")
    assert office.snapshot()["calls"] == {}
    assert desk.operate("endcall") == {"response": "error", "body": False}


def test_rejectcall_is_busy_on_ami(office, ami, desk):
    office.incoming("03023125201", target="204")
    ami.until("Newstate", ChannelStateDesc="Ringing")
    assert desk.operate("rejectcall")["body"] is True
    assert ami.until("DialEnd")["DialStatus"] == "BUSY"
    assert ami.until("Hangup")["Cause"] == "17"
    assert desk.state() == "idle"


def test_a_caller_who_gives_up_leaves_a_cancelled_dial(office, ami, desk):
    office.incoming("03023125201", target="204", gives_up_after=2)
    assert ami.until("DialEnd")["DialStatus"] == "CANCEL"
    assert ami.until("Hangup")["Channel"].startswith("PJSIP/204-")
    last = ami.until("Hangup")
    assert (last["Cause"], last["Cause-txt"]) == ("127", "Interworking, unspecified")
    assert desk.state() == "idle"


def test_holdcall_toggles_and_says_so_on_ami(office, ami, desk):
    office.incoming("03023125201", target="204")
    ami.until("Newstate", ChannelStateDesc="Ringing")
    desk.operate("acceptcall")
    assert desk.operate("holdcall")["body"] is True
    assert ami.until("Hold")["Channel"].startswith("PJSIP/204-")
    assert ami.until("MusicOnHoldStart")["Channel"].startswith("PJSIP/carrier-berlin-")
    assert desk.state() == "onhold"
    desk.operate("holdcall")
    ami.until("Unhold")
    assert desk.state() == "connected"


def test_a_second_call_waits_and_answering_it_holds_the_first(office, ami, desk, wait_until):
    office.incoming("03023125201", target="204")
    wait_until(lambda: desk.state() == "ringing")
    desk.operate("acceptcall")
    office.incoming("03023125202", target="204")
    wait_until(lambda: desk.state(2) == "ringing")
    desk.operate("acceptcall")
    assert [line["state"] for line in desk.lines()[:2]] == ["onhold", "connected"]
    desk.operate("endcall")
    assert [line["state"] for line in desk.lines()[:2]] == ["onhold", "idle"]


def test_make_call_dials_out_and_the_far_end_answers(office, ami, desk, wait_until):
    office.far_end("00442079460123", "answer", 2)
    assert desk.get("api-make_call", phonenumber="00442079460123").json() == {"response": "success", "body": True}
    begin = ami.until("DialBegin")
    assert begin["Channel"].startswith("PJSIP/204-")
    assert begin["DestChannel"].startswith("PJSIP/carrier-berlin-")
    assert begin["DialString"] == "00442079460123@carrier-berlin"
    assert desk.state() == "calling"
    assert ami.until("DialEnd")["DialStatus"] == "ANSWER"
    assert ami.until("BridgeEnter", BridgeNumChannels="2")["Channel"] == begin["Channel"]
    wait_until(lambda: desk.state() == "connected")


def test_a_busy_far_end_shows_as_failed_and_then_idle(office, ami, desk, wait_until):
    office.far_end("00442079460124", "busy", 1)
    desk.get("api-make_call", phonenumber="00442079460124")
    assert ami.until("DialEnd")["DialStatus"] == "BUSY"
    wait_until(lambda: desk.state() == "failed")
    wait_until(lambda: desk.state() == "idle")


def test_a_far_end_that_never_answers_and_one_that_does_not_exist(office, ami, desk):
    office.far_end("1", "no_answer", 1)
    desk.get("api-make_call", phonenumber="1")
    assert ami.until("DialEnd")["DialStatus"] == "NOANSWER"
    assert ami.until("Hangup")["Cause"] == "0"
    office.far_end("2", "not_found", 1)
    desk.get("api-make_call", phonenumber="2")
    ami.until("DialEnd")
    assert ami.until("Hangup")["Cause"] == "1"


def test_cancel_takes_a_dialled_call_back(office, ami, desk):
    office.far_end("123", "no_answer", 3600)
    desk.get("api-make_call", phonenumber="123")
    ami.until("DialBegin")
    assert desk.operate("cancel")["body"] is True
    assert ami.until("DialEnd")["DialStatus"] == "CANCEL"
    assert desk.state() == "idle"


def test_a_colleague_picks_up_an_internal_call(office, ami, desk, cti_of, wait_until):
    desk.get("api-make_call", phonenumber="205")
    begin = ami.until("DialBegin")
    assert (begin["Exten"], begin["DialString"], begin["CallerIDNum"]) == ("205", "205", "204")
    assert ami.until("DialEnd")["DialStatus"] == "ANSWER"
    wait_until(lambda: desk.state() == "connected")
    assert cti_of(office, "205").lines()[0]["remotename"] == "Alex Sommer"


def test_an_unregistered_phone_takes_the_order_and_then_fails_without_any_channel(office, ami, desk, wait_until):
    office.profile("204", registered=False)
    assert desk.get("api-make_call", phonenumber="205").json()["body"] is True
    wait_until(lambda: desk.state() == "failed")
    assert office.snapshot()["channels"] == []
    assert ami.quiet(0.2)


def test_an_account_out_of_range_is_success_and_then_failed(office, desk, wait_until):
    assert desk.get("api-make_call", phonenumber="205", account="7").json()["body"] is True
    wait_until(lambda: desk.state() == "failed")
    assert office.snapshot()["channels"] == []


def test_a_phone_without_a_free_line_is_busy_at_once(office, ami, desk, wait_until):
    for _ in desk.lines():
        office.incoming("03023125201", target="204")
    wait_until(lambda: all(line["state"] == "ringing" for line in desk.lines()))
    call = office.incoming("03023125299", target="204")
    assert ami.until("DialEnd", Linkedid=call)["DialStatus"] == "BUSY"


def test_what_the_user_does_by_hand_counts_too(office, wait_until):
    office.incoming("03023125201", target="204")
    wait_until(lambda: office.snapshot()["phones"]["204"]["status"] == "ringing")
    assert office.user("204", "answer") is True
    assert office.snapshot()["phones"]["204"]["lines"][0]["state"] == "connected"
    assert office.user("204", "hangup") is True
    assert office.user("204", "hangup") is False


def test_uniqueids_count_up_and_channel_names_are_hexadecimal(office, ami):
    for _ in range(6):
        office.incoming("03023125201", target="204")
    names = [ami.until("Newchannel") for _ in range(12)]
    assert names[10]["Channel"] == "PJSIP/carrier-berlin-0000000a"
    assert [int(channel["Uniqueid"].split(".")[1]) for channel in names] == list(range(12))
    assert all(channel["Linkedid"].split(".")[1] in "02468 10" for channel in names)
