import pytest

from crmconnector.calls.confirmation import Disproof, Proof, proof_of_answer
from crmconnector.calls.events import CallAnswered, LegAnswered, LegEnded, LegRinging, Party

ADA = Party("PJSIP/trunk", "+442079460123", "Ada Smith")


def ended(outcome, answered_by=None):
    return LegEnded("1.1", 9.0, "1.2", "PJSIP/204", outcome, answered_by)


def test_audio_with_the_other_party_proves_an_answer():
    proof = proof_of_answer("1.2", LegAnswered("1.1", 5.0, "1.2", "PJSIP/204", ADA))
    assert isinstance(proof, Proof)
    assert (proof.leg, proof.at) == ("1.2", 5.0)
    assert "PJSIP/204" in proof.evidence


@pytest.mark.parametrize(
    "outcome", ["elsewhere", "cancelled", "no_answer", "busy", "rejected", "answered_unconnected", "failed"]
)
def test_any_other_end_of_the_leg_disproves_it_and_says_why(outcome):
    verdict = proof_of_answer("1.2", ended(outcome))
    assert isinstance(verdict, Disproof)
    assert verdict.at == 9.0
    assert "PJSIP/204" in verdict.evidence


def test_the_disproof_names_the_phone_that_took_the_call():
    verdict = proof_of_answer("1.2", ended("elsewhere", "PJSIP/205"))
    assert verdict is not None
    assert "PJSIP/205" in verdict.evidence


def test_a_leg_that_ends_as_answered_was_answered():
    assert isinstance(proof_of_answer("1.2", ended("answered")), Proof)


def test_a_leg_that_vanished_in_a_gap_proves_nothing():
    assert proof_of_answer("1.2", ended("unseen")) is None


@pytest.mark.parametrize(
    "event",
    [
        LegRinging("1.1", 4.0, "1.2", "PJSIP/204", ADA, None, None),
        CallAnswered("1.1", 5.0, "1.2", "PJSIP/204"),
        LegAnswered("1.1", 5.0, "1.3", "PJSIP/205", ADA),
        LegEnded("1.1", 5.0, "1.3", "PJSIP/205", "busy", None),
    ],
)
def test_ringing_and_other_legs_prove_nothing(event):
    assert proof_of_answer("1.2", event) is None


def test_evidence_holds_no_number_or_name():
    """It is kept with the command and shown in logs."""
    proof = proof_of_answer("1.2", LegAnswered("1.1", 5.0, "1.2", "PJSIP/204", ADA))
    assert proof is not None
    assert "+44" not in proof.evidence
    assert "Ada" not in proof.evidence
