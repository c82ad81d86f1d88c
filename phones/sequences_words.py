"""What a person is told of a sequence that did not come to its end: what happened, what was seen, what to do next."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from crmconnector.common.marked import gettext_noop as _
from phones.sequences import Certainty, Why
from phones.sequences_run import Ending

SENTENCES: Final[Mapping[Why, str]] = MappingProxyType(
    {
        Why.NOT_THE_STATE: _("Your phone shows other calls than this needs. Nothing was sent."),
        Why.CALLER_GONE: _("The caller hung up meanwhile."),
        Why.COLLEAGUE_GONE: _("The second call ended meanwhile."),
        Why.TAKEN_BACK: _("Somebody took the caller back on the phone meanwhile."),
        Why.SWAPPED: _(
            "Your phone only changed from one call to the other: you talk with the caller, the other waits."
        ),
        Why.LINES_CHANGED: _("Your phone did something else than it was asked for."),
        Why.DIAL_FAILED: _("Your phone could not call that number."),
        Why.TRANSFER_FAILED: _("The transfer did not work: the caller is still with you."),
        Why.DIALLED_INSTEAD: _("The caller hung up meanwhile, and your phone calls the number itself. Hang up there."),
        Why.NOT_SEEN: _("Your phone took the keys, and nothing changed on it in time."),
        Why.SILENT: _("Your phone stopped answering."),
        Why.AWAY: _("Your phone was away for a moment, as after a restart."),
        Why.REFUSED: _("Your phone did not accept it."),
        Why.LEASE_LOST: _("Another request took your phone meanwhile, so nothing more was sent."),
        Why.TOO_LATE: _("It took too long to come to your phone, so nothing more was sent."),
    }
)
BACK: Final = _("The caller is with you again.")
STILL_HELD: Final = _("The caller may be waiting on hold: look at your phone.")
UNSURE: Final = _("It may or may not have happened. Look at your phone before you press again.")


def sentence_of(ending: Ending) -> str:
    """Empty when it came to its end. Names no number."""
    if ending.why is None:
        return ""
    parts = [SENTENCES[ending.why]]
    if ending.why is Why.REFUSED and ending.error is not None:
        parts = [str(ending.error)]
    if ending.back is not None:
        parts.append(BACK if ending.back else STILL_HELD)
    elif "on hold" in ending.observed and ending.certainty is not Certainty.NOTHING:
        parts.append(STILL_HELD)
    if ending.certainty is Certainty.UNSURE:
        parts.append(UNSURE)
    return " ".join(parts)
