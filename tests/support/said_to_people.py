"""What people and a monitoring system read about a PBX, for tests that break something and look."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.test import Client

from crmconnector.asterisk.ami_reasons import SENTENCES
from crmconnector.calls.models import Call, Leg
from crmconnector.common.clock import utc_now
from crmconnector.common.redis import redis_client
from crmconnector.listener.models import Heartbeat
from crmconnector.pbx.models import LinkGap
from crmconnector.screenpop.models import Pop
from crmconnector.web.link_reasons import cure_of, sentence_of
from tasks.heartbeat import KEY_PREFIX
from tests.support.fake_ami import SECRET
from tests.support.listening_post import FakeCall, FakeOffice, Term, in_step
from tests.support.processes import eventually

DEAF = ("We have not heard the PBX Office since", "We do not hear the PBX Office yet")
STILL_DEAF = "We have not heard the PBX Office since"  # the gap that lasts, among the warnings of /readyz
IT_WAS = "We did not hear the PBX Office from"
LATE = "cards and lists lag behind"


@dataclass
class People:
    """An agent, an administrator and a monitoring system, and what each of them reads now."""

    agent: Client
    boss: Client
    began: float = field(default_factory=time.monotonic)

    def desk(self, client: Client) -> str:
        """The banners of the desk, as a person comes to it."""
        html = client.get("/", follow=True).content.decode()
        return text_of(html.split('id="desk-banners"')[1].partition(">")[2].split('id="desk-lines"')[0])

    def readyz(self) -> tuple[int, dict[str, Any]]:
        """With everything else of the product in order: the sweeper and a worker have just given a sign of life."""
        Heartbeat.objects.update_or_create(name="sweeper", defaults={"at": utc_now()})
        with contextlib.closing(redis_client(settings.REDIS_URL)) as broker:
            broker.set(f"{KEY_PREFIX}test", 1, ex=60)
        answer = Client().get("/readyz")
        return answer.status_code, answer.json()

    def warnings(self) -> str:
        return " ".join(self.readyz()[1]["warnings"])

    def begin(self) -> None:
        self.began = time.monotonic()

    def noticed(self, what: str) -> None:
        print(f"\n{what}: noticed after {time.monotonic() - self.began:.1f} s")

    def hear_of(self, *codes: str, sentence: str = "") -> None:
        """Wait until everybody is told in words of one of these reasons that the PBX is not heard."""
        eventually(lambda: any(not self._not_told(code, sentence) for code in codes),
                   what=lambda: [self._not_told(code, sentence) for code in codes])  # fmt: skip
        self.noticed(" or ".join(codes))

    def are_content(self) -> None:
        """Wait until nobody is told of any trouble that lasts, and /readyz is fine."""
        eventually(lambda: not self._troubles(), what=self._troubles)

    def _not_told(self, code: str, sentence: str) -> list[str]:
        agent, boss, (status, answer) = self.desk(self.agent), self.desk(self.boss), self.readyz()
        link = answer["parts"]["pbx_link"]["links"][0]
        why = sentence or SENTENCES[code]
        told = {
            f"agent: {agent}": agent.startswith(DEAF) and sentence_of(code) in agent,
            "nothing for administrators on an agent's desk": cure_of(code) not in agent and "manager.conf" not in agent,
            f"administrator: {boss}": boss.startswith(DEAF) and why in boss and cure_of(code) in boss,
            f"readyz: {link}": status == 503 and not link["ok"] and link["reason_code"] == code
            and link["reason"].startswith(why) and link["cure"] == cure_of(code),
        }  # fmt: skip
        assert SECRET not in f"{agent}{boss}{answer}"
        return [one for one, said in told.items() if not said]

    def _troubles(self) -> list[str]:
        agent, boss, (status, answer) = self.desk(self.agent), self.desk(self.boss), self.readyz()
        over = all(one.startswith(IT_WAS) for one in answer["warnings"])
        quiet = not any(word in desk for desk in (agent, boss) for word in (*DEAF, LATE, "is heard, but"))
        return [] if status == 200 and answer["ready"] and over and quiet else [agent, boss, str(answer)]


def text_of(html: str) -> str:
    """What a person reads: no tags, no entities, one blank between words."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


def in_state(call: FakeCall, state: str) -> Call:
    """Wait until the log says so of this call."""
    found: Call = eventually(
        lambda: Call.objects.filter(linkedid=call.key, state=state).first(), what=Call.objects.values
    )
    return found


def one_card(call: FakeCall, state: str) -> None:
    """Wait until this call has a card in this state; never more than one."""
    eventually(lambda: Pop.objects.filter(call__linkedid=call.key, state=state).exists(), what=Pop.objects.values)
    assert Pop.objects.filter(call__linkedid=call.key).count() == 1


def all_told_once(term: Term, calls: list[FakeCall]) -> None:
    """These calls and no others are in the log, each with one leg, and no user has two cards of one call."""
    eventually(lambda: in_step(term.lead))
    assert sorted(Call.objects.values_list("linkedid", flat=True)) == sorted(call.key for call in calls)
    assert Leg.objects.count() == len(calls)
    assert not Pop.objects.values("call", "user").annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert not LinkGap.objects.filter(until_at=None).exists()


def gap_of(reason: str) -> LinkGap:
    """Wait until the gap that this began has a row; there is no other."""
    return eventually(lambda: LinkGap.objects.filter(reason__startswith=reason).first(), what=LinkGap.objects.values)


def ended_well(pbx: FakeOffice, term: Term, *living: FakeCall, log: list[FakeCall]) -> None:
    """What lives is hung up; then all is closed and was told once."""
    for call in living:
        pbx.hang_up(call)
    eventually(lambda: not Call.objects.filter(ended_at=None).exists(), what=Call.objects.values)
    eventually(lambda: not Pop.objects.exclude(state="closed").exists(), what=Pop.objects.values)
    all_told_once(term, log)
