"""How a make of phone answers: every place where real firmware is unsure or differs is a flag here."""

from __future__ import annotations

from dataclasses import dataclass

DENY_MODES = ("unauth_success_body", "unauth_401_html", "forbid_403_html", "error_failed_json", "silent")
BADPASS_MODES = ("error_wrong_count", "unauth_success_body", "unauth_401_html")
POPUP_MODES = ("answer_at_once", "hold", "error")


@dataclass(frozen=True)
class Profile:
    """One make of phone. `line_count` is the number of call appearances."""

    line_count: int = 8
    number_key: str = "remotenum"  # what get_line_status calls the far number: remotenum or remotenumber
    acct: str | int | None = 0  # the value on every line; None = the account's number, 1-based
    conf: int | None = 1  # None = the key is absent
    active_follows_focus: bool = False
    rings_as_ringing: bool = True  # get_phone_status says `ringing`; otherwise `busy`
    bool_style: str = "json"  # json: true, text: "true"
    content_type: str = "application/json"
    pretty: bool = False
    click_to_dial: bool = True  # the GRP260x setting without which make_call fails
    action_uri: bool = True  # "Action URI Support"
    allowed_ips: tuple[str, ...] = ("any",)
    deny_mode: str = "unauth_success_body"
    badpass_mode: str = "error_wrong_count"
    attempt_limit: int = 5
    lockout_seconds: float = 300.0
    popup: bool = False  # the phone asks on its screen before it obeys
    popup_mode: str = "answer_at_once"
    popup_seconds: float = 30.0
    user_level: bool = True  # the user passcode may use CTI at all
    dials_plus: bool = True  # +49… is dialled as it is; otherwise refused
    make_call_holds: bool = True  # a second call puts the first on hold; otherwise it is refused
    registered: bool = True
    redirect_https: bool = False
    # how strictly a request is read
    strict_colon: bool = False  # `keys=1%3A0` is not understood
    decode_percent: bool = True  # percent signs in values are decoded
    first_of_two_wins: bool = True  # a parameter that comes twice
    make_call_auth: str = "passcode"  # passcode, password or both: which parameter make_call takes the word from
    max_concurrent: int | None = None  # None: any; 1: see second_request
    second_request: str = "wait"  # wait, 503 or drop_first
    # what the phone's states and keys do
    rich_states: bool = False  # `transfer`, `transfered`, `conference` instead of onhold and connected
    status_lag_seconds: float = 0.0  # get_line_status tells the state of so long ago
    key_delay_seconds: float = 0.12  # keys are pressed one by one after the answer
    partial_exec: bool = False  # of a list with an unknown key the ones before it are pressed
    precond_mode: str = "error"  # error: "unknown" for a key that cannot work now; ignore: success, nothing happens
    mute_idle: str = "dnd"  # dnd, idle_mute, off: the mute key while no call is up
    xfer_enabled: bool = True
    default_xfer: str = "blind"  # blind or attended: what SEND does on the transfer screen
    att_mode: str = "static"  # static: XFER then LINEn; dynamic: XFER again completes
    xfer_init_number: str = ""  # what the transfer key puts into the field
    no_key_timeout_seconds: float = 4.0  # a number being entered is sent by itself
    pound_is_send: bool = True
    offhook_timeout_seconds: float = 30.0
    enforce_softkey_position: bool = False  # otherwise hidden soft keys move the others
    soft_keys: int = 4
    mpk_keys: int = 0
    reboot_seconds: float = 20.0
    needs_handset: bool = False  # DECT: make_call wants hs
    says_ringback: bool = False  # `ringback` once the far end rings; otherwise `calling` goes on
    ending_seconds: float = 0.0  # how long `ending` is told after a call; 0 = not at all
    semi_attended: bool = True  # a call may be handed over while the second one still rings
    blind_recovery: str = "onhold"  # a blind transfer that failed: onhold, connected, or off (the call is lost)
    notify_seconds: float = 7.0  # how long the phone waits to hear how a blind transfer went
    transfer_soft_keys: tuple[str, ...] = ("Cancel", "BlindTrnf", "AttTrnf", "Backspace")
    dnd_key: bool = False  # the DND key exists over CTI; otherwise it is unknown
    voicemail_number: str = "*97"  # what VM calls; "" = not set
    account_count: int = 2
    obeys_pick_up: bool = True  # picks up by itself where the INVITE says so ("Allow Auto Answer by Call-Info")
    auto_cfg: bool = False  # get_accounts has the key auto_cfg


PROFILES: dict[str, Profile] = {
    "grp261x-guide": Profile(),
    "grp-old": Profile(line_count=3, number_key="remotenumber", acct="", conf=None),
    "grp260x": Profile(line_count=4, number_key="remotenumber", conf=None),
    "wp826": Profile(line_count=4, number_key="remotenumber", conf=0, auto_cfg=True),
    "gxp21xx": Profile(
        number_key="remotenumber",
        acct=None,
        conf=None,
        active_follows_focus=True,
        pretty=True,
        content_type="text/plain",
    ),
    "dect": Profile(line_count=2, number_key="remotenumber", conf=None, needs_handset=True, account_count=10),
}
