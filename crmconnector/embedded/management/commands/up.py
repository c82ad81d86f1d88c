"""Start everything: `manage.py up`, or better `make run`."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand

from crmconnector.embedded.launch import run


class Command(BaseCommand):
    help = "Start the whole product on this machine, with servers of its own where none are given. Ctrl-C stops it."
    # Runs before there is a database; `prepare` makes the checks once there is one.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run(os.environ))
