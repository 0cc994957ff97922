"""How large a run is: every number that no scenario fixes; for a quick look, the real thing, the smoke test."""

from typing import Final

from attrs import frozen

__all__ = ["FULL", "QUICK", "TINY", "Sizes"]


@frozen(kw_only=True)
class Sizes:
    """Durations are in seconds."""

    name: str
    repetitions: int
    seconds: float
    """Of each measurement under load."""
    warm_up: float
    """The same load before it, not counted."""
    connections: tuple[int, ...]
    """Of the echo."""
    users: tuple[int, ...]
    """Of the gated turns."""
    starts: int
    """Sessions started to find the cost of one."""
    at_once: tuple[int, ...]
    """Of those, how many at a time."""
    sessions: int
    """Sessions held to find the memory of one."""
    visitors: int
    """Sessions that came and went before that: with those who warm the server up they fill SQLite's page cache."""
    conversations: int
    """Conversations whose turns are measured without a server."""
    cached_turns: int
    """Turns of flows before their memory is measured: SQLite's page cache keeps 1 KiB of each of the first 10,000."""
    hook_users: int
    """People of webhooks, theirs and WhatsApp's."""
    most_senders: int
    """Connections that WhatsApp's webhooks come over, at most."""
    diallers: int
    """People who are at a dial at the same time."""
    requests_per_second: float
    """Of all dials together."""
    dial_seconds: float
    """For how long: for a thousandth to be some."""
    repeats: int
    """Webhooks sent, of which most are repeats."""
    kills: int
    """How often the server is killed meanwhile."""
    churned: int
    """Sessions attached at once while others come and go."""
    churns_per_second: float
    churn_seconds: float


TINY: Final = Sizes(
    name="tiny",
    repetitions=1,
    seconds=0.1,
    warm_up=0.02,
    connections=(2,),
    users=(4,),
    starts=8,
    at_once=(4,),
    sessions=16,
    visitors=4,
    conversations=3,
    cached_turns=60,
    hook_users=4,
    most_senders=4,
    diallers=6,
    requests_per_second=100,
    dial_seconds=0.2,
    repeats=60,
    kills=1,
    churned=20,
    churns_per_second=40,
    churn_seconds=0.3,
)
"""Proves that everything works; its figures mean nothing."""

QUICK: Final = Sizes(
    name="quick",
    repetitions=3,
    seconds=2.0,
    warm_up=0.5,
    connections=(1, 100, 1000),
    users=(100, 1000),
    starts=1000,
    at_once=(16, 256),
    sessions=2000,
    visitors=2500,
    conversations=500,
    cached_turns=12_000,
    hook_users=100,
    most_senders=256,
    diallers=100,
    requests_per_second=500,
    dial_seconds=6.0,
    repeats=10_000,
    kills=3,
    churned=2000,
    churns_per_second=50,
    churn_seconds=30.0,
)
"""A few minutes: what one runs before and after a change."""

FULL: Final = Sizes(
    name="full",
    repetitions=5,
    seconds=5.0,
    warm_up=1.0,
    connections=(1, 100, 1000),
    users=(100, 1000),
    starts=5000,
    at_once=(16, 256),
    sessions=10_000,
    visitors=2500,
    conversations=2000,
    cached_turns=12_000,
    hook_users=100,
    most_senders=256,
    diallers=100,
    requests_per_second=500,
    dial_seconds=20.0,
    repeats=100_000,
    kills=5,
    churned=10_000,
    churns_per_second=100,
    churn_seconds=1200.0,
)
"""The figures that are promised, on a machine that does nothing else."""
