"""`manage.py number TEXT`: what the number playground tells, printed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from crmconnector.web.number_page import LONGEST_LINE, Matches, NumberProblem, NumberStory, lines_of, place_of, tell_one

NOBODY = 1
NOT_READ = 2


class Command(BaseCommand):
    help = (
        "How a text is read as a number, what would be dialled, and whom it matches by which rule. Nothing is dialled. "
        "Exit code 0: somebody matches. 1: nobody does. 2: it could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help="as a person would write it; put it in quotes")
        parser.add_argument("--country", default="", metavar="DE", help="read it as written there, not as the PBX says")
        parser.add_argument("--line", default="", metavar="DID", help="as from a caller of this line")

    def handle(self, *args: Any, **options: Any) -> None:
        # What the shell could not decode is shown as such, not a failure of printing.
        text = options["text"].encode("utf-8", "replace").decode()
        try:
            texts, place = lines_of(text), place_of(options["country"], options["line"])
        except NumberProblem as problem:
            raise CommandError(str(problem), returncode=NOT_READ) from None
        if len(texts) > 1:
            raise CommandError("One number at a time. The page Numbers reads several at once.", returncode=NOT_READ)
        story = tell_one(texts[0] if texts else "", place, seen_by=None)
        self.tell("Read as in", place.country + (f", for callers of {place.line.label}" if place.line else ""))
        self.tell_reading(story)
        self.tell_rules(story)
        if not story.matches.count and story.colleague is None:
            raise SystemExit(NOBODY)

    def tell_reading(self, story: NumberStory) -> None:
        self.tell("Written", printable(story.written))
        if story.folded != story.written:
            self.tell("Plain digits", printable(story.folded))
        self.tell("Read", story.kind)
        for label, value in (
            ("Why", story.trouble),
            ("Taken off", story.reading.prefix),
            ("Extension", story.reading.extension),
            ("Country", story.reading.country),
            ("Kind", story.type_words),
            ("Stored as", story.reading.e164),
            ("May also be", ", ".join(story.reading.others)),
            ("National", story.national),
            ("Matching key", story.reading.key),
            ("Would dial", story.plan.dial_string if story.plan else ""),
            ("That is", story.plan.sentence if story.plan else ""),
            ("Not dialled", story.why_not),
            ("Held back", story.brake),
        ):
            if value:
                self.tell(label, value)

    def tell_rules(self, story: NumberStory) -> None:
        for rule in story.rules:
            form = f" [{rule.form}]" if rule.form else ""
            self.stdout.write(f"{rule.place}. {rule.title}{form}: {rule.outcome}")
            if rule.because:
                self.stdout.write(f"   {printable(rule.because)}")
            for line in people_lines(rule.matches):
                self.stdout.write(f"   -> {line}")
        if story.colleague:
            who = story.colleague.name or "nobody sits there now"
            self.stdout.write(f"Extension {story.colleague.extension}: {story.colleague.phone}, {who}")

    def tell(self, label: str, value: str) -> None:
        self.stdout.write(f"{label + ':':<14} {value}")


def people_lines(matches: Matches | None) -> list[str]:
    if matches is None:
        return []
    lines = [", ".join(printable(part) for part in (one.name, one.company) if part) for one in matches.named]
    return [*lines, f"and {matches.hidden} more"] if matches.hidden else lines


def printable(text: str) -> str:
    """Without what moves a terminal's cursor or turns its text around."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text[: LONGEST_LINE * 10])
