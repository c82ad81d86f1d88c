"""Dead letters when a person must be forgotten."""

from crmconnector.contacts.erasing import Traces
from crmconnector.listener.models import DeadLetter


def forget_dead_letters(*, traces: Traces) -> int:
    """An event that nobody could interpret keeps its reason; its text goes when it tells of the person."""
    count = 0
    for letter in DeadLetter.objects.filter(traces.find_in("raw") | traces.find_in("reason")).iterator(chunk_size=100):
        if traces.touches(letter.raw) or traces.touches(letter.reason):
            reason = "" if traces.touches(letter.reason) else letter.reason
            count += DeadLetter.objects.filter(pk=letter.pk).update(raw="", reason=reason)
    return count
