"""What operators see of accounts and do about them: a real server, its admin socket, ``sessionctl``, a provider."""

from pathlib import Path

import trio

from sessiond.testing.providers import answer, open_provider
from tests.cli.conftest import Ctl, Done
from tests.runtime.gateway_worlds import greeter
from tests.scenarios.live import Live, open_live
from tests.scenarios.test_gateways import said, settings_of, write


async def ctl(live: Live, *arguments: str) -> Done:
    """Run ``sessionctl`` beside the server."""
    return await trio.to_thread.run_sync(lambda: Ctl(live.admin_socket)(*arguments))


async def test_an_account_whose_credentials_are_refused_goes_on_when_an_operator_says_so(
    short_tmp_path: Path,
) -> None:
    """It stops at the first 401, operators see why and what waits, and nothing of it is lost."""
    async with open_provider() as provider:
        provider.script(answer(401, {"error": {"code": 190, "message": "expired"}}))
        settings = settings_of(short_tmp_path, provider.url)
        async with open_live(
            greeter(),
            short_tmp_path,
            gateways=settings.gateways,
            session_keys=settings.session_keys,
        ) as live:
            await write(live, "hi", "wamid.a")
            await provider.wait_calls(1)
            while not (await live.admin("gateways.list"))["rows"][1]["stopped"]:
                pass
            listed = await ctl(live, "gateways")
            called = len(provider.calls)
            done = await ctl(live, "gateways", "resume", "shop")
            asked = await provider.wait_calls(3)
            while (await live.admin("gateways.list"))["rows"][1]["waiting"]:
                pass
            after = await ctl(live, "gateways")

    shop, after_it = (one.out.splitlines()[-1].split() for one in (listed, after))
    assert ["shop", "whatsapp", "2", "0", "stopped:"] == shop[:5]
    assert 1 == called
    assert (0, "resumed shop\n") == (done.code, done.out)
    assert ["Welcome.", "Welcome.", "What is your name?"] == [said(one.body) for one in asked]
    assert ["shop", "whatsapp", "0", "0", "sends"] == after_it


async def test_what_waits_for_an_account_that_was_removed_is_shown_and_kept(
    short_tmp_path: Path,
) -> None:
    """Operators see it by its old name; when the account is back, it is sent."""
    async with open_provider() as provider:
        settings = settings_of(short_tmp_path, provider.url)
        takes = provider.otherwise
        keys, line = settings.session_keys, {"line": settings.gateways["line"]}
        provider.otherwise = answer(503)
        async with open_live(
            greeter(), short_tmp_path, gateways=settings.gateways, session_keys=keys
        ) as live:
            await write(live, "hi", "wamid.a")
            await provider.wait_calls(1)
        async with open_live(greeter(), short_tmp_path, gateways=line, session_keys=keys) as live:
            while len(rows := (await live.admin("gateways.list"))["rows"]) < 2:
                pass
            listed = await ctl(live, "gateways")
        provider.otherwise = takes
        async with open_live(
            greeter(), short_tmp_path, gateways=settings.gateways, session_keys=keys
        ):
            asked = await provider.wait_calls(3)

    assert ("shop", "", False) == (rows[1]["account"], rows[1]["kind"], rows[1]["sends"])
    assert listed.out.splitlines()[-1].startswith("shop     -")
    assert "not configured: what waits stays" in listed.out
    assert ["Welcome.", "What is your name?"] == [said(one.body) for one in asked[-2:]]
