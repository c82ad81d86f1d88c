"""A login while 250 calls are going on: seconds until every one of them is a row and the listener is in step."""

import contextlib
from pathlib import Path

from crmconnector.calls.models import Call
from tests.bench.figures import Figure
from tests.bench.office_of_many import IN_STEP, BusyOffice, busy_office, until_said
from tests.bench.pbx_process import pretend_pbx
from tests.bench.raw_rows import forget, insert_again

CALLS, ROUNDS = 250, 3


def measure(folder: Path) -> list[Figure]:
    with contextlib.ExitStack() as stack:
        pbx = stack.enter_context(pretend_pbx())
        office = busy_office(folder, pbx)
        stack.callback(office.product.stop)
        channels = pbx.ask("channels", calls=CALLS, phones=len(office.rows.users))["channels"]
        seconds = []
        for _ in range(ROUNDS):
            forget()
            seconds.append(_first_login(office))
        rows, raw = insert_again(CALLS)
    name, against = f"login with {channels} live channels to in step", f"raw insert of their {rows} rows"
    return [Figure(f"{name}, best of {ROUNDS}", min(seconds), "s", against, raw),
            Figure(f"{name}, worst of {ROUNDS}", max(seconds), "s", against, raw)]  # fmt: skip


def _first_login(office: BusyOffice) -> float:
    """By a listener that knows nothing yet: every call is new to the rows."""
    listener = office.product.listener()
    in_step = until_said(listener, IN_STEP)
    found = Call.objects.filter(ended_at=None).count()
    logged_in: float = office.pbx.ask("logins")["logins"][-1]
    listener.stop()
    if found != CALLS:
        raise RuntimeError(f"in step with {found} of {CALLS} calls:\n{listener.said()[-3000:]}")
    return in_step - logged_in
