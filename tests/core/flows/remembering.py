"""Flows with a session, as a server plays them: each turn gets the stored one, and a failed turn stores nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sessiond.core.flows.engine import LiveFlow, Opening, restore, start
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.flow import Flow
from sessiond.core.flows.flow_session import FlowSession, decode_record, encode_record
from sessiond.core.flows.record import Record
from sessiond.core.flows.record import decode_record as decode_conversation
from sessiond.core.flows.record import encode_record as encode_conversation
from sessiond.core.linking import LinkRequest
from tests.core.flows.playing import host, make, said

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessiond.core.flows.prompts import Output

_O = TypeVar("_O")


class Server:
    """One user's conversation and session; with *forgetful*, the flow is rebuilt for every input."""

    def __init__(self, flow: Flow | Callable[..., Any], *, forgetful: bool = False) -> None:
        self.flow = flow if isinstance(flow, Flow) else make(flow)
        self.forgetful = forgetful
        self.host = host()
        self.stored: bytes | None = None
        self.conversation: bytes = b""
        self.now = 1000.0
        self.links: tuple[LinkRequest, ...] = ()
        """What was asked of links, by turns that did not fail."""
        self._live: LiveFlow | None = None

    @property
    def record(self) -> Record:
        """The stored conversation."""
        return decode_conversation(self.conversation)

    @property
    def values(self) -> dict[str, Any]:
        """What is stored in the session."""
        session = self._session()
        return {name: session.get(name) for name in session.names()}

    @property
    def live(self) -> LiveFlow:
        """The flow in memory."""
        assert self._live is not None
        return self._live

    def start(self, **facts: Any) -> Output:
        """Begin a conversation."""
        session = self._session()
        opening = Opening(id="c1", user="u1", text="hi", session=session, **facts)
        self._live, output = start(self.flow, opening, self.host)
        return self._commit(session, output)

    def say(self, text: str) -> Output:
        """Answer; a turn that fails leaves everything as it was."""
        session = self._session()
        if self.forgetful or self._live is None:
            self.restart(session)
        try:
            output = self.live.answer(said(text), session=session)
        except FlowFailed:
            self._live = None
            raise
        return self._commit(session, output)

    def settle(self, result: bytes = b"null") -> Output:
        """Give the result of the run that is waited for."""
        session = self._session()
        if self.forgetful or self._live is None:
            self.restart(session)
        assert self.live.settle(self.live.record.place, result)
        if self.forgetful:
            output: Output = self.restart(session, self.live.record)
        else:
            output = self.live.proceed(session=session)
        return self._commit(session, output)

    def restart(self, session: FlowSession | None = None, record: Record | None = None) -> Any:
        """Rebuild the flow; without a session of a turn: a turn of its own."""
        turn = session or self._session()
        self._live, output = restore(
            self.flow, record or self.record, self.host, user="u1", session=turn
        )
        if session is None:
            self._commit(turn, output)
        return output

    def meddle(self, name: str, value: object) -> None:
        """Let somebody else write to the session: another flow that shares it."""
        session = self._session()
        session.set(name, value)
        assert session.record is not None
        self.stored = encode_record(session.record)

    def _session(self) -> FlowSession:
        self.now += 1
        stored = None if self.stored is None else decode_record(self.stored)
        return FlowSession(stored, now=self.now, platform="ussd")

    def _commit(self, session: FlowSession, output: _O) -> _O:
        self.stored = None if session.record is None else encode_record(session.record)
        self.conversation = encode_conversation(self.live.record)
        self.links += session.links
        return output


def both(flow: Flow | Callable[..., Any], *inputs: str) -> tuple[Server, Server]:
    """Play the same twice: with a flow that stays in memory, and with one that is rebuilt for every input."""
    servers = Server(flow), Server(flow, forgetful=True)
    for server in servers:
        server.start()
        for text in inputs:
            server.say(text)
    return servers
