"""One heap for every timeout: what fires, when, and how large the heap may grow."""

from __future__ import annotations

from functools import partial

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from sessiond.runtime.clock import SystemClock
from sessiond.runtime.deadlines import Deadlines

CLOCK = SystemClock()


async def test_a_deadline_fires_once_at_its_time(autojump_clock: MockClock) -> None:
    """Set once, it fires once and is unset."""
    deadlines = Deadlines(CLOCK)
    fired: list[float] = []
    one = deadlines.open(lambda: fired.append(trio.current_time()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        one.set(trio.current_time() + 5)
        await trio.sleep(20)
        nursery.cancel_scope.cancel()

    assert [5.0] == fired
    assert one.due is None


async def test_moving_it_moves_the_firing(autojump_clock: MockClock) -> None:
    """Later, earlier, not at all: the last word counts."""
    deadlines = Deadlines(CLOCK)
    fired: list[str] = []

    def note(name: str) -> None:
        fired.append(f"{name} {trio.current_time():g}")

    later, earlier, never = (
        deadlines.open(partial(note, name)) for name in ("later", "earlier", "never")
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        for one in (later, earlier, never):
            one.set(10.0)
        await trio.sleep(1)
        later.set(20.0)
        earlier.set(3.0)
        never.set(None)
        await trio.sleep(30)
        nursery.cancel_scope.cancel()

    assert ["earlier 3", "later 20"] == fired


async def test_a_past_deadline_fires_at_once(autojump_clock: MockClock) -> None:
    """A time that has passed is not lost."""
    deadlines = Deadlines(CLOCK)
    fired = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        await trio.sleep(5)
        deadlines.open(fired.set).set(1.0)
        with trio.fail_after(1):
            await fired.wait()
        nursery.cancel_scope.cancel()


async def test_a_callback_may_set_its_deadline_again(autojump_clock: MockClock) -> None:
    """A repeating timeout is one that sets itself."""
    deadlines = Deadlines(CLOCK)
    fired: list[float] = []

    def again() -> None:
        fired.append(trio.current_time())
        one.set(trio.current_time() + 1)

    one = deadlines.open(again)
    one.set(1.0)
    with trio.move_on_after(3.5):
        await deadlines.run()

    assert [1.0, 2.0, 3.0] == fired


async def test_a_closed_deadline_never_fires(autojump_clock: MockClock) -> None:
    """Closing wins, also over a set that comes after it; closing twice is harmless."""
    deadlines = Deadlines(CLOCK)
    fired: list[int] = []
    one = deadlines.open(lambda: fired.append(1))
    one.set(1.0)
    one.close()
    one.close()
    one.set(2.0)
    with trio.move_on_after(5):
        await deadlines.run()

    assert [] == fired
    assert deadlines.statistics().open == 0


async def test_cancelling_the_run_loses_no_deadline(autojump_clock: MockClock) -> None:
    """What did not fire fires when it runs again."""
    deadlines = Deadlines(CLOCK)
    fired = trio.Event()
    deadlines.open(fired.set).set(3.0)
    with trio.move_on_after(1):
        await deadlines.run()
    assert not fired.is_set()
    with trio.move_on_after(3):
        await deadlines.run()

    assert fired.is_set()


async def test_many_at_once_let_other_tasks_run(autojump_clock: MockClock) -> None:
    """Five thousand deadlines of one instant do not hold the scheduler for all of them."""
    deadlines = Deadlines(CLOCK)
    fired: list[int] = []
    for _ in range(5000):
        deadlines.open(lambda: fired.append(1)).set(1.0)
    seen: list[int] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        await trio.sleep(1)
        while len(fired) < 5000:
            seen.append(len(fired))
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()

    assert len(seen) >= 3


Steps = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.one_of(st.none(), st.integers(0, 30), st.just("close")),
        st.integers(0, 6),
    ),
    max_size=40,
)


@given(steps=Steps)
def test_it_behaves_like_a_naive_model(steps: list[tuple[int, object, int]]) -> None:
    """Whatever is set, moved, unset and closed while time passes: the same firings as a plain table has."""

    async def scenario() -> None:
        deadlines = Deadlines(CLOCK)
        fired: list[tuple[float, int]] = []
        expected: list[tuple[float, int]] = []
        real = [
            deadlines.open(partial(lambda n: fired.append((trio.current_time(), n)), number))
            for number in range(5)
        ]
        model: dict[int, float] = {}
        closed: set[int] = set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deadlines.run)
            for number, due, pause in steps:
                now = trio.current_time()
                if due == "close":
                    real[number].close()
                    closed.add(number)
                    model.pop(number, None)
                elif number not in closed:
                    at = None if due is None else now + 0.5 + float(str(due))
                    real[number].set(at)
                    if at is None:
                        model.pop(number, None)
                    else:
                        model[number] = at
                await trio.sleep(pause)
                for n, at in list(model.items()):
                    if at <= trio.current_time():
                        expected.append((at, n))
                        del model[n]
            assert deadlines.statistics().armed == len(model)
            await trio.sleep(100)
            expected += [(at, n) for n, at in model.items()]
            nursery.cancel_scope.cancel()

        assert sorted(expected) == sorted(fired)

    trio.run(scenario, clock=MockClock(autojump_threshold=0))


def test_the_heap_stays_within_twice_the_live_ones() -> None:
    """100 000 deadlines that are moved earlier again and again, then closed: stale entries do not pile up."""

    async def scenario() -> None:
        deadlines = Deadlines(CLOCK)
        live = [deadlines.open(lambda: None) for _ in range(100_000)]
        for round_ in range(4):
            for one in live:
                one.set(1000.0 - round_)
            figures = deadlines.statistics()
            assert figures.entries <= 2 * figures.armed + 64
        for one in live[10:]:
            one.close()
        live[0].set(1.0)

        assert deadlines.statistics().entries <= 2 * 10 + 64

    trio.run(scenario)


async def test_moving_later_costs_no_entry(autojump_clock: MockClock) -> None:
    """The common case, activity that pushes an idle timeout out, never touches the heap."""
    deadlines = Deadlines(CLOCK)
    one = deadlines.open(lambda: None)
    for due in range(1, 1000):
        one.set(float(due))

    assert deadlines.statistics().entries == 1
