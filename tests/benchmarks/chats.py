"""WhatsApp: a signed webhook with a text is made durable and acknowledged, and answered by a turn of a flow.

*webhook*: all that the server does for it, up to the delivery that is committed with the turn; the account's rate is
used up, so nothing is sent. *burst*: the same, when much comes at once. *called*: the provider is there, and what it
answers is committed too. *plain*: what plain_receiver.py does, which has no turn.
"""

import hashlib
import hmac
import json
import select
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from typing import Any, Final

import trio

from sessiond.cli.admin_client import open_admin
from tests.benchmarks.app_server import APP_SECRET, NUMBER_ID
from tests.benchmarks.bench import Bench, Figures
from tests.benchmarks.child import Child, Stopwatch
from tests.benchmarks.frames import LoadError
from tests.benchmarks.order import SAME_ANSWER
from tests.benchmarks.posts import Post, Posts, Sender, post

__all__ = ["AWAY", "measure", "phone", "webhook"]

#: Nobody listens there, and it is asked once.
AWAY: Final[Mapping[str, Any]] = {"api_url": "http://127.0.0.1:1", "calls_per_second": 0.001}

#: Connections of the provider, for each variant.
_SENDERS: Final = {"webhook": 16, "burst": 256, "called": 16, "plain": 16}
_PATIENCE: Final = 60.0

#: Turns of the flow: a start, five answers.
_ROUND: Final = 6


def measure(bench: Bench) -> Figures:
    """Measure as fast as the connections go; how long an acknowledgement takes, at half of that."""
    found: Figures = {}
    for variant in bench.rotated([*_SENDERS]):
        found |= _one(bench, variant)
    return found | {"ratio": found["webhook cpu"] / found["plain cpu"]}


def _one(bench: Bench, variant: str) -> Figures:
    with ExitStack() as stack:
        provider = stack.enter_context(bench.provider()) if variant == "called" else None
        child = stack.enter_context(_server(bench, variant, provider))
        senders = min(_SENDERS[variant], bench.sizes.most_senders)
        posts = Posts(child.port, senders)
        stack.callback(posts.close)
        people = [phone(number) for number in range(max(senders, bench.sizes.hook_users))]
        numbers = count(1)
        said = (webhook(people[n % len(people)], f"wamid.{n}", SAME_ANSWER) for n in numbers)
        posts.all(next(said) for _ in range(_ROUND * len(people)))
        posts.closed_loop(said, bench.sizes.warm_up)
        _rest(child, provider)
        turns, watch = _turns(child, variant), Stopwatch(child)
        fast = posts.closed_loop(said, bench.sizes.seconds)
        _rest(child, provider)
        span, turns = watch.stop(), _turns(child, variant) - turns
        if variant != "plain" and turns < fast.count:
            raise LoadError(f"{fast.count} webhooks were {turns} turns")
        rate = min(fast.count / fast.seconds, 1 / (span.server / fast.count))
        half = posts.open_loop(said, rate / 2, bench.sizes.seconds)
    bench.note(span.others, f"chats {variant}")
    return {
        f"{variant} cpu": span.server / fast.count * 1e6,
        f"{variant} p50": half.quantile(0.5) * 1e3,
        f"{variant} p99": half.quantile(0.99) * 1e3,
    }


def _server(bench: Bench, variant: str, provider: Child | None) -> Any:
    if variant == "plain":
        return bench.child("plain_receiver")
    if provider is None:
        return bench.sessiond(**AWAY)
    return bench.sessiond(api_url=f"http://127.0.0.1:{provider.port}")


def _rest(child: Child, provider: Child | None) -> None:
    """Wait until every turn is over, and every call made."""
    child.rest()
    if provider is None:
        return
    before, deadline = -1, time.monotonic() + _PATIENCE
    while (now := _calls(provider)) != before:
        if time.monotonic() > deadline:
            raise LoadError("the calls to the provider do not end")
        before = now
        child.rest()


def _turns(child: Child, variant: str) -> int:
    async def ask() -> int:
        async with open_admin(child.folder / "admin.sock") as connection:
            return int((await connection.call("stats"))["turns"])

    return 0 if variant == "plain" else trio.run(ask)


def _calls(provider: Child) -> int:
    sender = Sender(provider.port)
    try:
        sender.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while (reply := sender.read()) is None:
            select.select((sender.fileno,), (), (), _PATIENCE)
    finally:
        sender.sock.close()
    return int(reply.body)


def phone(number: int) -> str:
    """Make the *number*-th WhatsApp id."""
    return f"23324{4_000_000 + number}"


def webhook(sender: str, message_id: str, text: str) -> Post:
    """Write the webhook of one text, signed, with all that Meta puts into it."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER_ID},
        "contacts": [{"profile": {"name": "Ama Serwaa"}, "wa_id": sender}],
        "messages": [
            {
                "from": sender,
                "id": message_id,
                "timestamp": str(int(time.time())),
                "text": {"body": text},
                "type": "text",
            }
        ],
    }
    changes = [{"value": value, "field": "messages"}]
    told = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
    body = json.dumps(told, separators=(",", ":")).encode()
    signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return Post(post("/gateways/shop", body, x_hub_signature_256=f"sha256={signature}"))
