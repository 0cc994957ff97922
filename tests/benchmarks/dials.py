"""USSD: people dial, and answer five questions; each request is answered with the next screen when that is durable.

Requests come at a constant rate, whatever comes back, and a latency counts from when the request should have come.
A sixth of them are dials of people whom the server has not met, so their sessions are begun within the measurement.
*plain*: the same requests to plain_receiver.py, which shows what the machine itself makes of that rate.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Final

from tests.benchmarks.app_server import DIAL_TOKEN
from tests.benchmarks.bench import Bench, Figures
from tests.benchmarks.chats import AWAY, phone
from tests.benchmarks.child import Child, Stopwatch
from tests.benchmarks.order import SAME_ANSWER
from tests.benchmarks.posts import Post, Posts, post
from tests.redis_server import RedisServer

__all__ = ["measure"]

#: A provider's pool.
_CONNECTIONS: Final = 64

#: What each request of a dial is answered with.
_SCREENS: Final = (b"Your name?", b"What size", b"How many?", b"Where to?", b"1 ", b"Thank you!")


def measure(bench: Bench) -> Figures:
    """Measure both stores, and the plain receiver, at the rate that is promised."""
    found: Figures = {}
    for variant in bench.rotated(["sqlite", "redis", "plain"]):
        found |= _one(bench, variant)
    for store in ("sqlite", "redis"):
        found[f"{store} ratio"] = found[f"{store} cpu"] / found["plain cpu"]
    return found


def _one(bench: Bench, variant: str) -> Figures:
    sizes = bench.sizes
    with ExitStack() as stack:
        redis = stack.enter_context(bench.redis()) if variant == "redis" else None
        child = stack.enter_context(_server(bench, variant, redis))
        posts = Posts(child.port, _CONNECTIONS)
        stack.callback(posts.close)
        requests = _requests(sizes.diallers)
        # Until everybody dials, and a little: from then on each sixth request is a dial.
        warm_up = 2 * len(_SCREENS) * sizes.diallers / sizes.requests_per_second
        posts.open_loop(requests, sizes.requests_per_second, warm_up + sizes.warm_up)
        watch = Stopwatch(child, None if redis is None else redis.pid)
        answers = posts.open_loop(requests, sizes.requests_per_second, sizes.dial_seconds)
        span = watch.stop()
    bench.note(span.others, f"dials {variant}")
    found = {
        f"{variant} cpu": span.server / answers.count * 1e6,
        f"{variant} rate": answers.count / answers.seconds,
        f"{variant} p50": answers.quantile(0.5) * 1e3,
        f"{variant} p99": answers.quantile(0.99) * 1e3,
        f"{variant} p999": answers.quantile(0.999) * 1e3,
        f"{variant} most": max(answers.latencies) * 1e3,
    }
    if redis is not None:
        found[f"{variant} store cpu"] = span.store / answers.count * 1e6
    return found


def _server(bench: Bench, variant: str, redis: RedisServer | None) -> AbstractContextManager[Child]:
    if variant == "plain":
        return bench.child("plain_receiver")
    return bench.sessiond(store=None if redis is None else redis.url, **AWAY)


def _requests(at_once: int) -> Iterator[Post]:
    """Give the requests of *at_once* people in turn; where one has hung up, the next dials."""
    dials = [
        -(place % len(_SCREENS)) for place in range(at_once)
    ]  # requests made; below 0: yet to come
    people = list(range(at_once))
    met = at_once
    while True:
        for place, made in enumerate(dials):
            dials[place] += 1
            if made < 0:
                continue
            yield _request(people[place], made)
            if dials[place] == len(_SCREENS):
                dials[place], people[place] = 0, met
                met += 1


def _request(person: int, made: int) -> Post:
    number = phone(person)
    body = {
        "USERID": "NALOTest",
        "MSISDN": number,
        "USERDATA": SAME_ANSWER if made else "*920*44#",
        "MSGTYPE": made == 0,
        "NETWORK": "MTN",
        "SESSIONID": f"{person:016}",
    }
    raw = json.dumps(body, separators=(",", ":")).encode()
    target = f"/gateways/line?token={DIAL_TOKEN}"
    return Post(post(target, raw), _SCREENS[made], waits_for=number)
