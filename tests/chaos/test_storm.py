"""Ten times the usual: nobody is thrown out, no call is lost, memory stays bounded. `make bench` tells the times.

The stream and the PBX that plays it are held to their own promises by short tests, part of make test.
"""

import socket

import pytest

from crmconnector.asterisk.ami_events import parse
from crmconnector.calls.events import CallEnded, CallMerged, CallStarted
from crmconnector.calls.tracker import CallTracker
from tests.bench.mix import TRUNK, headers_of, mix
from tests.bench.pbx_process import pretend_pbx
from tests.bench.storm import whole_storm

MOST_MB = 300


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_a_storm_throws_nobody_out_and_loses_no_call(transactional_db, tmp_path):
    storm = whole_storm(tmp_path, storm_seconds=120)
    assert [told.drops for told in storm.parts] == [0, 0]
    assert [told.lost for told in storm.parts] == [[], []]
    assert storm.gaps == 0
    assert storm.memory[1] < MOST_MB


def test_the_mix_tells_distinct_calls_that_all_end():
    tracker, told = CallTracker(trunks=(TRUNK,)), []
    stream = list(mix(6_000))
    for said in stream:
        event = parse(headers_of(said.raw), said.at)
        told += tracker.feed(event) if event is not None else []
    promised = [call for said in stream for call in said.begins]
    started = [one.call for one in told if isinstance(one, CallStarted)]
    assert len(set(promised)) == len(promised) > 50
    assert sorted(started) == sorted(promised)
    assert {one.call for one in told if isinstance(one, CallEnded | CallMerged)} == set(promised)
    assert tracker.open_calls() == []


def test_the_mix_is_the_same_every_time_and_another_with_another_seed():
    first, again, other = (b"".join(said.raw for said in mix(500, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_the_pretend_pbx_throws_out_a_client_that_reads_nothing():
    with pretend_pbx() as pbx, socket.create_connection(("127.0.0.1", pbx.port)) as deaf:
        deaf.sendall(b"Action: Login\r\nActionID: 1\r\n\r\n")
        assert pbx.ask("play", events=50_000)["drops"] == 1


def test_the_pretend_pbx_plays_everything_to_a_client_that_reads():
    with pretend_pbx() as pbx, socket.create_connection(("127.0.0.1", pbx.port)) as client:
        client.sendall(b"Action: Login\r\nActionID: 1\r\n\r\n")
        pbx.order("play", events=5_000)
        heard = b""
        while not heard.endswith(b"Linkedid: 1999999999.1\r\n\r\n") or b"Event: Hangup" not in heard[-300:]:
            heard += client.recv(1 << 16)
        played = pbx.answer()
        assert played["drops"] == 0
        assert heard.endswith(b"".join(said.raw for said in mix(5_000))[-1000:] + heard[-played_last(heard) :])


def played_last(heard: bytes) -> int:
    """How many bytes the two events take that end every play."""
    return len(heard) - heard.index(b"Event: Newchannel\r\nChannel: PJSIP/last-")
