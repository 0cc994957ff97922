"""The page about media is true: its app on a real server, with a provider that has the files."""

import hashlib
import hmac
import json
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from sessiond import Attachment, AttachmentKind, DownloadProblem
from sessiond.config.load import load_settings
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.gateways.telegram.media import DOWNLOAD_BYTES as TELEGRAM
from sessiond.gateways.telegram.media import UPLOAD_BYTES
from sessiond.gateways.twilio.media import DOWNLOAD_BYTES as TWILIO
from sessiond.gateways.whatsapp.media import DOWNLOAD_BYTES as WHATSAPP
from sessiond.gateways.whatsapp.media import KEEPS_SECONDS, MEDIA_BYTES
from sessiond.testing.providers import Exchange, answer, open_provider
from tests.docs.pages import DOCS, captioned, fenced
from tests.scenarios.hooks import request
from tests.scenarios.live import Live, open_live

PAGE = "howto/media.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
PHOTO = b"\xff\xd8 a dent \xff\xd9"
SECRET, TOKEN = "the-apps-secret", "t0p-s3cret"


class Meta:
    """Meta, having one photo."""

    def __init__(self) -> None:
        self.photos = [answer(200, PHOTO, headers={"content-type": "image/jpeg"})]

    async def __call__(self, exchange: Exchange) -> None:
        target, host = exchange.call.target, exchange.call.headers["host"]
        if target.startswith("/v23.0/275?"):
            await answer(200, {"url": f"http://{host}/photo"})(exchange)
        elif target == "/photo":
            respond = self.photos.pop(0) if len(self.photos) > 1 else self.photos[0]
            await respond(exchange)
        elif target.endswith("/media"):
            await answer(200, {"id": "uploaded-1"})(exchange)
        else:
            await answer(200, {"messages": [{"id": "wamid.out"}]})(exchange)


async def write(live: Live, name: str, **message: Any) -> None:
    """Send a message of a person, as Meta does."""
    (kind,) = message
    said = {
        "from": "233244123456",
        "id": name,
        "timestamp": str(int(time.time())),
        "type": kind,
        **message,
    }
    value = {"metadata": {"phone_number_id": "100"}, "messages": [said]}
    entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    assert 200 == (await request(live.port, "POST", "/gateways/shop", body, headers))[0]


def files_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("*.jpg")]


def settings_at(folder: Path, url: str) -> Any:
    """The page's settings, with a provider that is here."""
    (block,) = fenced(PAGE, "toml")
    block = block.replace("123456789012345", "100").replace("the-system-users-token", TOKEN)
    block = block.replace("the-app-secret", SECRET) + f'api_url = "{url}"\n'
    file = folder / "sessiond.toml"
    file.write_text(f'[session_keys]\nsecret = "what openssl rand -base64 32 prints"\n\n{block}')
    return load_settings(files=[file], environment={})


async def test_the_apps_photo_is_kept_and_its_letter_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A half photo is fetched again; the letter goes up once for two claims; the log has no token."""
    names: dict[str, Any] = {}
    exec(captioned(PAGE, "claims.py"), names)
    names["FOLDER"] = trio.Path(tmp_path)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "17.pdf").write_bytes(b"%PDF a letter")
    meta = Meta()

    async def half_of_it(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PHOTO)
        await exchange.raw(head + PHOTO[:5])

    meta.photos.insert(0, half_of_it)
    async with open_provider() as provider:
        provider.otherwise = meta
        settings = settings_at(tmp_path, provider.url)
        async with open_live(
            names["app"], tmp_path, gateways=settings.gateways, session_keys=settings.session_keys
        ) as live:
            await write(live, "wamid.1", text={"body": "claim"})
            await provider.wait_calls(2)
            await write(live, "wamid.2", image={"id": "275", "mime_type": "image/jpeg"})
            await provider.wait_calls(7)
            (row,) = (await live.admin("sessions.list"))["rows"]
            for number in range(2):
                body = json.dumps({"number": "17"}).encode()
                await live.hook(row["user"], body, name="settled", message_id=f"msg-{number}")
                await provider.wait_calls(9 + number)
            journal = await live.admin("sessions.journal", user=row["user"])

    calls = provider.calls
    shown = [call.json for call in calls if call.target.endswith("/messages")]
    assert f"Thank you, {len(PHOTO)} bytes." == shown[2]["text"]["body"]
    assert [PHOTO] == files_in(tmp_path)
    assert 1 == len([call for call in calls if call.target.endswith("/media")])
    assert [
        {"id": "uploaded-1", "caption": "Your claim is settled.", "filename": "letter.pdf"}
    ] * 2 == [message["document"] for message in shown[3:]]
    assert {f"Bearer {TOKEN}"} == {call.headers["authorization"] for call in calls}
    assert TOKEN not in caplog.text
    told = [entry for entry in journal["rows"] if entry["event"].startswith("media.")][::-1]
    assert [
        ("media.download", "failure"),
        ("media.download", "success"),
        ("media.upload", "success"),
    ] == [(entry["event"], entry["status"]) for entry in told]
    assert ["unavailable", "whole"] == [entry["facts"]["outcome"] for entry in told[:2]]
    assert ("claim", len(PHOTO)) == (told[1]["flow"], told[1]["facts"]["size"])


async def test_an_app_can_be_given_files(tmp_path: Path) -> None:
    """The page's stand-in for downloads: the function stores what it gives."""
    names: dict[str, Any] = {}
    exec(captioned(PAGE, "claims.py"), names)
    names["FOLDER"] = trio.Path(tmp_path)
    exec(captioned(PAGE, "test_claims.py"), names)
    names["app"].downloads = names["Photos"]()
    photo = Attachment(kind=AttachmentKind.IMAGE, id="275", account="shop")

    assert 7 == await names["keep"](photo, "1.jpg")
    assert [b"a photo"] == files_in(tmp_path)


def test_every_problem_is_on_the_page() -> None:
    """With what to do about it."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| .+ \| .+ \|$", TEXT, re.MULTILINE)

    assert [problem.name for problem in DownloadProblem] == rows


def test_the_numbers_on_the_page_are_those_of_the_code() -> None:
    """Defaults, and the providers' limits."""
    (block,) = fenced(PAGE, "toml")
    shown = tomllib.loads(block)["gateways"]["shop"]
    defaults = {name: one.default for name, one in attrs.fields_dict(AccountSettings).items()}
    for name in ("upload_bytes", "upload_seconds", "call_seconds"):
        assert defaults[name] == shown[name]
    assert defaults["download_bytes"] is None
    megabytes = [number // 2**20 for number in (WHATSAPP, TELEGRAM, TWILIO)]
    assert "(WhatsApp {} MB, Telegram {} MB, Twilio {} MB)".format(*megabytes) in TEXT
    assert f"Meta's for {KEEPS_SECONDS / 86_400:.0f} days" in TEXT
    kinds = (MEDIA_BYTES["image"], MEDIA_BYTES["audio"], UPLOAD_BYTES["sendPhoto"])
    image, audio, photo = (number // 2**20 for number in kinds)
    words = f"WhatsApp {image} MB of an image, {audio} MB of audio and video; Telegram {photo} MB of a photo"
    assert words in " ".join(TEXT.split())
