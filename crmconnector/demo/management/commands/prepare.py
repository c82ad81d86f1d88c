"""`manage.py prepare`: everything between a database and a running connector, in one process.

Checks, migrations, the first login, the PBX of AMI_URL, and (only while there is no real PBX) the story. The last line
of its output is JSON for the supervisor.
"""

import json
import os

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from crmconnector.calls.notes import ensure_outcomes
from crmconnector.common.addresses import AmiAddress
from crmconnector.common.numbers import is_country
from crmconnector.pbx.connection import connect_pbx
from crmconnector.pbx.models import Pbx
from crmconnector.pbx.selectors import FALLBACK_COUNTRY
from crmconnector.users.services import ensure_login


class Command(BaseCommand):
    help = "Bring the database up to date, make the first login, and decide whether this is a rehearsal."

    def handle(self, *args: object, **options: object) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        made = self._ensure_login()
        ensure_outcomes()
        if settings.AMI_ADDRESS:
            self._connect(settings.AMI_ADDRESS)
        # Without a simulator's ports nobody has a rehearsal in mind: a server whose PBX is entered on its page later.
        may_rehearse = bool(os.environ.get("SIMULATOR_AMI_PORT"))
        rehearsal = may_rehearse and not Pbx.objects.filter(enabled=True, simulated=False).exists()
        if rehearsal:
            call_command("load_demo", verbosity=0)
        self.stdout.write(json.dumps({"rehearsal": rehearsal, "login_made": made}))

    def _ensure_login(self) -> bool:
        username, password = os.environ.get("LOGIN_USERNAME", ""), os.environ.get("LOGIN_PASSWORD", "")
        if not username or not password:
            return False
        return ensure_login(username=username, password=password)[1]

    def _connect(self, address: AmiAddress) -> None:
        country = settings.PBX_COUNTRY or FALLBACK_COUNTRY
        if not is_country(country):
            raise CommandError(f"PBX_COUNTRY: {country!r} is not a country. Give two letters, such as DE.")
        connect_pbx(
            host=address.host, port=address.port, username=address.user, secret=address.secret,
            tls=address.tls, country=country,
        )  # fmt: skip
