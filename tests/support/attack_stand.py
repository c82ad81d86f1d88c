"""A simulated phone and a PBX on real sockets, of which everything that reached them is kept: what attacks are sent to.

A worker is played by `work`: whatever was asked for is carried out, as the worker does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from django.test import Client

from crmconnector.calls.models import CallCommand, CommandState, Leg
from crmconnector.pbx.models import Pbx
from crmconnector.screenpop.models import Pop
from crmconnector.simulator.pace import VirtualPace
from phones.models import DeviceOrder, PhoneLease
from tasks.call_control import carry_out
from tasks.device_control import carry_out_order
from tasks.pbx_link import close_links
from tests.support.ami_thread import ami_in_thread
from tests.support.call_bar import allow_everything, call_on_desk
from tests.support.fake_ami import SECRET, USERNAME, FakeAmi, Received
from tests.support.office import RowOffice, make_office
from tests.support.phone_farm import RunningFarm, running_farm
from tests.support.sequence_bench import DEED_FUNCTIONS


@dataclass
class Stand:
    office: RowOffice
    farm: RunningFarm
    fake: FakeAmi
    clients: dict[int, Client] = field(default_factory=dict)

    def client(self, place: int = 0) -> Client:
        """One for each person: it reads all static files when it begins, which takes longer than a request."""
        if place not in self.clients:
            self.clients[place] = Client()
            self.clients[place].force_login(self.office.users[place])
        return self.clients[place]

    def card(self) -> Pop:
        """A call in which the first person talks; its channel has a name that could be sent."""
        pop = call_on_desk(self.office)
        Leg.objects.filter(call=pop.call_id).update(uniqueid="1700000000.1")
        return pop

    def work(self) -> None:
        """Carry out whatever waits."""
        for command in CallCommand.objects.filter(state=CommandState.REQUESTED):
            carry_out(command.pk)
        for order in DeviceOrder.objects.filter(state="requested"):
            carry_out_order(order.pk)
        PhoneLease.objects.update(held_until=None)

    def at_phone(self) -> list[dict[str, list[str]]]:
        """The requests that would do something, as name -> values; questions about the lines are left out."""
        rows = self.farm.journal(self.farm.first)
        deeds = [row["query"] for row in rows if row["path"].rpartition("/")[2] in DEED_FUNCTIONS]
        told = []
        for query in deeds:
            values: dict[str, list[str]] = {}
            for name, value in parse_qsl(query, keep_blank_values=True):
                values.setdefault(name, []).append(value)
            told.append(values)
        return told

    def at_pbx(self) -> list[Received]:
        """The deeds that reached the PBX; logins, pings and questions are left out."""
        asked = ("Login", "Ping", "CoreShowChannels", "Getvar", "Logoff")
        return [action for action in self.fake.actions if action.name not in asked]

    def untouched(self) -> bool:
        self.work()
        return not self.at_phone() and not self.at_pbx()

    def forget(self) -> None:
        """The next input begins with nothing asked for and nothing heard of."""
        CallCommand.objects.all().delete()
        self.farm.forget()
        self.fake.actions.clear()


@contextmanager
def attack_stand() -> Iterator[Stand]:
    """The first of three people sits at the simulated phone; the PBX may do everything."""
    with running_farm(1, pace=VirtualPace()) as farm, ami_in_thread() as fake:
        office = make_office(port=fake.port, phone_ports=(farm.phone_port(farm.first), 8002, 8003))
        Pbx.objects.update(username=USERNAME)
        office.pbx.refresh_from_db()
        office.pbx.secret = SECRET
        office.pbx.save()
        allow_everything(office)
        office.pbx.refresh_from_db()
        try:
            yield Stand(office, farm, fake)
        finally:
            close_links()
