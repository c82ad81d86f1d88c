"""Commands of every kind, straight into rows: asked, sent, some seconds ago."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from crmconnector.calls.models import CallCommand, CommandChange, CommandKind, CommandPath, CommandState, Leg
from crmconnector.common.clock import utc_now
from tests.support.office import RowOffice


def sent_command(
    office: RowOffice, kind: str, *, leg: Leg | None = None, seconds: float = 0.0, now: datetime | None = None,
    **more: Any,
) -> CallCommand:  # fmt: skip
    """One that was sent `seconds` ago by the first person's phone; `more` are columns."""
    at = (now or utc_now()) - timedelta(seconds=seconds)
    columns = {
        "user": office.users[0], "phone": office.phones[0], "pbx": office.pbx, "endpoint": "PJSIP/201", "leg": leg,
        "idempotency_key": uuid.uuid4().hex, "state": CommandState.SENT, "requested_at": at, "granted_at": at,
        "sent_at": at, "not_after": at + timedelta(seconds=30), "token": 1, "path": CommandPath.PHONE,
    } | more  # fmt: skip
    command = CallCommand.objects.create(kind=CommandKind(kind), **columns)
    if command.state == CommandState.SENT:
        CommandChange.objects.create(command=command, state=CommandState.SENT, at=at, by="worker")
    return command
