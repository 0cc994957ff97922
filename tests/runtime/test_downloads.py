"""What people sent, fetched from a real provider with its faults (sessiond/runtime/downloads.py)."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond import Attachment, AttachmentKind, DownloadFailed, DownloadProblem, telemetry
from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.port import Gateway
from sessiond.edges.http.outbound import Outbound
from sessiond.gateways.telegram import Telegram, TelegramSettings
from sessiond.gateways.twilio import Twilio, TwilioSettings
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.downloads import MAX_NOTED, MediaDownloads, noting_downloads
from sessiond.testing.providers import (
    Exchange,
    Provider,
    Response,
    answer,
    garbage,
    half,
    open_provider,
    reset,
    slow,
    trickle,
)
from tests.runtime.gateway_worlds import USSD

TOKEN = "t0p-s3cret"
BOT = f"1:{'b' * 32}"
SID = "AC" + "0" * 32
BYTES = b"\xff\xd8 a photo \xff\xd9" * 1000
PHOTO = Attachment(kind=AttachmentKind.IMAGE, id="275", account="shop")

# httpcore2 leaves a generator of its own to the collector when a body is not read to its end.
left_to_collector = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Told = list[Mapping[str, object]]


@pytest.fixture
def told() -> Iterator[Told]:
    """What telemetry tells of downloads, but how long they took."""
    events: Told = []
    detach = telemetry.attach(
        lambda _, numbers, about: events.append({"size": numbers["size"], **about}),
        ["media.download"],
    )
    yield events
    detach()


def accounts_at(url: str, **settings: Any) -> dict[str, Account]:
    number = WhatsAppSettings(
        phone_number_id="1", access_token=TOKEN, verify_token="v", app_secrets=("s",), api_url=url
    )
    bot = TelegramSettings(bot_token=BOT, secret_tokens=("s" * 32,), api_url=url)
    sender = TwilioSettings(
        account_sid=SID, auth_tokens=("a" * 32,), sender="+14155238886", api_url=url
    )
    gateways: dict[str, Gateway] = {
        "shop": WhatsApp(number),
        "bot": Telegram(bot),
        "sms": Twilio(sender),
    }
    accounts = {
        name: Account(name, AccountSettings(gateway=name, **settings), gateway)
        for name, gateway in gateways.items()
    }
    return accounts | {"line": USSD}


@asynccontextmanager
async def fetching(
    *script: Response, **settings: Any
) -> AsyncIterator[tuple[MediaDownloads, Provider]]:
    with trio.fail_after(20):
        async with open_provider() as provider, aclosing(Outbound()) as outbound:
            provider.script(*script)
            accounts = accounts_at(provider.url, **settings)
            yield MediaDownloads(accounts, outbound, clock=SystemClock()), provider


def leading_to_itself(path: str = "/file?hash=1") -> Response:
    """Meta's answer: the file is at the provider."""

    async def respond(exchange: Exchange) -> None:
        url = f"http://{exchange.call.headers['host']}{path}"
        await answer(200, {"url": url, "mime_type": "image/jpeg"})(exchange)

    return respond


def file(content: bytes = BYTES, **headers: str) -> Response:
    return answer(200, content, headers={"content-type": "image/jpeg", **headers})


async def problem_of(downloads: MediaDownloads, attachment: Attachment = PHOTO) -> DownloadProblem:
    with pytest.raises(DownloadFailed) as failed:
        async with downloads.open(attachment) as download:
            await download.read()
    for secret in (TOKEN, BOT, "127.0.0.1", "hash=", "275"):
        assert secret not in str(failed.value)
    return failed.value.problem


async def test_whatsapps_media_are_fetched_with_our_token(told: Told) -> None:
    """By id, then from the address that Meta names; both calls with the token."""
    async with (
        fetching(leading_to_itself(), file()) as (downloads, provider),
        downloads.open(PHOTO) as download,
    ):
        content = await download.read()

    assert (BYTES, "image/jpeg", len(BYTES)) == (content, download.mime_type, download.size)
    assert ["/v23.0/275?phone_number_id=1", "/file?hash=1"] == [
        call.target for call in provider.calls
    ]
    assert {f"Bearer {TOKEN}"} == {call.headers["authorization"] for call in provider.calls}
    assert [
        {"size": len(BYTES), "account": "shop", "platform": "whatsapp", "outcome": "whole"}
    ] == told


async def test_telegrams_files_are_fetched_from_their_path() -> None:
    """With our token in the address, as its API wants it."""
    found = answer(200, {"ok": True, "result": {"file_id": "x", "file_path": "photos/1.jpg"}})
    voice = Attachment(kind=AttachmentKind.AUDIO, id="AwAC", mime_type="audio/ogg", account="bot")
    async with fetching(found, file()) as (downloads, provider), downloads.open(voice) as download:
        content = await download.read()

    asked, fetched = provider.calls
    assert (BYTES, "audio/ogg") == (content, download.mime_type)
    assert {"file_id": "AwAC"} == asked.json
    assert [f"/bot{BOT}/getFile", f"/file/bot{BOT}/photos/1.jpg"] == [asked.target, fetched.target]


async def test_twilios_media_are_fetched_from_where_our_account_leads() -> None:
    """The credentials are for Twilio, and not for where it keeps files."""

    async def leading(exchange: Exchange) -> None:
        url = f"http://{exchange.call.headers['host']}/bucket/x?Signature=y"
        await answer(307, headers={"location": url})(exchange)

    async with fetching(leading, file()) as (downloads, provider):
        url = f"{provider.url}/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1"
        photo = Attachment(kind=AttachmentKind.IMAGE, url=url, account="sms")
        async with downloads.open(photo) as download:
            content = await download.read()

    asked, fetched = provider.calls
    assert BYTES == content
    assert asked.headers["authorization"].startswith("Basic ")
    assert "authorization" not in fetched.headers
    assert "/bucket/x?Signature=y" == fetched.target


@left_to_collector
async def test_a_file_comes_in_chunks(told: Told) -> None:
    """It is never in memory as a whole; whoever has enough leaves."""
    large = b"x" * 5_000_000
    async with (
        fetching(leading_to_itself(), file(large)) as (downloads, _),
        downloads.open(PHOTO) as download,
    ):
        async for chunk in download:
            assert 0 < len(chunk) < 1_000_000
            break

    assert "left" == told[0]["outcome"]


@left_to_collector
async def test_a_file_larger_than_its_account_takes_is_refused(told: Told) -> None:
    """By what the provider says before it comes, and by what comes where it does not say."""

    async def unsaid(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
        await exchange.raw(head + b"x" * 2000)

    script = (leading_to_itself(), file(b"x" * 1001), leading_to_itself(), unsaid)
    async with fetching(*script, download_bytes=1000) as (downloads, _):
        said = await problem_of(downloads)
        come = await problem_of(downloads)

    assert DownloadProblem.TOO_LARGE == said == come
    assert (0, 2000) == (told[0]["size"], told[1]["size"])


async def test_a_file_of_the_largest_size_is_whole() -> None:
    """The bound is what may come."""
    script = (leading_to_itself(), file(b"x" * 1000))
    async with (
        fetching(*script, download_bytes=1000) as (downloads, _),
        downloads.open(PHOTO) as download,
    ):
        assert 1000 == len(await download.read())


@pytest.mark.parametrize(
    "fault",
    [answer(500), answer(429, headers={"retry-after": "9"}), half(b'{"url":'), reset(), garbage(),
     answer(200, b"<html>"), answer(200, {"url": 5}), answer(302, headers={"location": "http://127.0.0.1/"})],
    ids=["500", "429", "half", "reset", "garbage", "a page", "no address", "a redirect"],
)  # fmt: skip
async def test_a_provider_that_says_nothing_now_may_later(fault: Response, told: Told) -> None:
    """Whatever it says instead of where the file is; nobody is called then."""
    async with fetching(fault) as (downloads, provider):
        assert DownloadProblem.UNAVAILABLE == await problem_of(downloads)

    assert 1 == len(provider.calls)
    assert "unavailable" == told[0]["outcome"]


@pytest.mark.parametrize(
    "fault",
    [answer(503), half(BYTES), reset(), garbage(), answer(302, headers={"location": "http://127.0.0.1/"})],
    ids=["503", "half", "reset", "garbage", "a redirect"],
)  # fmt: skip
async def test_half_a_file_is_none(fault: Response) -> None:
    """What was read before it broke off is not the file."""
    async with fetching(leading_to_itself(), fault) as (downloads, _):
        assert DownloadProblem.UNAVAILABLE == await problem_of(downloads)


@left_to_collector
async def test_a_slow_provider_is_given_up() -> None:
    """Each call, and each chunk, has the account's ``call_seconds``."""
    never = trio.Event()

    async def stuck(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx"
        await exchange.stream.send_all(head)
        await never.wait()

    script = (slow(never), leading_to_itself(), slow(never), leading_to_itself(), stuck)
    async with fetching(*script, call_seconds=0.2) as (downloads, _):
        problems = [await problem_of(downloads) for _ in range(3)]

    assert [DownloadProblem.UNAVAILABLE] * 3 == problems


@left_to_collector
async def test_a_provider_that_trickles_is_given_up(told: Told) -> None:
    """No chunk takes too long, and there is always one more: the file as a whole has ``download_seconds``."""
    script = (leading_to_itself(), trickle(b"x" * 10_000, 0.02))
    async with fetching(*script, call_seconds=5, download_seconds=0.3) as (downloads, _):
        with pytest.raises(DownloadFailed, match=r"took longer than 0\.3 seconds") as failed:
            async with downloads.open(PHOTO) as download:
                await download.read()

    assert DownloadProblem.UNAVAILABLE == failed.value.problem
    assert 0 < int(str(told[0]["size"])) < 20
    assert "unavailable" == told[0]["outcome"]


async def test_who_reads_slowly_is_not_given_up(mock_clock: MockClock) -> None:
    """Only the time that the provider takes counts."""
    large = b"x" * 5_000_000
    size = 0
    async with (
        fetching(leading_to_itself(), file(large), download_seconds=1) as (downloads, _),
        downloads.open(PHOTO) as download,
    ):
        for _ in range(3):
            size += len(await anext(aiter(download)))
            mock_clock.jump(5)
        size += len(await download.read())

    assert len(large) == size


async def test_the_type_is_what_the_message_said() -> None:
    """Whatever the provider calls the bytes; where the message says nothing, what the provider does."""
    page = {"content-type": "text/html; charset=utf-8"}
    script = (leading_to_itself(), answer(200, BYTES, headers=page)) * 2
    photo = msgspec.structs.replace(PHOTO, mime_type="image/jpeg")
    types = []
    async with fetching(*script) as (downloads, _):
        for attachment in (photo, PHOTO):
            async with downloads.open(attachment) as download:
                assert BYTES == await download.read()
                types.append(download.mime_type)

    assert ["image/jpeg", "text/html; charset=utf-8"] == types


async def test_a_provider_that_is_down_may_be_back() -> None:
    """Nobody listens."""
    async with fetching() as (downloads, _):
        pass

    assert DownloadProblem.UNAVAILABLE == await problem_of(downloads)


@pytest.mark.parametrize("where", ["asked", "fetched"])
async def test_what_the_provider_has_no_more_is_expired(where: str, told: Told) -> None:
    """Media ids of webhooks live a week, addresses some minutes."""
    gone = answer(404, {"error": {"code": 100, "error_subcode": 33}})
    script = (gone,) if where == "asked" else (leading_to_itself(), answer(404))
    async with fetching(*script) as (downloads, _):
        assert DownloadProblem.EXPIRED == await problem_of(downloads)

    assert "expired" == told[0]["outcome"]


async def test_refused_credentials_are_for_somebody_to_look_at() -> None:
    """The person can do nothing about it."""
    async with fetching(answer(401, {"error": {"code": 190}})) as (downloads, _):
        assert DownloadProblem.REFUSED == await problem_of(downloads)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://evil.example/x",
        "file:///etc/passwd",
    ],
)
async def test_our_token_goes_nowhere_else(url: str) -> None:
    """Whatever the provider's answer names: nobody is called."""
    async with fetching(answer(200, {"url": url})) as (downloads, provider):
        assert DownloadProblem.REFUSED == await problem_of(downloads)

    assert 1 == len(provider.calls)


@pytest.mark.parametrize("account", ["", "gone", "line"])
async def test_what_came_by_no_account_cannot_be_fetched(account: str, told: Told) -> None:
    """By a websocket, by one that is not configured any more, by a USSD line."""
    photo = Attachment(kind=AttachmentKind.IMAGE, id="1", url="http://127.0.0.1/", account=account)
    async with fetching() as (downloads, provider):
        assert DownloadProblem.UNKNOWN_ACCOUNT == await problem_of(downloads, photo)

    assert [] == provider.calls
    assert account.replace("gone", "") == told[0]["account"]


async def test_an_attachment_that_names_no_media_is_refused() -> None:
    """What a stored record says may be anything."""
    async with fetching() as (downloads, provider):
        for account, media_id in (("shop", "../me"), ("bot", ""), ("sms", "5")):
            photo = Attachment(kind=AttachmentKind.IMAGE, id=media_id, account=account)
            assert DownloadProblem.REFUSED == await problem_of(downloads, photo)

    assert [] == provider.calls


@left_to_collector
async def test_what_is_left_does_not_stay_open() -> None:
    """A failing reader, and one that is cancelled: the next download is served all the same."""
    script = [step for _ in range(3) for step in (leading_to_itself(), file(b"x" * 5_000_000))]
    async with fetching(*script) as (downloads, provider):
        with pytest.raises(ZeroDivisionError):
            async with downloads.open(PHOTO) as download:
                raise ZeroDivisionError
        with trio.CancelScope() as scope:
            async with downloads.open(PHOTO) as download:
                scope.cancel()
                await download.read()
        async with downloads.open(PHOTO) as download:
            whole = await download.read()

    assert (5_000_000, 6) == (len(whole), len(provider.calls))


async def test_what_a_function_fetches_is_noted() -> None:
    """Also what its tasks fetch and what fails, up to a bound; outside of it nobody is told.

    What a person's program called its type is noted where it is one: anything else may be anything.
    """
    script = (leading_to_itself(), file(b"one"), leading_to_itself(), answer(404), answer(500))
    async with fetching(*script) as (downloads, _):

        async def fetch() -> None:
            photo = msgspec.structs.replace(PHOTO, mime_type="image/jpeg")
            async with downloads.open(photo) as download:
                await download.read()

        with noting_downloads() as noted:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fetch)
            assert DownloadProblem.EXPIRED == await problem_of(downloads)
            assert 2 == len(noted)
        assert DownloadProblem.UNAVAILABLE == await problem_of(downloads)
        told = {one.outcome: one for one in noted}
        with noting_downloads() as noted:
            for _ in range(MAX_NOTED + 1):
                nobodys = Attachment(kind=AttachmentKind.IMAGE, mime_type="call +233244123456")
                assert DownloadProblem.UNKNOWN_ACCOUNT == await problem_of(downloads, nobodys)

    assert {""} == {one.mime_type for one in noted}
    assert {"whole": 3, "expired": 0} == {outcome: one.size for outcome, one in told.items()}
    assert ("shop", "image/jpeg") == (told["whole"].account, told["whole"].mime_type)
    assert MAX_NOTED == len(noted)
