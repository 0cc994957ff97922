"""``Session``: what a handler is given, and where everything it asks for is collected.

Nothing happens while a handler runs: ``outcome`` hands all of it to the turn when the handler has returned.
"""

import math
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import trio

from sessiond.app.data import DataCodec
from sessiond.app.encoding import encode_json
from sessiond.core.codes import CloseCode
from sessiond.core.conversations.journal_query import JournalPage, JournalQuery
from sessiond.core.errors import AppFailed, InvalidInput, Refused
from sessiond.core.event_names import check_event_name
from sessiond.core.flows.prompts import Media, Message
from sessiond.core.gateways.port import Template
from sessiond.core.ids import ConnectionId, parse_user_id
from sessiond.core.linking import (
    CODE_DIGITS,
    MAX_TRIES,
    TRIES_SECONDS,
    LinkRequest,
    LinkStep,
    parse_code,
)
from sessiond.core.session.outcome import (
    EndRequest,
    KickRequest,
    Outcome,
    PushRequest,
    SendRequest,
    StartRequest,
    TimerRequest,
)
from sessiond.core.session.program import Context
from sessiond.core.session.state import Attachment

__all__ = ["MAX_PUSHES", "MAX_SENDS", "Reject", "Session"]

#: A handler that asks for more than this in one turn floods its user, or loops.
MAX_PUSHES: Final = 1000

#: Messages by providers that one turn may ask for; they cost money.
MAX_SENDS: Final = 32


class Reject(Refused):
    """Raised by a handler to turn an input down: nothing of the turn happens, and whoever waits is told.

    *code* is a word of the app's own, ``rejected`` unless given; *retry_after* is in seconds.
    """

    def __init__(
        self, message: str, *, code: str = "rejected", retry_after: float | None = None
    ) -> None:
        super().__init__(code, message, retry_after=retry_after)


class Session:
    """One user's session, as a handler sees it during one turn. Not valid after the handler has returned."""

    __slots__ = (
        "_codec",
        "_context",
        "_data",
        "_end",
        "_kicks",
        "_links",
        "_pushes",
        "_sends",
        "_starts",
        "_timers",
        "_unread",
        "connection_id",
    )

    def __init__(
        self, context: Context, codec: DataCodec, connection: ConnectionId | None = None
    ) -> None:
        self._context = context
        self._codec = codec
        self._data: Any = None
        # Tuples: nearly every turn asks for none of these.
        self._pushes: tuple[PushRequest, ...] = ()
        self._timers: tuple[TimerRequest, ...] = ()
        self._sends: tuple[SendRequest, ...] = ()
        self._starts: tuple[StartRequest, ...] = ()
        self._links: tuple[LinkRequest, ...] = ()
        self._kicks: tuple[KickRequest, ...] = ()
        self._unread: int | None = None
        self._end: EndRequest | None = None
        self.connection_id = connection
        """The connection whose input this is; ``None`` for webhooks and timers."""

    @property
    def user_id(self) -> str:
        """Who the user is."""
        return self._context.state.user

    @property
    def account(self) -> Any:
        """What ``load_user`` returned when the session was activated; ``None`` without one."""
        return self._context.account

    @property
    def now(self) -> float:
        """When this turn began, in seconds since the Unix epoch."""
        return self._context.now

    @property
    def session_id(self) -> str:
        """Names this session from its creation until its record is removed."""
        return self._context.state.snapshot.session_id

    @property
    def data(self) -> Any:
        """The session's data: a dict, or an instance of the app's data model. Change it in place or assign it."""
        if self._data is None:
            self._data = self._codec.decode(self._context.state.snapshot.data)
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value

    @property
    def connections(self) -> tuple[Attachment, ...]:
        """The user's connections as the turn began: ``connection``, ``device``, ``since``, ``meta``."""
        return self._context.state.attachments

    @property
    def unread(self) -> int:
        """The number of unread things that clients are told when they join."""
        return self._context.state.snapshot.unread if self._unread is None else self._unread

    @unread.setter
    def unread(self, value: int) -> None:
        if value < 0:
            raise InvalidInput("unread is a count: 0 or more")
        self._unread = value

    def push(
        self,
        event: str,
        payload: dict[str, Any],
        *,
        durable: bool = True,
        to: ConnectionId | None = None,
    ) -> None:
        """Push *event* to the user's connections.

        A durable push is kept for connections that are away and resume; it is for all of them. With
        ``durable=False`` it reaches who is connected now, or only the connection *to*.

        Raises:
          InvalidInput: a reserved name, a payload that is not a dict, or a durable push to one connection.
          AppFailed: more pushes than one turn may ask for, or a payload that cannot be encoded.

        """
        check_event_name(event)
        if not isinstance(payload, dict):
            raise InvalidInput(f"the payload of a push is a dict, not {type(payload).__name__}")
        if durable and to is not None:
            raise InvalidInput("a durable push is for all connections; use durable=False with to=…")
        if len(self._pushes) >= MAX_PUSHES:
            raise AppFailed(f"more than {MAX_PUSHES} pushes in one turn")
        body = encode_json(payload, "the payload of a push")
        self._pushes += (PushRequest(msgspec.json.encode(event), body, durable, to),)

    def send(
        self,
        text: str = "",
        *,
        media: Media | None = None,
        via: str = "",
        to: str = "",
        reference: str = "",
    ) -> None:
        """Send the user a message by a provider, once the turn is durable.

        *via* is an account of the settings; else the one that he last wrote on. *to* is his number, where he never
        wrote on it. Kept until the provider has it; ``on_delivery`` hears what becomes of it. When the provider takes
        templates only (WhatsApp: 24 hours after his last message) the account's fallback template goes out, and the
        message waits for his answer. *reference* is a word of yours that comes back with all that is told of it.

        Raises:
          InvalidInput: there is nothing to send, or the reference cannot be one.
          AppFailed: more messages than one turn may send.

        """
        if not text and media is None:
            raise InvalidInput("a message needs a text or media")
        messages = (Message(text, media),)
        self._send(SendRequest(via or "", to or "", messages, reference=reference))

    def send_template(
        self,
        name: str,
        language: str,
        parameters: Mapping[str, str] | None = None,
        *,
        via: str = "",
        to: str = "",
        reference: str = "",
    ) -> None:
        """Send the user an approved template: also when he never wrote, or not for long. See ``send``.

        Raises:
          AppFailed: more messages than one turn may send.

        """
        template = Template(name=name, language=language, parameters=parameters or {})
        self._send(SendRequest(via or "", to or "", template=template, reference=reference))

    def start_flow(self, name: str, *, via: str = "", to: str = "", text: str = "") -> None:
        """Begin a flow with the user by ourselves, once the turn is durable; one that runs there ends.

        *via* is an account, or ``websocket``; else the account that he last wrote on. Where we cannot speak first
        (USSD) he sees it when he dials. *to*: see ``send``; *text*: what the flow sees as the words that began it.

        Raises:
          AppFailed: more flows than one turn may begin.

        """
        if len(self._starts) >= MAX_SENDS:
            raise AppFailed(f"more than {MAX_SENDS} flows begun in one turn")
        self._starts += (StartRequest(name, via or "", to or "", text),)

    def _send(self, request: SendRequest) -> None:
        if len(self._sends) >= MAX_SENDS:
            raise AppFailed(f"more than {MAX_SENDS} messages in one turn")
        self._sends += (request,)

    @property
    def aliases(self) -> tuple[str, ...]:
        """The users who are this one now: their phones and chats speak here."""
        return self._context.state.snapshot.aliases

    def offer_link(self) -> str:
        """Make a code that links whoever types it elsewhere (``redeem_link``) to this user.

        Eight digits, good once and for ten minutes. Show it to this user only: whoever types it is him. ``on_link``
        hears what comes of it.

        Raises:
          AppFailed: this turn offers a code already.

        """
        if any(one.step is LinkStep.OFFER for one in self._links):
            raise AppFailed("more than one code offered in one turn")
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        self._links += (LinkRequest(LinkStep.OFFER, code),)
        return code

    def redeem_link(self, code: str) -> None:
        """Use a code that this person was shown elsewhere: both users are one from then on; ``on_link`` hears of it.

        The user of a token goes on, else the one who offered the code.

        Raises:
          InvalidInput: it has not eight digits.
          Reject: ``too_many_tries``, more than five in this turn; of more than five within an hour ``on_link`` hears.

        """
        number = parse_code(code)
        if sum(one.step is LinkStep.CLAIM for one in self._links) >= MAX_TRIES:
            message = "too many codes were tried"
            raise Reject(message, code="too_many_tries", retry_after=TRIES_SECONDS)
        self._links += (LinkRequest(LinkStep.CLAIM, number),)

    def link(self, alias: str) -> None:
        """Make the user *alias*, of a phone or a chat, this one: the app knows that they are the same person.

        Nobody is asked: what says that he agrees is the app's. ``on_link`` hears what comes of it.

        Raises:
          InvalidInput: it is no user id.

        """
        self._links += (LinkRequest(LinkStep.ADOPT, parse_user_id(alias)),)

    def unlink(self, alias: str) -> None:
        """Let *alias* be himself again: his next input begins a session of his own. ``on_link`` hears of it.

        Raises:
          InvalidInput: he is not linked to this user.

        """
        if alias not in self.aliases:
            raise InvalidInput("this user is not linked here")
        self._links += (LinkRequest(LinkStep.RELEASE, alias),)

    def set_timer(
        self,
        name: str,
        *,
        after: float | None = None,
        at: float | None = None,
        payload: object = None,
    ) -> None:
        """Call the app's ``on_timer(name)`` handler in *after* seconds or *at* a wall-clock time, also after restarts.

        Setting a timer of the same name again replaces it. Resolution: one second. Fires at least once.

        Raises:
          InvalidInput: a reserved or empty name, not exactly one of *after* and *at*, or not a finite time.
          AppFailed: the payload cannot be encoded.

        """
        check_event_name(name)
        if (after is None) == (at is None):
            raise InvalidInput("a timer needs exactly one of after=seconds and at=time")
        due = self._context.now + after if after is not None else at
        if due is None or not math.isfinite(due):
            raise InvalidInput("a timer's time is a finite number of seconds")
        body = encode_json(payload, "the payload of a timer")
        self._timers += (TimerRequest(name, due, body),)

    def cancel_timer(self, name: str) -> None:
        """Cancel a timer; one that is not set is no error."""
        check_event_name(name)
        self._timers += (TimerRequest(name, None),)

    def kick(self, connection: ConnectionId | None = None) -> None:
        """Close one connection, or all of them; stock clients are told not to come back by themselves."""
        self._kicks += (KickRequest(connection, CloseCode.KICKED),)

    def end(self, reason: str = "ended", *, erase: bool = False) -> None:
        """End the session after this turn: connections are closed, timers go.

        *erase* removes the record at once, and messages that no provider has yet with it, this turn's too.
        """
        self._end = EndRequest(reason, CloseCode.ENDED, erase)

    async def journal(
        self,
        *,
        flow: str | None = None,
        conversation: str | None = None,
        event: str | None = None,
        status: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> JournalPage:
        """Read what happened in the user's conversations, newest first; entries of this turn are not among them.

        *flow* by its name, *conversation* by its key, *event* by its name or an older one's, *status* ``in_progress``,
        ``success``, ``failure`` or ``interrupted``; *cursor* of the page before. Texts are there when the setting
        ``journal.keep_texts`` says so. Cancellation reads nothing.

        Raises:
          InvalidInput: an unknown status, a limit out of 1 to 500, or what is no cursor.
          StoreUnavailable: the store is away.

        """
        query = JournalQuery(
            flow=flow,
            conversation=conversation,
            event=event,
            status=status,
            limit=limit,
            cursor=cursor,
        )
        read = self._context.read_journal
        if read is None:
            await trio.lowlevel.checkpoint()
            return JournalPage(entries=(), cursor=None)
        return await read(query)

    def outcome(self, reply: object, *, relaxed: bool) -> Outcome:
        """Collect everything that was asked for; called once, by the app's program."""
        body = None if reply is None else encode_json(reply, "what the handler returned")
        return Outcome(
            data=None if self._data is None else self._codec.encode(self._data),
            unread=self._unread,
            pushes=self._pushes,
            timers=self._timers,
            sends=self._sends,
            starts=self._starts,
            links=self._links,
            kicks=self._kicks,
            end=self._end,
            reply=body,
            relaxed=relaxed,
        )
