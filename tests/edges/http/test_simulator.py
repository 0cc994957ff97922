"""The simulator's routes (sessiond/edges/http/simulator): whom they serve, and what they do for the page."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field

from sessiond.core.gateways.messages import LocalFile
from sessiond.core.gateways.multipart import multipart
from sessiond.edges.http.router import Router
from sessiond.edges.http.simulator import SimulatedAccount, Simulator
from sessiond.edges.http.simulator.files import Files
from sessiond.net.messages import Request, Response
from sessiond.runtime.clock import SystemClock

CHAT = SimulatedAccount(
    name="shop",
    kind="whatsapp",
    path="/gateways/shop",
    tab="chat",
    signing_secret="the app's secret",
    credential="the access token",
)
BOT = SimulatedAccount(
    name="bot",
    kind="telegram",
    path="/gateways/bot",
    tab="chat",
    signing_secret="the bot's secret",
    credential="1:token",
)
TEXTS = SimulatedAccount(
    name="texts",
    kind="twilio",
    path="/gateways/texts",
    tab="chat",
    public_url="https://chat.example.com",
    signing_secret="the token",
    credential="QUM6",
)
OTHER = SimulatedAccount(name="other", kind="plugged-in", path="/gateways/other")
DIAL = SimulatedAccount(
    name="dial",
    kind="nalo",
    path="/gateways/dial",
    tab="ussd",
    septets=120,
    units=52,
    token="t" * 16,
)
STAND_IN = "/simulator/provider/shop/v23.0/100/messages"
BEARER = {"authorization": "Bearer the access token"}


@define
class Door:
    simulator: Simulator = field(
        factory=lambda: Simulator(
            [CHAT, DIAL, BOT, TEXTS, OTHER], issue_token=lambda user: f"token of {user}"
        )
    )

    async def ask(
        self,
        target: str,
        body: bytes | None = None,
        *,
        host: str | None = "127.0.0.1:4000",
        peer: str = "127.0.0.1",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        path, _, query = target.partition("?")
        everything = dict(headers or {}) | ({} if host is None else {"host": host})
        request = Request(
            method="GET" if body is None else "POST",
            target=target,
            path=path,
            query=query,
            headers=tuple(everything.items()),
            body=body or b"",
            peer=peer,
        )
        return await Router(self.simulator.routes(), SystemClock())(request)

    async def told(self, target: str, body: bytes | None = None, **how: Any) -> Any:
        answer = await self.ask(target, body, **how)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


@pytest.mark.parametrize("host", ["127.0.0.1:4000", "localhost:4000", "LOCALHOST", "[::1]:4000"])
async def test_the_page_is_served_to_this_machine(host: str) -> None:
    """Under each name of loopback; with a policy that lets in no script, style or request from elsewhere."""
    answer = await Door().ask("/simulator", host=host)

    headers = dict(answer.headers)
    policy = headers["content-security-policy"]
    assert (200, "text/html; charset=utf-8") == (answer.status, headers["content-type"])
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert f"connect-src 'self' ws://{host};" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:4000",
        "127.0.0.1.evil.example",
        "localhost.evil.example:4000",
        "127.0.0.1:4000; script-src *",
        "localhost:4000\nx",
        "192.168.1.7:4000",
        "",
        None,
    ],
)
@pytest.mark.parametrize("path", ["/simulator", "/simulator/setup", "/simulator/main.js"])
async def test_other_names_are_refused(host: str | None, path: str) -> None:
    """A page that lets its own name point to this machine (DNS rebinding) gets nothing."""
    answer = await Door().ask(path, host=host)

    assert 403 == answer.status
    assert b"dial" not in answer.body


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.7", {}),
        ("", {}),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}),
        ("127.0.0.1", {"origin": "https://evil.example"}),
        ("127.0.0.1", {"origin": "http://127.0.0.1:5000"}),
        ("127.0.0.1", {"origin": "null"}),
    ],
)
async def test_others_are_refused(peer: str, headers: Mapping[str, str]) -> None:
    """Another machine, also behind a proxy; pages of other origins, also of this machine."""
    answer = await Door().ask("/simulator/token?user=ada", b"", peer=peer, headers=headers)

    assert 403 == answer.status
    assert b"token of" not in answer.body


async def test_every_file_of_the_page_is_there() -> None:
    """Whatever the page and its scripts name is served; nothing is named that is elsewhere, nor written into markup."""
    door, seen, wanted = Door(), set[str](), {"/simulator"}
    while wanted:
        path = wanted.pop()
        seen.add(path)
        answer = await door.ask(path)
        text = answer.body.decode()
        assert 200 == answer.status, path
        assert "innerHTML" not in text
        assert "://" not in re.sub(r"ws://\$\{location\.host\}", "", text), path
        wanted |= set(re.findall(r'"(/simulator/[a-z_]+\.(?:js|css))"', text)) - seen

    assert {"/simulator/main.js", "/simulator/simulator.css", "/simulator/gsm.js"} <= seen
    assert len(door.simulator._files) == len(seen)


@pytest.mark.parametrize("file", ["nothing.js", "..", "..%2Fdoor.py", "door.py"])
async def test_other_files_are_not(file: str) -> None:
    """Only what the page is made of is served, by its exact name."""
    answer = await Door().ask(f"/simulator/{file}")

    assert 404 == answer.status


async def test_the_page_is_told_of_accounts() -> None:
    """What it needs to be the provider: where, with which token, how long pages are. Not what signs or pays."""
    answer = await Door().ask("/simulator/setup")

    chat, dial, *_, other = json.loads(answer.body)["accounts"]
    assert ("/gateways/shop", "whatsapp", "chat") == (chat["path"], chat["kind"], chat["tab"])
    assert (120, 52, "t" * 16) == (dial["septets"], dial["units"], dial["token"])
    assert ("plugged-in", "") == (other["kind"], other["tab"])
    assert b"secret" not in answer.body
    assert b"the access token" not in answer.body


async def test_secrets_are_not_shown() -> None:
    """An account is logged without what opens it."""
    assert "secret" not in repr(CHAT)
    assert "the access token" not in repr(CHAT)
    assert "tttt" not in repr(DIAL)


async def test_tokens_are_made() -> None:
    """For whoever the page wants to be."""
    told = await Door().told("/simulator/token?user=ada", b"")

    assert {"user": "ada", "token": "token of ada"} == told


@pytest.mark.parametrize("query", ["", "?user=", "?user=a&user=b", "?user=%00"])
async def test_a_token_needs_a_user(query: str) -> None:
    """One that can be a user."""
    assert 400 == (await Door().ask(f"/simulator/token{query}", b"")).status


async def test_no_key_no_tokens() -> None:
    """Where tokens are made elsewhere the page is told so."""
    door = Door(Simulator([]))

    assert {"accounts": [], "issues_tokens": False, "words": []} == await door.told(
        "/simulator/setup"
    )
    assert 403 == (await door.ask("/simulator/token?user=ada", b"")).status


@pytest.mark.parametrize(
    ("phone", "told"),
    [
        ("+233 24 412 3456", {"phone": "+233244123456"}),
        ("233244123456", {"phone": "+233244123456"}),
        ("0244123456", {"problem": "a phone number in local form needs a region"}),
        ("12", {"problem": "not a phone number: it has too few or too many digits"}),
        ("", {"problem": "not a phone number"}),
    ],
)
async def test_numbers_are_read_as_the_doors_do(phone: str, told: dict[str, str]) -> None:
    """The page need not guess which it would be refused."""
    assert told == await Door().told("/simulator/phone", phone.encode())


async def test_webhooks_are_signed_as_meta_does() -> None:
    """The bytes as they are, with the account's secret."""
    body = b'{"any": "bytes"}'
    told = await Door().told("/simulator/sign/shop", body)

    digest = hmac.new(b"the app's secret", body, hashlib.sha256).hexdigest()
    assert {"x-hub-signature-256": f"sha256={digest}"} == told


async def test_webhooks_are_signed_as_twilio_does() -> None:
    """The address that it calls, which may not be the page's, with its query, and the form."""
    told = await Door().told("/simulator/sign/texts?to=/gateways/texts%3Fa%3D1", b"To=2&From=1")

    signed = b"https://chat.example.com/gateways/texts?a=1From1To2"
    digest = hmac.digest(b"the token", signed, "sha1")
    assert {"x-twilio-signature": base64.b64encode(digest).decode()} == told


async def test_what_telegram_says_is_said() -> None:
    """It signs nothing, and names its secret."""
    told = await Door().told("/simulator/sign/bot", b"{}")

    assert {"x-telegram-bot-api-secret-token": "the bot's secret"} == told


@pytest.mark.parametrize("account", ["dial", "nobody", "other"])
async def test_other_accounts_do_not_sign(account: str) -> None:
    """There is nothing to sign with."""
    assert 400 == (await Door().ask(f"/simulator/sign/{account}", b"{}")).status


async def test_messages_reach_the_page() -> None:
    """The stand-in answers as the provider does; each message has an id of its own, and comes in order."""
    door = Door()
    start = await door.told("/simulator/sent")
    ids = []
    for text in ("one", "two"):
        body = json.dumps({"to": "233", "type": "text", "text": {"body": text}}).encode()
        accepted = await door.told(STAND_IN, body, headers=BEARER)
        ids.append(accepted["messages"][0]["id"])
        assert [{"input": "233", "wa_id": "233"}] == accepted["contacts"]
    told = await door.told(f"/simulator/sent?after={start['cursor']}")
    run, _, number = told["cursor"].partition(".")
    rest = await door.told(f"/simulator/sent?after={run}.1")

    assert "2" == number
    assert ["one", "two"] == [one["body"]["text"]["body"] for one in told["calls"]]
    assert [("shop", one) for one in ids] == [(one["account"], one["id"]) for one in told["calls"]]
    assert ids[1:] == [one["id"] for one in rest["calls"]]


async def test_ids_of_messages_were_not_there_before() -> None:
    """Not before a restart of the server either: what became of a message is told of one message."""
    ids = {
        (await Door().told(STAND_IN, b'{"type": "text"}', headers=BEARER))["messages"][0]["id"]
        for _ in range(3)
    }

    assert 3 == len(ids)


async def test_a_bots_calls_reach_the_page() -> None:
    """A message has a number, what is only done is done; the page is told of the method."""
    door = Door()
    body = b'{"chat_id": 233, "text": "Hi"}'
    sent = await door.told("/simulator/provider/bot/bot1:token/sendMessage", body)
    done = await door.told("/simulator/provider/bot/bot1:token/answerCallbackQuery", b"{}")
    refused = await door.ask("/simulator/provider/bot/bot1:other/sendMessage", body)
    (message, receipt) = (await door.told("/simulator/sent?after=0"))["calls"]

    assert {"ok": True, "result": {"message_id": 1, "chat": {"id": 233, "type": "private"}}} == sent
    assert {"ok": True, "result": True} == done
    assert (401, 401) == (refused.status, json.loads(refused.body)["error_code"])
    assert {"method": "sendMessage", "chat_id": 233, "text": "Hi"} == message["body"]
    assert [sent, done] == [message["answer"], receipt["answer"]]
    assert ("1", "answerCallbackQuery") == (message["id"], receipt["body"]["method"])


async def test_a_file_in_a_message_of_telegram_reaches_the_page() -> None:
    """As a form: its fields are told as those of JSON are, the file by its name."""
    fields = {"chat_id": "233", "caption": "Look", "reply_markup": '{"keyboard":[]}'}
    file = LocalFile(path="/srv/a.pdf", mime_type="application/pdf", name="a.pdf")
    body, kind = multipart(fields, "document", file, b"%PDF")
    door, bot = Door(), "/simulator/provider/bot/bot1:token/sendDocument"
    sent = await door.told(bot, body, headers={"content-type": kind})
    nobodys = await door.ask(bot, b"--x--", headers={"content-type": kind})
    long_body, kind = multipart({"chat_id": "9" * 5000}, "document", file, b"%PDF")
    odd = await door.ask(bot, long_body, headers={"content-type": kind})
    message, _ = (await door.told("/simulator/sent?after=0"))["calls"]

    assert (1, 233) == (sent["result"]["message_id"], sent["result"]["chat"]["id"])
    assert {
        "method": "sendDocument",
        "chat_id": 233,
        "caption": "Look",
        "document": "a.pdf",
        "reply_markup": {"keyboard": []},
    } == message["body"]
    assert (400, 200) == (nobodys.status, odd.status)


async def test_forms_of_twilio_reach_the_page() -> None:
    """A name that comes twice has both values; a sid is of Twilio's form."""
    door = Door()
    path = "/simulator/provider/texts/2010-04-01/Accounts/AC1/Messages.json"
    body, headers = b"To=%2B233&Body=Hi&MediaUrl=a&MediaUrl=b", {"authorization": "Basic QUM6"}
    sent = await door.told(path, body, headers=headers)
    nobodys = await door.ask(path, b"Body=Hi", headers=headers)
    refused = await door.ask(path, body)
    (message,) = (await door.told("/simulator/sent?after=0"))["calls"]

    assert re.fullmatch("SM[0-9a-f]{32}", sent["sid"])
    assert {"To": "+233", "Body": "Hi", "MediaUrl": ["a", "b"]} == message["body"]
    assert (400, 401) == (nobodys.status, refused.status)


async def test_what_a_person_sends_can_be_fetched_from_whatsapp() -> None:
    """By the id in the webhook: first where it is, then the file; both with the account's token."""
    door = Door()
    name = (await door.told("/simulator/media?type=image/png", b"a picture"))["id"]
    found = await door.told(f"/simulator/provider/shop/v23.0/{name}", headers=BEARER)
    file = await door.ask(found["url"].removeprefix("http://127.0.0.1:4000"), headers=BEARER)
    refused = await door.ask(f"/simulator/provider/shop/v23.0/{name}")
    gone = await door.ask("/simulator/provider/shop/v23.0/1234", headers=BEARER)

    assert ("image/png", 9) == (found["mime_type"], found["file_size"])
    assert hashlib.sha256(b"a picture").hexdigest() == found["sha256"]
    assert (b"a picture", "image/png") == (file.body, dict(file.headers)["content-type"])
    assert (401, 400) == (refused.status, gone.status)
    assert 100 == json.loads(gone.body)["error"]["code"]


async def test_what_a_person_sends_can_be_fetched_from_telegram() -> None:
    """By its path, which getFile tells of; the paths hold the bot's token."""
    door = Door()
    name = (await door.told("/simulator/media?type=application/pdf", b"paper"))["id"]
    bot = "/simulator/provider/bot/bot1:token"
    found = await door.told(f"{bot}/getFile", json.dumps({"file_id": name}).encode())
    path = found["result"]["file_path"]
    file = await door.ask(f"/simulator/provider/bot/file/bot1:token/{path}")
    refused = await door.ask(f"/simulator/provider/bot/file/bot1:other/{path}")
    gone = await door.ask(f"{bot}/getFile", b'{"file_id": "1"}')

    assert b"paper" == file.body
    assert (401, 400) == (refused.status, gone.status)
    assert (await door.told("/simulator/sent"))["cursor"].endswith(".0")


async def test_what_a_person_sends_can_be_fetched_from_twilio() -> None:
    """Its address leads to the file, which is there for whoever knows the way."""
    door = Door()
    name = (await door.told("/simulator/media?type=image/png", b"a picture"))["id"]
    path = "/simulator/provider/texts/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME"
    led = await door.ask(f"{path}{name}", headers={"authorization": "Basic QUM6"})
    file = await door.ask(dict(led.headers)["location"].removeprefix("http://127.0.0.1:4000"))
    refused = await door.ask(f"{path}{name}")
    gone = await door.ask(f"{path}1", headers={"authorization": "Basic QUM6"})
    nowhere = await door.ask("/simulator/provider/texts/files/1")

    assert (307, b"a picture") == (led.status, file.body)
    assert [401, 404, 404] == [refused.status, gone.status, nowhere.status]


async def test_uploads_are_taken() -> None:
    """As WhatsApp takes them: the page is told what came, and the file can be had by its id."""
    door = Door()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="messaging_product"\r\n\r\nwhatsapp\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n\x00\xff\r\n--b--\r\n"
    )
    path = "/simulator/provider/shop/v23.0/100/media"
    form = BEARER | {"content-type": "multipart/form-data; boundary=b"}
    name = (await door.told(path, body, headers=form))["id"]
    file = await door.ask(f"/simulator/provider/shop/files/{name}")
    (upload,) = (await door.told("/simulator/sent?after=0"))["calls"]
    wrong = await door.ask(path, b"no form", headers=form)
    refused = await door.ask(path, body)

    assert (b"\x89PNG\r\n\x00\xff", "image/png") == (
        file.body,
        dict(file.headers)["content-type"],
    )
    assert {"upload": "image/png", "bytes": 8} == upload["body"]
    assert (400, 401) == (wrong.status, refused.status)


async def test_a_file_is_no_page_of_ours() -> None:
    """What a person sends may be a page with a script: opened here it has no origin, and so no tokens."""
    door = Door()
    name = (await door.told("/simulator/media?type=text/html", b"<script src=/x></script>"))["id"]
    file = await door.ask(f"/simulator/provider/shop/files/{name}")

    assert ("content-security-policy", "sandbox") in file.headers


async def test_an_empty_file_is_none() -> None:
    """And a type that is none does not get into a header."""
    door = Door()
    odd = (await door.told("/simulator/media?type=a%0D%0Ab:c", b"x"))["id"]
    file = await door.ask(f"/simulator/provider/shop/files/{odd}")

    assert 400 == (await door.ask("/simulator/media?type=image/png", b"")).status
    assert "application/octet-stream" == dict(file.headers)["content-type"]


def test_files_are_kept_for_a_while() -> None:
    """Up to so many bytes; the oldest go first, the newest never."""
    files = Files()
    names = [files.put("image/png", bytes(30 * 1024 * 1024)) for _ in range(3)]
    huge = files.put("video/mp4", bytes(70 * 1024 * 1024))

    assert [None] * 3 == [files.get(name) for name in names]
    assert files.get(huge) is not None


async def test_a_kind_that_nobody_plays_has_no_provider() -> None:
    """Nor is one there for a kind's other paths."""
    door = Door()

    assert 404 == (await door.ask("/simulator/provider/other/v1/1/messages", b"{}")).status
    assert 404 == (await door.ask("/simulator/provider/shop/v1/1/templates", b"{}")).status


async def test_a_page_waits_for_messages(autojump_clock: trio.testing.MockClock) -> None:
    """It is told at once when one comes, and that there was none after a while."""
    door, told = Door(), []
    start = (await door.told("/simulator/sent"))["cursor"]

    async def listen() -> None:
        told.append(await door.told(f"/simulator/sent?after={start}"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        await door.told(STAND_IN, b'{"type": "text"}', headers=BEARER)
    assert 1 == len(told[0]["calls"])
    assert [] == (await door.told(f"/simulator/sent?after={told[0]['cursor']}"))["calls"]


@pytest.mark.parametrize("number", ["0", "1", "57", "", "-1", "x", "1" * 30, "²"])
async def test_a_page_that_is_older_than_the_server(number: str) -> None:
    """What it knows is of another start: everything is new, however much that was. It is told at once."""
    door, before = Door(), await Door().told("/simulator/sent")
    run = before["cursor"].partition(".")[0]
    assert [] == (await door.told(f"/simulator/sent?after={run}.{number}"))["calls"]
    await door.told(STAND_IN, b"{}", headers=BEARER)

    assert 1 == len((await door.told(f"/simulator/sent?after={run}.{number}"))["calls"])
    assert 1 == len((await door.told(f"/simulator/sent?after={number}"))["calls"])


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer other"}])
async def test_calls_bear_the_access_token(headers: Mapping[str, str]) -> None:
    """As the provider, it accepts nothing without."""
    door = Door()
    answer = await door.ask(STAND_IN, b"{}", headers=headers)

    assert 401 == answer.status
    assert (await door.told("/simulator/sent"))["cursor"].endswith(".0")


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
async def test_calls_are_json_objects(body: bytes) -> None:
    """Anything else is refused, and the page does not see it."""
    door = Door()

    assert 400 == (await door.ask(STAND_IN, body, headers=BEARER)).status
    assert (await door.told("/simulator/sent"))["cursor"].endswith(".0")
