"""A simulated office on real sockets and the rows that belong to it."""

import json
from pathlib import Path

from crmconnector.pbx.models import Line, Pbx, Trunk
from crmconnector.simulator.running import RunningOffice
from crmconnector.simulator.story import Story
from crmconnector.simulator.story_loader import load_story
from tests.support.canary import PASSCODE
from tests.support.office import RowOffice, make_office

DID = "+493023125100"
GROUP_DID = "+493023125110"
QUEUE_DID = "+493023125120"


def small_story(folder: Path, *, phones: int = 3) -> Story:
    """An office of phones 201, 202 … that do nothing by themselves; a DID for the first, one for all, a queue."""
    extensions = [str(201 + place) for place in range(phones)]
    told = {
        "about": "For tests.", "seed": 1, "pause_seconds": [1, 1],
        "pbx": {
            "name": "Office", "country": "DE",
            "trunks": [{"name": "Trunk", "endpoint": "trunk"}],
            "lines": [
                {"number": DID, "label": "Support DE", "trunk": "trunk", "target": extensions[0]},
                {"number": GROUP_DID, "label": "Everybody", "trunk": "trunk", "target": "610"},
                {"number": QUEUE_DID, "label": "Service line", "trunk": "trunk", "target": "600"},
            ],
            "queues": [
                {"extension": "600", "label": "Service", "members": extensions, "ring_seconds": 60, "retry_seconds": 1}
            ],
            "groups": [{"extension": "610", "label": "All", "members": extensions, "ring_seconds": 60}],
        },
        "people": [
            {"username": f"user{one}", "name": f"User {one}", "role": "agent", "team": "Support", "extension": one}
            for one in extensions
        ],
        "phones": [
            {
                "name": f"Phone {one}", "mac": f"C074AD000{one}", "model": "GRP2614", "extension": one,
                "sip_account": one,
                "port_offset": place, "user_passcode": PASSCODE, "profile": "grp261x-guide",
                "answers_colleagues_after_seconds": None,
            }
            for place, one in enumerate(extensions)
        ],
        "contacts": [], "far_ends": [], "scenes": [],
        "far_end_default": {"outcome": "answer", "after_seconds": 1, "talk_seconds": [600, 600]},
    }  # fmt: skip
    path = folder / "story.json"
    path.write_text(json.dumps(told))
    return load_story(path)


def rows_for(office: RunningOffice, extensions: list[str]) -> RowOffice:
    """PBX, phones and users whose addresses are the running office's."""
    rows = make_office(
        port=office.ami_port, phone_ports=tuple(office.phone_port(extension) for extension in extensions)
    )
    Pbx.objects.filter(pk=rows.pbx.pk).update(username=office.ami_username, simulated=True)
    rows.pbx.secret = office.ami_secret
    rows.pbx.save(update_fields=["secret"])
    Trunk.objects.filter(pbx=rows.pbx).update(endpoint="PJSIP/trunk")
    Line.objects.get_or_create(pbx=rows.pbx, did=GROUP_DID, defaults={"label": "Everybody"})
    rows.pbx.refresh_from_db()
    return rows
