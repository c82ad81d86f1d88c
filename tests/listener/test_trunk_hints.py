"""A trunk is guessed from where its calls come in, and said why; an administrator has the last word."""

import pytest

from crmconnector.listener.link import note_trunk, trunk_names
from crmconnector.listener.trunk_hints import trunk_hint


def new_channel(channel, context):
    return {"Event": "Newchannel", "Channel": channel, "Context": context}


@pytest.mark.parametrize("context", ["from-trunk", "from-pstn", "from-did-direct", "from-trunk-sip-provider"])
def test_a_call_that_came_from_outside_shows_a_trunk(context):
    endpoint, because = trunk_hint(new_channel("PJSIP/my-provider-0000001a", context))
    assert endpoint == "PJSIP/my-provider"
    assert context in because


@pytest.mark.parametrize(
    ("channel", "context"),
    [
        ("PJSIP/204-0000001a", "from-internal"),
        ("PJSIP/204-0000001a", "default"),
        ("Local/204@from-trunk-0000001a;1", "from-trunk"),
        ("PJSIP/204-0000001a", "from-trunkish"),
    ],
)
def test_other_channels_show_none(channel, context):
    assert trunk_hint(new_channel(channel, context)) is None


def test_odd_headers_are_no_trouble():
    assert trunk_hint({"Event": "Newchannel", "Channel": ["a", "b"], "Context": "from-trunk"}) is None
    assert trunk_hint({}) is None


def test_what_an_administrator_said_stays(office):
    office.pbx.trunks.update(is_trunk=False, confirmed=True)
    note_trunk(pbx_id=office.pbx.pk, endpoint="PJSIP/trunk", because="again")
    assert trunk_names(office.pbx) == (frozenset(), frozenset({"PJSIP/trunk"}))
