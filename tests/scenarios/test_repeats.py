"""WhatsApp's webhooks repeated, shuffled, at once, while the server is killed: each message is said once."""

from pathlib import Path

import attrs

from tests.benchmarks.bench import Bench
from tests.benchmarks.child import Cores
from tests.benchmarks.repeats import Told, prove
from tests.benchmarks.sizes import TINY
from tests.redis_server import RedisServers

WEBHOOKS, KILLS = 2000, 3


def check(told: Told) -> None:
    """Every promise was kept, and there was something to promise."""
    broken = attrs.asdict(
        told, filter=lambda field, _: field.name in {"lost", "twice", "overtaken", "unanswered"}
    )
    assert broken == {"lost": 0, "twice": 0, "overtaken": 0, "unanswered": 0}
    assert (told.messages, told.kills) == (WEBHOOKS * 2 // 5, KILLS)
    assert told.sent_again > 0


def test_repeated_webhooks_are_applied_once_on_sqlite(short_tmp_path: Path) -> None:
    """800 messages in 2,000 webhooks, three kills: each said once, answered once, none before an earlier one."""
    check(
        prove(Bench(TINY, Cores(None, None), short_tmp_path), None, webhooks=WEBHOOKS, kills=KILLS)
    )


def test_repeated_webhooks_are_applied_once_on_redis(
    redis_servers: RedisServers, short_tmp_path: Path
) -> None:
    """The same on Redis with its log on the disk."""
    redis = redis_servers.start(appendonly="yes", appendfsync="always")
    bench = Bench(TINY, Cores(None, None), short_tmp_path)
    check(prove(bench, redis.url, webhooks=WEBHOOKS, kills=KILLS))
