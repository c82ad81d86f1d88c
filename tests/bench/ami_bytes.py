"""Bytes of the manager interface to events in our queue: events per second of one core."""

from pathlib import Path

from tests.bench.figures import Figure


def measure(folder: Path) -> list[Figure]:
    from tests.asterisk.test_ami_speed import EVENTS, measured, ours, panoramisk_alone

    mine, theirs = measured(ours, "uvloop"), measured(panoramisk_alone, "uvloop")
    return [Figure("AMI bytes to events", EVENTS / mine, "events/s", "panoramisk's own parser", EVENTS / theirs)]
