"""The keys over CTI: what each does in each state of the phone, and how send_key answers.

The table was written from what other people's clients and the vendor's papers say; no real phone was at hand.
"""

import pytest

from crmconnector.simulator.switch import Script

STATES = {
    "idle": lambda desk: None,
    "dial": lambda desk: desk.keys("1:2"),
    "ringing": lambda desk: desk.ring(),
    "calling": lambda desk: desk.dial("0401", "calling"),
    "connected": lambda desk: desk.talk(),
    "onhold": lambda desk: (desk.talk(), desk.keys("HOLD")),
    "failed": lambda desk: (desk.switch.scripts.update({"9": Script("busy", 0.1)}), desk.dial("9", "failed")),
    "transfer": lambda desk: (desk.talk(), desk.keys("XFER:2:0")),
    "twocalls": lambda desk: (desk.talk(), desk.dial("205")),
    "waiting": lambda desk: (desk.talk(), desk.ring("0302")),
    "xferpick": lambda desk: (desk.talk(), desk.dial("205"), desk.keys("XFER")),
    "confpick": lambda desk: (desk.talk(), desk.dial("205"), desk.keys("CONF")),
    "menu": lambda desk: desk.keys("OK"),
    "locked": lambda desk: (desk.talk(), desk.keys("LOCK")),
}
KEYS = ["1", "STAR", "POUND", "SEND", "XFER", "LINE1", "LINE2", "LINE3", "HOLD", "CONF", "MUTE", "SPEAKER", "HEADSET"]
KEYS += ["OFFHOOK", "ONHOOK", "SOFT1", "SOFT2", "SOFT3", "SOFT4", "OK", "LEFT", "RIGHT", "UP", "DOWN", "VM", "UNLOCK"]

# [state] the screen, lines 1 to 3, and whatever else is remarkable, before the key; then keys and how it is after them.
# A key that is not named changes nothing. "unknown": the phone says so, and nothing has changed either.
TABLE = """
[idle] idle idle idle idle
    1: dial(1) dialing idle idle
    STAR: dial(*) dialing idle idle
    POUND: dial(#) dialing idle idle
    XFER HOLD CONF: unknown
    LINE1 SPEAKER: dial() dialing idle idle
    LINE2: dial() idle dialing idle
    LINE3: dial() idle idle dialing
    MUTE: idle idle idle idle dnd mute_idle
    HEADSET: dial() dialing idle idle headset
    OFFHOOK: dial() dialing idle idle handset
    OK: menu idle idle idle
    VM: incall dialing idle idle
[dial] dial(12) dialing idle idle
    1: dial(121) dialing idle idle
    STAR: dial(12*) dialing idle idle
    POUND SEND SOFT1: incall dialing idle idle
    XFER HOLD CONF: unknown
    LINE2: dial() idle dialing idle
    LINE3: dial() idle idle dialing
    SPEAKER ONHOOK SOFT3: idle idle idle idle
    HEADSET: dial(12) dialing idle idle headset
    OFFHOOK: dial(12) dialing idle idle handset
    SOFT2: dial(1) dialing idle idle
    VM: incall idle dialing idle
[ringing] idle ringing idle idle
    1: dial(1) ringing dialing idle
    STAR: dial(*) ringing dialing idle
    POUND: dial(#) ringing dialing idle
    XFER HOLD CONF: unknown
    LINE1 SPEAKER SOFT1: incall connected idle idle
    LINE2: dial() ringing dialing idle
    LINE3: dial() ringing idle dialing
    HEADSET: incall connected idle idle headset
    OFFHOOK: incall connected idle idle handset
    ONHOOK SOFT2: idle idle idle idle
    OK: menu ringing idle idle
    VM: incall ringing dialing idle
[calling] incall calling idle idle
    1 STAR POUND: incall calling idle idle tone digits_in_call
    XFER HOLD CONF: unknown
    LINE2: dial() calling dialing idle
    LINE3: dial() calling idle dialing
    SPEAKER ONHOOK SOFT1: idle idle idle idle
    HEADSET: incall calling idle idle headset
    OFFHOOK: incall calling idle idle handset
    VM: incall calling dialing idle
[connected] incall connected idle idle
    1 STAR POUND: incall connected idle idle tone digits_in_call
    XFER SOFT2: transfer() onhold idle idle
    LINE2: dial() onhold dialing idle
    LINE3: dial() onhold idle dialing
    HOLD SOFT3: incall onhold idle idle
    CONF: unknown
    MUTE: incall connected idle idle muted
    SPEAKER ONHOOK SOFT1: idle idle idle idle
    HEADSET: incall connected idle idle headset
    OFFHOOK: incall connected idle idle handset
    VM: incall onhold dialing idle
[onhold] incall onhold idle idle
    XFER CONF: unknown
    LINE1 HOLD SOFT1: incall connected idle idle
    LINE2: dial() onhold dialing idle
    LINE3: dial() onhold idle dialing
    SPEAKER ONHOOK SOFT2: idle idle idle idle
    HEADSET: incall onhold idle idle headset
    OFFHOOK: incall onhold idle idle handset
    VM: incall onhold dialing idle
[failed] incall failed idle idle
    XFER HOLD CONF: unknown
    LINE2: dial() failed dialing idle
    LINE3: dial() failed idle dialing
    SPEAKER ONHOOK SOFT1: idle idle idle idle
    HEADSET: incall failed idle idle headset
    OFFHOOK: incall failed idle idle handset
    VM: incall failed dialing idle
[transfer] transfer(20) onhold idle idle
    1: transfer(201) onhold idle idle
    STAR: transfer(20*) onhold idle idle
    POUND SEND SOFT2: incall onhold idle idle
    XFER CONF: unknown
    LINE1 HOLD SOFT1: incall connected idle idle
    LINE2: dial() onhold dialing idle
    LINE3: dial() onhold idle dialing
    SPEAKER ONHOOK: idle idle idle idle
    HEADSET: transfer(20) onhold idle idle headset
    OFFHOOK: transfer(20) onhold idle idle handset
    SOFT3 VM: incall onhold dialing idle
    SOFT4: transfer(2) onhold idle idle
[twocalls] incall onhold connected idle
    1 STAR POUND: incall onhold connected idle tone digits_in_call
    XFER SOFT2: xferpick onhold connected idle
    LINE1: incall connected onhold idle
    LINE3: dial() onhold onhold dialing
    HOLD SOFT4: incall onhold onhold idle
    CONF SOFT3: confpick onhold connected idle
    MUTE: incall onhold connected idle muted
    SPEAKER ONHOOK SOFT1: incall onhold idle idle
    HEADSET: incall onhold connected idle headset
    OFFHOOK: incall onhold connected idle handset
    VM: incall onhold onhold dialing
[waiting] incall connected ringing idle
    1 STAR POUND: incall connected ringing idle tone digits_in_call
    XFER: transfer() onhold ringing idle
    LINE2 SPEAKER SOFT1: incall onhold connected idle
    LINE3: dial() onhold ringing dialing
    HOLD: incall onhold ringing idle
    CONF: unknown
    MUTE: incall connected ringing idle muted
    HEADSET: incall onhold connected idle headset
    OFFHOOK: incall onhold connected idle handset
    ONHOOK SOFT2: incall connected idle idle
    VM: incall onhold ringing dialing
[xferpick] xferpick onhold connected idle
    LINE1: idle idle idle idle
    LINE3: dial() onhold onhold dialing
    HOLD: incall onhold onhold idle
    CONF: confpick onhold connected idle
    MUTE: xferpick onhold connected idle muted
    SPEAKER ONHOOK: incall onhold idle idle
    HEADSET: xferpick onhold connected idle headset
    OFFHOOK: xferpick onhold connected idle handset
    SOFT1: incall onhold connected idle
    VM: incall onhold onhold dialing
[confpick] confpick onhold connected idle
    XFER: xferpick onhold connected idle
    LINE1: incall connected connected idle
    LINE3: dial() onhold onhold dialing
    HOLD: incall onhold onhold idle
    MUTE: confpick onhold connected idle muted
    SPEAKER ONHOOK: incall onhold idle idle
    HEADSET: confpick onhold connected idle headset
    OFFHOOK: confpick onhold connected idle handset
    SOFT1: incall onhold connected idle
    VM: incall onhold onhold dialing
[menu] menu idle idle idle
    XFER HOLD CONF: unknown
    LINE1 SPEAKER: dial() dialing idle idle
    LINE2: dial() idle dialing idle
    LINE3: dial() idle idle dialing
    MUTE: menu idle idle idle dnd mute_idle
    HEADSET: dial() dialing idle idle headset
    OFFHOOK: dial() dialing idle idle handset
    ONHOOK SOFT1 LEFT: idle idle idle idle
    VM: incall dialing idle idle
[locked] incall connected idle idle locked
    UNLOCK: incall connected idle idle
"""


def expectations():
    """state -> (look before, {key: look after})"""
    table = {}
    for row in TABLE.strip().splitlines():
        if row.startswith("["):
            state, _, before = row[1:].partition("] ")
            table[state] = (before, {})
        else:
            keys, _, after = row.strip().partition(": ")
            table[state][1].update(dict.fromkeys(keys.split(), after))
    return table


EXPECTED = expectations()


@pytest.mark.parametrize("state", STATES)
def test_every_key_does_in_every_state_what_the_table_says(bench_of, state):
    before, after = EXPECTED[state]
    seen = {}
    for key in KEYS:
        desk = bench_of()
        STATES[state](desk)
        assert desk.look == before
        taken = desk.keys(key)
        seen[key] = desk.look if taken else "unknown"
        assert taken or desk.look == before
    assert seen == {key: after.get(key, before) for key in KEYS}


@pytest.mark.parametrize("state", [state for state in STATES if state != "locked"])
def test_volume_and_lock_work_everywhere_and_leave_the_call_alone(bench_of, state):
    desk = bench_of()
    STATES[state](desk)
    assert desk.keys("VUP:VUP:VDOWN:LOCK")
    assert (desk.phone.volume, desk.look) == (5, f"{EXPECTED[state][0]} locked")
