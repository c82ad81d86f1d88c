"""The AMI port as a client meets it."""

import pytest

from crmconnector.simulator.running import running_office


def list_items(wire, complete):
    """The messages of one list answer: (start, items, end). Events of the office before it are skipped."""
    start = wire.until("Success")
    items = []
    while True:
        message = wire.next()
        if message["Event"] == complete:
            return start, items, message
        items.append(message)


def test_the_banner_is_that_of_asterisk_22(office, ami_of):
    assert ami_of(office, login=False).banner == "Asterisk Call Manager/11.0.0"


def test_login_is_accepted_and_then_fully_booted(office, ami_of):
    wire = ami_of(office, login=False)
    wire.send(Action="Login", Username=office.ami_username, Secret=office.ami_secret, ActionID="7")
    assert wire.next() == {"Response": "Success", "ActionID": "7", "Message": "Authentication accepted"}
    assert wire.next()["Status"] == "Fully Booted"


@pytest.mark.parametrize(("username", "secret"), [("crmconnector", "wrong"), ("nobody", "pretend-secret"), ("", "")])
def test_a_wrong_login_is_refused_and_the_connection_ends(office, ami_of, username, secret):
    wire = ami_of(office, login=False)
    wire.send(Action="Login", Username=username, Secret=secret)
    assert wire.next() == {"Response": "Error", "Message": "Authentication failed"}
    assert wire.closed()


def test_nothing_is_answered_or_told_before_the_login(office, ami_of):
    wire = ami_of(office, login=False)
    office.incoming("03023125201", target="204")
    wire.send(Action="CoreShowChannels", ActionID="1")
    assert wire.next() == {"Response": "Error", "ActionID": "1", "Message": "Permission denied"}
    assert office.snapshot()["ami"]["clients"] == 0


def test_ping_and_logoff(ami):
    ami.send(Action="ping", ActionID="p")
    pong = ami.next()
    assert (pong["Response"], pong["ActionID"], pong["Ping"]) == ("Success", "p", "Pong")
    ami.send(Action="Logoff")
    assert ami.next()["Response"] == "Goodbye"
    assert ami.closed()


def test_an_unknown_action_is_an_error_with_its_action_id(ami):
    ami.send(Action="MakeCoffee", ActionID="c")
    answer = ami.next()
    assert (answer["Response"], answer["ActionID"]) == ("Error", "c")
    assert answer["Message"].startswith("Invalid/unknown command: MakeCoffee.")
    ami.send(Nonsense="1")
    assert ami.next()["Message"] == "Missing action in request"


def test_core_show_channels_is_a_list_with_start_items_and_complete(office, ami):
    call = office.incoming("03023125201", "Łukasz", target="204")
    ami.until("DialState")
    ami.send(Action="CoreShowChannels", ActionID="42")
    start, items, end = list_items(ami, "CoreShowChannelsComplete")
    assert [item["Application"] for item in items] == ["Dial", "AppDial"]
    assert (start["Response"], start["EventList"]) == ("Success", "start")
    assert [item["ChannelStateDesc"] for item in items] == ["Ring", "Ringing"]
    assert {item["Linkedid"] for item in items} == {call}
    assert (end["EventList"], end["ListItems"]) == ("Complete", "2")
    assert {message["ActionID"] for message in (start, *items, end)} == {"42"}


def test_core_show_channels_tells_the_bridge_of_those_who_talk(office, ami, desk):
    office.incoming("03023125201", target="204")
    ami.until("DialState")
    desk.operate("acceptcall")
    bridge = ami.until("BridgeEnter", BridgeNumChannels="2")["BridgeUniqueid"]
    ami.send(Action="CoreShowChannels")
    _, items, _ = list_items(ami, "CoreShowChannelsComplete")
    assert {item["BridgeId"] for item in items} == {bridge}


def test_status_adds_the_dialled_number(office, ami):
    office.incoming("03023125201", did="+493023125100")
    ami.until("DialState")
    ami.send(Action="Status", ActionID="s")
    _, items, end = list_items(ami, "StatusComplete")
    assert (items[0]["DNID"], items[1]["EffectiveConnectedLineNum"]) == ("+493023125100", "03023125201")
    assert end["Items"] == "2"


def test_queue_status_lists_queue_members_and_callers(office, ami):
    office.incoming("03023125201", did="+493023125120")
    ami.until("DialState")
    ami.send(Action="QueueStatus", ActionID="q")
    _, items, end = list_items(ami, "QueueStatusComplete")
    assert [item["Event"] for item in items] == ["QueueParams", *["QueueMember"] * 3, "QueueEntry"]
    assert end["ListItems"] == "5"
    assert [item["Status"] for item in items if item["Event"] == "QueueMember"] == ["6", "6", "6"]
    assert {item["ActionID"] for item in items} == {"q"}


def test_queue_status_of_another_queue_is_empty(ami):
    ami.send(Action="QueueStatus", Queue="699")
    assert list_items(ami, "QueueStatusComplete")[1] == []


def test_endpoints_and_contacts_follow_the_registration(office, ami):
    office.profile("206", registered=False)
    ami.send(Action="PJSIPShowEndpoints")
    _, endpoints, _ = list_items(ami, "EndpointListComplete")
    assert {item["ObjectName"]: item["DeviceState"] for item in endpoints}["206"] == "Unavailable"
    assert [item["ObjectName"] for item in endpoints] == ["204", "205", "206", "207", "carrier-berlin"]
    ami.send(Action="PJSIPShowContacts")
    _, contacts, _ = list_items(ami, "ContactListComplete")
    assert [item["Endpoint"] for item in contacts] == ["204", "205", "207"]
    assert contacts[0]["UserAgent"].startswith("Grandstream GRP2614 ")


def test_every_client_that_is_logged_in_hears_the_events(office, ami_of):
    wires = [ami_of(office), ami_of(office)]
    office.incoming("03023125201", target="204")
    assert wires[0].until("DialBegin") == wires[1].until("DialBegin")


def test_a_client_may_switch_the_events_off(office, ami_of):
    wire = ami_of(office)
    wire.send(Action="Events", EventMask="off")
    assert wire.next()["Events"] == "Off"
    office.incoming("03023125201", target="204")
    assert wire.quiet(0.2)


def test_an_action_cut_into_single_bytes_is_understood(ami):
    for byte in b"Action: Ping\r\nActionID: slow\r\n\r\n":
        ami._socket.sendall(bytes([byte]))
    assert ami.next()["ActionID"] == "slow"


def test_drop_link_cuts_the_connection_and_a_new_login_sees_the_call(office, ami, ami_of):
    office.incoming("03023125201", target="204")
    ami.until("DialState")
    assert office.drop_link() == 1
    assert ami.closed()
    wire = ami_of(office)
    wire.send(Action="CoreShowChannels")
    assert list_items(wire, "CoreShowChannelsComplete")[2]["ListItems"] == "2"


def test_silence_keeps_the_connection_and_says_nothing(office, ami):
    office.silence()
    ami.send(Action="Ping")
    office.incoming("03023125201", target="204")
    assert ami.quiet(0.2)
    office.silence(False)
    ami.send(Action="Ping", ActionID="again")
    assert ami.until("Success")["ActionID"] == "again"


def test_a_name_of_every_evil_sign_stays_one_header(office, ami):
    office.incoming("03023125201", 'A"B\\C\r\nEvent: Forged\t', target="204")
    channel = ami.until("Newchannel")
    assert channel["CallerIDName"] == 'A\\"B\\\\C\\r\\nEvent: Forged\\t'


def test_a_number_with_a_line_break_cannot_forge_a_header(office, ami):
    office.incoming("030\r\nEvent: Forged", target="204")
    assert ami.until("Newchannel")["CallerIDNum"] == "030  Event: Forged"


def test_an_empty_name_is_unknown_and_a_long_one_is_cut(office, ami):
    office.incoming("", "", target="204")
    channel = ami.until("Newchannel")
    assert (channel["CallerIDNum"], channel["CallerIDName"]) == ("<unknown>", "<unknown>")
    office.incoming("1", "x" * 120, target="205")
    assert len(ami.until("Newchannel", CallerIDNum="1")["CallerIDName"]) == 80


def test_timestamps_are_off_unless_wished(office, ami, ami_of):
    office.incoming("03023125201", target="204")
    assert "Timestamp" not in ami.until("Newchannel")
    with running_office(timestamps=True) as other:
        wire = ami_of(other)
        other.incoming("03023125201", target="204")
        assert float(wire.until("Newchannel")["Timestamp"]) > 0


def test_a_client_that_never_reads_is_thrown_out(office, ami, wait_until, caplog):
    for _ in range(40):
        office.incoming("03023125201", did="+493023125120")
    try:
        for _ in range(400):
            ami.send(Action="Status")
    except ConnectionError:
        pass  # thrown out while it still asked
    wait_until(lambda: office.snapshot()["ami"]["clients"] == 0)
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []


def test_a_client_that_sends_without_end_is_thrown_out(office, ami, wait_until):
    ami._socket.sendall(b"Action: Ping\r\nX: " + b"x" * 200_000)
    wait_until(lambda: office.snapshot()["ami"]["clients"] == 0)
