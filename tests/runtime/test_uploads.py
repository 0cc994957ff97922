"""Files of one account: uploaded once, kept by id, read when they are needed (sessiond/runtime/uploads.py)."""

import os
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond import telemetry
from sessiond.core.gateways.accounts import AccountSettings
from sessiond.core.gateways.messages import LocalFile, ProviderCall
from sessiond.core.gateways.port import AccountStopped, GivenUp, Judgement, Sent, TryAgain
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings
from sessiond.runtime.clock import SteadyClock
from sessiond.runtime.threads import InPlace
from sessiond.runtime.uploads import MAX_KEPT, Uploaded, Uploads

#: The message that shows the file.
CALL = ProviderCall(url="https://example.com/messages", body=b'{"document":"{media_id}"}')

Told = list[Mapping[str, object]]


@pytest.fixture
def told() -> Iterator[Told]:
    """What telemetry tells of uploads."""
    events: Told = []
    detach = telemetry.attach(
        lambda _, numbers, about: events.append({**numbers, **about}), ["media.upload"]
    )
    yield events
    detach()


class Meta:
    """Takes uploads as scripted, then well: each gets the next id."""

    def __init__(self, *script: Judgement) -> None:
        self.script = deque(script)
        self.calls: list[ProviderCall] = []
        self.seconds: list[float] = []
        self.under_way = 0

    async def __call__(self, call: ProviderCall, seconds: float) -> Judgement:
        assert self.under_way == 0
        self.under_way += 1
        self.calls.append(call)
        self.seconds.append(seconds)
        await trio.sleep(1)
        self.under_way -= 1
        return self.script.popleft() if self.script else Sent(f"id-{len(self.calls)}")


def uploads(meta: Meta, **settings: Any) -> Uploads:
    own = WhatsAppSettings(
        phone_number_id="1", access_token="t", verify_token="v", app_secrets=("s",)
    )
    return Uploads(
        "shop",
        AccountSettings(gateway="whatsapp", **settings),
        WhatsApp(own),
        meta,
        clock=SteadyClock(1_700_000_000.0),
        threads=InPlace(),
    )


def written(path: Path, content: bytes = b"%PDF") -> LocalFile:
    path.write_bytes(content)
    return LocalFile(path=str(path), mime_type="application/pdf", name=path.name)


async def test_a_file_is_uploaded_once(
    tmp_path: Path, autojump_clock: MockClock, told: Told
) -> None:
    """And sent by its id then; telemetry hears of the upload, without a name or a path."""
    meta = Meta()
    account, file = uploads(meta), written(tmp_path / "bill.pdf")

    assert Uploaded("id-1", 4, is_new=True) == await account.find(file, CALL)
    assert Uploaded("id-1", 4, is_new=False) == await account.find(file, CALL)
    (call,) = meta.calls
    assert b"%PDF" in call.body
    assert b'filename="bill.pdf"' in call.body
    assert [60.0] == meta.seconds
    assert [
        {
            "duration": 1.0,
            "size": 4,
            "account": "shop",
            "platform": "whatsapp",
            "mime_type": "application/pdf",
            "outcome": "sent",
        }
    ] == told


async def test_messages_at_the_same_time_wait_for_one_upload(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """And no two files are in memory at once."""
    meta = Meta()
    account = uploads(meta)
    files = [written(tmp_path / name) for name in ("a.pdf", "b.pdf")]
    async with trio.open_nursery() as nursery:
        for file in files * 3:
            nursery.start_soon(account.find, file, CALL)

    assert 2 == len(meta.calls)


async def test_a_file_that_is_there_waits_for_no_upload(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """However long another one takes."""
    account = uploads(Meta())
    there, other = written(tmp_path / "a.pdf"), written(tmp_path / "b.pdf")
    await account.find(there, CALL)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(account.find, other, CALL)
        await wait_all_tasks_blocked()
        began = trio.current_time()

        assert Uploaded("id-1", 4, is_new=False) == await account.find(there, CALL)
        assert began == trio.current_time()


async def test_a_changed_file_is_another_one(tmp_path: Path, autojump_clock: MockClock) -> None:
    """Written anew, replaced, or touched: what is there now is what people should see."""
    meta = Meta()
    account, path = uploads(meta), tmp_path / "menu.pdf"
    await account.find(written(path, b"old"), CALL)
    await account.find(written(path, b"new."), CALL)
    (tmp_path / "next").write_bytes(b"neww")
    (tmp_path / "next").replace(path)
    await account.find(written(path, b"neww"), CALL)

    assert [b"old", b"new.", b"neww"] == [
        next(part for part in (b"old", b"new.", b"neww") if part in call.body)
        for call in meta.calls
    ]


async def test_a_file_that_was_given_its_old_time_has_changed_all_the_same(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """As ``cp -p`` and ``rsync --times`` leave it: of the same size, and with the time that was there before."""
    meta, path = Meta(), tmp_path / "menu.pdf"
    account, file = uploads(meta), written(path, b"old")
    await account.find(file, CALL)
    before = path.stat()
    path.write_bytes(b"new")
    put_back = (before.st_atime_ns, before.st_mtime_ns)
    os.utime(path, ns=put_back)
    while before.st_ctime_ns == path.stat().st_ctime_ns:  # the clock of files ticks every few ms
        os.utime(path, ns=put_back)

    assert Uploaded("id-2", 3, is_new=True) == await account.find(file, CALL)


@pytest.mark.parametrize("failure", [TryAgain("500: not now"), AccountStopped("401: who?")])
async def test_what_waits_behind_an_upload_that_failed_does_not_try_in_its_turn(
    failure: Judgement, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Each would take its time, and the place of a call that could be made: what the first heard holds for all."""
    meta = Meta(failure)
    account = uploads(meta)
    files = [written(tmp_path / name) for name in ("a.pdf", "a.pdf", "b.pdf")]
    found: list[object] = []

    async def find(file: LocalFile) -> None:
        found.append(await account.find(file, CALL))

    async with trio.open_nursery() as nursery:
        for file in files:
            nursery.start_soon(find, file)

    assert [failure] * 3 == found
    assert 1 == len(meta.calls)
    assert Uploaded("id-2", 4, is_new=True) == await account.find(files[0], CALL)


async def test_the_same_bytes_under_another_type_or_name_are_another_file(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The provider is told both."""
    meta = Meta()
    account, file = uploads(meta), written(tmp_path / "a.pdf")
    other = LocalFile(path=file.path, mime_type="text/plain", name="a.txt")

    assert (await account.find(file, CALL), await account.find(other, CALL)) == (
        Uploaded("id-1", 4, is_new=True),
        Uploaded("id-2", 4, is_new=True),
    )


async def test_an_id_is_used_no_longer_than_the_provider_keeps_it(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Meta says 30 days; a day before it is uploaded again."""
    meta = Meta()
    account, file = uploads(meta), written(tmp_path / "a.pdf")
    await account.find(file, CALL)
    await trio.sleep(29 * 86_400 - 10)
    await account.find(file, CALL)
    before = len(meta.calls)
    await trio.sleep(10)
    await account.find(file, CALL)

    assert (1, 2) == (before, len(meta.calls))


async def test_a_forgotten_file_is_uploaded_again(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The provider did not take its id."""
    account, file = uploads(Meta()), written(tmp_path / "a.pdf")
    await account.find(file, CALL)
    account.forget(file)
    account.forget(file)

    assert Uploaded("id-2", 4, is_new=True) == await account.find(file, CALL)


@pytest.mark.parametrize(
    "judgement", [TryAgain("500"), GivenUp("413: too large"), AccountStopped("190")]
)
async def test_what_is_not_taken_is_told_and_not_kept(
    tmp_path: Path, autojump_clock: MockClock, told: Told, judgement: Judgement
) -> None:
    """The next message tries again."""
    account, file = uploads(Meta(judgement)), written(tmp_path / "a.pdf")

    assert judgement == await account.find(file, CALL)
    assert Uploaded("id-2", 4, is_new=True) == await account.find(file, CALL)
    assert ["sent"] == [one["outcome"] for one in told][1:]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.pdf", "is not there"),
        ("file/below.pdf", "is not there"),
        ("folder", "is no file"),
        ("pipe", "is no file"),
        ("a\0b", "is no file"),
        ("loop", "cannot be read"),
    ],
)
async def test_what_cannot_be_read_is_no_upload(
    tmp_path: Path, autojump_clock: MockClock, name: str, reason: str
) -> None:
    """Nobody waits at a pipe; what is wrong is said without saying where the file is."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    file = LocalFile(path=f"{tmp_path}/{name}", mime_type="application/pdf")
    meta = Meta()
    found = await uploads(meta).find(file, CALL)

    assert isinstance(found, GivenUp | TryAgain)
    assert reason in found.reason
    assert str(tmp_path) not in found.reason
    assert [] == meta.calls


async def test_a_file_larger_than_the_settings_say_is_not_read(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """However much of it there is."""
    path = tmp_path / "film.mp4"
    with path.open("wb") as file:
        file.truncate(10**12)
    found = await uploads(Meta(), upload_bytes=1000).find(
        LocalFile(path=str(path), mime_type="video/mp4"), CALL
    )

    assert GivenUp("the file is larger than the account's upload_bytes, 1000") == found


async def test_a_file_that_grows_while_it_waits_is_not_cut_off(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """It is too large by then, and half of it is no file."""
    meta = Meta()
    account = uploads(meta, upload_bytes=10)
    first, grows = written(tmp_path / "a.pdf"), written(tmp_path / "b.pdf")
    found: list[object] = []

    async def find() -> None:
        found.append(await account.find(grows, CALL))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(account.find, first, CALL)
        await wait_all_tasks_blocked()
        nursery.start_soon(find)
        await wait_all_tasks_blocked()
        written(tmp_path / "b.pdf", b"x" * 11)

    assert [GivenUp("the file is larger than the account's upload_bytes, 10")] == found
    assert 1 == len(meta.calls)


async def test_a_file_that_the_provider_does_not_take_is_not_sent(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """Empty, or of a type that it has no room for."""
    meta = Meta()
    empty = await uploads(meta).find(written(tmp_path / "a.pdf", b""), CALL)
    large = written(tmp_path / "b.png", b"x" * (5 * 1024 * 1024 + 1))
    image = await uploads(meta).find(LocalFile(path=large.path, mime_type="image/png"), CALL)

    assert isinstance(empty, GivenUp)
    assert isinstance(image, GivenUp)
    assert "5242880 bytes" in image.reason
    assert [] == meta.calls


async def test_ids_of_many_files_are_bounded(tmp_path: Path, autojump_clock: MockClock) -> None:
    """The one that was not used for longest goes."""
    meta = Meta()
    account = uploads(meta)
    files = [written(tmp_path / f"{number}.pdf") for number in range(MAX_KEPT + 1)]
    for file in files:
        await account.find(files[0], CALL)
        await account.find(file, CALL)
    uploaded = len(meta.calls)
    await account.find(files[0], CALL)
    await account.find(files[1], CALL)

    assert (MAX_KEPT + 1, MAX_KEPT + 2) == (uploaded, len(meta.calls))
