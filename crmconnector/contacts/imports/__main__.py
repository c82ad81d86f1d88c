"""`python -m crmconnector.contacts.imports ID`: the child of a worker that does what is asked of one import."""

import os
import sys

import django


def main() -> None:
    os.nice(10)  # calls come first
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crmconnector.settings")
    django.setup()
    from crmconnector.contacts.imports.running import run_import

    run_import(int(sys.argv[1]))


if __name__ == "__main__":
    main()
