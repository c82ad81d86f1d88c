"""The one table of times of the whole product, and the only place that reads the clock for services.

Seconds everywhere. Deciding code gets `now` as an argument and never imports this module.
"""

from datetime import UTC, datetime

PHONE_CONNECT_SECONDS = 1.0
PHONE_REQUEST_SECONDS = 3.0
AMI_ACTION_SECONDS = 5.0
COMMAND_TRUTH_SECONDS = 3.0  # by then a command shows its end or "not sure yet"
COMMAND_RECONCILE_SECONDS = 10.0  # by then an unknown command is settled or stays honestly unknown
CLICK_VALID_SECONDS = 30.0  # a click that nobody carried out by then is void
GRANT_VALID_SECONDS = 2.0  # a worker that was frozen longer than this between grant and send gives up
LEASE_SECONDS = 5.0  # a phone's lease: longer than any single request


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def from_epoch(seconds: float) -> datetime:
    """An aware instant from epoch seconds (AMI arrival times)."""
    return datetime.fromtimestamp(seconds, UTC)
