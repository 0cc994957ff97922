"""Randomness, the machine's and a repeatable one."""

from __future__ import annotations

from sessiond.runtime.entropy import SeededEntropy, SystemEntropy


def test_the_system_does_not_repeat_itself() -> None:
    """Tokens have the size asked for and differ; jitter is in [0, 1)."""
    entropy = SystemEntropy()

    assert len({entropy.token(16) for _ in range(100)}) == 100
    assert all(0 <= entropy.jitter() < 1 for _ in range(100))


def test_a_seed_repeats_itself() -> None:
    """Two runs with one seed see the same tokens and jitters; another seed sees others."""

    def run(seed: int) -> tuple[bytes, float]:
        entropy = SeededEntropy(seed)
        return entropy.token(8), entropy.jitter()

    assert run(1) == run(1)
    assert run(1) != run(2)
