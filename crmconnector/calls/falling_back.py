"""The other way, when it is proved that the first did nothing: a command of its own, once.

`unknown` never falls back: it may have happened, and a second dial is worse than none. The person is asked.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from crmconnector.calls.emergency import is_for_help, other_way
from crmconnector.calls.models import CallCommand, CommandChange, CommandKind, CommandPath, CommandState
from crmconnector.calls.services import Outcome
from crmconnector.common.clock import CLICK_VALID_SECONDS

SURELY_NOT = (CommandState.FAILED, CommandState.REFUSED)


def may_follow(command: CallCommand, outcome: Outcome) -> bool:
    """Whether the PBX may be asked now that the phone did nothing: decided before, and proved now.

    For an emergency call whatever was decided, from either way to the other, once, and already when nothing was done.
    """
    if is_for_help(command):
        return outcome.state in SURELY_NOT and command.fallback_of_id is None
    return (
        command.path == CommandPath.PHONE
        and command.may_fall_back
        and outcome.nothing_happened
        and outcome.state in SURELY_NOT
    )


def request_fallback(*, command: CallCommand, outcome: Outcome, now: datetime) -> CallCommand | None:
    """The same by the other way, as a row that somebody hands to a worker; None when it must not be or was made.

    Only while the first command's row says itself that it ended so: a proof may have been quicker than the worker.
    """
    if not may_follow(command, outcome):
        return None
    try:
        with transaction.atomic():
            ended = CallCommand.objects.select_for_update().filter(pk=command.pk, state__in=SURELY_NOT).first()
            if ended is None or now >= ended.not_after:
                return None
            path = other_way(ended)
            second = CallCommand.objects.create(
                kind=ended.kind, user_id=ended.user_id, idempotency_key=f"fallback:{ended.pk}",
                fingerprint=ended.fingerprint, phone_id=ended.phone_id, pbx_id=ended.pbx_id, endpoint=ended.endpoint,
                leg_id=ended.leg_id, other_leg_id=ended.other_leg_id, part_of_id=ended.part_of_id, fallback_of=ended,
                path=path, target=ended.target, far_number=ended.far_number,
                dial_string=ended.dial_string, account=ended.account, digits=ended.digits,
                sentence=SAID.get((ended.kind, path), ""), requested_at=now,
                not_after=min(ended.not_after, now + timedelta(seconds=CLICK_VALID_SECONDS)),
            )  # fmt: skip
            CommandChange.objects.create(command=second, state=CommandState.REQUESTED, at=now, by="worker", path=path)
            return second
    except IntegrityError:
        return None


SAID: Mapping[tuple[str, str], str] = {
    (CommandKind.MAKE_CALL, CommandPath.PBX): (
        "Your phone did not take it; the PBX is calling you. Pick up and it dials."
    ),
    (CommandKind.MAKE_CALL, CommandPath.PHONE): "The PBX did not take it, so your phone is asked.",
}
