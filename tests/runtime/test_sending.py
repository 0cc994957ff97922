"""One account's messages: called once, tried again, given up, stopped; what comes of it is told to actors."""

import math
import re
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.gateways.port import GivenUp, Sent, WindowClosed
from sessiond.core.ids import UserId
from sessiond.runtime.provider_calls import CallFailed
from tests.runtime.delivering import (
    ANN,
    BOB,
    NOW,
    SECRET,
    Act,
    Office,
    account,
    answered,
    message,
    open_office,
)


async def send(office: Office, *numbers: int, user: UserId = ANN, **fields: Any) -> None:
    """Commit a turn of *user* with these messages."""
    await office.actors.commit(user, tuple(message(n, user, **fields) for n in numbers))


async def test_a_message_is_sent_and_its_actor_told(autojump_clock: MockClock) -> None:
    """With the credentials that its call names; then it is nowhere any more."""
    async with open_office() as office:
        await send(office, 1)
        await office.drained()
        left = await office.store.deliveries(next(iter(office.actors.fences)))

    (call,) = office.provider.calls
    assert call.headers["authorization"] == f"Bearer {SECRET}"
    (item,) = [item for _, item in office.actors.settled]
    assert (item.judgement, item.attempts, item.body) == (Sent("m1"), 1, message(1).body)
    assert left == ()
    assert office.happened("gateway.call")[0]["outcome"] == "sent"
    assert office.happened("delivery.settled")[0] | {"age": 0} == {
        "attempts": 1,
        "age": 0,
        "user": ANN,
        "account": "shop",
        "outcome": "sent",
    }


async def test_the_next_message_leaves_when_the_one_before_is_settled(
    autojump_clock: MockClock,
) -> None:
    """Also when that one takes long, is tried again, and its actor is slow; another person's does not wait."""
    script = [answered(500), answered(500)]
    async with open_office(script=script) as office:
        office.actors.refusals.extend([MailboxFull("full"), MailboxFull("full")])
        await send(office, 1, 2, 3)
        await wait_all_tasks_blocked()
        await send(office, 1, user=BOB)
        await office.drained()

    order = office.provider.order
    assert sorted(order) == sorted(["ann/1"] * 2 + ["bob/1"] * 2 + ["ann/2", "ann/3"])
    assert [name for name in order if "ann" in name] == ["ann/1", "ann/1", "ann/2", "ann/3"]
    assert [item.delivery for _, item in office.actors.settled if "ann" in item.delivery] == [
        message(n).id for n in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (answered(500), "500: not now"),
        (CallFailed("no answer in time"), "no answer in time"),
        (CallFailed("no whole answer (RemoteProtocolError)"), "no whole answer"),
        (CallFailed("no connection (ConnectError)", reached=False), "no connection"),
        (answered(599), r"the gateway cannot judge the answer \(KeyError\)"),
        (answered(598), r"the gateway cannot judge the answer \(TypeError\)"),
        (RuntimeError("+233244123456"), r"the gateway cannot judge the answer \(RuntimeError\)"),
    ],
    ids=["500", "slow", "half a response", "down", "bug", "nonsense", "bug of a call"],
)
async def test_a_passing_fault_is_tried_again(
    autojump_clock: MockClock, fault: Act, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Until it works; the reason is told, and no value of it."""
    async with open_office(script=[fault, fault]) as office:
        await send(office, 1)
        await office.drained()

    assert office.actors.results == [Sent("m1")]
    assert office.actors.settled[0][1].attempts == 3
    waits = [row["wait"] for row in office.happened("delivery.put_off")]
    first, second = [number for number in waits if isinstance(number, float)]
    assert 0.5 <= first <= 2.0
    assert first / 2 < second <= 4.0
    assert all(re.match(reason, str(row["reason"])) for row in office.happened("delivery.put_off"))
    assert "233244123456" not in caplog.text


async def test_waits_grow_and_are_bounded(autojump_clock: MockClock) -> None:
    """Doubling with jitter up to five minutes, never less than half of it."""
    async with open_office(script=[answered(503)] * 12) as office:
        await send(office, 1)
        await office.drained()

    at = [moment for moment, _ in office.provider.made]
    waits = [after - before for before, after in pairwise(at)]
    full = [min(300.0, 2.0 * 2**n) for n in range(12)]
    assert all(f / 2 <= wait <= f + 0.1 for f, wait in zip(full, waits, strict=True))


async def test_retry_after_is_honoured(autojump_clock: MockClock) -> None:
    """Not before, and not long after; of one message it concerns that person only."""
    async with open_office(script=[answered(503, retry_after="40")]) as office:
        await send(office, 1)
        await wait_all_tasks_blocked()
        await send(office, 1, user=BOB)
        await office.drained()

    moments = {name: at for at, name in office.provider.made}
    assert moments["bob/1"] == 0
    assert 40 <= moments["ann/1"] <= 41.1


@pytest.mark.parametrize("status", [429, 503])
async def test_who_asks_for_a_year_is_asked_again_in_an_hour(
    status: int, autojump_clock: MockClock
) -> None:
    """Of the account or of one message: nobody means it, and it is not given up for that."""
    year = answered(status, retry_after="31536000")
    async with open_office(script=[year, year]) as office:
        await send(office, 1)
        await office.drained()

    assert office.provider.order == ["ann/1"] * 3
    assert 7200 <= trio.current_time() <= 7204
    assert office.actors.results == [Sent("m1")]


async def test_what_is_taken_again_and_again_without_an_id_is_given_up(
    autojump_clock: MockClock,
) -> None:
    """Each time the person may get it: a few times are better than none, and a day of them is not."""
    async with open_office(script=[answered(299)] * 20) as office:
        await send(office, 1, 2)
        await office.drained()

    assert office.provider.order == ["ann/1"] * 8 + ["ann/2"] * 8
    assert office.actors.results == [GivenUp("299: taken without an id; sent 8 times")] * 2


async def test_what_is_taken_at_last_is_sent(autojump_clock: MockClock) -> None:
    """An answer that can be read settles it, and faults of another kind do not count."""
    script = [answered(299)] * 7 + [answered(503)] * 7
    async with open_office(script=script) as office:
        await send(office, 1)
        await office.drained()

    assert len(office.provider.made) == 15
    assert office.actors.results == [Sent("m1")]


@pytest.mark.parametrize("seconds", [-7200, 7200])
async def test_a_clock_that_jumps_neither_repeats_nor_loses(
    seconds: float, autojump_clock: MockClock
) -> None:
    """What waits for its next try does so on another clock."""
    async with open_office(script=[answered(503, retry_after="40")]) as office:
        await send(office, 1)
        await wait_all_tasks_blocked()
        office.clock.jump(seconds)
        now = office.clock.now()
        await send(office, 2, due=now, at=now)
        await office.drained()

    assert office.provider.order == ["ann/1", "ann/1", "ann/2"]
    assert trio.current_time() <= 42
    assert office.actors.results == [Sent("m1")] * 2


async def test_a_clock_that_is_set_a_day_forward_makes_messages_old(
    autojump_clock: MockClock,
) -> None:
    """They were asked for a day ago, for all that we know: none is called, and each is given up."""
    async with open_office(script=[answered(503, retry_after="40")]) as office:
        await send(office, 1, 2)
        await wait_all_tasks_blocked()
        office.clock.jump(86_400)
        await office.drained()

    assert office.provider.order == ["ann/1"]
    assert [type(result) for result in office.actors.results] == [GivenUp] * 2


async def test_what_a_clock_dated_that_was_ahead_is_sent_now(autojump_clock: MockClock) -> None:
    """The run before this one took it for tomorrow; the clock was set, and nobody meant that it should wait."""
    tomorrow = NOW + 86_400
    left = {ANN: [message(1, due=tomorrow, at=tomorrow), message(2, due=tomorrow + 5, at=tomorrow)]}
    async with open_office(left=left) as office:
        await office.drained()

    assert office.provider.made == [(0.0, "ann/1"), (5.0, "ann/2")]


async def test_429_of_an_account_holds_all_of_it_back(autojump_clock: MockClock) -> None:
    """Another person's message waits too, and another account's does not; operators see until when."""
    other = account("other")
    script = [answered(429, retry_after="40")]
    async with open_office(account(), other, script=script) as office:
        await send(office, 1)
        await wait_all_tasks_blocked()
        await send(office, 1, user=BOB)
        await send(office, 2, user=BOB, account="other")
        await wait_all_tasks_blocked()
        rows = {row.account: row for row in office.deliveries.accounts()}
        await office.drained()

    moments = {name: at for at, name in office.provider.made}
    assert moments["bob/2"] == 0
    assert min(moments["bob/1"], moments["ann/1"]) >= 40
    held = rows["shop"].held_until
    assert held is not None
    assert 40 <= held - NOW <= 41.1
    assert rows["other"].held_until is None
    (told,) = office.happened("gateway.held")
    assert (told["account"], told["reason"]) == ("shop", "429: too many")


async def test_one_persons_limit_stops_nobody_else(autojump_clock: MockClock) -> None:
    """Where the provider does not say whose limit it is, it is first taken for that person's."""
    async with open_office(script=[answered(420, retry_after="40")] * 2) as office:
        await send(office, 1)
        await trio.sleep(41.5)
        await send(office, 1, 2, user=BOB)
        await office.drained()

    moments = [(int(at), name) for at, name in office.provider.made]
    assert moments[:1] + moments[2:4] == [(0, "ann/1"), (41, "bob/1"), (41, "bob/2")]
    assert office.happened("gateway.held") == []
    assert office.actors.results == [Sent("m1")] * 3


async def test_two_peoples_limits_at_a_time_are_the_accounts(autojump_clock: MockClock) -> None:
    """The third one waits; a limit that was long ago does not count."""
    script = [answered(420, retry_after="40")] * 2
    async with open_office(script=script) as office:
        await send(office, 1)
        await wait_all_tasks_blocked()
        await send(office, 1, user=BOB)
        await wait_all_tasks_blocked()
        (row,) = office.deliveries.accounts()
        await send(office, 1, user=UserId("cid"))
        await office.drained()
        both = [at for at, name in office.provider.made if name == "cid/1"]
        office.provider.script.extend([answered(420, retry_after="5")])
        await send(office, 2)
        await wait_all_tasks_blocked()
        await trio.sleep(10)
        office.provider.script.extend([answered(420)])
        await send(office, 2, user=BOB)
        await wait_all_tasks_blocked()
        (later,) = office.deliveries.accounts()
        await office.drained()

    assert row.held_until is not None
    assert 40 <= both[0] <= 42
    assert later.held_until is None


async def test_a_provider_that_is_down_is_not_stormed(autojump_clock: MockClock) -> None:
    """Nobody at the address concerns everybody: calls under way together count once, and then one wait for all."""
    down = CallFailed("no connection (ConnectError)", reached=False)

    async def refused() -> ProviderResponse:
        await trio.sleep(0.1)
        raise down

    users = [UserId(f"u{n}") for n in range(30)]
    script: list[Act] = [refused] * 16
    async with open_office(account(concurrent_calls=16), script=script) as office:
        for user in users:
            await send(office, 1, user=user)
        await trio.sleep(0.3)
        before = len(office.provider.made)
        await office.drained()

    assert before == 16
    assert len(office.happened("gateway.held")) == 1
    assert len(office.actors.results) == 30


async def test_what_cannot_be_delivered_is_given_up(autojump_clock: MockClock) -> None:
    """With the provider's reason, at once; the next message follows."""
    async with open_office(script=[answered(400), answered(470)]) as office:
        await send(office, 1, 2, 3)
        await office.drained()

    assert office.actors.results == [
        GivenUp("400: refused"),
        WindowClosed("470: only templates"),
        Sent("m1"),
    ]


async def test_a_message_is_given_up_in_time(autojump_clock: MockClock) -> None:
    """When the next try would be too late; the last reason is told. What was too old before is not called."""
    async with open_office(account(give_up_seconds=60), script=[answered(500)] * 50) as office:
        await send(office, 1)
        await office.drained()
        assert trio.current_time() <= 60
        calls = len(office.provider.made)
        await send(office, 2, at=NOW - 3600)
        await office.drained()

    assert len(office.provider.made) == calls
    first, second = office.actors.results
    assert isinstance(first, GivenUp)
    assert "500: not now" in first.reason
    assert isinstance(second, GivenUp)
    assert "never tried" in second.reason


async def test_a_closed_window_is_not_tried(autojump_clock: MockClock) -> None:
    """Only a template still leaves."""
    async with open_office() as office:
        await send(office, 1, closes_at=NOW)
        await send(office, 2, closes_at=NOW, is_template=True)
        await send(office, 3, closes_at=NOW + 60)
        await office.drained()

    assert [type(result) for result in office.actors.results] == [WindowClosed, Sent, Sent]
    assert office.provider.order == ["ann/2", "ann/3"]


async def test_a_receipt_is_tried_once(autojump_clock: MockClock) -> None:
    """It holds up nothing behind it."""
    async with open_office(script=[answered(500)]) as office:
        await send(office, 1, is_receipt=True)
        await send(office, 2)
        await office.drained()

    assert office.provider.order == ["ann/1", "ann/2"]
    assert [type(result) for result in office.actors.results] == [GivenUp, Sent]
    assert trio.current_time() < 1


async def test_refused_credentials_stop_the_account(autojump_clock: MockClock) -> None:
    """Nothing more is called, messages stay, somebody is told once; an operator lets it go on."""
    async with open_office(script=[answered(401)]) as office:
        await send(office, 1, 2)
        await send(office, 1, user=BOB)
        await trio.sleep(50_000)
        made = len(office.provider.made)
        (row,) = office.deliveries.accounts()
        office.deliveries.resume("shop")
        await office.drained()

    assert made == 1
    assert (row.stopped, row.waiting) == ("401: the token is not accepted", 3)
    assert office.happened("gateway.stopped") == [
        {"account": "shop", "reason": "401: the token is not accepted"}
    ]
    assert office.happened("gateway.resumed") == [{"account": "shop"}]


async def test_a_result_is_told_until_it_is_taken(autojump_clock: MockClock) -> None:
    """A person in quarantine, a turn that fails, an actor that is gone: the call is made once."""
    quarantined = Refused(ErrorCode.QUARANTINED, "an operator has to look")
    refusals: list[Exception | str] = [quarantined] * 8
    refusals += [ErrorCode.HANDLER_FAILED, ErrorCode.GONE, MailboxFull("full")]
    async with open_office() as office:
        office.actors.refusals.extend(refusals)
        await send(office, 1)
        await office.drained()

    assert office.provider.order == ["ann/1"]
    assert office.actors.results == [Sent("m1")]


async def test_at_most_so_many_calls_at_once(autojump_clock: MockClock) -> None:
    """Of the account; a result that waits for its actor is no call."""

    async def takes_long() -> ProviderResponse:
        await trio.sleep(5)
        return answered()

    async with open_office(account(concurrent_calls=3), script=[takes_long] * 9) as office:
        for number in range(9):
            await send(office, 1, user=UserId(f"u{number}"))
        await office.drained()

    assert office.provider.most == 3
    assert trio.current_time() == pytest.approx(15, abs=0.1)


async def test_a_call_that_never_ends_is_ended(autojump_clock: MockClock) -> None:
    """After ``call_seconds``, whatever the client does."""

    async def hangs() -> ProviderResponse:
        await trio.sleep_forever()
        raise AssertionError

    async with open_office(account(call_seconds=7), script=[hangs]) as office:
        await send(office, 1)
        await office.drained()

    (put_off,) = office.happened("delivery.put_off")
    assert put_off["reason"] == "no answer in time"
    assert office.happened("gateway.call")[0]["duration"] == pytest.approx(7)


async def test_rates_of_account_and_person_hold(autojump_clock: MockClock) -> None:
    """Ten a second of the account, one every two seconds of a person after a burst of three."""
    settings: dict[str, Any] = {
        "calls_per_second": 10,
        "recipient_calls_per_second": 0.5,
        "recipient_burst": 3,
    }
    async with open_office(account(**settings)) as office:
        await send(office, *range(6))
        for number in range(30):
            await send(office, 1, user=UserId(f"u{number}"))
        await office.drained()

    at = sorted(moment for moment, _ in office.provider.made)
    for second in range(math.ceil(at[-1])):
        assert sum(second <= moment < second + 1 for moment in at) <= 20
    mine = [moment for moment, name in office.provider.made if name.startswith("ann")]
    assert mine[3] >= 2
    assert mine[5] - mine[3] == pytest.approx(4, abs=0.2)


async def test_one_is_not_sent_before_it_is_due(autojump_clock: MockClock) -> None:
    """Nor what comes after it."""
    async with open_office() as office:
        await office.actors.commit(ANN, (message(1, due=NOW + 30), message(2)))
        await office.drained()

    assert [(round(at), name) for at, name in office.provider.made] == [
        (30, "ann/1"),
        (30, "ann/2"),
    ]


async def test_what_a_commit_has_settled_meanwhile_is_not_told(autojump_clock: MockClock) -> None:
    """The call was under way; the next one follows it."""

    async def takes_long() -> ProviderResponse:
        await trio.sleep(5)
        return answered()

    async with open_office(script=[takes_long]) as office:
        await send(office, 1, 2)
        await wait_all_tasks_blocked()
        await office.actors.commit(ANN, done=(message(1).id,))
        await office.drained()

    assert [item.delivery for _, item in office.actors.settled] == [message(2).id]
    assert office.provider.order == ["ann/1", "ann/2"]
