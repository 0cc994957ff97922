"""The duplicate window (sessiond/core/session/window.py)."""

from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.ids import Digest
from sessiond.core.session.window import EMPTY_WINDOW, DuplicateWindow
from sessiond.testing.strategies import digests


@given(
    st.lists(st.tuples(digests(), st.floats(0, 5)), max_size=40),
    st.integers(1, 6),
    st.floats(1, 20),
)
def test_it_is_a_bounded_list_of_ids(
    arrivals: list[tuple[Digest, float]], limit: int, keep: float
) -> None:
    """It remembers what a plain list cut by number and age would, and names what left."""
    window, model, now = EMPTY_WINDOW, list[tuple[Digest, float]](), 0.0
    for digest, pause in arrivals:
        now += pause
        assert (digest in window) == (digest in [known for known, _ in model])
        if digest in window:
            continue
        window, gone = window.add(digest, now, limit=limit, keep_seconds=keep)
        model.append((digest, now))
        left = model[:-limit]
        left = left + [(d, at) for d, at in model[-limit:] if at < now - keep]
        model = [item for item in model if item not in left]

        assert model == list(window)
        assert [digest for digest, _ in left] == list(gone)
        assert len(model) == len(window) <= limit


@given(st.lists(st.tuples(digests(), st.floats(0, 1e10)), max_size=8), st.data())
def test_bytes_across_a_border_are_no_id(
    records: list[tuple[Digest, float]], data: st.DataObject
) -> None:
    """Sixteen bytes that lie across two records, or across an id and its time, name nothing."""
    window = DuplicateWindow.of(records)
    start = data.draw(st.integers(0, max(0, len(window.packed) - 16)))
    straddling = Digest(window.packed[start : start + 16])

    assert (straddling in window) == (straddling in [digest for digest, _ in records])


def test_a_hit_behind_a_false_one_is_found() -> None:
    """A look-up that first meets the id across a border goes on to the record itself."""
    wanted = Digest(bytes(16))
    first = Digest(b"\x01" * 8 + bytes(8))
    window = DuplicateWindow.of([(first, 0.0), (wanted, 1.0)])

    assert 0 < window.packed.find(wanted) < 24
    assert wanted in window
    assert wanted not in DuplicateWindow.of([(first, 0.0)])


def test_what_is_no_digest_is_not_there() -> None:
    """Only sixteen bytes can be an id."""
    window = DuplicateWindow.of([(Digest(bytes(16)), 0.0)])

    assert b"" not in window
    assert bytes(8) not in window
    assert "0" * 16 not in window


@given(st.lists(st.tuples(digests(), st.floats(0, 1e10)), max_size=8))
def test_it_survives_the_store(records: list[tuple[Digest, float]]) -> None:
    """Made of what it yields, it is the same window."""
    assert records == list(DuplicateWindow.of(records))


def test_an_id_takes_24_bytes() -> None:
    """The figure that the memory of a session is planned with."""
    window = DuplicateWindow.of([(Digest(bytes([n] * 16)), 0.0) for n in range(256)])

    assert 256 * 24 == len(window.packed)
