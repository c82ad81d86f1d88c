"""Asks the PBX now and then who is registered, and keeps the answer on the phones' SIP accounts.

A bonus: whatever goes wrong here, a right that is missing, a driver that is not there, a slow answer, costs the link
nothing and is tried again at the next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.db import Error as DatabaseProblem

from crmconnector.asterisk import ami
from crmconnector.asterisk.ami_contacts import (
    CONTACT_FIELDS,
    LIST_ACTION,
    LIST_COMPLETE,
    PEER_FIELDS,
    VALUE_ACTION,
    Contact,
    aors_question,
    contact_from_values,
    contact_question,
    contacts_by_endpoint,
    contacts_question,
    is_empty_list,
    names_in,
    peer_from_values,
    peer_question,
    technology_and_name,
    value_of,
)
from crmconnector.common.clock import CALLS_CHECK_SECONDS, utc_now
from crmconnector.common.database import in_database
from crmconnector.listener.fence import Fenced, under_epoch
from phones.contact_data import Registration, endpoints_of, keep_registrations

AFTER_LOGIN_SECONDS = 2.0  # the calls come first
LOOK_SECONDS = 0.5
MOST_ENDPOINTS = 2000  # asked about one by one in a round
BREATH_SECONDS = 0.002  # between two questions: the link is there for calls
log = structlog.get_logger(__name__)
Answer = tuple[list[str], dict[str, list[Contact]]]  # endpoints it speaks of; what it says


class NoAnswer(Exception):
    """The PBX did not answer as it should; nothing is known."""


@dataclass
class ContactWatch:
    """One leader's questions about registrations. `run` never ends by itself; it raises `Fenced` when another leads."""

    pbx_id: int
    epoch: int
    client: ami.AmiClient
    every_seconds: float = CALLS_CHECK_SECONDS
    after_login_seconds: float = AFTER_LOGIN_SECONDS
    rounds: int = 0  # that ended with an answer in the rows

    def __post_init__(self) -> None:
        self._link_since: float | None = None
        self._due = 0.0
        self._may_list = self._may_ask = True
        self._strangers: set[str] = set()  # endpoints that the PBX does not know, and logs a warning when asked about

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self.every_seconds))
            state = self.client.state()
            if not state.connected:
                self._link_since = None
            elif self._link_since != state.since:
                self._new_link(state.since)
                self._due = loop.time() + self.after_login_seconds
            elif loop.time() >= self._due:
                await self.look()
                self._due = loop.time() + self.every_seconds

    async def look(self) -> None:
        """One round: which endpoints are ours, what does the PBX say of them, into the rows."""
        try:
            ours = await in_database(lambda: endpoints_of(pbx_id=self.pbx_id))
            if not ours:
                return
            asked, found = await self._ask(ours)
            if asked:
                changed = await in_database(lambda: self._keep(asked, found))
                self.rounds += 1
                log.debug("listener.contacts", pbx=self.pbx_id, asked=len(asked), changed=changed)
        except (ami.AmiError, NoAnswer) as error:
            log.info("listener.contacts_not_told", pbx=self.pbx_id, reason=type(error).__name__)
        except DatabaseProblem as error:
            log.warning("listener.contacts_not_kept", pbx=self.pbx_id, reason=type(error).__name__)
        except Fenced:
            raise
        except Exception:
            log.exception("listener.contacts_failed", pbx=self.pbx_id)  # a fault of ours must not cost the calls

    def _new_link(self, since: float) -> None:
        """Another login may have other rights, and the PBX other settings."""
        self._link_since, self._may_list, self._may_ask = since, True, True
        self._strangers.clear()

    def _keep(self, asked: list[str], found: dict[str, list[Contact]]) -> int:
        told = {endpoint: [_registration(one) for one in contacts] for endpoint, contacts in found.items()}
        with under_epoch(pbx_id=self.pbx_id, epoch=self.epoch):
            return keep_registrations(pbx_id=self.pbx_id, asked=asked, found=told, now=utc_now())

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _ask(self, ours: Sequence[str]) -> Answer:
        """The list where we may have it, single questions for the rest."""
        await self._learn_rights()
        listed, found = await self._list(ours) if self._may_list else ([], {})
        rest = [endpoint for endpoint in ours if endpoint not in set(listed)]
        for endpoint in rest[:MOST_ENDPOINTS] if self._may_ask else ():
            contacts = await self._contacts_of(endpoint)
            if contacts is not None:
                listed.append(endpoint)
                found[endpoint] = contacts
        return listed, found

    async def _learn_rights(self) -> None:
        """A PBX that does not tell may be asked all the same: it says no, and that is remembered for this link."""
        try:
            rights = await self.client.rights()
        except (ami.Refused, ami.Unclear):
            return
        self._may_list = self._may_list and rights.may(LIST_ACTION)
        self._may_ask = self._may_ask and rights.may(VALUE_ACTION)

    async def _list(self, ours: Sequence[str]) -> Answer:
        """What is not in a complete list is not registered; an incomplete one is no answer."""
        mine = [endpoint for endpoint in ours if technology_and_name(endpoint)[0] == "PJSIP"]
        if not mine:
            return [], {}
        try:
            rows = await self.client.list_action(LIST_ACTION, {}, LIST_COMPLETE)
        except ami.Refused as error:
            if is_empty_list(error.reply.message):
                return mine, {}
            self._may_list = False
            return [], {}
        except ami.Unclear:
            self._may_list = False  # the next round asks singly
            raise
        if not rows.complete:
            raise NoAnswer
        found = contacts_by_endpoint(rows)
        return mine, {endpoint: found[endpoint] for endpoint in mine if endpoint in found}

    async def _contacts_of(self, endpoint: str) -> list[Contact] | None:
        """By single questions; None: nothing is known of this endpoint."""
        technology, name = technology_and_name(endpoint)
        if not technology or endpoint in self._strangers:
            return None
        return await (self._pjsip(endpoint, name) if technology == "PJSIP" else self._chan_sip(endpoint, name))

    async def _pjsip(self, endpoint: str, name: str) -> list[Contact] | None:
        aors = names_in(await self._value(aors_question(name)))
        if not aors:
            self._strangers.add(endpoint)
            return None
        contacts = []
        for aor in aors:
            for contact in names_in(await self._value(contacts_question(aor)), contacts=True):
                values = {field: await self._value(contact_question(contact, field)) for field in CONTACT_FIELDS}
                contacts.append(contact_from_values(endpoint, values))
        return contacts

    async def _chan_sip(self, endpoint: str, name: str) -> list[Contact] | None:
        """An unknown peer has an empty status; a known one without monitoring says so."""
        values = {}
        for field in PEER_FIELDS:
            values[field] = await self._value(peer_question(name, field))
            if not values["status"]:
                self._strangers.add(endpoint)
                return None
        peer = peer_from_values(endpoint, values)
        return [peer] if peer is not None else []

    async def _value(self, question: str) -> str:
        try:
            reply = await self.client.action(VALUE_ACTION, {"Variable": question})
        except ami.Refused:
            self._may_ask = False
            raise
        value = value_of(reply.headers)
        if value is None:
            raise NoAnswer
        await asyncio.sleep(BREATH_SECONDS)
        return value


def _registration(contact: Contact) -> Registration:
    return Registration(contact.user_agent, contact.address, contact.reachable)
