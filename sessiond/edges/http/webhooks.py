"""``POST /hooks/<hook>/<user>``: a signed JSON document for one user.

Checked in this order, so that nobody without the secret learns anything or costs much: the
sender's address, size and content type; the signature over the raw bytes (Standard Webhooks); the
rate; the hook; the JSON; the user id. The ``webhook-id`` then names the input in the duplicate
window: a repeat of an accepted one is answered as the first was, with ``webhook-duplicate: true``.

An *accepting* hook is answered 202 as soon as it is durable in the inbox. A *waiting* hook is
answered with what its handler returns; the runtime recognises repeats by the same id.

Fails closed: a hook for which no secret is configured refuses everything with 401.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from attrs import field, frozen
from attrs.validators import gt

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.described import JSON, Body, Credential, Form, Operation, Parameter, Reply
from sessiond.core.errors import ActorGone, InvalidInput, Refused, SessiondError
from sessiond.core.ids import (
    MAX_INPUT_ID_BYTES,
    MAX_USER_ID_BYTES,
    Digest,
    UserId,
    input_digest,
    parse_user_id,
)
from sessiond.core.ports import Clock
from sessiond.core.records import Receipt, ReceiptStatus
from sessiond.core.session.inputs import HookCall, Input
from sessiond.core.token_bucket import RateLimit, TokenBuckets
from sessiond.edges.http.answers import WrongMediaType, explain, json_answer
from sessiond.edges.http.failures import TURN, WRONG_MEDIA_TYPE, failures
from sessiond.edges.http.json_bodies import is_json, parse_json
from sessiond.edges.http.peers import is_within, parse_network
from sessiond.edges.http.router import Route
from sessiond.gateways.standard_webhooks import (
    TOLERANCE_SECONDS,
    SignedHeaders,
    WebhookSecret,
    parse_secret,
    verify,
)
from sessiond.net.messages import Request, Response

__all__ = ["Hook", "WebhookSettings", "Webhooks"]

_ACCEPTED: Final = {"status": "accepted"}

#: What ``webhook-timestamp`` may be at most: twelve digits.
_LAST_SECOND: Final = 999_999_999_999

_ACCEPTED_FORM: Final = Form(
    "Accepted",
    {
        "type": "object",
        "properties": {"status": {"const": _ACCEPTED["status"]}},
        "required": ["status"],
    },
)

_OPERATION: Final = Operation(
    summary="Send a user a document",
    says="""\
Signed as Standard Webhooks says (standardwebhooks.com): HMAC-SHA-256 over `<webhook-id>.<webhook-timestamp>.<body>`.

Send it again, with the same `webhook-id`, until the answer is 2xx: it is applied once. A waiting hook is answered 200
with what its handler returns; any other one 202 as soon as the document is durable.""",
    parameters=(
        Parameter(
            name="hook",
            where="path",
            says="The name of a hook of the app; `json` is always there.",
            schema={"type": "string", "minLength": 1, "format": "hook"},
            example="json",
        ),
        Parameter(
            name="user",
            where="path",
            says=f"The user's id: printable, at most {MAX_USER_ID_BYTES} bytes of UTF-8.",
            schema={
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_USER_ID_BYTES,
                "format": "user-id",
            },
            example="ama",
        ),
        Parameter(
            name="webhook-id",
            where="header",
            says="Names the document; printable ASCII without a full stop.",
            schema={
                "type": "string",
                "maxLength": MAX_INPUT_ID_BYTES,
                "pattern": r"^[!-\-/-~]([ -\-/-~]*[!-\-/-~])?$",
            },
            example="msg-1",
        ),
        Parameter(
            name="webhook-timestamp",
            where="header",
            says="When it was signed, in seconds since 1970; `webhook.tolerance_seconds` from now at most.",
            schema={"type": "integer", "minimum": 0, "maximum": _LAST_SECOND},
        ),
    ),
    body=Body(
        {
            JSON: Form(
                "Document",
                {"description": "Any JSON document; the hook's handler says which it understands."},
            )
        },
        example={"type": "paid", "order": 7},
    ),
    replies=failures(
        (
            (ErrorCode.UNAUTHORIZED, "A header is missing or unusable, or no signature is right."),
            (ErrorCode.FORBIDDEN, "Webhooks are not taken from this address."),
            (ErrorCode.TOO_LARGE, "More than `webhook.max_body_bytes`."),
            (ErrorCode.RATE_LIMITED, "More than `webhook.rate_per_second`."),
            *TURN,
        ),
        texts={415: WRONG_MEDIA_TYPE},
    )
    | {
        200: Reply(
            says="A waiting hook's reply.",
            forms=(Form("HookReply", {"description": "What the handler returned."}),),
        ),
        202: Reply(
            says="It is durable. Sent again it is answered in the same way, and not applied again.",
            forms=(_ACCEPTED_FORM,),
            headers={
                "webhook-duplicate": {
                    "const": "true",
                    "description": "There when it had been accepted before.",
                }
            },
        ),
    },
    credentials=(
        Credential(
            "webhook",
            {
                "type": "apiKey",
                "in": "header",
                "name": "webhook-signature",
                "description": "`v1,<base64>`; several are separated by spaces, and one of them has to be right.",
            },
        ),
    ),
)


class Hook(Protocol):
    """What the door knows of a registered hook; ``App.on_webhook`` makes them."""

    @property
    def name(self) -> str:
        """The segment of the path, and with ``hook:`` before it the kind of the input."""
        ...

    @property
    def waits(self) -> bool:
        """Whether the sender gets the handler's own answer, instead of 202 once it is durable."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long a waiting sender waits; senders give up after 15 to 30 seconds."""
        ...


@frozen(kw_only=True)
class WebhookSettings:
    """Who may send webhooks, and how much."""

    secrets: tuple[str, ...] = field(default=(), repr=False)
    """``whsec_<base64>``, of 24 to 64 bytes. Each of them verifies: set the old and the new one
    while a secret is being replaced. None: every webhook is refused."""
    hook_secrets: Mapping[str, tuple[str, ...]] = field(factory=dict, repr=False)
    """Hook name to the secrets that count for it *instead*: one sender cannot sign for another."""
    tolerance_seconds: float = field(default=TOLERANCE_SECONDS, validator=gt(0))
    """How far ``webhook-timestamp`` may be from our clock, both ways."""
    max_body_bytes: int = field(default=256 * 1024, validator=gt(0))
    """The largest document; the HTTP loop's own bound comes first when it is lower."""
    allowed_networks: tuple[str, ...] = ()
    """Addresses or networks webhooks may come from; none: from anywhere. What counts is the other
    end of the socket, so behind a reverse proxy leave this to the proxy."""
    rate_per_second: float | None = None
    """How many webhooks each hook takes in the long run; ``None``: no limit."""
    rate_burst: float = 100.0
    """How many each hook takes at once, when there is a limit."""


class Intake(Protocol):
    """What an accepting hook needs of the runtime (runtime/intake.py)."""

    async def accept(self, user: UserId, kind: str, body: bytes, digest: Digest) -> Receipt:
        """Make the input durable and tell the actor; raises ``StoreUnavailable``, ``Refused``."""
        ...


class Asked(Protocol):
    """What a waiting hook needs of an actor's ref (runtime/ref.py)."""

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109
        """Wait for the JSON answer; raises what ``ActorRef.ask`` does."""
        ...


class Directory(Protocol):
    """What a waiting hook needs of the directory (runtime/directory.py)."""

    def locate(self, user: UserId) -> Asked:
        """Return the address of *user*'s actor."""
        ...


class Webhooks:
    """The webhook door. *hooks* is read at each request, so hooks may be registered later.

    Raises:
      InvalidInput: a secret, a network or the rate of *settings* is unusable; says which.

    """

    def __init__(
        self,
        settings: WebhookSettings,
        *,
        hooks: Mapping[str, Hook],
        intake: Intake,
        directory: Directory,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._intake = intake
        self._directory = directory
        self._clock = clock
        self._secrets = _parse_secrets(settings.secrets, "webhook.secrets")
        self._hook_secrets = {
            hook: _parse_secrets(secrets, f"webhook.hook_secrets.{hook}")
            for hook, secrets in settings.hook_secrets.items()
        }
        self._networks = tuple(parse_network(text) for text in settings.allowed_networks)
        self._buckets: TokenBuckets[str] | None = None
        if settings.rate_per_second is not None:
            self._buckets = TokenBuckets(RateLimit(settings.rate_per_second, settings.rate_burst))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should be told at start: hooks that refuse everything."""
        closed = sorted(name for name in self._hooks if not self._secrets_of(name))
        return tuple(f"hook {name!r} has no secret: it refuses every webhook" for name in closed)

    def routes(self) -> tuple[Route, ...]:
        """Return the one route of all hooks."""
        return (Route("POST", "/hooks/{hook}/{user}", self._handle, describes=_OPERATION),)

    async def _handle(self, request: Request, parameters: Mapping[str, str]) -> Response:
        """Answer one webhook. Cancelled, it may or may not have been applied: senders repeat."""
        name = parameters["hook"]
        try:
            return await self._take(self._check(request, name, parameters["user"]))
        except SessiondError as error:
            explained = explain(error)
            if explained is None:
                raise
            # A name that is not registered is the sender's invention: no word for telemetry.
            about = {
                "hook": name if name in self._hooks else "unknown",
                "code": explained.code,
            }
            telemetry.emit("webhook.refused", {}, about)
            return explained.answer()

    def _check(self, request: Request, name: str, user: str) -> "_Webhook":
        """Check everything that can be checked before anything is done, in the order above."""
        self._check_envelope(request)
        message_id = self._check_sender(request, name)
        hook = self._hooks.get(name)
        if hook is None:
            raise Refused(ErrorCode.UNKNOWN_EVENT, "there is no hook of this name")
        payload = parse_json(request.body)
        digest = input_digest(_kind(hook), message_id)
        return _Webhook(hook, parse_user_id(user), payload, request.body, digest)

    def _check_envelope(self, request: Request) -> None:
        if self._networks and not is_within(request, self._networks):
            raise Refused(ErrorCode.FORBIDDEN, "webhooks are not taken from this address")
        if len(request.body) > self._settings.max_body_bytes:
            limit = self._settings.max_body_bytes
            raise Refused(ErrorCode.TOO_LARGE, f"a webhook has at most {limit} bytes")
        if not is_json(request):
            raise WrongMediaType("a webhook is application/json, in UTF-8 and not compressed")

    def _check_sender(self, request: Request, name: str) -> str:
        """Check signature and rate; return the id."""
        headers = SignedHeaders(
            request.header("webhook-id"),
            request.header("webhook-timestamp"),
            request.header("webhook-signature"),
        )
        try:
            message_id = verify(
                self._secrets_of(name),
                headers,
                request.body,
                now=self._clock.now(),
                tolerance_seconds=self._settings.tolerance_seconds,
            )
        except Refused as refused:
            telemetry.emit("auth.refused", {}, {"door": "webhook", "reason": refused.message})
            raise
        self._check_rate(name)
        return message_id

    def _check_rate(self, name: str) -> None:
        if self._buckets is None:
            return
        wait = self._buckets.take(name, self._clock.monotonic())
        if wait > 0:
            telemetry.emit("rate.limited", {}, {"scope": "gateway", "user": None})
            raise Refused(ErrorCode.RATE_LIMITED, "too many webhooks", retry_after=wait)

    async def _take(self, webhook: "_Webhook") -> Response:
        hook = webhook.hook
        about = {"user": webhook.user, "hook": hook.name}
        began = self._clock.monotonic()
        if hook.waits:
            call = HookCall(hook.name, webhook.payload, webhook.digest)
            ref = self._directory.locate(webhook.user)
            response = json_answer(200, await ref.ask(call, timeout=hook.timeout_seconds))
        else:
            if await self._accept(webhook) is ReceiptStatus.DUPLICATE:
                telemetry.emit("webhook.duplicate", {}, about)
                return json_answer(202, _ACCEPTED, (("webhook-duplicate", "true"),))
            response = json_answer(202, _ACCEPTED)
        duration = self._clock.monotonic() - began
        measured = {"duration": duration, "size": len(webhook.body)}
        telemetry.emit("webhook.accepted", measured, about)
        return response

    async def _accept(self, webhook: "_Webhook") -> ReceiptStatus:
        receipt = await self._intake.accept(
            webhook.user, _kind(webhook.hook), webhook.body, webhook.digest
        )
        if receipt.status is ReceiptStatus.FENCED:
            raise ActorGone("another node owns this user now")
        return receipt.status

    def _secrets_of(self, name: str) -> tuple[WebhookSecret, ...]:
        return self._hook_secrets.get(name, self._secrets)


@frozen
class _Webhook:
    """A webhook that may be applied."""

    hook: Hook
    user: UserId
    payload: object
    body: bytes
    digest: Digest


def _kind(hook: Hook) -> str:
    return f"hook:{hook.name}"


def _parse_secrets(texts: Iterable[str], setting: str) -> tuple[WebhookSecret, ...]:
    try:
        return tuple(parse_secret(text) for text in texts)
    except InvalidInput as error:
        raise InvalidInput(f"{setting}: {error}") from None
