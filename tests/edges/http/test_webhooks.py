"""The webhook door (sessiond/edges/http/webhooks.py), before stand-ins for the runtime."""

import base64
import json
from typing import Any

import pytest
import trio
from attrs import define, evolve, field
from hypothesis import given
from hypothesis import strategies as st

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    InvalidInput,
    MailboxFull,
    Refused,
    SnapshotCorrupt,
    StoreUnavailable,
    TurnFailed,
)
from sessiond.core.ids import Digest, UserId, input_digest
from sessiond.core.records import Receipt, ReceiptStatus
from sessiond.core.session.inputs import HookCall, Input
from sessiond.edges.http.router import Router
from sessiond.edges.http.webhooks import Webhooks, WebhookSettings
from sessiond.gateways.standard_webhooks import parse_secret, sign
from sessiond.net.messages import Headers, Request, Response

NOW = 1_700_000_000
BODY = b'{"deal": 7}'
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()
SETTINGS = WebhookSettings(secrets=(SECRET,))


@define
class Hook:
    """A registered hook."""

    name: str
    waits: bool = False
    timeout_seconds: float = 10.0


HOOKS = {
    "json": Hook("json"),
    "quote": Hook("quote", waits=True, timeout_seconds=7.0),
}


@define
class Clock:
    """A clock that the test moves."""

    at: float = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


@define
class Intake:
    """Remembers what was accepted; the duplicate window is decided after a checkpoint."""

    accepted: list[tuple[str, str, bytes, Digest]] = field(factory=list)
    error: Exception | None = None
    is_fenced: bool = False

    async def accept(self, user: UserId, kind: str, body: bytes, digest: Digest) -> Receipt:
        await trio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        if self.is_fenced:
            return Receipt(ReceiptStatus.FENCED)
        if any(digest == one[3] and user == one[0] for one in self.accepted):
            return Receipt(ReceiptStatus.DUPLICATE)
        self.accepted.append((user, kind, body, digest))
        return Receipt(ReceiptStatus.ACCEPTED)


@define
class Directory:
    """The address of everybody: answers with *answer*, or raises *error*."""

    asked: list[tuple[UserId | None, Input, float]] = field(factory=list)
    answer: bytes = b'{"price":3}'
    error: Exception | None = None
    user: UserId | None = None

    def locate(self, user: UserId) -> "Directory":
        self.user = user
        return self

    async def ask(self, item: Input, *, timeout: float) -> bytes:  # noqa: ASYNC109
        await trio.lowlevel.checkpoint()
        self.asked.append((self.user, item, timeout))
        if self.error is not None:
            raise self.error
        return self.answer


class Door:
    """The door and what is behind it."""

    def __init__(self, settings: WebhookSettings = SETTINGS) -> None:
        self.clock, self.intake, self.directory = Clock(), Intake(), Directory()
        self.webhooks = Webhooks(
            settings,
            hooks=HOOKS,
            intake=self.intake,
            directory=self.directory,
            clock=self.clock,
        )
        self._router = Router(self.webhooks.routes(), self.clock)

    async def post(self, request: Request) -> Response:
        return await self._router(request)

    @property
    def is_untouched(self) -> bool:
        return not self.intake.accepted and not self.directory.asked


def signed(
    path: str = "/hooks/json/ama",
    body: bytes = BODY,
    *,
    message_id: str = "msg_1",
    at: int = NOW,
    secret: str = SECRET,
    content_type: str = "application/json",
) -> Request:
    signature = sign(parse_secret(secret), message_id=message_id, timestamp=at, body=body)
    headers: Headers = (
        ("content-type", content_type),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", signature),
    )
    return Request(
        method="POST", target=path, path=path, headers=headers, body=body, peer="192.0.2.1"
    )


def without(request: Request, name: str) -> Request:
    return evolve(request, headers=tuple(pair for pair in request.headers if pair[0] != name))


async def refusal(request: Request, door: Door | None = None) -> tuple[int, dict[str, Any]]:
    """Post *request*, which must be refused and reach nothing; return status and body."""
    door = door or Door()
    answer = await door.post(request)
    body = json.loads(answer.body)
    assert answer.status >= 400
    assert door.is_untouched
    assert body["code"] == body["reason"]
    assert body["message"]
    return answer.status, body


# ------------------------------------------------------------------------------- what is accepted


async def test_a_webhook_is_accepted_once_it_is_durable() -> None:
    """202; the intake got the raw body under the digest of the webhook's id."""
    door = Door()
    answer = await door.post(signed())

    assert (answer.status, json.loads(answer.body)) == (202, {"status": "accepted"})
    digest = input_digest("hook:json", "msg_1")
    assert door.intake.accepted == [("ama", "hook:json", BODY, digest)]


async def test_a_duplicated_webhook_gets_the_first_answer() -> None:
    """The same id again: the same answer, marked, and nothing is accepted twice."""
    door = Door()
    first, second = await door.post(signed()), await door.post(signed())

    assert (second.status, second.body) == (first.status, first.body)
    assert dict(second.headers)["webhook-duplicate"] == "true"
    assert "webhook-duplicate" not in dict(first.headers)
    assert len(door.intake.accepted) == 1


async def test_concurrent_duplicates_are_accepted_once() -> None:
    """Ten deliveries of one webhook at the same time: all answered 202, one accepted."""
    door, answers = Door(), list[Response]()

    async def post() -> None:
        answers.append(await door.post(signed()))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(post)

    assert {answer.status for answer in answers} == {202}
    assert len(door.intake.accepted) == 1


async def test_an_id_names_an_input_of_its_hook_and_user() -> None:
    """The same id for another user, or of another hook, is another webhook."""
    door = Door()
    for path in ("/hooks/json/ama", "/hooks/json/kofi", "/hooks/quote/ama"):
        answer = await door.post(signed(path))
        assert "webhook-duplicate" not in dict(answer.headers)

    call = door.directory.asked[0][1]
    assert isinstance(call, HookCall)
    assert call.digest == input_digest("hook:quote", "msg_1") != door.intake.accepted[0][3]


async def test_a_waiting_hook_answers_with_the_handlers_answer() -> None:
    """200 with the handler's JSON; the actor got payload, id and the hook's time-out."""
    door = Door()
    answer = await door.post(signed("/hooks/quote/ama"))

    assert (answer.status, answer.body) == (200, b'{"price":3}')
    digest = input_digest("hook:quote", "msg_1")
    assert door.directory.asked == [("ama", HookCall("quote", {"deal": 7}, digest), 7.0)]


async def test_a_user_id_may_be_percent_encoded() -> None:
    """Telephone numbers, addresses and slashes survive the path."""
    door = Door()
    await door.post(signed("/hooks/json/%2B233%2F20%40x"))

    assert door.intake.accepted[0][0] == "+233/20@x"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/cloudevents+json"],
)
async def test_json_by_any_of_its_names(content_type: str) -> None:
    """Case, a UTF-8 charset and ``+json`` types do not matter."""
    assert (await Door().post(signed(content_type=content_type))).status == 202


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
async def test_either_secret_counts_during_a_rotation(secret: str) -> None:
    """With two secrets configured, what either signed is accepted."""
    door = Door(WebhookSettings(secrets=(OTHER_SECRET, SECRET)))

    assert (await door.post(signed(secret=secret))).status == 202


# --------------------------------------------------------------------------------- what is refused


@given(st.binary(max_size=80))
async def test_garbage_is_refused(body: bytes) -> None:
    """Random bytes, even when they are signed: JSON is accepted, the rest a bad request."""
    door = Door()
    answer = await door.post(signed(body=body))
    try:
        json.loads(body)
    except ValueError:
        assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_request")
        assert door.is_untouched


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":}', b"\xff", b'"\xff"', b"NaN"])
async def test_a_document_that_is_none_is_refused(body: bytes) -> None:
    """Empty, unfinished, not UTF-8: signed or not, it is no JSON."""
    status, answer = await refusal(signed(body=body))

    assert (status, answer["message"]) == (400, "the body is not a JSON document")


async def test_a_document_that_nests_too_deeply_is_refused() -> None:
    """With or without an end; the same on every interpreter."""
    for body in (b"[" * 99_999, b"[" * 257 + b"]" * 257):
        status, answer = await refusal(signed(body=body))

        assert (status, answer["message"]) == (400, "the body is nested deeper than 256 levels")


async def test_a_truncated_webhook_is_refused() -> None:
    """The signature is over the whole body, so a part of it is not accepted."""
    request = signed(body=b'{"deal": 71}')

    for length in range(len(request.body)):
        status, _ = await refusal(evolve(request, body=request.body[:length]))
        assert status == 401


async def test_a_body_changed_by_a_byte_is_refused() -> None:
    """A document that is still JSON but not the signed one."""
    status, answer = await refusal(evolve(signed(), body=b'{"deal": 8}'))

    assert (status, answer["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_an_unsigned_webhook_is_refused(name: str) -> None:
    """Each of the three headers is needed, exactly once."""
    request = signed()
    twice = evolve(request, headers=(*request.headers, (name, request.header(name) or "")))

    for one in (without(request, name), twice):
        assert (await refusal(one))[0] == 401


async def test_a_webhook_of_another_sender_is_refused() -> None:
    """Signed, but with a secret that is not ours."""
    assert (await refusal(signed(secret=OTHER_SECRET)))[0] == 401


async def test_a_replayed_webhook_is_refused() -> None:
    """A recording sent again after five minutes, its signature still right."""
    status, answer = await refusal(signed(at=NOW - 301))

    assert (status, answer["message"]) == (401, "webhook-timestamp is too far in the past")


async def test_a_webhook_from_the_future_is_refused() -> None:
    """Postdated ones could be replayed for longer."""
    status, answer = await refusal(signed(at=NOW + 301))

    assert (status, answer["message"]) == (401, "webhook-timestamp is too far in the future")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16",
     "application/jsonp", "json"],
)  # fmt: skip
async def test_a_wrong_content_type_is_refused(content_type: str) -> None:
    """415, before anything is parsed."""
    assert (await refusal(signed(content_type=content_type)))[0] == 415


async def test_a_missing_content_type_or_a_compressed_body_is_refused() -> None:
    """Nobody guesses what a body is, or unpacks it."""
    request = signed()
    packed = evolve(request, headers=(*request.headers, ("content-encoding", "gzip")))

    for one in (without(request, "content-type"), packed):
        assert (await refusal(one))[0] == 415


async def test_an_oversize_webhook_is_refused() -> None:
    """413, before its signature is computed."""
    door = Door(evolve(SETTINGS, max_body_bytes=10))

    assert (await refusal(evolve(signed(), body=b" " * 11), door))[0] == 413


async def test_an_unknown_hook_is_refused() -> None:
    """404; but who has no secret learns only that he has none."""
    request = signed("/hooks/unheard-of/ama")

    assert (await refusal(request))[1]["code"] == "unknown_event"
    assert (await refusal(without(request, "webhook-signature")))[0] == 401


async def test_an_unknown_user_is_refused() -> None:
    """404 with its own code, at either kind of hook."""
    door = Door()
    door.intake.error = door.directory.error = Refused(ErrorCode.UNKNOWN_USER, "unknown user")

    for path in ("/hooks/json/ama", "/hooks/quote/ama"):
        answer = await door.post(signed(path))
        assert (answer.status, json.loads(answer.body)["code"]) == (404, "unknown_user")


@pytest.mark.parametrize("user", ["%00", "%0A", "x" * 129, "%ED%A0%80", "%zz"])
async def test_a_user_id_that_is_none_is_refused(user: str) -> None:
    """Control characters, over-long and undecodable ids."""
    status, answer = await refusal(signed(f"/hooks/json/{user}"))

    assert (status, answer["code"]) == (400, "bad_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_another_method_is_refused(method: str) -> None:
    """Webhooks are posted."""
    assert (await refusal(evolve(signed(), method=method)))[0] == 405


async def test_without_a_secret_everything_is_refused() -> None:
    """Fail closed: 401 for every webhook, and a warning for each hook at start."""
    door = Door(WebhookSettings())

    assert (await refusal(signed(), door))[0] == 401
    assert [text.split(" has")[0] for text in door.webhooks.warnings] == [
        "hook 'json'",
        "hook 'quote'",
    ]
    assert not Door().webhooks.warnings


async def test_a_hook_with_its_own_secret_takes_no_other() -> None:
    """One sender cannot sign for another; an empty list closes one hook."""
    settings = evolve(SETTINGS, hook_secrets={"json": (OTHER_SECRET,), "quote": ()})

    assert (await refusal(signed(), Door(settings)))[0] == 401
    assert (await refusal(signed("/hooks/quote/ama"), Door(settings)))[0] == 401
    assert (await Door(settings).post(signed(secret=OTHER_SECRET))).status == 202


async def test_only_allowed_addresses_may_send() -> None:
    """With an allow-list everybody else is turned away first."""
    inside = Door(evolve(SETTINGS, allowed_networks=("192.0.2.0/24",)))
    outside = Door(evolve(SETTINGS, allowed_networks=("10.0.0.0/8",)))

    assert (await inside.post(signed())).status == 202
    assert (await refusal(signed(), outside))[1]["code"] == "forbidden"


async def test_a_flood_is_limited_per_hook() -> None:
    """Over the rate: 429 with the time to wait; other hooks and unsigned requests cost nothing."""
    door = Door(evolve(SETTINGS, rate_per_second=0.5, rate_burst=1))
    await door.post(without(signed(), "webhook-signature"))
    statuses = [(await door.post(signed(message_id=f"m{n}"))).status for n in range(2)]
    limited = await door.post(signed())

    assert statuses == [202, 429]
    assert dict(limited.headers)["retry-after"] == "2"
    assert (await door.post(signed("/hooks/quote/ama"))).status == 200
    door.clock.at += 2
    assert (await door.post(signed())).status == 202


# --------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreUnavailable("away"), 503, "unavailable"),
        (Refused(ErrorCode.OVERLOADED, "full"), 503, "overloaded"),
        (Refused(ErrorCode.DRAINING, "stopping"), 503, "draining"),
    ],
)
async def test_what_cannot_be_made_durable_is_not_accepted(
    error: Exception, status: int, code: str
) -> None:
    """503 with Retry-After: the sender keeps the webhook and sends it again."""
    door = Door()
    door.intake.error = error
    answer = await door.post(signed())

    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert "retry-after" in dict(answer.headers)


async def test_a_partition_that_moved_is_not_accepted() -> None:
    """Another node owns the user: come back in a moment."""
    door = Door()
    door.intake.is_fenced = True
    answer = await door.post(signed())

    assert (answer.status, dict(answer.headers)["retry-after"]) == (503, "1")


@pytest.mark.parametrize(
    ("error", "status", "code", "may_retry"),
    [
        (TurnFailed("failed"), 500, "handler_failed", False),
        (AskTimeout(applied=False), 504, "timeout", False),
        (AskTimeout(applied=None), 504, "timeout", False),
        (ActorGone("gone"), 503, "gone", True),
        (MailboxFull("full"), 503, "overloaded", True),
        (Refused(ErrorCode.QUARANTINED, "failing"), 503, "quarantined", False),
        (StoreUnavailable("away"), 503, "unavailable", True),
    ],
)
async def test_a_waiting_sender_is_told_what_went_wrong(
    error: Exception, status: int, code: str, may_retry: bool
) -> None:
    """Each end of an ask has its status."""
    door = Door()
    door.directory.error = error
    answer = await door.post(signed("/hooks/quote/ama"))

    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert ("retry-after" in dict(answer.headers)) is may_retry


@pytest.mark.parametrize(("applied", "said"), [(False, False), (None, "unknown")])
async def test_a_timeout_says_whether_it_was_applied(applied: bool | None, said: object) -> None:
    """So that the sender knows whether a new id would be safe."""
    door = Door()
    door.directory.error = AskTimeout(applied=applied)
    answer = await door.post(signed("/hooks/quote/ama"))

    assert json.loads(answer.body)["applied"] == said


async def test_a_bug_behind_the_door_is_not_explained() -> None:
    """500 without details."""
    door = Door()
    door.directory.error = SnapshotCorrupt("hush")
    answer = await door.post(signed("/hooks/quote/ama"))

    assert answer.status == 500
    assert b"hush" not in answer.body


async def test_a_sender_that_gives_up_is_only_cancelled() -> None:
    """Cancelled while the handler works: nothing is answered and nothing else breaks."""
    door = Door()
    with trio.CancelScope() as scope:
        scope.cancel()
        await door.post(signed("/hooks/quote/ama"))

    assert scope.cancelled_caught
    assert (await door.post(signed("/hooks/quote/ama"))).status == 200


async def test_operators_see_what_happens_at_the_door() -> None:
    """Accepted, repeated and refused, with no name that a stranger invented."""
    heard: list[tuple[str, object]] = []
    names = ["webhook.accepted", "webhook.duplicate", "webhook.refused", "auth.refused"]
    detach = telemetry.attach(lambda name, _, about: heard.append((name, about)), names)
    door = Door()
    await door.post(signed())
    await door.post(signed())
    await door.post(signed("/hooks/invented/ama", secret=OTHER_SECRET))
    detach()

    assert [name for name, _ in heard] == [
        "webhook.accepted",
        "webhook.duplicate",
        "auth.refused",
        "webhook.refused",
    ]
    assert heard[-1][1] == {"hook": "unknown", "code": "unauthorized"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (WebhookSettings(secrets=("hush",)), r"webhook\.secrets: a webhook secret begins"),
        (WebhookSettings(hook_secrets={"json": ("whsec_x",)}), r"hook_secrets\.json: "),
        (WebhookSettings(allowed_networks=("shop",)), "not an IP address"),
        (WebhookSettings(rate_per_second=0), "more than 0 per second"),
    ],
    ids=["secret", "hook secret", "network", "rate"],
)
def test_unusable_settings_are_found_at_start(settings: WebhookSettings, reason: str) -> None:
    """An error that names the setting and shows no secret."""
    with pytest.raises(InvalidInput, match=reason) as caught:
        Door(settings)
    assert "hush" not in str(caught.value)


def test_settings_do_not_show_secrets() -> None:
    """No repr holds one."""
    assert "whsec" not in repr(evolve(SETTINGS, hook_secrets={"json": (SECRET,)}))
