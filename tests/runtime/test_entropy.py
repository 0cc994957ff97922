"""Randomness, the machine's and a repeatable one."""

from __future__ import annotations

from sessiond.runtime.entropy import SeededEntropy, SystemEntropy


def test_the_system_does_not_repeat_itself() -> None:
    """Tokens have the size asked for and differ; jitter is in [0, 1)."""
    entropy = SystemEntropy()

    assert len({entropy.token(16) for _ in range(100)}) == 100
    assert all(0 <= entropy.jitter() < 1 for _ in range(100))


def test_no_byte_is_given_out_twice() -> None:
    """Tokens of all sizes, larger than what is read at once too, share nothing."""
    entropy = SystemEntropy()
    seen = b"".join(entropy.token(size) for size in (16, 4090, 16, 9000, 8))

    assert len(seen) == 13_130
    eights = [seen[at : at + 8] for at in range(0, len(seen) - 8, 8)]
    assert len(set(eights)) == len(eights)


def test_a_seed_repeats_itself() -> None:
    """Two runs with one seed see the same tokens and jitters; another seed sees others."""

    def run(seed: int) -> tuple[bytes, float]:
        entropy = SeededEntropy(seed)
        return entropy.token(8), entropy.jitter()

    assert run(1) == run(1)
    assert run(1) != run(2)
