"""Who talks with whom, read from a list of channels as a real Asterisk 22 gave it."""

from __future__ import annotations

from crmconnector.asterisk.ami_items import Headers
from crmconnector.asterisk.channel_list import Listed, find, listed, on_hold_behind, partners


def rows(*channels: tuple[str, str, str]) -> list[Headers]:
    """(name, bridge, linkedid) of each."""
    return [
        {"Channel": name, "Uniqueid": f"1.{place}", "Linkedid": story, "BridgeId": bridge}
        for place, (name, bridge, story) in enumerate(channels)
    ]


def names(channels: list[Listed]) -> list[str]:
    return [channel.endpoint for channel in channels]


def own(channels: list[Listed], endpoint: str = "PJSIP/1001") -> Listed:
    return next(channel for channel in channels if channel.endpoint == endpoint)


CONSULTING = (
    ("PJSIP/trunk-05", "one", "1.0"),
    ("PJSIP/1002-07", "three", "1.0"),
    ("Local/1002@internal-00;1", "two", "1.0"),
    ("Local/1002@internal-00;2", "three", "1.0"),
    ("PJSIP/1001-06", "two", "1.0"),
)


def test_two_in_one_bridge_are_partners() -> None:
    channels = listed(rows(("PJSIP/trunk-1", "b", "1.0"), ("PJSIP/1001-2", "b", "1.0"), ("PJSIP/1002-3", "c", "1.2")))
    assert names(partners(channels, own(channels))) == ["PJSIP/trunk"]


def test_a_partner_is_found_behind_a_pair_of_local_channels_and_the_one_on_hold_is_not_it() -> None:
    channels = listed(rows(*CONSULTING))
    assert names(partners(channels, own(channels))) == ["PJSIP/1002"]
    assert names(on_hold_behind(channels, own(channels))) == ["PJSIP/trunk"]


def test_while_it_rings_there_is_nobody_yet() -> None:
    ringing = [("PJSIP/1002-07", "", "1.0") if row[0] == "PJSIP/1002-07" else row for row in CONSULTING]
    channels = listed(rows(*((name, "" if name.endswith(";2") else bridge, story) for name, bridge, story in ringing)))
    assert partners(channels, own(channels)) == []


def test_a_conference_has_several_partners() -> None:
    channels = listed(rows(*((f"PJSIP/100{n}-{n}", "room", "1.0") for n in (1, 2, 3))))
    assert names(partners(channels, own(channels))) == ["PJSIP/1002", "PJSIP/1003"]


def test_channels_in_no_bridge_hear_nobody() -> None:
    channels = listed(rows(("PJSIP/1001-1", "", "1.0"), ("PJSIP/1002-2", "", "1.0")))
    assert partners(channels, own(channels)) == []


def test_rows_that_name_no_channel_are_left_out() -> None:
    channels = listed([{}, {"Channel": "PJSIP/1001-1"}, {"Channel": "", "Uniqueid": "1.1"}, *rows(CONSULTING[0])])
    assert names(channels) == ["PJSIP/trunk"] and find(channels, "9.9") is None
