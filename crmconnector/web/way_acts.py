"""What an administrator decides about ways: the rows and their audit event, in one transaction."""

from collections.abc import Mapping

from django.db import transaction

from crmconnector.audit.services import record_act
from crmconnector.calls.ways import Decision, decide_ways
from crmconnector.users.models import User
from phones.models import Phone


@transaction.atomic
def keep_ways(*, actor: User, phone: Phone | None, wanted: Mapping[str, Decision]) -> dict[str, Decision]:
    """For one phone, or for all (None); those that changed. May raise WayProblem."""
    changed = decide_ways(phone=phone, wanted=wanted)
    if changed:
        told = {kind: _told(decision) for kind, decision in changed.items()}
        details = {"of": "phone" if phone else "all phones", "ways": told}
        record_act(actor=actor, action="ways.set", target=phone or actor, details=details)
    return changed


def _told(decision: Decision) -> str:
    if not decision.path:
        return "no decision"
    return f"{decision.path}, then the other" if decision.fall_back else decision.path
