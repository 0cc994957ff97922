"""What people on answering accounts are answered (sessiond/edges/http/gateway_answers.py)."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import trio
from attrs import evolve
from trio.testing import wait_all_tasks_blocked

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.callers import Callers
from sessiond.core.conversations.shown import encode_shown
from sessiond.core.errors import (
    ActorGone,
    AskTimeout,
    MailboxFull,
    Refused,
    StoreUnavailable,
    TurnFailed,
)
from sessiond.core.flows.prompts import Choice, Output, Prompt, PromptKind
from sessiond.core.gateways.inputs import Incoming, Unseen
from sessiond.core.gateways.lines import Answered
from sessiond.core.ids import UserId
from sessiond.net.messages import Response
from tests.edges.http.gateway_doors import (
    KEYS,
    NUMBER,
    TOKEN,
    Ask,
    Stand,
    account,
    ask,
    nalo,
    open_stand,
    post,
    program,
    talking,
)

AMA = Callers(KEYS).find(NUMBER).user


def says(answered: Answered) -> Ask:
    async def actor(_user: UserId, _item: Incoming) -> Answered:
        await trio.lowlevel.checkpoint()
        return answered

    return actor


def fails(error: Exception) -> Ask:
    async def actor(_user: UserId, _item: Incoming) -> Answered:
        await trio.lowlevel.checkpoint()
        raise error

    return actor


async def test_a_dial_is_answered_with_what_is_shown() -> None:
    """In the provider's form, with the session kept open, or ended."""
    async with open_stand(actor=says(Answered(text="1. Yes\n2. No"))) as stand:
        answer = await stand.dial()
        stand.actor = says(Answered(text="Bye.", ends=True))
        last = await stand.dial()

    assert (200, "application/json") == (answer.status, dict(answer.headers)["content-type"])
    assert "no-store" == dict(answer.headers)["cache-control"]
    assert {
        "USERID": "u",
        "MSISDN": "233244123456",
        "MSG": "1. Yes\n2. No",
        "MSGTYPE": True,
    } == json.loads(answer.body)
    assert ("Bye.", False) == (json.loads(last.body)["MSG"], json.loads(last.body)["MSGTYPE"])


async def test_the_actor_is_told_who_said_what_and_where() -> None:
    """The person is the user of the number; the flow may take as long as the provider waits, less the turn."""
    async with open_stand() as stand:
        await stand.dial("2", NETWORK="MTN")

    ((user, item, timeout),) = stand.asked
    facts = item.heard.facts
    assert (AMA, "line") == (user, item.account)
    assert (AMA, NUMBER, "s1") == (facts.user_id, facts.msisdn, facts.request_id)
    assert ("ussd", "nalo", "chat.example.com") == (facts.platform, facts.gateway, facts.host)
    assert ("2", {"network": "MTN"}) == (item.heard.answer.text, item.heard.profile)
    assert (8.0, 6.0) == (timeout, item.waits_seconds)


async def test_a_short_time_to_answer_is_shared() -> None:
    """A quarter of it is for the turn."""
    async with open_stand(account(nalo(answer_seconds=2.0))) as stand:
        await stand.dial()

    ((_, item, timeout),) = stand.asked
    assert (2.0, 1.5) == (timeout, item.waits_seconds)


@pytest.mark.parametrize(
    "phone",
    [
        "+233244123456",
        "233244123456",
        "00233244123456",
        "0244123456",
        "+233 24 412 3456",
        "+233-24-412-3456",
        "+233 (24) 412 3456",
        "(024) 412-3456",
        "024.412.3456",
        "024 412 3456",
    ],
)
async def test_a_number_in_ten_spellings_is_one_user(phone: str) -> None:
    """However the provider writes it."""
    async with open_stand() as stand:
        await stand.dialled("x", phone)

    assert {AMA} == stand.users


@pytest.mark.parametrize(
    "phone", ["", "12", "call me", "+", "233244123456789012345", None, [], {}, True, 1.5]
)
async def test_an_impossible_number_is_nobody(phone: Any) -> None:
    """The person, if there is one, reads that it does not work; programs read why."""
    async with open_stand() as stand:
        dialled = await stand.dialled("x", phone)
        assert dialled == stand.accounts[0].settings.failed_text[:120]
        told = {
            "account": "line",
            "code": "bad_request",
            "check": "phone" if isinstance(phone, str) else "form",
        }
        assert [("gateway.refused", told)] == stand.events("gateway.refused")
        assert [] == stand.asked

    async with open_stand(account(program())) as stand:
        body = {"session_id": "s", "user_id": "u", "msisdn": phone or 0.5}
        answer = await stand.send(ask(body))
        assert 400 == answer.status
        assert ["error"] == list(json.loads(answer.body))
        assert [] == stand.asked


async def test_answers_that_were_dialled_are_said_with_the_dial() -> None:
    """All of a request is one turn, in order: either all of it was said, or nothing."""
    async with open_stand() as stand:
        await stand.dialled("*920*44*1*2#", MSGTYPE=True)

    ((user, item, timeout),) = stand.asked
    everything = (item.heard, *item.others)
    assert (AMA, 8.0) == (user, timeout)
    assert ["", "1", "2"] == [one.answer.text for one in everything]
    assert [True, False, False] == [one.begins for one in everything]
    assert {AMA} == {one.facts.user_id for one in everything}


async def test_a_message_with_an_id_is_known_by_it() -> None:
    """A program that asks again, also much later, is answered as before; Africa's Talking's repeats tell themselves."""
    async with open_stand(account(program()), account(talking(), name="talking")) as stand:
        for number in ("m-1", "m-1", "m-2", ""):
            body = {"session_id": "s", "user_id": "u", "input": "1", "message_id": number}
            await stand.send(ask(body))
        fields = {"sessionId": "s", "phoneNumber": NUMBER, "text": "1"}
        form = ("content-type", "application/x-www-form-urlencoded")
        await stand.send(post("/gateways/talking", urlencode(fields).encode(), form))

    first, again, second, unnamed, talked = [item.digest for _, item, _ in stand.asked]
    assert first is not None
    assert first == again
    assert second not in {None, first}
    assert (None, None) == (unnamed, talked)


async def test_no_answer_in_time_is_a_text_of_the_account() -> None:
    """It ends the session: the next dial shows what came of it."""
    settings = {"wait_text": "Wait a bit.", "failed_text": "Broken."}
    async with open_stand(
        account(nalo(), **settings), actor=fails(AskTimeout(applied=None))
    ) as stand:
        answer = json.loads((await stand.dial()).body)

    ((_, asked, _),) = stand.asked
    assert [(AMA, Unseen("line", asked.heard))] == stand.said_to
    assert ("Wait a bit.", False) == (answer["MSG"], answer["MSGTYPE"])
    assert [
        ("gateway.answered", {"user": AMA, "account": "line", "outcome": "wait"})
    ] == stand.events("gateway.answered")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(ErrorCode.QUARANTINED, "no"), "quarantined"),
        (Refused(ErrorCode.DRAINING, "no"), "draining"),
        (Refused(ErrorCode.UNKNOWN_EVENT, "no"), "unknown_event"),
        (TurnFailed("no"), "handler_failed"),
        (ActorGone("no"), "gone"),
        (MailboxFull("no"), "overloaded"),
        (StoreUnavailable("no"), "unavailable"),
        (AskTimeout(applied=False), "timeout"),
    ],
)
async def test_whatever_goes_wrong_is_a_text_of_the_account(error: Exception, code: str) -> None:
    """The person is not left with the network's error; operators are told which it was."""
    async with open_stand(account(nalo(), failed_text="Broken."), actor=fails(error)) as stand:
        answer = json.loads((await stand.dial()).body)

    assert ("Broken.", False) == (answer["MSG"], answer["MSGTYPE"])
    assert [
        ("gateway.refused", {"account": "line", "code": code, "check": "none"}),
        ("gateway.answered", {"user": AMA, "account": "line", "outcome": "failed"}),
    ] == stand.events("gateway.refused", "gateway.answered")


async def test_a_bug_of_ours_is_told_and_answered() -> None:
    """As everything else."""
    async with open_stand(
        account(nalo(), failed_text="Broken."), actor=fails(ZeroDivisionError())
    ) as stand:
        assert "Broken." == await stand.dialled()

    assert [("door.failed", {"door": "gateway", "error": "ZeroDivisionError"})] == stand.events(
        "door.failed"
    )


async def send_all(stand: Stand, *requests: Callable[[], Any], wait: trio.Event) -> list[Response]:
    """Send requests, one after the other, while the first waits for its answer."""
    answers: list[Response] = []

    async def one(send: Callable[[], Any]) -> None:
        answers.append(await send())

    async with trio.open_nursery() as nursery:
        for send in requests:
            nursery.start_soon(one, send)
            await wait_all_tasks_blocked()
        wait.set()
    return answers


def waiting(event: trio.Event) -> Ask:
    async def actor(_user: UserId, item: Incoming) -> Answered:
        await event.wait()
        return Answered(text=f"{item.heard.answer.text}, {item.heard.so_far}")

    return actor


async def test_a_repeat_while_it_is_answered_gets_the_same_answer() -> None:
    """The provider lost patience, not the person: nothing is said twice."""
    wait = trio.Event()
    async with open_stand(actor=waiting(wait)) as stand:
        answers = await send_all(stand, stand.dial, stand.dial, wait=wait)

    assert ["hello"] == stand.said
    assert answers[0].body == answers[1].body
    outcomes = [about["outcome"] for _, about in stand.events("gateway.answered")]
    assert ["repeated", "shown"] == sorted(map(str, outcomes))


async def test_a_cumulative_repeat_gets_the_same_answer() -> None:
    """Of Africa's Talking: the same text of the same session."""

    def typed(text: str) -> Callable[[], Any]:
        fields = {"sessionId": "s", "phoneNumber": NUMBER, "text": text, "serviceCode": "*384#"}
        form = ("content-type", "application/x-www-form-urlencoded")
        return lambda: stand.send(post("/gateways/line", urlencode(fields).encode(), form))

    wait = trio.Event()
    async with open_stand(account(talking()), actor=waiting(wait)) as stand:
        answers = await send_all(stand, typed("1"), typed("1"), typed("1*2"), wait=wait)

    assert 2 == len(stand.asked)
    assert [b"CON , 1", b"CON , 1", b"CON , 1*2"] == sorted(one.body for one in answers)


@pytest.mark.parametrize(
    ("text", "phone", "fields"),
    [
        ("other", NUMBER, {}),
        ("hello", "+233201111111", {}),
        ("hello", NUMBER, {"SESSIONID": "s2"}),
        ("hello", NUMBER, {"MSGTYPE": True}),
    ],
)
async def test_another_request_is_no_repeat(
    text: str, phone: str, fields: Mapping[str, Any]
) -> None:
    """Another text, person or session is said as well."""
    wait = trio.Event()
    async with open_stand(actor=waiting(wait)) as stand:
        await send_all(stand, stand.dial, lambda: stand.dial(text, phone, **fields), wait=wait)

    assert 2 == len(stand.asked)


async def test_messages_with_other_ids_are_no_repeats() -> None:
    """A program says which is which."""
    wait = trio.Event()

    def one(number: int) -> Callable[[], Any]:
        body = {"session_id": "s", "user_id": "u", "input": "yes", "message_id": f"m{number}"}
        return lambda: stand.send(ask(body))

    async with open_stand(account(program()), actor=waiting(wait)) as stand:
        await send_all(stand, one(1), one(1), one(2), wait=wait)

    assert ["m1", "m2"] == [item.heard.id for _, item, _ in stand.asked]


async def test_too_much_of_one_person_is_not_taken() -> None:
    """Others are served; after a while he is too."""
    async with open_stand(account(nalo(), failed_text="Slowly.")) as stand:
        shown = [await stand.dialled(str(number)) for number in range(51)]
        other = await stand.dialled("x", "+233201111111")
        stand.clock.at += 1.0
        later = await stand.dialled("y")

    assert 50 == sum("You said" in text for text in shown)
    assert "Slowly." == shown[-1]
    assert "You said" in other
    assert "You said" in later
    assert [("rate.limited", {"scope": "user", "user": AMA})] == stand.events("rate.limited")


async def test_a_program_gets_what_is_shown_as_data() -> None:
    """With its own id of the person, which is none of ours."""
    prompt = Prompt(
        kind=PromptKind.CHOICE,
        key="size",
        screen="1",
        text="What size?",
        choices=(Choice(key="s", label="Small", number=1),),
    )
    shown = encode_shown(Output(messages=(), prompt=prompt), key="k", flow="f")
    answered = Answered(text="What size?\n1. Small", shown=msgspec.Raw(shown))
    async with open_stand(account(program()), actor=says(answered)) as stand:
        answer = await stand.send(ask({"session_id": "s", "user_id": "u1", "input": "hi"}))

    ((user, item, _),) = stand.asked
    assert {
        "type": "prompt",
        "session_id": "s",
        "user_id": "u1",
        "timestamp": "1970-01-01T00:16:40Z",
        "message": "What size?",
        "choices": [{"key": "s", "value": "Small"}],
    } == json.loads(answer.body)
    assert user.startswith("http:")
    assert (user, "u1") == (item.heard.facts.user_id, item.heard.sender)


async def test_nobody_waits_for_a_session_that_was_cut_off() -> None:
    """It is recorded, acknowledged, and said to nobody."""
    fields = {"sessionId": "s", "phoneNumber": NUMBER, "status": "Incomplete"}
    form = ("content-type", "application/x-www-form-urlencoded")
    async with open_stand(account(talking())) as stand:
        request = post("/gateways/line", urlencode(fields).encode(), form)
        answer = await stand.send(request)
        (notice,) = await stand.arrived()

    assert (200, b"") == (answer.status, answer.body)
    assert [] == stand.asked
    assert ("session_incomplete", NUMBER) == (notice.kind, notice.about)  # type: ignore[union-attr]


async def test_a_cancelled_request_is_asked_again_by_its_repeat() -> None:
    """Whoever sent the first has gone; the repeat does not wait for it."""
    wait = trio.Event()
    async with open_stand(actor=waiting(wait)) as stand:
        first = trio.CancelScope()

        async def leave() -> None:
            with first:
                await stand.dial()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            await wait_all_tasks_blocked()
            nursery.start_soon(stand.dial)
            await wait_all_tasks_blocked()
            first.cancel()
            await wait_all_tasks_blocked()
            wait.set()

    assert ["hello", "hello"] == stand.said


async def test_the_tokens_of_requests_are_told_to_nobody() -> None:
    """Neither telemetry nor answers hold them."""
    async with open_stand() as stand:
        answer = await stand.dial()
        wrong = await stand.send(evolve(post("/gateways/line", b"{}"), query=f"token={TOKEN}x"))

    told = repr(stand.told) + repr(answer) + repr(wrong)
    assert TOKEN not in told
    assert "244123456" not in told
