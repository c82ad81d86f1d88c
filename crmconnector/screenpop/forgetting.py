"""Cards when a person must be forgotten: those on desks now, and those that are only kept with their call."""

from collections.abc import Iterable

from django.db import transaction

from crmconnector.common.clock import utc_now
from crmconnector.contacts.erasing import Counts, Traces
from crmconnector.screenpop.models import Pop, PopDecision, PopTest
from crmconnector.screenpop.publisher import touch_pops

SLICE = 500


@transaction.atomic
def forget_cards(*, traces: Traces, call_ids: list[int]) -> tuple[Counts, set[int]]:
    """Counts, and the users whose streams must wake after commit: their desk shows a card that changed."""
    counts = {"cards": 0, "reasons": 0, "tests": 0}
    live: set[tuple[int, int]] = set()
    for start in range(0, len(call_ids), SLICE):
        calls = call_ids[start : start + SLICE]
        for pop in Pop.objects.select_for_update().filter(call__in=calls).order_by("pk").iterator(chunk_size=SLICE):
            payload = _without_person(pop.payload, traces)
            if payload != pop.payload:
                counts["cards"] += Pop.objects.filter(pk=pop.pk).update(payload=payload)
                if pop.state != Pop.State.CLOSED:
                    live.add((pop.call_id, pop.user_id))
        counts["reasons"] += _forget_reasons(PopDecision.objects.filter(call__in=calls).exclude(details={}), traces)
    for test in PopTest.objects.filter(traces.find_in("number") | traces.find_in("problem")):
        if traces.touches(test.number) or traces.touches(test.problem):
            counts["tests"] += PopTest.objects.filter(pk=test.pk).update(number="", problem="")
    return counts, touch_pops(legs=live, now=utc_now())


def _forget_reasons(decisions: Iterable[PopDecision], traces: Traces) -> int:
    count = 0
    for decision in decisions:
        details = traces.without(decision.details)
        if details != decision.details:
            count += PopDecision.objects.filter(pk=decision.pk).update(details=details)
    return count


def _without_person(payload: dict[str, object], traces: Traces) -> dict[str, object]:
    """The same card without the person: of several with one number the others stay."""
    people = payload.get("people")
    if not isinstance(people, list):
        people = []
    others = [one for one in people if not (isinstance(one, dict) and one.get("id") in traces.contact_ids)]
    emptied = traces.without({key: value for key, value in payload.items() if key != "people"})
    card: dict[str, object] = dict(emptied) if isinstance(emptied, dict) else {}
    if "people" in payload:
        card["people"] = others
    caller = card.get("caller")
    if len(others) != len(people) and isinstance(caller, dict):
        kind = "several" if len(others) > 1 else "known" if others else "unknown"
        card["caller"] = {**caller, "kind": kind, "network_name": ""}
    return card
