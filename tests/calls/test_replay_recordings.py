"""What the tracker tells of every story that real phones lived on a real Asterisk 22, line by line.

Each was compared with the story that is told in its `.truth.json`. Calls are A, B, … in the order in which they began.
"""

import json
from pathlib import Path

import pytest

from tests.support.call_story import lines_of

FOLDER = Path(__file__).parent.parent / "recordings" / "asterisk22"

EXPECTED = """
[anonymous]
A started inbound from PJSIP/trunk anonymous restricted to +493023125101
A PJSIP/1001 rings for PJSIP/trunk anonymous restricted
A PJSIP/1001 talks with PJSIP/trunk anonymous restricted
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[caller_like_an_extension]
A started inbound from PJSIP/trunk 1002 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk 1002
A PJSIP/1001 talks with PJSIP/trunk 1002
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[gap_one_ends_one_rings]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended unseen
B started inbound from PJSIP/trunk +12025550123 to +493023125101
B PJSIP/1001 rings for PJSIP/trunk +12025550123
B PJSIP/1001 talks with PJSIP/trunk +12025550123
B answered by PJSIP/1001
B PJSIP/1001 ended answered
B ended answered
[gap_still_talking]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[group_answered]
A started inbound from PJSIP/trunk +442079460123 to +493023125102
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1002 rings for PJSIP/trunk +442079460123
A PJSIP/1003 rings for PJSIP/trunk +442079460123
A PJSIP/1001 ended elsewhere by PJSIP/1002
A PJSIP/1003 ended elsewhere by PJSIP/1002
A PJSIP/1002 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1002
A PJSIP/1002 ended answered
A ended answered
[group_missed]
A started inbound from PJSIP/trunk +442079460123 to +493023125102
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1002 rings for PJSIP/trunk +442079460123
A PJSIP/1003 rings for PJSIP/trunk +442079460123
A PJSIP/1002 ended cancelled
A PJSIP/1001 ended cancelled
A PJSIP/1003 ended cancelled
A ended cancelled
[group_one_rejects]
A started inbound from PJSIP/trunk +12025550123 to +493023125102
A PJSIP/1001 rings for PJSIP/trunk +12025550123
A PJSIP/1002 rings for PJSIP/trunk +12025550123
A PJSIP/1003 rings for PJSIP/trunk +12025550123
A PJSIP/1001 ended rejected
A PJSIP/1002 ended elsewhere by PJSIP/1003
A PJSIP/1003 talks with PJSIP/trunk +12025550123
A answered by PJSIP/1003
A PJSIP/1003 ended answered
A ended answered
[group_timeout]
A started inbound from PJSIP/trunk +442079460123 to +493023125102
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1003 rings for PJSIP/trunk +442079460123
A PJSIP/1002 rings for PJSIP/trunk +442079460123
A PJSIP/1001 ended no_answer
A PJSIP/1002 ended no_answer
A PJSIP/1003 ended no_answer
A ended no_answer
[hold_and_resume]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 holds
A PJSIP/1001 resumes
A PJSIP/1001 ended answered
A ended answered
[inbound_answered]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[inbound_answered_caller_ends]
A started inbound from PJSIP/trunk +12025550123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +12025550123
A PJSIP/1001 talks with PJSIP/trunk +12025550123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[inbound_busy]
A started inbound from PJSIP/trunk +493023125501 to +493023125101
A PJSIP/1001 ended busy without ringing
A ended busy
[inbound_missed]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 ended cancelled
A ended cancelled
[inbound_rejected]
A started inbound from PJSIP/trunk +12025550123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +12025550123
A PJSIP/1001 ended rejected
A ended rejected
[inbound_rejected_busy]
A started inbound from PJSIP/trunk +12025550123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +12025550123
A PJSIP/1001 ended rejected
A ended rejected
[inbound_timeout]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 ended no_answer
A ended no_answer
[internal]
A started internal from PJSIP/1001 1001 to 1002
A PJSIP/1001 calls - 1002
A PJSIP/1002 rings for PJSIP/1001 1001
A PJSIP/1002 talks with PJSIP/1001 1001
A PJSIP/1001 talks with PJSIP/1002 1002
A answered by PJSIP/1002
A PJSIP/1002 ended answered
A PJSIP/1001 ended answered
A ended answered
[odd_name]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[originate_answered]
A started internal originated from PJSIP/1001 1001 to None
A PJSIP/1001 calls - +442079460456 rung first
A changed outbound from PJSIP/1001 1001 to +442079460456
A PJSIP/trunk rings for PJSIP/1001 1001
A PJSIP/trunk talks with PJSIP/1001 1001
A PJSIP/1001 talks with PJSIP/trunk +442079460456
A answered by PJSIP/trunk
A PJSIP/1001 ended answered
A PJSIP/trunk ended answered
A ended answered
[outbound_answered]
A started internal from PJSIP/1001 1001 to +442079460456
A PJSIP/1001 calls - +442079460456
A changed outbound from PJSIP/1001 +493023125100 to +442079460456
A PJSIP/trunk rings for PJSIP/1001 +493023125100
A PJSIP/trunk talks with PJSIP/1001 +493023125100
A PJSIP/1001 talks with PJSIP/trunk +442079460456
A answered by PJSIP/trunk
A PJSIP/trunk ended answered
A PJSIP/1001 ended answered
A ended answered
[outbound_busy]
A started internal from PJSIP/1001 1001 to +442079460456
A PJSIP/1001 calls - +442079460456
A changed outbound from PJSIP/1001 +493023125100 to +442079460456
A PJSIP/trunk ended busy without ringing
A PJSIP/1001 ended busy
A ended busy
[outbound_missed]
A started internal from PJSIP/1001 1001 to +442079460456
A PJSIP/1001 calls - +442079460456
A changed outbound from PJSIP/1001 +493023125100 to +442079460456
A PJSIP/trunk rings for PJSIP/1001 +493023125100
A PJSIP/trunk ended cancelled
A PJSIP/1001 ended cancelled
A ended cancelled
[outbound_with_prefix]
A started internal from PJSIP/1001 1001 to 912025550123
A PJSIP/1001 calls - 912025550123
A changed outbound from PJSIP/1001 +493023125100 to 912025550123
A PJSIP/trunk rings for PJSIP/1001 +493023125100
A PJSIP/trunk talks with PJSIP/1001 +493023125100
A PJSIP/1001 talks with PJSIP/trunk 912025550123
A answered by PJSIP/trunk
A PJSIP/1001 ended answered
A PJSIP/trunk ended answered
A ended answered
[pbx_lost_power]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended unseen
B started inbound from PJSIP/trunk +12025550123 to +493023125101
B PJSIP/1001 rings for PJSIP/trunk +12025550123
B PJSIP/1001 talks with PJSIP/trunk +12025550123
B answered by PJSIP/1001
B PJSIP/1001 ended answered
B ended answered
[pbx_restarted]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
B started inbound from PJSIP/trunk +12025550123 to +493023125101
B PJSIP/1001 rings for PJSIP/trunk +12025550123
B PJSIP/1001 talks with PJSIP/trunk +12025550123
B answered by PJSIP/1001
B PJSIP/1001 ended answered
B ended answered
[queue_abandoned]
A started inbound from PJSIP/trunk +442079460123 to +493023125103
A waits in 600
A PJSIP/1003 rings for PJSIP/trunk +442079460123 queue 600
A PJSIP/1002 rings for PJSIP/trunk +442079460123 queue 600
A PJSIP/1001 rings for PJSIP/trunk +442079460123 queue 600
A leaves 600 abandoned
A PJSIP/1001 ended cancelled
A PJSIP/1003 ended cancelled
A PJSIP/1002 ended cancelled
A ended abandoned
[queue_answered]
A started inbound from PJSIP/trunk +442079460123 to +493023125103
A waits in 600
A PJSIP/1003 rings for PJSIP/trunk +442079460123 queue 600
A PJSIP/1002 rings for PJSIP/trunk +442079460123 queue 600
A PJSIP/1001 rings for PJSIP/trunk +442079460123 queue 600
A PJSIP/1003 ended elsewhere by PJSIP/1002
A PJSIP/1001 ended elsewhere by PJSIP/1002
A leaves 600
A PJSIP/1002 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1002
A PJSIP/1002 ended answered
A ended answered
[queue_local_abandoned]
A started inbound from PJSIP/trunk +442079460123 to +493023125104
A waits in 602
A PJSIP/1001 rings for PJSIP/trunk +442079460123 queue 602
A PJSIP/1002 rings for PJSIP/trunk +442079460123 queue 602
A PJSIP/1003 rings for PJSIP/trunk +442079460123 queue 602
A PJSIP/1003 ended cancelled
A leaves 602 abandoned
A PJSIP/1001 ended cancelled
A PJSIP/1002 ended cancelled
A ended abandoned
[queue_local_answered]
A started inbound from PJSIP/trunk +442079460123 to +493023125104
A waits in 602
A PJSIP/1002 rings for PJSIP/trunk +442079460123 queue 602
A PJSIP/1001 rings for PJSIP/trunk +442079460123 queue 602
A PJSIP/1003 rings for PJSIP/trunk +442079460123 queue 602
A PJSIP/1003 ended elsewhere by PJSIP/1002
A leaves 602
A PJSIP/1001 ended elsewhere by PJSIP/1002
A PJSIP/1002 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1002
A PJSIP/1002 ended answered
A ended answered
[second_call_waits]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/trunk holds
B started inbound from PJSIP/trunk +12025550123 to +493023125101
B PJSIP/1001 rings for PJSIP/trunk +12025550123
A PJSIP/1001 holds
B PJSIP/1001 talks with PJSIP/trunk +12025550123
B answered by PJSIP/1001
B PJSIP/1001 ended answered
B ended answered
A PJSIP/1001 resumes
A PJSIP/1001 ended answered
A ended answered
[start_in_mid_call]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[start_while_ringing]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 ended answered
A ended answered
[transfer_attended]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 holds
B started internal from PJSIP/1001 1001 to 1002
B PJSIP/1001 calls - 1002
B PJSIP/1002 rings for PJSIP/1001 1001
B PJSIP/1002 talks with PJSIP/1001 1001
B PJSIP/1001 talks with PJSIP/1002 1002
B answered by PJSIP/1002
A PJSIP/1001 resumes
B merged into A
A PJSIP/1002 has PJSIP/trunk +442079460123 now
A PJSIP/1001 hands over attended
A PJSIP/1001 ended answered
A PJSIP/1001 ended answered
A PJSIP/1002 ended answered
A ended answered
[transfer_blind]
A started inbound from PJSIP/trunk +442079460123 to +493023125101
A PJSIP/1001 rings for PJSIP/trunk +442079460123
A PJSIP/1001 talks with PJSIP/trunk +442079460123
A answered by PJSIP/1001
A PJSIP/1001 hands over blind to 1002
A PJSIP/1001 ended answered
A PJSIP/1002 rings for PJSIP/trunk +442079460123
A PJSIP/1002 talks with PJSIP/trunk +442079460123
A PJSIP/1002 ended answered
A ended answered
"""


def _chapters() -> dict[str, list[str]]:
    chapters: dict[str, list[str]] = {}
    for line in EXPECTED.strip().splitlines():
        if line.startswith("["):
            chapters[line.strip("[]")] = current = []
        else:
            current.append(line)
    return chapters


@pytest.mark.parametrize(("name", "expected"), _chapters().items())
def test_a_recording_tells_its_story(name: str, expected: list[str]) -> None:
    recording = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]
    assert lines_of(recording, trunks=["PJSIP/trunk"]) == expected


@pytest.mark.parametrize("name", [name for name in _chapters() if not name.startswith(("gap_", "start_in"))])
def test_only_what_a_phone_lived_is_told_of_it(name: str) -> None:
    """The truth is the phones' own diary: a phone that never rang must not be told to ring, and the other way round.

    (Not where the story began before we listened, or went on while we did not.)
    """
    recording = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]
    truth = json.loads((FOLDER / f"{name}.truth.json").read_text("utf-8"))
    lines = lines_of(recording, trunks=["PJSIP/trunk"])
    phones = {phone: diary for phone, diary in truth["phones"].items() if phone != "PJSIP/trunk"}
    for phone, diary in phones.items():
        rang = sum(f" {phone} rings for" in line or (f" {phone} calls" in line and "rung" in line) for line in lines)
        assert rang == sum(entry["event"] == "ringing" for entry in diary), phone
