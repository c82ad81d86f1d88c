"""Which endpoint is a line to the outside? Pure: a guess with its reason, for an administrator to confirm."""

import re
from collections.abc import Mapping

# Contexts in which FreePBX and the usual hand-written dialplans let calls from carriers in.
_outside_context = re.compile(
    r"\Afrom-(trunk|pstn|did|outside|external|provider|carrier|sip-external|digital|analog|zaptel|dahdi)([-_].*)?\Z"
)
_channel_tail = re.compile(r"-[0-9a-f]{8}(;[12])?\Z")


def trunk_hint(headers: Mapping[str, str | list[str]]) -> tuple[str, str] | None:
    """(endpoint, because) when a Newchannel event shows a call that came in from the outside, else None."""
    if headers.get("Event") != "Newchannel":
        return None
    channel, context = headers.get("Channel", ""), headers.get("Context", "")
    if not isinstance(channel, str) or not isinstance(context, str) or channel.startswith("Local/"):
        return None
    if not _outside_context.match(context):
        return None
    return _channel_tail.sub("", channel), f"A call from it arrived in the context {context[:80]}."
