"""The CTI of a phone over HTTP: the steps every request goes through, in this order, and the answers of the guide.

web mode - fault - path - allowed at all - locked out - passcode - level - pop-up - deed.
The first step that objects answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from crmconnector.simulator.cti.door import PhoneDoor
from crmconnector.simulator.cti.faults import AFTER, INSTEAD, MEANWHILE, STATUS_ONLY, Fault
from crmconnector.simulator.cti.functions import FUNCTIONS, PLAIN_SUCCESS, PRETENDED, UNKNOWN, Values
from crmconnector.simulator.cti.gate import Gate, Refusal
from crmconnector.simulator.cti.popups import Popups
from crmconnector.simulator.cti.query import read_query
from crmconnector.simulator.cti.spoiling import html, instead, spoil
from crmconnector.simulator.cti.turns import Turns
from crmconnector.simulator.httpd import HANG, Reply, Request
from crmconnector.simulator.journal import Entry, Journal, redact
from crmconnector.simulator.phone import Phone

BASE = "/cgi-bin/"
AWAY_SECONDS = 2.0  # how long the same request over HTTPS is taken for a redirect that was followed


@dataclass(frozen=True)
class Verdict:
    """A reply, the step of the pipeline that gave it, and what it did to the phone ("" = nothing)."""

    reply: Reply
    step: str
    effect: str = ""


class CtiDoor(PhoneDoor):
    """The CTI side of one phone. `port` and `tls_port` are real once it is open."""

    def __init__(
        self, phone: Phone, journal: Journal, port: int = 0, *, tls_port: int = 0, web_mode: str = "http", seed: int = 0
    ) -> None:
        super().__init__(phone, self._handle, port, tls_port, web_mode, f"{seed}-{phone.extension}")
        self.journal = journal
        self.requests = 0
        self.gate = Gate(phone, self.trip)
        self.popups = Popups(phone.pace)
        self._turns = Turns(lambda: self.trip("two_requests_at_once"))
        self._sent_away = (
            "",
            "",
            0.0,
        )  # path and query of the last one that was sent to HTTPS, and until when it counts
        phone.trip = self.trip

    def trip(self, kind: str) -> None:
        self.journal.trip(kind, self.phone.extension)

    def decide_popup(self, allow: bool) -> bool:
        """The owner presses OK or Deny on the oldest question."""
        return self.popups.decide(allow)

    def went_away(self) -> None:
        self.popups.forget()
        self.gate.forget()

    # The request.

    async def _handle(self, request: Request) -> Reply:
        self.requests += 1
        return await self._turns.take(
            request, self.phone.profile, lambda: self._work(request), lambda: self._no_turn(request)
        )

    def _no_turn(self, request: Request) -> Reply:
        verdict = Verdict(html(503, "Service Unavailable"), "too many at once")
        self._note(request, verdict)
        return verdict.reply

    async def _work(self, request: Request) -> Reply:
        verdict = await self._decide(request)
        self._note(request, verdict)
        if verdict.step == "done":
            self._meanwhile(request.path.removeprefix(BASE))
        return await self._spoil(request, verdict)

    def _note(self, request: Request, verdict: Verdict) -> None:
        if not self.journal.is_kept:
            return
        self.journal.write(
            Entry(
                time.time(),
                self.phone.extension,
                request.client,
                request.method,
                request.path,
                redact(request.query),
                verdict.step,
                verdict.effect,
                verdict.reply.status,
            )
        )

    async def _decide(self, request: Request) -> Verdict:
        name = request.path.removeprefix(BASE)
        if self.phone.profile.redirect_https and self.https is not None and not request.secure:
            return Verdict(self._send_to_https(request), "to https")
        self._watch_for_the_followed(request)
        fault = self.faults.take(INSTEAD, name)
        if fault is not None:
            return Verdict(self._instead(fault, request), f"fault {fault.kind}")
        if request.method not in ("GET", "POST"):
            return Verdict(html(501, "Not Implemented"), "method")
        if not request.path.startswith(BASE) or name not in FUNCTIONS:
            return Verdict(html(404, "Not Found"), "path")
        values = read_query(request.query, self.phone.profile)
        refusal = self.gate.refuses(request.client, name, values)
        return self._refused(refusal) if refusal else await self._obey(name, values)

    def _send_to_https(self, request: Request) -> Reply:
        self._sent_away = request.path, request.query, time.monotonic() + AWAY_SECONDS
        host = request.headers.get("host", "").rpartition(":")[0] or "127.0.0.1"
        place = f"https://{host}:{self.tls_port}{request.path}?{request.query}"
        return Reply(302, headers=(("Location", place),))

    def _watch_for_the_followed(self, request: Request) -> None:
        path, query, until = self._sent_away
        same = request.secure and (path, query) == (request.path, request.query) and until > time.monotonic()
        if same or request.path.startswith("/redirected"):
            self._sent_away = ("", "", 0.0)
            self.trip("redirect_followed")

    def _refused(self, refusal: Refusal) -> Verdict:
        answers: dict[str, dict[str, Any]] = {
            "locked": {"response": "error", "body": "locked", "lockTime": refusal.number},
            "wrong_count": {"response": "error", "body": f"wrong{refusal.number}"},
            "unknown": UNKNOWN,
        }
        if refusal.mode in answers:
            return Verdict(self._json(answers[refusal.mode]), refusal.step)
        return Verdict(self._deny(refusal.mode), refusal.step)

    def _deny(self, mode: str) -> Reply:
        return {
            "unauth_success_body": self._json({"response": "success", "body": "unauthorized"}),
            "unauth_401_html": html(401, "Unauthorized"),
            "forbid_403_html": html(403, "Forbidden"),
            "error_failed_json": self._json({"response": "error", "body": "failed"}),
            "silent": HANG,
        }[mode]

    # The deed.

    async def _obey(self, name: str, values: Values) -> Verdict:
        function, is_deed = FUNCTIONS[name]
        if not is_deed:
            with self._as_told(name):
                return Verdict(self._json(function(self.phone, values)[0]), "done")
        if self.phone.profile.popup and (held := await self._ask_owner(name, values)) is not None:
            return held
        if self.faults.take(("success_no_effect",), name) is not None:
            return Verdict(self._json(PRETENDED.get(name, PLAIN_SUCCESS)), "fault success_no_effect")
        verdict = self._act(name, values)
        if self.faults.take(("effect_no_answer",), name) is not None:
            return Verdict(HANG, "fault effect_no_answer", verdict.effect)
        return verdict

    def _act(self, name: str, values: Values) -> Verdict:
        answer, effect = FUNCTIONS[name][0](self.phone, values)
        return Verdict(self._json(answer), "done", effect)

    async def _ask_owner(self, name: str, values: Values) -> Verdict | None:
        """The pop-up on the phone's screen. None = the owner said yes, go on."""
        profile = self.phone.profile
        if profile.popup_mode == "error":
            return Verdict(self._json({"response": "error", "body": "failed"}), "popup")
        if profile.popup_mode == "answer_at_once":
            self.popups.ask(profile.popup_seconds, lambda: self._act(name, values))
            return Verdict(self._json(PLAIN_SUCCESS), "popup")
        if await self.popups.ask(profile.popup_seconds):
            return None
        return Verdict(self._json({"response": "error", "body": False}), "popup")

    @contextmanager
    def _as_told(self, name: str) -> Iterator[None]:
        """While a fault says so, get_line_status tells something else than what is."""
        phone = self.phone
        fault = self.faults.take(STATUS_ONLY, name) if name == "api-get_line_status" else None
        kept = phone.profile, phone.says_instead, phone.frozen
        if fault is not None and fault.kind == "delayed_state":
            phone.profile = replace(phone.profile, status_lag_seconds=fault.seconds or 0.0)
        elif fault is not None and fault.kind == "unknown_state":
            busy = [line.number for line in phone.lines if not line.is_free]
            phone.says_instead = dict.fromkeys(busy or [1], fault.word)
        elif fault is not None:
            phone.frozen = self.as_it_was
        try:
            yield
        finally:
            phone.profile, phone.says_instead, phone.frozen = kept

    # What goes wrong.

    def _instead(self, fault: Fault, request: Request) -> Reply:
        if fault.kind != "redirect":
            return instead(fault.kind)
        scheme, port = ("https", self.tls_port) if request.secure else ("http", self.port)
        return Reply(302, headers=(("Location", f"{scheme}://localhost:{port}/redirected?{request.query}"),))

    def _meanwhile(self, name: str) -> None:
        fault = self.faults.take(MEANWHILE, name)
        if fault is not None and fault.kind == "reboot":
            self.phone.pace.later(0, self.phone.reboot)
        elif fault is not None:
            self.phone.press(fault.word)

    async def _spoil(self, request: Request, verdict: Verdict) -> Reply:
        """Faults that leave the deed alone and harm the answer."""
        reply = verdict.reply
        if reply.status is None or verdict.step.startswith("fault"):
            return reply
        fault = self.faults.take(AFTER, request.path.removeprefix(BASE))
        if fault is None:
            return reply
        if fault.kind in ("slow", "late", "jitter"):
            share = self.faults.random.random() if fault.kind == "jitter" else 1.0
            await self.phone.pace.sleep((fault.seconds or 0.0) * share)
        return spoil(reply, fault)

    def _json(self, answer: dict[str, Any]) -> Reply:
        if self.phone.profile.bool_style == "text" and isinstance(answer.get("body"), bool):
            answer = {**answer, "body": str(answer["body"]).lower()}
        text = json.dumps(answer, ensure_ascii=False)
        if self.phone.profile.pretty:
            text = "{ " + text[1:-1] + " }"
        return Reply(200, text.encode(), self.phone.profile.content_type)
