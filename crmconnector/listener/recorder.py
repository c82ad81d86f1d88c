"""Record what one PBX says of calls, redacted, in a form that `manage.py replay` reads."""

import json
from collections.abc import AsyncIterator
from typing import Any

from crmconnector.asterisk import ami
from crmconnector.asterisk.recording import Redaction

_LIST = ("CoreShowChannels", "CoreShowChannelsComplete")


async def recorded_lines(client: ami.AmiClient) -> AsyncIterator[str]:
    """One JSON line an event, from now until the client is closed; each login begins with the calls that go on then.

    Raises AmiError when the PBX does not tell which calls go on: without that a recording would begin with a lie.
    """
    redaction = Redaction()
    began: float | None = None
    while batch := await client.next_batch():
        for item in batch:
            at = item.at if not isinstance(item, ami.RawEvent) else item.received_at
            began = at if began is None else began
            for headers in await _events(client, item):
                kept = redaction.redacted(headers)
                if kept is not None:
                    yield json.dumps({"t": round(at - began, 3), "headers": kept}, ensure_ascii=False)


async def _events(client: ami.AmiClient, item: ami.Item) -> list[dict[str, Any]]:
    if isinstance(item, ami.RawEvent):
        # The list below begins with it already; a second one after the list would begin another list.
        return [] if item.headers.get("Event") == "FullyBooted" else [dict(item.headers)]
    if isinstance(item, ami.LinkDown):
        return []
    rows = await client.list_action(_LIST[0], {}, _LIST[1])
    complete = {"Event": _LIST[1], "EventList": "Complete", "ListItems": str(len(rows))}
    return [{"Event": "FullyBooted"}, *(dict(row) for row in rows), complete]
