"""How a good answer is spoiled, and what is sent instead of one. The names of the faults are in faults.py."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

from crmconnector.simulator.cti.faults import Fault
from crmconnector.simulator.httpd import CLOSE, HANG, Reply

BIG = 1_000_000
FAR_NAME = "Jürgen Größmann"
LOGIN_PAGE = (
    '<html><head><title>Grandstream</title></head><body><form action="/cgi-bin/dologin" method="post">'
    '<input name="username"><input name="password" type="password"></form></body></html>'
)


def html(status: int, title: str) -> Reply:
    return Reply(status, f"<html><body><h1>{title}</h1></body></html>".encode(), "text/html")


def instead(kind: str) -> Reply:
    """The kinds of INSTEAD but for the redirect, which only a door can write."""
    return {
        "silent": HANG,
        "close": CLOSE,
        "html": html(200, "Welcome"),
        "login_page": Reply(200, LOGIN_PAGE.encode(), "text/html"),
        "empty": Reply(200, b""),
        "error_500": html(500, "Internal Server Error"),
        "error_503": html(503, "Service Unavailable"),
    }[kind]


def spoil(reply: Reply, fault: Fault) -> Reply:
    """The kinds of AFTER that change the answer itself; those of time leave it as it is."""
    return SPOILERS[fault.kind](reply, fault) if fault.kind in SPOILERS else reply


def _body(change: Callable[[bytes], bytes]) -> Callable[[Reply, Fault], Reply]:
    return lambda reply, _fault: replace(reply, body=change(reply.body))


def _json(change: Callable[[bytes], bytes]) -> Callable[[Reply, Fault], Reply]:
    """Refusals in HTML stay as they are."""
    return _body(lambda body: change(body) if body.startswith(b"{") else body)


def _duplicate(body: bytes) -> bytes:
    """`{"body": false, …, "body": <the true one>}`: readers of JSON differ in which of two they take."""
    place = body.index(b"{") + 1
    return body[:place] + b'"body": "false", ' + body[place:]


def _latin1(body: bytes) -> bytes:
    answer = json.loads(body)
    rows = answer.get("body")
    for row in rows if isinstance(rows, list) else []:
        for key in {"name", "remotename"} & row.keys():
            row[key] = FAR_NAME
    return json.dumps(answer, ensure_ascii=False).encode("latin-1", "replace")


def _wrong(value: Any) -> Any:
    """A value of another type that says about the same; the answer as a whole stays an object."""
    if isinstance(value, bool):
        return [value]
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list):
        return {str(place): row for place, row in enumerate(value)}
    return str(value)


def _wrong_types(body: bytes) -> bytes:
    answer = json.loads(body)
    return json.dumps({key: value if key == "response" else _wrong(value) for key, value in answer.items()}).encode()


def _reset(reply: Reply, _fault: Fault) -> Reply:
    return replace(reply, cut_at=len(reply.body) // 2, reset=True)


def _gzip(reply: Reply, _fault: Fault) -> Reply:
    return replace(reply, body=gzip.compress(reply.body), headers=(*reply.headers, ("Content-Encoding", "gzip")))


def _skew(reply: Reply, fault: Fault) -> Reply:
    date = formatdate(time.time() + (fault.seconds or 0), usegmt=True)
    return replace(reply, headers=(*reply.headers, ("Date", date)))


SPOILERS: dict[str, Callable[[Reply, Fault], Reply]] = {
    "truncated": _body(lambda body: body[: len(body) // 2]),
    "cut_off": lambda reply, _fault: replace(reply, cut_at=len(reply.body) // 2),
    "reset": _reset,
    "garbage": _body(lambda body: body + b"\r\n<!-- 0 -->{"),
    "chunked": lambda reply, _fault: replace(reply, chunked=True),
    "gzip": _gzip,
    "big_body": _body(lambda body: body + b" " * (BIG - len(body))),
    "drip": lambda reply, fault: replace(reply, byte_seconds=fault.seconds or 0),
    "duplicate_body": _json(_duplicate),
    "bom": _body(lambda body: b"\xef\xbb\xbf" + body),
    "latin1": _json(_latin1),
    "wrong_types": _json(_wrong_types),
    "clock_skew": _skew,
}
