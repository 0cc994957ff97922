"""The provider to test with (sessiond/testing/providers.py), called by the client that servers call with."""

import json
import ssl
from contextlib import aclosing

import pytest
import trio
import trustme

from sessiond.edges.http.outbound import Outbound
from sessiond.runtime.provider_calls import CallFailed
from sessiond.testing.providers import (
    Response,
    answer,
    garbage,
    half,
    open_provider,
    reset,
    slow,
    trickle,
)
from tests.edges.http.outbound_calls import call_of, calling


async def test_what_is_called_is_kept() -> None:
    """Method, target, headers in lower case, body, and when; one connection serves all of them."""
    async with calling() as (outbound, provider):
        before = trio.current_time()
        for number in range(3):
            await outbound(call_of(provider, b'{"number":%d}' % number), 5)
        calls = await provider.wait_calls(3)

    assert [{"number": 0}, {"number": 1}, {"number": 2}] == [call.json for call in calls]
    assert {("POST", "/v1/messages?token=t0p")} == {(call.method, call.target) for call in calls}
    assert {"Bearer x"} == {call.headers["authorization"] for call in calls}
    assert [before, *(call.at for call in calls)] == sorted([before, *(call.at for call in calls)])


async def test_unscripted_calls_are_answered_well() -> None:
    """With an id that is new each time, where WhatsApp, Telegram and Twilio have it."""
    async with calling() as (outbound, provider):
        answers = [json.loads((await outbound(call_of(provider), 5)).body) for _ in range(2)]

    assert ["id-1", "id-2"] == [one["messages"][0]["id"] for one in answers]
    assert ["id-1", "id-2"] == [one["sid"] for one in answers]
    assert [(True, 1), (True, 2)] == [(one["ok"], one["result"]["message_id"]) for one in answers]


async def test_the_script_is_used_up_in_order() -> None:
    """Then calls are answered as before, or as ``otherwise`` says."""
    async with calling() as (outbound, provider):
        provider.script(answer(500), answer(429, {"error": 4}, headers={"retry-after": "3"}))
        provider.script(answer(401, b"no JSON"))
        statuses = [await outbound(call_of(provider), 5) for _ in range(4)]
        provider.otherwise = answer(503)
        statuses += [await outbound(call_of(provider), 5) for _ in range(2)]

    assert [500, 429, 401, 200, 503, 503] == [one.status for one in statuses]
    assert ("3", b'{"error": 4}') == (statuses[1].headers["retry-after"], statuses[1].body)
    assert b"no JSON" == statuses[2].body


@pytest.mark.parametrize(
    "fault",
    [
        half(),
        garbage(),
        garbage(b""),
        garbage(b"HTTP/1.1 200 OK\r\ncontent-le"),
        reset(),
    ],
    ids=["half", "garbage", "nothing", "half a head", "reset"],
)
async def test_what_is_no_whole_answer(fault: Response) -> None:
    """The call came and is kept; the connection is closed, and the next call comes on another one."""
    async with calling() as (outbound, provider):
        provider.script(fault)
        with pytest.raises(CallFailed) as failed:
            await outbound(call_of(provider), 5)
        after = await outbound(call_of(provider), 5)

    assert failed.value.reached
    assert (200, 2) == (after.status, len(provider.calls))


async def test_a_slow_answer_comes_when_the_test_says_so() -> None:
    """And whoever does not wait for it has gone; others are answered meanwhile."""
    told = trio.Event()
    async with calling() as (outbound, provider):
        await outbound(call_of(provider), 5)  # the connection is there
        provider.script(slow(told), slow(told, answer(202)))
        with pytest.raises(CallFailed, match="no answer in time"):
            await outbound(call_of(provider), 0.5)
        async with trio.open_nursery() as nursery:
            statuses: list[int] = []

            async def wait() -> None:
                statuses.append((await outbound(call_of(provider), 15)).status)

            nursery.start_soon(wait)
            await provider.wait_calls(3)
            statuses.append((await outbound(call_of(provider), 5)).status)
            told.set()

    assert [200, 202] == statuses


async def test_a_trickle_comes_to_its_end() -> None:
    """The whole body, for those who wait so long."""
    async with calling() as (outbound, provider):
        provider.script(trickle(b"drop by drop", 0.001))
        response = await outbound(call_of(provider), 10)

    assert (200, b"drop by drop") == (response.status, response.body)


async def test_all_who_wait_for_calls_are_told() -> None:
    """Each when as many have come as it waits for."""
    async with calling() as (outbound, provider):
        seen: list[int] = []

        async def watch(count: int) -> None:
            seen.append(len(await provider.wait_calls(count)))

        async with trio.open_nursery() as nursery:
            for count in (2, 1, 1):
                nursery.start_soon(watch, count)
            await trio.testing.wait_all_tasks_blocked()
            await outbound(call_of(provider), 5)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert [1, 1] == seen
            await outbound(call_of(provider), 5)

    assert [1, 1, 2] == seen


async def test_over_tls() -> None:
    """With a certificate of the test's; who does not trust it does not call."""
    authority = trustme.CA()
    server, client = (
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    async with open_provider(tls=server) as provider, aclosing(Outbound(tls=client)) as outbound:
        provider.script(answer(500), half(), reset(), answer(201))
        with trio.fail_after(20):
            first = (await outbound(call_of(provider), 5)).status
            for _ in range(2):
                with pytest.raises(CallFailed):
                    await outbound(call_of(provider), 5)
            last = (await outbound(call_of(provider), 5)).status
            async with aclosing(Outbound()) as stranger:
                with pytest.raises(CallFailed) as failed:
                    await stranger(call_of(provider), 5)

    assert provider.url.startswith("https://127.0.0.1:")
    assert ([500, 201], 4, False) == ([first, last], len(provider.calls), failed.value.reached)


async def test_it_is_gone_when_its_block_ends() -> None:
    """Whoever calls then does not reach it."""
    async with open_provider() as provider:
        pass
    async with aclosing(Outbound()) as outbound:
        with pytest.raises(CallFailed) as failed:
            await outbound(call_of(provider), 5)

    assert not failed.value.reached


async def test_it_may_come_back() -> None:
    """At the same address, knowing nothing of what was before."""
    async with aclosing(Outbound()) as outbound:
        async with open_provider() as provider:
            await outbound(call_of(provider), 5)
            before = provider
        async with open_provider(port=before.port) as provider:
            assert 200 == (await outbound(call_of(before), 5)).status

    assert before.url == provider.url
    assert 1 == len(provider.calls)


async def test_a_failed_assertion_is_itself() -> None:
    """Not a group of one."""
    with pytest.raises(AssertionError, match="as it is"):
        async with open_provider():
            raise AssertionError("as it is")


@pytest.mark.parametrize("sent", [b"no HTTP\r\n\r\n", b"POST / HTTP/1.1\r\nhost: x\r\n", b""])
async def test_who_does_not_speak_http_is_hung_up_on(sent: bytes) -> None:
    """It is no call; the next one is served."""
    async with calling() as (outbound, provider):
        async with await trio.open_tcp_stream("127.0.0.1", provider.port) as stream:
            await stream.send_all(sent)
            await stream.send_eof()
            assert b"" == await stream.receive_some(100)
        await outbound(call_of(provider), 5)

    assert 1 == len(provider.calls)
