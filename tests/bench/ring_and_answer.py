"""From a ringing phone to bytes in the browser, and from Answer to its proof: every process of the product is real."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from crmconnector.calls.models import Call, CallCommand
from crmconnector.screenpop.models import Pop
from phones.connection import driver_for
from tests.bench.figures import Figure, in_ms
from tests.bench.round_trips import publish_and_hear, select_one, timed
from tests.bench.sse import Came, CardStream, session_of
from tests.support.processes import eventually
from tests.support.simulated import DID
from tests.support.stage import Stage, opened_stage

RINGS, ANSWERS, WARM = 50, 20, 3
CSRF = "b" * 32


def ring_to_browser(folder: Path) -> list[Figure]:
    with _open_desk(folder) as (stage, stream, _):
        seconds = [_ring(stage, stream) for _ in range(WARM + RINGS)][WARM:]
        others = {"Valkey publish to subscriber": publish_and_hear(), "SELECT 1": select_one()}
    return in_ms("AMI event to card in the browser", seconds, others)


def answer_to_proof(folder: Path) -> list[Figure]:
    with _open_desk(folder) as (stage, stream, press):
        stage.product.worker()
        seconds = [_answer(stage, stream, press) for _ in range(WARM + ANSWERS)][WARM:]
        phone = driver_for(stage.rows.phones[0])
        replies = timed(phone.line_status, times=ANSWERS)
    return in_ms("Answer pressed to confirmed", seconds, {"one reply of the phone": replies})


@contextmanager
def _open_desk(folder: Path) -> Iterator[tuple[Stage, CardStream, httpx.Client]]:
    """(stage, the first user's stream, a client signed in as that user)."""
    with opened_stage(folder) as stage:
        stage.rows.add_contact("Ada Lovelace", "030 23125447", company="Analytical Engines")
        stage.product.listener()
        _, address = stage.product.web()
        stage.in_step()
        session = session_of(stage.rows.users[0])
        stream = CardStream(address, session)
        if stream.next().name != "hello":
            raise RuntimeError("the stream did not greet")
        cookies = {"sessionid": session, "csrftoken": CSRF}
        with httpx.Client(base_url=address, cookies=cookies, headers={"X-CSRFToken": CSRF}) as press:
            yield stage, stream, press
        stream.close()


def _ring(stage: Stage, stream: CardStream) -> float:
    """Seconds from the PBX's "Ringing" to the card's last byte; the call is over when this returns."""
    call = stage.office.incoming("03023125447", did=DID)
    card = _card(stream, "ringing")
    stage.office.remote_hangup()
    _card(stream, "closed")
    return card.at - stage.diary.rings[call]


def _answer(stage: Stage, stream: CardStream, press: httpx.Client) -> float:
    """Seconds from the POST of the button to the confirmed row, looked at every 2 ms."""
    stage.office.incoming("03023125447", did=DID)
    card = _card(stream, "ringing")
    pop = Pop.objects.select_related("leg").get(pk=card.content["pop"])
    began = time.perf_counter()
    press.post(f"/desk/pops/{pop.pk}/answer", data={"key": f"answer:{pop.leg_id}:0"}).raise_for_status()
    confirmed = CallCommand.objects.filter(leg=pop.leg, state="confirmed")
    while not confirmed.exists():
        if time.perf_counter() - began > 15:
            raise RuntimeError(f"not confirmed: {list(CallCommand.objects.values_list('state', 'sentence'))}")
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    stage.office.remote_hangup()
    _card(stream, "closed")
    eventually(lambda: not Call.objects.filter(ended_at=None).exists())
    return seconds


def _card(stream: CardStream, state: str) -> Came:
    while True:
        came = stream.next()
        if came.name == "card" and came.content["state"] == state:
            return came
