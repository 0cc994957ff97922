"""The port for calls to providers."""

from contextlib import aclosing

import pytest
import trio

from sessiond.core.errors import SessiondError
from sessiond.core.gateways.messages import ProviderCall, ProviderResponse
from sessiond.edges.http.outbound import Outbound
from sessiond.runtime.provider_calls import CallFailed, CallProvider


async def refuse(call: ProviderCall, seconds: float) -> ProviderResponse:
    """Call nobody: a function is enough of a client."""
    await trio.lowlevel.checkpoint()
    raise CallFailed("no connection", reached=False)


def test_a_failed_call_may_have_reached_the_provider() -> None:
    """Unless who made it knows better: sending it again may be the second time."""
    assert CallFailed("no answer in time").reached
    assert not CallFailed("no connection", reached=False).reached


def test_its_reason_is_its_message() -> None:
    """It is kept with a dead letter and logged; an error of ours like all others."""
    failed = CallFailed("no answer in time")

    assert isinstance(failed, SessiondError)
    assert "no answer in time" == failed.reason == str(failed)


async def test_whatever_takes_a_call_and_seconds_is_a_client() -> None:
    """The client of the edges, or a function of a test."""
    call = ProviderCall(url="http://127.0.0.1:1/", body=b"")
    async with aclosing(Outbound()) as outbound:
        clients: list[CallProvider] = [refuse, outbound]
        for client in clients:
            with pytest.raises(CallFailed) as failed:
                await client(call, 5)
            assert not failed.value.reached
