"""Stories of a working day, lived by real phones on the real PBX: all of them, by name.

The first line of a story's text says what a person would tell; it is kept with the recording.
"""

from __future__ import annotations

from tests.pbx import (
    stories_attended,
    stories_features,
    stories_groups,
    stories_names,
    stories_originate,
    stories_outbound,
    stories_phone,
    stories_queues,
    stories_transfers,
)
from tests.pbx.story_kit import STORIES, Story

__all__ = ["CHAPTERS", "STORIES", "Story"]

CHAPTERS = (  # importing a chapter enters its stories
    stories_phone,
    stories_names,
    stories_groups,
    stories_queues,
    stories_outbound,
    stories_transfers,
    stories_attended,
    stories_originate,
    stories_features,
)
