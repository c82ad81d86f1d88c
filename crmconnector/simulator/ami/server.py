"""The AMI port: sessions log in, send actions and hear the events."""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass, field

from crmconnector.simulator.ami.actions import ACTIONS, echo_of
from crmconnector.simulator.ami.deeds import DEEDS, list_commands, obey
from crmconnector.simulator.ami.wire import ActionReader, Headers, encode
from crmconnector.simulator.switchboard import Switchboard

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
BACKLOG_LIMIT = 4_000_000  # bytes a client may leave unread; Asterisk too throws out one that does not read


@dataclass(eq=False)
class Session:
    """One connection of a client."""

    writer: asyncio.StreamWriter
    task: asyncio.Task[None] | None = None
    logged_in: bool = False
    wants_events: bool = True
    has_synced: bool = False  # asked CoreShowChannels: it knows the state and may be told a story

    def send(self, headers: Headers) -> None:
        if self.writer.is_closing():
            return
        self.writer.write(encode(headers))
        if self.writer.transport.get_write_buffer_size() > BACKLOG_LIMIT:
            self.writer.transport.abort()


@dataclass
class AmiServer:
    """Listens on 127.0.0.1. `secret` is what Login must bring."""

    board: Switchboard
    username: str
    secret: str = field(repr=False)
    port: int = 0
    is_silent: bool = False  # half-open: the connections stay, nothing comes out any more
    sessions: set[Session] = field(default_factory=set)
    someone_synced: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self.board.pbx.listeners.append(self.broadcast)

    async def close(self) -> None:
        """Stop listening, cut every connection and wait until nothing runs any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = [session.task for session in self.sessions if session.task is not None]
        self.drop_links()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def drop_links(self) -> int:
        """Cut every connection without a word, as a PBX that is killed."""
        cut = [*self.sessions]
        for session in cut:
            session.writer.transport.abort()
        return len(cut)

    def broadcast(self, headers: Headers) -> None:
        if self.is_silent:
            return
        for session in [*self.sessions]:
            if session.logged_in and session.wants_events:
                session.send(headers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(writer, asyncio.current_task())
        self.sessions.add(session)
        if not self.is_silent:
            writer.write(BANNER)
        try:
            await self._listen(session, reader)
        except (OSError, ValueError):
            pass  # the client went away, or sends without end: either way the connection is over
        except asyncio.CancelledError:
            pass  # the server closes; asyncio's stream server would log a cancelled task as an error
        finally:
            self.sessions.discard(session)
            if not any(other.has_synced for other in self.sessions):
                self.someone_synced.clear()
            writer.close()

    async def _listen(self, session: Session, reader: asyncio.StreamReader) -> None:
        actions = ActionReader()
        while chunk := await reader.read(65536):
            if self.is_silent:
                continue
            for action in actions.feed(chunk):
                if not self._obey(session, action):
                    await session.writer.drain()
                    return

    def _obey(self, session: Session, action: dict[str, str]) -> bool:
        """Answer one action. False = the connection ends."""
        name = action.get("action", "").lower()
        if name == "login":
            return self._login(session, action)
        if not session.logged_in:
            self._reply(session, action, "Error", "Permission denied")
            return True
        if name == "logoff":
            self._reply(session, action, "Goodbye", "Thanks for all the fish.")
            return False
        self._answer(session, action, name)
        return True

    def _answer(self, session: Session, action: dict[str, str], name: str) -> None:
        if not name:
            self._reply(session, action, "Error", "Missing action in request")
        elif name == "events":
            session.wants_events = action.get("eventmask", "").lower() not in ("off", "no", "false")
            session.send(
                [("Response", "Success"), *echo_of(action), ("Events", "On" if session.wants_events else "Off")]
            )
        elif name == "listcommands":
            session.send(list_commands(action))
        elif name in DEEDS:
            session.send(obey(self.board, action))
        elif name in ACTIONS:
            for message in ACTIONS[name](self.board, action):
                session.send(message)
            if name == "coreshowchannels":
                session.has_synced = True
                self.someone_synced.set()
        else:
            said = f"Invalid/unknown command: {action['action']}. Use Action: ListCommands to show available commands."
            self._reply(session, action, "Error", said)

    def _login(self, session: Session, action: dict[str, str]) -> bool:
        given = (action.get("username", ""), action.get("secret", ""))
        right = hmac.compare_digest(given[1].encode(), self.secret.encode())
        if given[0] != self.username or not right:
            self._reply(session, action, "Error", "Authentication failed")
            return False
        session.logged_in = True
        session.wants_events = action.get("events", "on").lower() not in ("off", "no", "false")
        self._reply(session, action, "Success", "Authentication accepted")
        if session.wants_events:
            uptime = str(int(time.time() - self.board.pbx.booted_at))
            session.send(
                [
                    ("Event", "FullyBooted"),
                    ("Privilege", "system,all"),
                    ("Uptime", uptime),
                    ("LastReload", uptime),
                    ("Status", "Fully Booted"),
                ]
            )
        return True

    def _reply(self, session: Session, action: dict[str, str], response: str, message: str) -> None:
        session.send([("Response", response), *echo_of(action), ("Message", message)])
