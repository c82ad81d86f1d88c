"""The worker's own link to the PBX: whatever happens to it, nothing is sent twice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from crmconnector.asterisk.ami import BadHeader, LinkLost, NotSent, Refused, Unclear
from tasks import pbx_link
from tasks.pbx_link import PbxLinks, ask_channels, close_links, send_action
from tests.pbx.children import wait_until
from tests.support.ami_thread import ami_in_thread, came, lists, pbx_at
from tests.support.fake_ami import FakeAmi, Received, Session

HANGUP = {"Channel": "1700000000.1"}


@pytest.fixture
def fake() -> Iterator[FakeAmi]:
    with ami_in_thread() as started:
        yield started
        close_links()


def test_an_action_reaches_the_pbx_once_and_its_link_is_kept(fake: FakeAmi) -> None:
    pbx = pbx_at(fake)
    assert send_action(pbx, "Hangup", HANGUP, "one").success
    assert send_action(pbx, "Hangup", HANGUP, "two").success
    assert [action.id for action in fake.actions if action.name == "Hangup"] == ["one", "two"]
    assert fake.count("Login") == 1 and "Events: off" in fake.actions[0].lines


def cut_before(session: Session, action: Received) -> None:
    session.cut()


def cut_inside(session: Session, action: Received) -> None:
    session.send(f"Response: Success\r\nActionID: {action.id}\r\n".encode())
    session.server._tasks[0].get_loop().call_later(0.05, session.cut)


def cut_after(session: Session, action: Received) -> None:
    session.answer(action)
    session.server._tasks[0].get_loop().call_later(0.05, session.cut)


@pytest.mark.parametrize("cut", [cut_before, cut_inside, cut_after], ids=lambda cut: cut.__name__)
@pytest.mark.parametrize("name", ["Originate", "Hangup", "PlayDTMF", "Redirect"])
def test_a_link_cut_around_the_answer_never_sends_again(fake: FakeAmi, cut: Callable[..., None], name: str) -> None:
    fake.handlers[name] = cut
    pbx = pbx_at(fake)
    if cut is cut_after:
        assert send_action(pbx, name, HANGUP, "mine").success
    else:
        with pytest.raises(Unclear):
            send_action(pbx, name, HANGUP, "mine")
    came(fake, "Login", 2)  # it is there again, and whatever was to be sent again would be by now
    send_action(pbx, "Ping", {})
    came(fake, "Ping", 1)
    assert fake.count(name) == 1


def test_a_no_of_the_pbx_is_a_refusal(fake: FakeAmi) -> None:
    fake.handlers["Hangup"] = lambda session, action: session.answer(action, "Error", "No such channel")
    with pytest.raises(Refused) as refusal:
        send_action(pbx_at(fake), "Hangup", HANGUP)
    assert refusal.value.reply.message == "No such channel"


def test_a_pbx_that_is_not_there_gets_nothing_and_it_is_said(fake: FakeAmi) -> None:
    with pytest.raises(LinkLost):
        send_action(pbx_at(fake, port=1), "Hangup", HANGUP)
    assert fake.actions == []


def test_a_refused_login_is_told_at_once_and_sends_nothing(fake: FakeAmi) -> None:
    with pytest.raises(LinkLost) as lost:
        send_action(pbx_at(fake, secret="wrong"), "Hangup", HANGUP)
    assert fake.names() == [] and "wrong" not in str(lost.value)


def test_an_action_whose_time_has_passed_is_not_sent(fake: FakeAmi) -> None:
    pbx = pbx_at(fake)
    send_action(pbx, "Ping", {})
    with pytest.raises(NotSent):
        send_action(pbx, "Hangup", HANGUP, not_after=time.monotonic() - 0.001)
    assert fake.names() == []


def test_a_link_that_comes_up_too_late_sends_nothing(fake: FakeAmi) -> None:
    fake.login = "ignore"
    with pytest.raises(NotSent):
        send_action(pbx_at(fake), "Hangup", HANGUP, not_after=time.monotonic() + 0.2)
    assert fake.names() == []


@pytest.mark.parametrize("value", ["1\r\nAction: Command", "1\n", "\x00", "\u2028"], ids=ascii)
def test_a_value_that_could_be_a_header_is_never_sent(fake: FakeAmi, value: str) -> None:
    with pytest.raises(BadHeader):
        send_action(pbx_at(fake), "Hangup", {"Channel": value})
    assert fake.names() == []


def test_a_changed_row_gets_a_new_link_and_the_old_one_is_closed(fake: FakeAmi) -> None:
    send_action(pbx_at(fake), "Hangup", HANGUP)
    send_action(pbx_at(fake, host="localhost"), "Hangup", HANGUP)
    assert fake.count("Login") == 2
    wait_until(lambda: len(fake.live) == 1, "the first link to be closed")


def test_the_channels_are_all_told(fake: FakeAmi) -> None:
    fake.handlers["CoreShowChannels"] = lists({"Channel": "PJSIP/204-1", "Uniqueid": "1.1"}, {"Channel": "PJSIP/205-2"})
    assert [row["Channel"] for row in ask_channels(pbx_at(fake))] == ["PJSIP/204-1", "PJSIP/205-2"]


def test_a_list_that_is_not_whole_is_no_list(fake: FakeAmi) -> None:
    def tell(session: Session, action: Received) -> None:
        lists({"Channel": "PJSIP/204-1"})(session, action)

    fake.handlers["CoreShowChannels"] = tell
    fake.bend = lambda raw: raw.replace(b"ListItems: 1", b"ListItems: 2")
    with pytest.raises(Unclear):
        ask_channels(pbx_at(fake))


def test_a_link_that_nobody_uses_is_closed_and_made_again_when_needed(fake: FakeAmi) -> None:
    links, pbx = PbxLinks(idle_seconds=0.1), pbx_at(fake)
    try:
        links.send_action(pbx, "Hangup", HANGUP, "one", None)
        wait_until(lambda: not fake.live and not links.open_links(), "the idle link to be closed")
        links.send_action(pbx, "Hangup", HANGUP, "two", None)
    finally:
        links.close()
    assert fake.count("Login") == 2 and fake.count("Hangup") == 2


def test_after_the_end_of_the_worker_nothing_is_sent_and_no_link_is_left(fake: FakeAmi) -> None:
    links, pbx = PbxLinks(), pbx_at(fake)
    links.send_action(pbx, "Hangup", HANGUP, "one", None)
    links.close()
    with pytest.raises(NotSent):
        links.send_action(pbx, "Hangup", HANGUP, "two", None)
    wait_until(lambda: not fake.live, "the link to end")
    assert fake.count("Hangup") == 1


def test_a_forked_process_begins_without_the_links_of_its_parent(fake: FakeAmi) -> None:
    send_action(pbx_at(fake), "Ping", {})
    assert pbx_link._here is not None
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"none" if pbx_link._here is None else b"inherited")
        os._exit(0)
    os.close(writing)
    said = os.read(reading, 20)
    os.close(reading)
    os.waitpid(child, 0)
    assert said == b"none"
