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
SAME_DIAL_SECONDS = 5.0  # the same person dialling the same number again so soon means the same call
LEASE_SECONDS = 5.0  # a phone's lease: longer than any single request
SEQUENCE_LEASE_SECONDS = 30.0  # … and than a whole key sequence, which renews it before each step
LEADER_LEASE_SECONDS = 10.0  # a listener that says nothing for so long is frozen: its database session is ended
LEADER_RENEW_SECONDS = 2.0
# A lease must be seen expired for so long before its holder is ended: when the database itself stood still, the
# holder is as sound as we are and needs a moment to renew.
LEADER_LOOK_AGAIN_SECONDS = 1.0
# After a restart of the database all sessions are gone. The former leader still has in memory what it heard and could
# not write: it goes first.
LEADER_GRACE_SECONDS = 5.0
FORGOTTEN_TRANSACTION_SECONDS = 8.0  # of a frozen listener; less than its lease
CALLS_CHECK_SECONDS = 300.0  # how often the calls we believe in are held against the list of the PBX
LIST_SETTLES_SECONDS = 0.25  # so long after the list Asterisk has sent what it had queued behind it
PHONE_LOOK_SECONDS = 60.0  # a worker looks at each phone so often while all is well
PHONE_LOOK_AGAIN_SECONDS = (3.0, 5.0)  # after the first trouble, and while a restart is awaited: between these
PHONE_BACK_OFF_SECONDS = 300.0  # a phone that stays away is looked at no less often than this
PHONE_ACCOUNTS_SECONDS = 300.0  # its accounts are asked for so often
RESTART_WATCH_SECONDS = 180.0  # so long after a restart was sent the phone's going away proves it


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def from_epoch(seconds: float) -> datetime:
    """An aware instant from epoch seconds (AMI arrival times)."""
    return datetime.fromtimestamp(seconds, UTC)
