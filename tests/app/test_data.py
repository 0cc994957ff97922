"""The data codec: a plain dict or a typed model, and clear errors for what does not fit."""

from __future__ import annotations

import pytest
from attrs import Factory, define
from trio.testing import MockClock

from sessiond import App, InvalidInput, Session
from sessiond.app.data import DataCodec
from sessiond.core.errors import AppFailed, SnapshotCorrupt
from sessiond.testing.world import open_world


@define
class Cart:
    """A typed model."""

    items: list[str] = Factory(list)
    paid: bool = False


@define
class Demanding:
    """A model that cannot begin empty."""

    name: str
    size: int


def test_equal_data_give_equal_bytes() -> None:
    """So that nothing is written when nothing changed."""
    codec = DataCodec()
    data = codec.decode(b'{"a":[1,2.5,null,true,"x"],"b":{}}')

    assert codec.encode(data) == b'{"a":[1,2.5,null,true,"x"],"b":{}}'


def test_a_model_needs_defaults() -> None:
    """A new user's data are made of nothing."""
    with pytest.raises(InvalidInput, match="name, size"):
        DataCodec(Demanding)
    with pytest.raises(InvalidInput):
        DataCodec(int)


def test_a_model_is_decoded_and_encoded() -> None:
    """Missing fields get their defaults; what does not fit is corrupt, without showing it."""
    codec = DataCodec(Cart)
    assert codec.decode(b"{}") == Cart()
    cart = codec.decode(b'{"items":["tea"]}')
    cart.paid = True

    assert codec.encode(cart) == b'{"items":["tea"],"paid":true}'
    with pytest.raises(SnapshotCorrupt) as corrupt:
        codec.decode(b'{"items":7}')
    assert "7" not in str(corrupt.value)


@pytest.mark.parametrize("data", [{"x": object()}, {"x": 1j}, [1], None, Cart()])
def test_what_cannot_be_stored_is_the_apps_failure(data: object) -> None:
    """Another type, or something JSON has no form for; the message says what is right."""
    with pytest.raises(AppFailed, match=r"session\.data"):
        DataCodec().encode(data)


def test_endless_data_cannot_be_stored() -> None:
    """A dict that holds itself."""
    data: dict[str, object] = {}
    data["self"] = data
    with pytest.raises(AppFailed):
        DataCodec().encode(data)


async def test_typed_data_survive_restarts(autojump_clock: MockClock) -> None:
    """Handlers see the model; the store has its JSON."""
    app = App(data=Cart)

    @app.on("add")
    async def add(session: Session, payload: dict) -> int:
        session.data.items.append(payload["item"])
        return len(session.data.items)

    @app.on("pay")
    async def pay(session: Session) -> None:
        session.data = Cart(paid=True)

    async with open_world(app) as world:
        assert await (await world.join("ann")).push("add", {"item": "tea"}) == 1
        await world.restart()
        phone = await world.join("ann")
        assert await phone.push("add", {"item": "milk"}) == 2
        assert await world.data("ann") == {"items": ["tea", "milk"], "paid": False}
        await phone.push("pay")
        assert await world.data("ann") == {"items": [], "paid": True}
