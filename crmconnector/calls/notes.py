"""What people write about calls, and the outcomes they choose.

One note per call and person. The last write of its writer wins; when it replaced what another tab of the same person
had written, the writer is told and given that text back, so nothing is lost silently.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from crmconnector.calls.models import Call, CallNote, Disposition
from crmconnector.users.models import User

LONGEST_NOTE = 4000

# key, what to call it, what it means: for an office that has not set up its own. 9 is left for "do not call".
USUAL_OUTCOMES = (
    (1, "Settled", "Nothing is left to do."),
    (2, "Call back", "We promised to call again."),
    (3, "Passed on", "A colleague goes on with it."),
    (4, "Message taken", "It stands in the note."),
    (5, "Wrong number", "The caller wanted somebody else."),
)


class NoteProblem(Exception):
    """Why nothing was stored; a sentence that may be shown."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored note; `replaced` is another tab's text that this write took the place of, else ""."""

    note: CallNote
    replaced: str = ""


def note_version(note: CallNote | None) -> str:
    """What a page remembers of the note that it shows: changes with every write."""
    return f"{note.changed_at.timestamp():.6f}" if note else ""


@transaction.atomic
def save_note(*, call: Call, user: User, text: str, seen_version: str) -> Kept:
    """Store the text; `seen_version` is the version that the writer's page was drawn or saved with."""
    text = text.replace("\r\n", "\n").replace("\x00", "")
    if len(text) > LONGEST_NOTE:
        over = len(text) - LONGEST_NOTE
        raise NoteProblem(_("Not kept: the note is %(n)d characters too long. Shorten it.") % {"n": over})
    note = _own_note(call=call, user=user)
    fresh = note_version(note)
    replaced = note.text if note.text and note.text != text and seen_version != fresh else ""
    if note.text != text:
        note.text = text
        note.save(update_fields=["text", "changed_at"])
    return Kept(note, replaced)


@transaction.atomic
def record_outcome(*, call: Call, user: User, outcome: Disposition | None) -> CallNote:
    """The outcome that this person gives the call; None takes it back."""
    note = _own_note(call=call, user=user)
    if note.outcome_id != (outcome.pk if outcome else None):
        CallNote.objects.filter(pk=note.pk).update(outcome=outcome)  # the text's version stays: it did not change
        note.outcome = outcome
    return note


def _own_note(*, call: Call, user: User) -> CallNote:
    """Locked, so that two tabs write one after the other."""
    CallNote.objects.get_or_create(call=call, user=user)
    return CallNote.objects.select_for_update().get(call=call, user=user)


@transaction.atomic
def add_usual_outcomes() -> list[Disposition]:
    """The usual outcomes whose key and name are both free; returns those made now."""
    keys = set(Disposition.objects.values_list("key", flat=True))
    labels = {label.casefold() for label in Disposition.objects.values_list("label", flat=True)}
    wanted = [
        Disposition(key=key, label=label, explanation=explanation)
        for key, label, explanation in USUAL_OUTCOMES
        if key not in keys and label.casefold() not in labels
    ]
    return Disposition.objects.bulk_create(wanted)


def ensure_outcomes() -> None:
    """For a first start: an office without any outcome gets the usual ones."""
    if not Disposition.objects.exists():
        add_usual_outcomes()
