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


PROFILES: dict[str, Profile] = {
    "grp261x-guide": Profile(),
    "grp-old": Profile(line_count=3, number_key="remotenumber", acct="", conf=None),
    "grp260x": Profile(line_count=4, number_key="remotenumber", conf=None),
    "wp826": Profile(line_count=4, number_key="remotenumber", conf=0),
    "gxp21xx": Profile(
        number_key="remotenumber",
        acct=None,
        conf=None,
        active_follows_focus=True,
        pretty=True,
        content_type="text/plain",
    ),
}
