"""Calls to providers, against a real server with every fault that a provider has."""

from contextlib import aclosing

import pytest
import trio

from sessiond.core.gateways.messages import ProviderCall
from sessiond.edges.http.outbound import MAX_ANSWER_BYTES, Outbound
from sessiond.runtime.provider_calls import CallFailed
from sessiond.testing.providers import (
    Exchange,
    answer,
    garbage,
    half,
    open_provider,
    reset,
    slow,
)
from sessiond.testing.providers import Response as Played
from tests.edges.http.outbound_calls import call_of, calling


async def test_a_call_is_made_and_its_answer_read() -> None:
    """Method, path, headers and body arrive as they are; names of headers come back in lower case."""
    async with calling() as (outbound, provider):
        provider.script(answer(200, b'{"id":"m1"}', headers={"X-Said": "Yes"}))
        response = await outbound(call_of(provider), 5)
        (asked,) = provider.calls

    assert (200, b'{"id":"m1"}', "Yes") == (
        response.status,
        response.body,
        response.headers["x-said"],
    )
    assert ("POST", "/v1/messages?token=t0p", b'{"a":1}') == (
        asked.method,
        asked.target,
        asked.body,
    )
    assert "Bearer x" == asked.headers["authorization"]
    assert "application/json" == asked.headers["content-type"]


@pytest.mark.parametrize("status", [301, 400, 401, 429, 500, 503])
async def test_any_status_is_an_answer(status: int) -> None:
    """Also a redirect: credentials go to one host alone."""
    async with calling() as (outbound, provider):
        headers = {"retry-after": "7", "location": f"{provider.url}/x"}
        provider.script(answer(status, {}, headers=headers))
        response = await outbound(call_of(provider), 5)
        count = len(provider.calls)

    assert (status, "7", 1) == (response.status, response.headers["retry-after"], count)


async def test_provider_down() -> None:
    """Nobody listens: it was not reached."""
    async with open_provider() as provider:
        gone = call_of(provider)
    async with aclosing(Outbound()) as outbound:
        with pytest.raises(CallFailed) as failed:
            await outbound(gone, 5)

    assert not failed.value.reached


async def test_provider_slow() -> None:
    """It has the request, and no time any more."""
    async with calling() as (outbound, provider):
        provider.script(slow(trio.Event()))
        with pytest.raises(CallFailed, match="no answer in time") as failed:
            await outbound(call_of(provider), 0.3)

    assert failed.value.reached


@pytest.mark.parametrize(
    "fault",
    [garbage(b"HTTP/1.1 200 OK\r\ncontent-le"), half(), garbage(b""), garbage(), reset()],
    ids=["half a head", "half a body", "nothing", "no HTTP", "reset"],
)
async def test_half_a_response(fault: Played) -> None:
    """Whether the provider has it is not known."""
    async with calling() as (outbound, provider):
        provider.script(fault)
        with pytest.raises(CallFailed) as failed:
            await outbound(call_of(provider), 5)

    assert failed.value.reached


# httpcore2 leaves a generator of its own to the collector when a body is not read to its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_answer_without_end_is_cut_off() -> None:
    """A proxy's page may be long, not endless."""
    async with calling() as (outbound, provider):
        provider.script(answer(200, b"x" * (MAX_ANSWER_BYTES + 1)))
        with pytest.raises(CallFailed, match="too large"):
            await outbound(call_of(provider), 10)


@pytest.mark.parametrize("url", ["", "nowhere", "http://", "ftp://example.com/x", "http://[::1/x"])
async def test_an_address_that_is_none(url: str) -> None:
    """It is a failed call like any other, and is not repeated in the error."""
    async with aclosing(Outbound()) as outbound:
        with pytest.raises(CallFailed) as failed:
            await outbound(ProviderCall(url=url, body=b""), 5)

    assert url == "" or url not in str(failed.value)


# Answers that may be large


async def test_an_answer_is_handed_out_before_its_body() -> None:
    """Head first, then chunks, whatever the status; no more than that is in memory."""
    large = b"x" * (3 * MAX_ANSWER_BYTES)
    async with calling() as (outbound, provider):
        provider.script(answer(404, large, headers={"X-Said": "Yes"}))
        async with outbound.fetch(call_of(provider), 5) as fetched:
            sizes = [len(chunk) async for chunk in fetched.chunks]

    assert (404, "Yes", len(large)) == (fetched.status, fetched.headers["x-said"], sum(sizes))
    assert max(sizes) < MAX_ANSWER_BYTES


async def test_a_connection_serves_the_next_call_once_its_answer_is_read() -> None:
    """And one whose answer was left is closed: no other call reads the rest of it."""
    async with calling() as (outbound, provider):
        for _ in range(2):
            async with outbound.fetch(call_of(provider), 5) as fetched:
                assert [chunk async for chunk in fetched.chunks]
        async with outbound.fetch(call_of(provider), 5):
            pass
        response = await outbound(call_of(provider), 5)

    assert 200 == response.status


@pytest.mark.parametrize(
    "fault",
    [garbage(b"HTTP/1.1 200 OK\r\ncontent-le"), garbage(b""), garbage(), reset()],
    ids=["half a head", "nothing", "no HTTP", "reset"],
)
async def test_half_a_head_is_no_answer_to_fetch(fault: Played) -> None:
    """Nothing is handed out."""
    async with calling() as (outbound, provider):
        provider.script(fault)
        with pytest.raises(CallFailed):
            async with outbound.fetch(call_of(provider), 5):
                raise AssertionError


async def test_half_a_body_breaks_off_where_it_ends() -> None:
    """What came before is handed out."""
    read = b""
    async with calling() as (outbound, provider):
        provider.script(half(b"half of it"))
        async with outbound.fetch(call_of(provider), 5) as fetched:
            with pytest.raises(CallFailed, match="no whole answer"):
                async for chunk in fetched.chunks:
                    read += chunk

    assert b"half of it" == read


# httpcore2 leaves a generator of its own to the collector when a body is not read to its end.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_head_and_chunks_have_their_time() -> None:
    """A provider that falls silent is given up; who reads slowly is not."""
    never = trio.Event()

    async def stuck(exchange: Exchange) -> None:
        await exchange.stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")
        await never.wait()

    async with calling() as (outbound, provider):
        provider.script(slow(never), stuck)
        with pytest.raises(CallFailed, match="in time"):
            async with outbound.fetch(call_of(provider), 0.5):
                raise AssertionError
        async with outbound.fetch(call_of(provider), 0.5) as fetched:
            assert b"x" == await anext(fetched.chunks)
            with pytest.raises(CallFailed, match="in time"):
                await anext(fetched.chunks)


async def test_provider_down_cannot_be_fetched_from() -> None:
    """Nobody listens: it was not reached; and what is no address is no answer either."""
    async with calling() as (outbound, provider):
        gone = call_of(provider)
    async with aclosing(Outbound()) as outbound:
        for call, reached in ((gone, False), (ProviderCall(url="http://[::1/x", body=b""), True)):
            with pytest.raises(CallFailed) as failed:
                async with outbound.fetch(call, 5):
                    raise AssertionError
            assert reached == failed.value.reached
