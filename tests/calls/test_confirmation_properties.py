"""Whatever is heard, in whatever order: nobody else's event proves a command, and the end is the same."""

import uuid
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from crmconnector.calls import events as ev
from crmconnector.calls.confirmation import KNOWS, Disproof, Meant, Picture, Proof, settle, verdict_of

OURS, STRANGERS = "PJSIP/1001", "PJSIP/2001"
# Kinds, and of each what it means: our leg 1.2 with the customer, 1.5 with the one who is asked (1002).
MEANT = Meant(
    uuid.UUID(int=1), "answer", 100.0, leg="1.2", endpoint=OURS, other_leg="1.5", customer="PJSIP/trunk",
    numbers=("+442079460456", "1002"), targets=frozenset({"PJSIP/1002"}), calls=frozenset({"1.1"}),
)  # fmt: skip
kinds = st.sampled_from([*sorted(KNOWS), "dtmf", "mute", "unmute"])
states = st.sampled_from(["ringing", "dialling", "talking", "held", "ended"])
pictures = st.dictionaries(st.sampled_from(["1.2", "1.5", "8.2"]), states).map(Picture)


def events(*, calls, legs, endpoints, numbers, ats):
    party = st.builds(ev.Party, st.sampled_from(endpoints), st.sampled_from(numbers), st.none())
    where = {"call": st.sampled_from(calls), "at": st.sampled_from(ats)}
    leg = where | {"leg": st.sampled_from(legs), "endpoint": st.sampled_from(endpoints)}
    outcome = st.sampled_from(
        ["answered", "elsewhere", "cancelled", "no_answer", "busy", "rejected", "failed", "unseen"]
    )
    transfer = st.builds(
        ev.Transfer, st.sampled_from(["blind", "attended", "blonde"]), st.sampled_from(endpoints), st.none(),
        st.booleans(), st.sampled_from(ats),
    )  # fmt: skip
    ended = {"disposition": st.just("answered"), "answered_by": st.none(), "talk_seconds": st.none()}
    return st.one_of(
        st.builds(ev.LegRinging, **leg, far=party, queue=st.none(), dialled=st.sampled_from(numbers)),
        st.builds(ev.LegPlaced, **leg, far=party, rung=st.booleans()),
        st.builds(ev.LegAnswered, **leg, far=party),
        st.builds(ev.LegChanged, **leg, far=party),
        st.builds(ev.LegHeld, **leg),
        st.builds(ev.LegResumed, **leg),
        st.builds(ev.LegEnded, **leg, outcome=outcome, answered_by=st.none()),
        st.builds(ev.CallEnded, **where, **ended, transfers=st.lists(transfer, max_size=2).map(tuple)),
        st.builds(ev.QueueEntered, **where, queue=st.sampled_from(numbers)),
        st.builds(ev.CallMerged, **where, into=st.sampled_from(calls)),
    )


ANY = events(
    calls=["1.1", "8.1"], legs=["1.2", "1.5", "8.2"], endpoints=[OURS, "PJSIP/1002", "PJSIP/trunk", STRANGERS],
    numbers=["+442079460456", "02079460456", "1002", "1003"], ats=[50.0, 100.0, 101.0, 200.0],
)  # fmt: skip
ELSEWHERE = events(
    calls=["8.1"], legs=["8.2", "8.3"], endpoints=[STRANGERS, "PJSIP/2002", "PJSIP/trunk"],
    numbers=["+442079460456", "1002"], ats=[100.0, 200.0],
)  # fmt: skip
OTHER_NUMBERS = events(
    calls=["8.1"], legs=["8.2", "8.3"], endpoints=[OURS], numbers=["+442079460999", "1003", "", "456"],
    ats=[100.0, 200.0],
)  # fmt: skip


@given(kinds, st.lists(ELSEWHERE, max_size=6), pictures)
def test_what_other_phones_do_in_other_calls_settles_nothing(kind, batch, picture):
    assert not settle([replace(MEANT, kind=kind)], batch, picture)


@given(st.sampled_from(["make_call", "attended_start"]), st.lists(OTHER_NUMBERS, max_size=6), pictures)
def test_a_call_to_another_number_proves_nothing(kind, batch, picture):
    found = settle([replace(MEANT, kind=kind)], batch, picture)
    assert not [one for one in found.values() if isinstance(one, Proof)]


@given(kinds, st.lists(ANY, max_size=6), pictures, st.data())
def test_neither_order_nor_repetition_in_a_batch_changes_the_end(kind, batch, picture, data):
    meant = [replace(MEANT, kind=kind), replace(MEANT, kind=kind, command=uuid.UUID(int=2), since=99.0)]
    again = data.draw(st.permutations(batch + batch[:2]))
    assert settle(meant, batch, picture) == settle(list(reversed(meant)), again, picture)


@given(kinds, st.lists(ANY, min_size=1, max_size=6), pictures)
def test_a_proof_outweighs_every_disproof_of_the_same_batch(kind, batch, picture):
    meant = replace(MEANT, kind=kind)
    alone = [verdict for event in batch if (verdict := verdict_of(meant, event, picture))]
    found = settle([meant], batch, picture).get(meant.command)
    if any(isinstance(verdict, Proof) for verdict in alone):
        assert isinstance(found, Proof)
    elif alone:
        assert found is not None


@given(kinds, ANY, pictures)
def test_a_disproof_comes_only_from_ones_own_leg_or_call(kind, event, picture):
    verdict = verdict_of(replace(MEANT, kind=kind), event, picture)
    if isinstance(verdict, Disproof):
        assert event.call == "1.1" or getattr(event, "leg", "") == "1.2"
        assert isinstance(event, ev.LegEnded | ev.CallEnded | ev.LegAnswered)
