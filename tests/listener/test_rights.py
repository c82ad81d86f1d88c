"""It works, but: missing and excessive rights are noticed and said with their cure."""

import pytest

from crmconnector.asterisk.ami_rights import missing_sentence, read_sentence, rights_of
from crmconnector.listener.rights import Signs, may_send, remarks
from crmconnector.pbx.models import PbxLink
from tests.support.listening_post import leading, ring_events
from tests.support.processes import eventually

# Lines as Asterisk 22 answers them to ListCommands.
LISTS_CALLS = {
    "CoreShowChannels": "List currently active channels.  (Priv: system,reporting,all)",
    "ConfbridgeList": "List.  (Priv: reporting,all)",
}
PUTS_THROUGH = {"BlindTransfer": "Transfer.  (Priv: call,all)", "Originate": "Originate a call.  (Priv: originate,all)"}
MAY_COMMAND = {"Command": "Execute Asterisk CLI Command.  (Priv: command,all)"}


def signs(**changes) -> Signs:
    return Signs(**{"booted": True, "heard": frozenset({"call", "agent"}), "rights": rights_of(LISTS_CALLS), **changes})


def test_when_all_is_well_nothing_is_said():
    assert remarks(signs()) == ()
    assert remarks(Signs()) == (), "right after the login nothing is known yet"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rights": None, "list_refused": True}, missing_sentence("reporting")),
        ({"rights": rights_of({}), "list_refused": True}, missing_sentence("reporting")),
        ({"booted": False}, read_sentence("system")),
        ({"heard": frozenset({"agent"}), "silent_calls": True}, read_sentence("call")),
        ({"heard": frozenset({"call"}), "silent_queue": True}, read_sentence("agent")),
    ],
)
def test_a_missing_right_is_said_once(changes, said):
    assert remarks(signs(**changes)) == (said,)


def test_silence_alone_is_no_sign_of_a_missing_right():
    assert remarks(signs(heard=frozenset())) == ()


def test_what_was_heard_before_is_a_right_though_it_is_silent_now():
    assert remarks(signs(silent_calls=True, silent_queue=True)) == ()


def test_dangerous_rights_are_named():
    (said,) = remarks(signs(rights=rights_of({**LISTS_CALLS, **MAY_COMMAND})))
    assert "write=command" in said


@pytest.mark.timeout(60)
def test_excessive_rights_are_in_the_row_of_the_link_and_go_with_their_cause(rows, pbx):
    pbx.commands = {**LISTS_CALLS, **MAY_COMMAND}
    with leading(rows.pbx):
        eventually(lambda: PbxLink.objects.filter(warning__contains="write=command", state="connected").exists())
        pbx.commands = LISTS_CALLS
        pbx.cut()
        eventually(lambda: PbxLink.objects.filter(warning="", state="connected").exists())


@pytest.mark.timeout(60)
def test_a_pbx_that_tells_nothing_of_its_calls_is_noticed(rows, pbx):
    with leading(rows.pbx, check_seconds=0.3):
        pbx.say(*ring_events(pbx.make("PJSIP/201", "03023125447")), heard=False)
        eventually(lambda: PbxLink.objects.filter(warning__contains=read_sentence("call")).exists())


@pytest.mark.timeout(60)
def test_a_pbx_that_tells_nothing_of_its_queues_is_noticed(rows, pbx):
    call = pbx.make("PJSIP/201", "03023125447")
    pbx.ami.with_login = b""
    with leading(rows.pbx, check_seconds=0.3):
        pbx.say(*ring_events(call)[:1])
        pbx.queues = [{"Event": "QueueEntry", "Queue": "600", "Uniqueid": call.key, "Wait": "0"}]
        eventually(lambda: PbxLink.objects.filter(warning__contains=read_sentence("agent")).exists())


def test_rights_that_verbs_use_are_never_too_much():
    assert remarks(signs(rights=rights_of({**LISTS_CALLS, **PUTS_THROUGH}))) == ()


def test_what_verbs_may_send_is_known_only_when_the_pbx_has_said():
    assert may_send(None) is None
    assert may_send(rights_of({**LISTS_CALLS, **MAY_COMMAND})) == ["coreshowchannels"]


@pytest.mark.timeout(60)
def test_what_our_user_may_send_is_in_the_row_of_the_link(rows, pbx):
    pbx.commands = {**LISTS_CALLS, **PUTS_THROUGH}
    with leading(rows.pbx):
        wanted = ["blindtransfer", "coreshowchannels", "originate"]
        eventually(lambda: PbxLink.objects.filter(may_send=wanted, state="connected").exists())
        pbx.commands = LISTS_CALLS
        pbx.cut()
        eventually(lambda: PbxLink.objects.filter(may_send=["coreshowchannels"], state="connected").exists())
