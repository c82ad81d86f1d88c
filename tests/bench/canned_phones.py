"""Thousands of phones in one process, each on its own port: they tell idle lines and a registered account at once.

python -m tests.bench.canned_phones COUNT     prints the ports as JSON, answers until its standard input ends

Each number that one is asked to dial is taken at once, and told as a line: "dial PORT NUMBER SECONDS", the seconds of
the clock that all processes of the machine share (time.monotonic).
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

LINES = {
    "response": "success",
    "body": [{"line": n, "conf": 1, "state": "idle", "acct": 0, "active": 0, "remotename": "", "remotenumber": ""}
             for n in range(1, 5)],
}  # fmt: skip
ACCOUNTS = {
    "response": "success",
    "body": [{"id": n, "sip_server": "192.168.1.2", "sip_id": "201" if n == 1 else "", "name": "", "reg": int(n == 1)}
             for n in range(1, 5)],
}  # fmt: skip


def reply(body: dict[str, Any]) -> bytes:
    raw = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(
        raw
    ) + raw  # fmt: skip


LINES_REPLY, ACCOUNTS_REPLY = reply(LINES), reply(ACCOUNTS)
DIALLED_REPLY = reply({"response": "success", "body": True})


class Phone(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""

    def data_received(self, data: bytes) -> None:
        self.head += data
        if b"\r\n\r\n" in self.head:
            if b"/api-make_call?" in self.head:
                self._dial(time.monotonic())
            else:
                self.transport.write(ACCOUNTS_REPLY if b"get_accounts" in self.head else LINES_REPLY)
            self.transport.close()

    def _dial(self, at: float) -> None:
        number = parse_qs(urlsplit(self.head.split(b" ", 2)[1].decode()).query)["phonenumber"][0]
        self.transport.write(DIALLED_REPLY)
        print("dial", self.transport.get_extra_info("sockname")[1], number, repr(at), flush=True)


async def serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Phone, "127.0.0.1", 0) for _ in range(count)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, wanted * 2 + 1000), most))
    asyncio.run(serve(wanted))
