"""Two hundred cuts of the link at random moments, in the middle of a busy office."""

import random
import time

from crmconnector.asterisk.ami import AmiClient
from crmconnector.calls.models import Call, Leg
from crmconnector.listener import lead
from crmconnector.pbx.models import LinkGap
from crmconnector.screenpop.models import Pop
from tests.support.fake_ami import AT_ONCE
from tests.support.listening_post import in_step, leading
from tests.support.processes import eventually

CUTS = 200
DESKS = ("201", "202", "203")


def test_two_hundred_cuts_lose_nothing_that_the_pbx_still_knew_and_tell_nothing_twice(rows, pbx, monkeypatch, capsys):
    """Each call lives across some cuts: it rings in one life of the link, is answered in another, ends in a third."""
    quick = {"back_off": AT_ONCE}
    monkeypatch.setattr(lead.ami, "AmiClient", lambda *args, **kwargs: AmiClient(*args, **kwargs, **quick))
    chance = random.Random(20)
    ringing, talking, known = [], [], set()
    with leading(rows.pbx, settle_seconds=0.02) as term:
        for turn in range(CUTS):
            for _ in range(chance.randint(0, 3)):
                deed = chance.random()
                if deed < 0.5 or not (ringing or talking):
                    ringing.append(pbx.ring(f"PJSIP/{chance.choice(DESKS)}", f"0302312{turn:04d}"))
                elif ringing and deed < 0.75:
                    pbx.answer(call := ringing.pop(chance.randrange(len(ringing))))
                    talking.append(call)
                else:
                    ended = talking or ringing
                    pbx.hang_up(ended.pop(chance.randrange(len(ended))))
            if chance.random() < 0.5:  # else the cut comes in the middle of the list
                eventually(lambda: in_step(term.lead))
                known |= {call.key for call in (*ringing, *talking)}
            pbx.cut()
            time.sleep(chance.random() * 0.03)  # a random moment: that is what this is about
        eventually(lambda: in_step(term.lead))
        known |= {call.key for call in (*ringing, *talking)}
        for call in (*ringing, *talking):
            pbx.hang_up(call)
        eventually(lambda: not Call.objects.filter(ended_at=None).exists(), what=Call.objects.values)
        eventually(lambda: in_step(term.lead))
    told = set(Call.objects.values_list("linkedid", flat=True))
    assert known <= told, "a call that lived when the link was up again is in the log"
    assert not Leg.objects.filter(ended_at=None).exists()
    assert set(Pop.objects.values_list("state", flat=True)) <= {"closed"}
    pairs = list(Pop.objects.values_list("call", "user"))
    assert len(pairs) == len(set(pairs))
    assert not LinkGap.objects.filter(until_at=None).exists()
    with capsys.disabled():
        print(f"\n{CUTS} cuts: {len(told)} calls in the log, {len(known)} of {len(known)} that the PBX still knew, "
              f"{len(pairs)} cards, none twice, {LinkGap.objects.count()} gaps told")  # fmt: skip
