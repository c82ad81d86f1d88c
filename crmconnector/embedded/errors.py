"""What can go wrong while starting. The one error of this package; nothing else crosses its border."""


class CannotStart(Exception):
    """The start cannot go on: a sentence with what happened, and one with the cure. Never holds a secret."""

    def __init__(self, what_happened: str, cure: str, exit_code: int = 1) -> None:
        super().__init__(f"{what_happened} {cure}".strip())
        self.exit_code = exit_code


class StopAsked(Exception):
    """Ctrl-C or SIGTERM came while we were waiting for something; not an error."""
