"""What a person writes on the page of a call: the note and the outcome together, in one transaction."""

from collections.abc import Mapping

from django.db import transaction
from django.http import Http404

from crmconnector.calls.models import Call, Disposition
from crmconnector.calls.notes import Kept, record_outcome, save_note
from crmconnector.screenpop.models import Pop
from crmconnector.users.models import User
from crmconnector.web.card_acts import redraw_cards


@transaction.atomic
def keep_call_note(*, actor: User, call: Call, text: str, posted: Mapping[str, str]) -> Kept:
    """`posted`: version of the note that the page was drawn with, and the outcome's id, empty for none.

    May raise NoteProblem. A card of this call that is still open on a desk is drawn again.
    """
    outcome = _outcome(call, actor, posted.get("outcome", ""))
    kept = save_note(call=call, user=actor, text=text, seen_version=posted.get("version", "")[:40])
    record_outcome(call=call, user=actor, outcome=outcome)
    if Pop.objects.filter(call=call, user=actor).exclude(state=Pop.State.CLOSED).exists():
        redraw_cards(call.pk)
    return kept


def _outcome(call: Call, actor: User, word: str) -> Disposition | None:
    """One that is offered, or the one that this person had chosen while it was."""
    if not word:
        return None
    key = int(word) if word.isascii() and word.isdigit() and len(word) < 19 else 0
    outcome = Disposition.objects.filter(pk=key).first()
    if outcome is None or not (outcome.enabled or call.notes.filter(user=actor, outcome=outcome).exists()):
        raise Http404
    return outcome
