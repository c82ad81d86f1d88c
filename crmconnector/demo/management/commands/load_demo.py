"""`manage.py load_demo`: the people, phones and contacts of the story."""

import os

from django.core.management.base import BaseCommand, CommandError

from crmconnector.common.clock import utc_now
from crmconnector.common.environment import Environment
from crmconnector.demo.story_rows import load_story, read_story


class Command(BaseCommand):
    help = "Fill the database with the story that the simulator plays. Safe to repeat."

    def handle(self, *args: object, **options: object) -> None:
        env = Environment(os.environ)
        ports = env.port("SIMULATOR_AMI_PORT", default=0), env.port("SIMULATOR_PHONE_PORT", default=0)
        secret = os.environ.get("SIMULATOR_AMI_SECRET", "")
        if env.problems or not all(ports) or not secret:
            raise CommandError(
                "Set SIMULATOR_AMI_PORT, SIMULATOR_PHONE_PORT and SIMULATOR_AMI_SECRET; `make run` does."
            )
        pbx = load_story(
            story=read_story(),
            ami_port=ports[0],
            ami_username=os.environ.get("SIMULATOR_AMI_USERNAME", "crmconnector"),
            ami_secret=secret,
            phone_port=ports[1],
            now=utc_now(),
        )
        self.stdout.write(f"The story of {pbx.name} is loaded.")
