"""``POST /chat``: what a person says, from whoever carries it for his phone number; answered with what is shown to him.

::

    {"user_phone": "+233 24 412 3456", "user_message": "hello"}
    200 {"user_phone": "+233 24 412 3456", "bot_message": "What is your name?"}
    400 {"error": "Invalid input. 'user_phone' and 'user_message' are required."}

ChatterKeep's door, with the sentences of its errors; every other error of this path has the same form. The number may
be written in any way; the answer repeats it as it was sent, and it is kept nowhere (core/conversations/callers.py).

Checked in this order: who sends, size and content type, the JSON, the fields, the number, the rate. The answer waits
for functions that the flow runs, within ``wait_seconds``; what comes of them later is shown at the next request.

An ``Idempotency-Key`` names the message in the duplicate window of the person: sent again, it is not said again, and
answered as before, or, when that answer was not kept, with what the conversation is waiting for now.

Fails closed: without a token there is no such path, unless it is open on purpose. Who may use it speaks for everybody.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
from attrs import Attribute, evolve, field, frozen
from attrs.validators import ge, gt, le

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.callers import Caller, Callers
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.phone import MAX_PHONE_TEXT
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.conversations.shown import Readable, read_shown, text_of
from sessiond.core.described import JSON, Body, Credential, Form, Operation, Parameter, Reply
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.flows.answers import Answer
from sessiond.core.ids import Digest, UserId, input_digest
from sessiond.core.ports import Clock, Entropy
from sessiond.core.session.inputs import Input
from sessiond.core.token_bucket import RateLimit, TokenBuckets
from sessiond.edges.http.answers import Explained, WrongMediaType, json_answer
from sessiond.edges.http.failures import TURN, WRONG_MEDIA_TYPE, failures
from sessiond.edges.http.json_bodies import is_json, parse_json
from sessiond.edges.http.router import Route
from sessiond.net.messages import Request, Response

__all__ = ["ChatDoor", "ChatSettings", "check_token"]

#: What a platform is to routes and session keys, and which of its gateways this one is.
_PLATFORM: Final = "http"
_GATEWAY: Final = "chat"

#: Bytes of a token at least: it cannot be tried out.
_MIN_TOKEN: Final = 16

#: What an ``Authorization`` header can hold (RFC 6750, section 2.1).
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")

_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")

_MAX_IDEMPOTENCY_KEY: Final = 128

#: For the turn itself, beside the functions that it waits for: the queue, the commit, a store that is slow.
_TURN_SECONDS: Final = 5.0

_REQUIRED: Final = "Invalid input. 'user_phone' and 'user_message' are required."


def _check_path(_: object, __: "Attribute[str]", value: str) -> None:
    if _PATH.fullmatch(value) is None:
        raise InvalidInput("is not a path of letters, digits and . _ ~ - like /chat")


@frozen(kw_only=True)
class ChatSettings:
    """Who may carry what people say over plain HTTP, and how much."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    """Whoever sends ``Authorization: Bearer <token>`` with one of these may speak for every phone number. At least 16
    characters each; set the old and the new one while a token is being replaced. None: there is no such path, unless
    ``chat.open``."""
    open: bool = False
    """Let everybody who reaches the path speak for every phone number: for trying things out, or behind a proxy that
    asks for a password."""
    path: str = field(default="/chat", validator=_check_path)
    """Where it is."""
    wait_seconds: float = field(default=8.0, validator=[gt(0), le(60)])
    """How long an answer waits for functions that flows run (``c.run``). Then the person is told to wait, and sees what
    came of them with his next message."""
    message_characters: int = field(default=4096, validator=[gt(0), le(65536)])
    """The longest message; flows have a bound of their own (4096)."""
    max_body_bytes: int = field(default=64 * 1024, validator=gt(0))
    """The largest request; the HTTP loop's own bound comes first when it is lower."""
    rate_per_second: float = field(default=2.0, validator=[gt(0), le(1e6)])
    """How many messages of one phone number are taken in the long run."""
    rate_burst: float = field(default=20.0, validator=[ge(1), le(1e6)])
    """How many of one number are taken at once."""

    @property
    def is_on(self) -> bool:
        """Whether there is such a path."""
        return bool(self.tokens) or self.open


class Asked(Protocol):
    """What the door needs of an actor's ref (runtime/ref.py)."""

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109
        """Wait for what is shown; raises what ``ActorRef.ask`` does."""
        ...


class Directory(Protocol):
    """What the door needs of the directory (runtime/directory.py)."""

    def locate(self, user: UserId) -> Asked:
        """Return the address of *user*'s actor."""
        ...


@frozen
class _Message:
    """What somebody says, checked."""

    caller: Caller
    phone: str = field(repr=False)
    """As it was sent."""
    text: str = field(repr=False)
    digest: Digest | None


class ChatDoor:
    """The door. Without a token, and not open, it has no routes and needs no *keys*.

    Raises:
      InvalidInput: a token, or the secret that numbers are hashed with (*keys*), is unusable; says which.

    """

    def __init__(
        self,
        settings: ChatSettings,
        *,
        keys: SessionKeySettings,
        directory: Directory,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._clock = clock
        self._entropy = entropy
        self._tokens = tuple(_hashed(check_token(token)) for token in settings.tokens)
        self._callers = Callers(keys) if settings.is_on else None
        limit = RateLimit(settings.rate_per_second, settings.rate_burst)
        self._buckets: TokenBuckets[UserId] = TokenBuckets(limit)

    def routes(self) -> tuple[Route, ...]:
        """Return the one route, if it is on."""
        callers = self._callers
        if callers is None:
            return ()

        async def handle(request: Request, _parameters: Mapping[str, str]) -> Response:
            return await self._handle(request, callers)

        operation = _operation(self._settings)
        return (Route("POST", self._settings.path, handle, says=_say, describes=operation),)

    async def _handle(self, request: Request, callers: Callers) -> Response:
        """Answer one message. Cancelled, it may or may not have been said."""
        self._check_sender(request)
        self._check_envelope(request)
        message = self._read(request, callers)
        self._check_rate(message.caller)
        shown = await self._ask(request, message)
        if shown.duplicate:
            shown = await self._ask(request, message, reminds=True)
        return json_answer(200, {"user_phone": message.phone, "bot_message": text_of(shown)})

    def _check_sender(self, request: Request) -> None:
        """Compare with every token, whichever fits: how long it takes tells nothing."""
        if self._settings.open:
            return
        scheme, _, given = (request.header("authorization") or "").partition(" ")
        hashed = _hashed(given.strip())
        same = [hmac.compare_digest(hashed, token) for token in self._tokens]
        if scheme.lower() != "bearer" or not any(same):
            reason = "unknown token" if given else "no token"
            telemetry.emit("auth.refused", {}, {"door": "chat", "reason": reason})
            raise Refused(
                ErrorCode.UNAUTHORIZED, "A token is needed: 'Authorization: Bearer <token>'."
            )

    def _check_envelope(self, request: Request) -> None:
        limit = self._settings.max_body_bytes
        if len(request.body) > limit:
            raise Refused(ErrorCode.TOO_LARGE, f"The request has more than {limit} bytes.")
        if not is_json(request):
            raise WrongMediaType("The request must be application/json, in UTF-8, not compressed.")

    def _read(self, request: Request, callers: Callers) -> _Message:
        document = parse_json(request.body)
        if not isinstance(document, dict):
            raise InvalidInput("Invalid input. The request must be a JSON object.")
        phone, text = document.get("user_phone"), document.get("user_message")
        if not phone or not text:
            raise InvalidInput(_REQUIRED)
        if not isinstance(phone, str) or not isinstance(text, str):
            raise InvalidInput("Invalid input. 'user_phone' and 'user_message' must be texts.")
        limit = self._settings.message_characters
        if len(text) > limit:
            raise InvalidInput(f"Invalid input. 'user_message' has more than {limit} characters.")
        return _Message(_caller(callers, phone), phone, text, _digest(request))

    def _check_rate(self, caller: Caller) -> None:
        wait = self._buckets.take(caller.user, self._clock.monotonic())
        if wait > 0:
            telemetry.emit("rate.limited", {}, {"scope": "user", "user": caller.user})
            raise Refused(
                ErrorCode.RATE_LIMITED, "Too many messages of this number.", retry_after=wait
            )

    async def _ask(self, request: Request, message: _Message, *, reminds: bool = False) -> Readable:
        seconds = self._settings.wait_seconds
        caller = message.caller
        said = Said(
            facts=ChannelFacts(
                platform=_PLATFORM,
                gateway=_GATEWAY,
                host=request.header("host") or "",
                path=request.path,
                request_id=self._entropy.token(16).hex(),
                msisdn=caller.number,
                user_id=caller.user,
            ),
            answer=Answer() if reminds else Answer(text=message.text),
            digest=None if reminds else message.digest,
            waits_seconds=seconds,
            reminds=reminds,
        )
        ref = self._directory.locate(caller.user)
        return read_shown(await ref.ask(said, timeout=seconds + _TURN_SECONDS))


def check_token(text: str) -> str:
    """Check a token of ``ChatSettings.tokens``, and return it.

    Raises:
      InvalidInput: it is too short, or cannot be sent in a header. It is not repeated.

    """
    if len(text) < _MIN_TOKEN:
        raise InvalidInput(f"a token has at least {_MIN_TOKEN} characters")
    if _TOKEN.fullmatch(text) is None:
        raise InvalidInput("a token has letters, digits and . _ ~ + / - only")
    return text


def _hashed(token: str) -> bytes:
    """Make tokens of one length: comparing them takes the same time."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _caller(callers: Callers, phone: str) -> Caller:
    try:
        return callers.find(phone)
    except InvalidInput:
        raise InvalidInput(
            "Invalid input. 'user_phone' must be a phone number in international form, like +12025550123."
        ) from None


def _digest(request: Request) -> Digest | None:
    keys = request.values("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or not (0 < len(key) <= _MAX_IDEMPOTENCY_KEY and _is_visible(key)):
        raise InvalidInput(
            "Invalid input. There is one 'Idempotency-Key' at most, of 1 to"
            f" {_MAX_IDEMPOTENCY_KEY} printable ASCII characters."
        )
    return input_digest(_GATEWAY, key)


def _is_visible(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _say(explained: Explained) -> Response:
    """Say an error in ChatterKeep's form; status and ``Retry-After`` are those of all doors."""
    usual = explained.answer()
    headers = usual.headers
    if explained.code == ErrorCode.UNAUTHORIZED:
        headers = (*headers, ("www-authenticate", "Bearer"))
    body = msgspec.json.encode({"error": _sentence(explained.message)})
    return evolve(usual, headers=headers, body=body)


def _operation(settings: ChatSettings) -> Operation:
    """Describe the door as it is set."""
    phone = {"type": "string", "minLength": 1, "maxLength": MAX_PHONE_TEXT, "format": "phone"}
    text = {"type": "string", "minLength": 1, "maxLength": settings.message_characters}
    said = _object("ChatMessage", user_phone=phone, user_message=text)
    shown = _object("ChatReply", user_phone=phone, bot_message={"type": "string"})
    asks = failures(
        (
            (ErrorCode.UNAUTHORIZED, "There is no token, or an unknown one."),
            (ErrorCode.TOO_LARGE, "More than `chat.max_body_bytes`."),
            (ErrorCode.RATE_LIMITED, "More than `chat.rate_per_second` of this number."),
            *TURN,
        ),
        _object("ChatError", error={"type": "string", "description": "A sentence for people."}),
        texts={415: WRONG_MEDIA_TYPE},
    )
    challenge = {"WWW-Authenticate": {"const": "Bearer"}}
    return Operation(
        summary="Say something for a phone number",
        says="Answered with what is shown to the person.",
        parameters=(
            Parameter(
                name="Idempotency-Key",
                where="header",
                says="Names the message: sent again with the same key it is not said again.",
                schema={
                    "type": "string",
                    "maxLength": _MAX_IDEMPOTENCY_KEY,
                    "pattern": "^[!-~]([ -~]*[!-~])?$",
                },
                required=False,
            ),
        ),
        body=Body({JSON: said}, example={"user_phone": "+233244123456", "user_message": "hello"}),
        replies=asks
        | {
            200: Reply(says="What is shown to the person.", forms=(shown,)),
            401: evolve(asks[401], headers=challenge),
        },
        credentials=()
        if settings.open
        else (Credential("chat", {"type": "http", "scheme": "bearer"}),),
    )


def _object(name: str, **fields: Mapping[str, object]) -> Form:
    return Form(name, {"type": "object", "properties": fields, "required": [*fields]})


def _sentence(message: str) -> str:
    """Make a sentence of a message in the style of the other doors."""
    return message if message.endswith(".") else f"{message[:1].upper()}{message[1:]}."
