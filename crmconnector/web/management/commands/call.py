"""`manage.py call USER NUMBER`: a person's desk phone dials, as if its Call button had been pressed."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.crypto import get_random_string

from crmconnector.audit.services import record_act
from crmconnector.calls.models import CallCommand, CommandState
from crmconnector.calls.wanted import CommandProblem
from crmconnector.common.clock import CLICK_VALID_SECONDS, utc_now
from crmconnector.users.models import User
from crmconnector.web.dial_acts import DialAsk, ask_to_call
from crmconnector.web.dial_story import is_live, newest_of, said_of_dial, shown_far
from crmconnector.web.management.commands.number import printable
from phones.models import Phone

NOT_DIALLED = 1
NOT_ASKED = 2
NOT_SURE = 3
LOOK_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 120.0


class Command(BaseCommand):
    help = (
        "Make a person's desk phone call a number, by the same rules and brakes as the Call button. Exit code 0: the "
        "PBX confirmed it (with --wait), or it was asked for. 1: it was not dialled. 2: it was not asked for. 3: not "
        "sure, or no end was seen in the time waited."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the person's user name")
        parser.add_argument("number", help="as a person would write it; put it in quotes")
        parser.add_argument("--phone", default="", metavar="NAME", help="the phone's name, when the person has several")
        parser.add_argument("--account", type=int, metavar="N", help="account on the phone, from 1")
        parser.add_argument(
            "--wait", type=float, nargs="?", const=CLICK_VALID_SECONDS, default=0.0, metavar="SECONDS",
            help="print what becomes of it, until it has ended or so many seconds have passed (30)",
        )  # fmt: skip
        parser.add_argument("--sure", action="store_true", help="also when it is an emergency number")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["wait"] <= LONGEST_WAIT_SECONDS:
            raise CommandError("Wait between 0 and 120 seconds.", returncode=NOT_ASKED)
        command = self.ask(options)
        if options["wait"]:
            self.follow(command, deadline=time.monotonic() + options["wait"])

    def ask(self, options: dict[str, Any]) -> CallCommand:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody active is called {printable(options['user'])}.", returncode=NOT_ASKED)
        text = options["number"].encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
        asked = DialAsk(text, _phone(options["phone"]), options["account"], sure=options["sure"])
        try:
            command, _made = ask_to_call(actor=user, asked=asked, key=f"shell:{get_random_string(24)}", now=utc_now())
        except CommandProblem as problem:
            raise CommandError(problem.sentence, returncode=NOT_ASKED) from None
        # Whoever has a shell on the server acted here, not the person whose phone it is.
        record_act(actor=None, action="call.asked_by_shell", target=command, details={"user": user.username})
        self.tell(command)
        return command

    def follow(self, command: CallCommand, *, deadline: float) -> None:
        """Prints each new state, of the second way too, and ends with the exit code that tells the outcome."""
        told = (command.pk, command.state, command.settled)
        while True:
            command = newest_of(CallCommand.objects.select_related("fallback_of").get(pk=command.pk))
            if (command.pk, command.state, command.settled) != told:
                told = (command.pk, command.state, command.settled)
                self.tell(command)
            if command.state == CommandState.CONFIRMED:
                return
            if not is_live(command):
                raise SystemExit(NOT_SURE if command.state == CommandState.UNKNOWN else NOT_DIALLED)
            if time.monotonic() >= deadline:
                self.stdout.write("No end was seen in the time waited.")
                raise SystemExit(NOT_SURE)
            time.sleep(LOOK_SECONDS)

    def tell(self, command: CallCommand) -> None:
        at = timezone.localtime().strftime("%H:%M:%S")
        said = printable(said_of_dial(command, shown_far(command.far_number), utc_now()).text)
        self.stdout.write(f"{at} {command.state + ' by the ' + command.path:<24} {said}")
        self.stdout.flush()  # into a pipe too each state is told when it comes


def _phone(name: str) -> Phone | None:
    if not name:
        return None
    phone = Phone.objects.filter(name=name).first()
    if phone is None:
        raise CommandError(f"No phone is called {printable(name)}.", returncode=NOT_ASKED)
    return phone
