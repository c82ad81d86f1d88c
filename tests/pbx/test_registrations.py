"""Registrations as the real Asterisk tells them: by its list, and with the least rights by single questions."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from crmconnector.asterisk.ami import AmiAddress, AmiClient
from crmconnector.asterisk.ami_contacts import Contact
from crmconnector.asterisk.ami_rights import LEAST_READ, LEAST_WRITE
from crmconnector.listener.contacts import ContactWatch
from tests.support.fake_ami import run
from tests.support.lab import Lab

_names = (f"registrations-{number}" for number in itertools.count())
SECRET = "only-for-this-test"
OURS = ["PJSIP/1001", "PJSIP/1004", "PJSIP/nobody", "SIP/1001", "IAX2/1001"]


def told(lab: Lab, *, write: str) -> tuple[list[str], dict[str, list[Contact]]]:
    name = next(_names)
    lab.server.add_ami_user(name, SECRET, read=LEAST_READ, write=write)
    found = []

    async def story() -> None:
        client = AmiClient(AmiAddress(lab.ami_host, lab.ami_port, name, SECRET))
        watch = ContactWatch(0, 0, client)
        running = asyncio.create_task(client.run())
        await client.next_batch()  # it is up
        found.extend([await watch._ask(OURS), await watch._ask(OURS)])
        await client.close()
        await running

    run(story())
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("write", "asked"),
    [(LEAST_WRITE, ["PJSIP/1001", "PJSIP/1004"]), ("system,reporting", ["PJSIP/1001", "PJSIP/1004", "PJSIP/nobody"])],
)
def test_the_real_pbx_tells_the_same_by_single_questions_as_by_its_list(lab: Lab, write: str, asked: list[str]) -> None:
    spoken_of, found = told(lab, write=write)
    assert spoken_of == asked
    (contact,) = found["PJSIP/1001"]
    assert contact == Contact("PJSIP/1001", "lab-phone", "127.0.0.1", True)
    assert len(found["PJSIP/1004"]) == 1 and "PJSIP/nobody" not in found


def test_a_user_without_any_right_to_send_is_told_nothing(lab: Lab) -> None:
    assert told(lab, write="none") == ([], {})
