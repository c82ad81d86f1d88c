"""Start the lab and leave it running, to try things by hand: `python -m tests.pbx.play` (Ctrl-C ends it)."""

from __future__ import annotations

import signal
import sys
import threading

from tests.pbx.story_kit import MORE_NUMBERS
from tests.support.lab import Lab, LabError, LabPhone, prepare_lab


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # end as with Ctrl-C, clearing up
    try:
        prepare_lab(say)
        if "--prepare-only" in arguments:
            return 0
        with Lab(say) as lab:
            say(description(lab))
            threading.Event().wait()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nThe lab is closed.")
    return 0


def description(lab: Lab) -> str:
    """Where everything is and how to make something happen."""
    desks = "\n".join(
        f"  {phone.endpoint}   http://{phone.cti_host}:{phone.cti_port}   {phone.passcode}   {phone.control_port}"
        for phone in lab.phones.values()
    )
    numbers = "\n".join(f"  {number}   {what}" for number, what in MORE_NUMBERS.items())
    return f"""
Asterisk {lab.asterisk_version} and its phones are running.

AMI  {lab.ami_host}:{lab.ami_port}
  {lab.ami_username}   {lab.ami_secret}   (the product's user: least rights)
  {lab.truth_username}   {lab.truth_secret}   (sees and may do everything)

Desk phones: endpoint, address of the CTI face, passcode, control port
{desks}

Let a call come in for 1001, 1002 and 1003 (in place of {lab.did_group}, {lab.did_direct} rings 1001 only,
{lab.did_queue} is queue 600, {lab.did_queue_local} is queue 602 with Local members):
  {deed(lab.trunk, "call", f"number={lab.did_group}&from_number=+442079460123&from_name=Ada%20Smith")}
Answer it at desk 1001, and hang up:
  {deed(lab.phones["1001"], "answer")}
  {deed(lab.phones["1001"], "hangup")}
More numbers to call in place of {lab.did_group}:
{numbers}
Desks may dial 1001 to 1005 (1005 has no phone), 610 (ring group), 600, 602 and 603 (queues), 650 (conference),
*8 and **1001 (pickup), 551001 and 561001 (listen, whisper), 700 by a transfer (park) and 701 (take back); in a call
## passes it on, *2 asks first, #72 parks. A number with + or after 9 goes out.
The outside world answers what a desk dialled:
  {deed(lab.trunk, "answer")}

Ctrl-C ends everything.
"""


def deed(phone: LabPhone, what: str, query: str = "") -> str:
    asked = f"?{query}" if query else ""
    return f"curl -X POST 'http://127.0.0.1:{phone.control_port}/control/{what}{asked}'"


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
