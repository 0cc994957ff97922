"""What components would refuse is found before they are built."""

import base64
from pathlib import Path

import pytest
from attrs import evolve

from sessiond import App
from sessiond.config import load_settings
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.conversation import Conversation
from sessiond.core.gateways.port import Gateway
from sessiond.server.unusable import find_doubtful, find_unfit, find_unusable

HOOK_SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
SEAL_KEY = "k1:" + base64.b64encode(bytes(32)).decode()


def unusable(**flags: object) -> dict[str, str]:
    given = {path.replace("__", "."): value for path, value in flags.items()}
    return dict(find_unusable(load_settings(flags=given)))


def test_what_can_be_used_is_not_named() -> None:
    """Good values, and settings that say nothing, have no findings."""
    assert unusable() == {}
    assert {} == unusable(
        auth__secret="s" * 32,
        auth__jwks_url="https://login.example.com/jwks.json",
        webhook__secrets=[HOOK_SECRET],
        webhook__hook_secrets={"billing": [HOOK_SECRET]},
        webhook__allowed_networks=["10.0.0.0/8", "::1"],
        webhook__rate_per_second=5.0,
        chat__tokens=["0123456789abcdef"],
        store__encryption_keys=[SEAL_KEY],
        session_keys__secret="s" * 16,
    )


@pytest.mark.parametrize(
    ("flags", "path"),
    [
        ({"auth__secret": "hunter2"}, "auth.secret"),
        ({"listen__trusted_proxies": ["10.0.0.1/8"]}, "listen.trusted_proxies[0]"),
        ({"auth__key_file": __file__}, "auth.key_file"),
        ({"auth__jwks_file": __file__}, "auth.jwks_file"),
        ({"auth__jwks_url": "http://example.com/jwks.json"}, "auth.jwks_url"),
        ({"webhook__secrets": [HOOK_SECRET, "hunter2"]}, "webhook.secrets[1]"),
        (
            {"webhook__hook_secrets": {"billing": ["whsec_hunter2"]}},
            "webhook.hook_secrets.billing[0]",
        ),
        ({"webhook__allowed_networks": ["10.0.0.1/8"]}, "webhook.allowed_networks[0]"),
        ({"webhook__rate_per_second": 0.0}, "webhook.rate_per_second"),
        ({"chat__tokens": ["0123456789abcdef", "hunter2"]}, "chat.tokens[1]"),
        ({"chat__tokens": ["hunter2 with a space"]}, "chat.tokens[0]"),
        ({"store__encryption_keys": [SEAL_KEY, "k2:hunter2"]}, "store.encryption_keys[1]"),
        ({"store__encryption_keys": ["k2:aHVudGVyMg=="]}, "store.encryption_keys[0]"),
        ({"session_keys__secret": "hunter2"}, "session_keys.secret"),
    ],
)
def test_what_is_refused_is_named_without_being_shown(flags: dict[str, object], path: str) -> None:
    """Each has its path and a reason, and no reason holds the secret."""
    found = unusable(**flags)

    assert set(found) == {path}
    assert "hunter2" not in found[path]
    assert "aHVudGVyMg" not in found[path]


def test_all_of_them_at_once() -> None:
    """One that cannot be used does not hide the others."""
    found = unusable(auth__secret="short", webhook__secrets=["x"], store__encryption_keys=["y"])

    assert set(found) == {"auth.secret", "webhook.secrets[0]", "store.encryption_keys[0]"}


def test_a_file_that_is_missing_is_left_to_others(tmp_path: Path) -> None:
    """It is said once, by the checks of the settings."""
    assert unusable(auth__key_file=str(tmp_path / "no.pem")) == {}


def unfit(app: App, **flags: object) -> list[tuple[str, str]]:
    given = {path.replace("__", "."): value for path, value in flags.items()}
    return list(find_unfit(app, load_settings(flags=given)))


def with_flow(app: App) -> App:
    @app.flow("order")
    async def order(c: Conversation) -> None:
        await c.say("Ok")

    return app


def test_a_chat_door_without_flows_is_doubtful() -> None:
    """It would refuse everything: said as a warning, when it is on."""
    on = load_settings(flags={"chat.open": True, "session_keys.secret": "k" * 16})
    ((path, message),) = find_doubtful(App(), on)

    assert ("chat", True) == (path, "the app has no flows" in message)
    assert [] == list(find_doubtful(with_flow(App()), on))
    assert [] == list(find_doubtful(App(), load_settings()))


def test_an_app_with_flows_needs_the_secret_of_its_session_keys() -> None:
    """The setting is named, and how to make one; FlowChat's modes hash without, and other apps have no keys."""
    ((path, message),) = unfit(with_flow(App()))

    assert "session_keys.secret" == path
    assert "the app has flows" in message
    assert "openssl rand" in message
    assert [] == unfit(with_flow(App()), session_keys__secret="s" * 16)
    assert [] == unfit(with_flow(App()), session_keys__mode="flowchat_32")
    assert [] == unfit(App())


def test_a_secret_that_is_too_short_is_said_once() -> None:
    """As a setting that cannot be used."""
    assert {"session_keys.secret"} == unusable(session_keys__secret="hunter2").keys()
    assert [] == unfit(with_flow(App()), session_keys__secret="hunter2")


def test_the_identifier_and_its_function_come_together() -> None:
    """The function is the app's, the name of it a setting."""
    own = with_flow(App(own_identifier=lambda facts: facts.user_id))
    secret = "s" * 16

    assert ["session_keys.identifier"] == [p for p, _ in unfit(own, session_keys__secret=secret)]
    assert [] == unfit(own, session_keys__secret=secret, session_keys__identifier="own")
    ((path, _),) = unfit(
        with_flow(App()), session_keys__secret=secret, session_keys__identifier="own"
    )
    assert "session_keys.identifier" == path


def test_flows_that_claim_the_same_are_the_apps_problem() -> None:
    """Found before the server starts."""
    app = App()
    for name in ("order", "pay"):

        @app.flow(name, starts_on=["hello"])
        async def flow(c: Conversation) -> None:
            await c.say("Ok")

    ((path, message),) = unfit(app, session_keys__secret="s" * 16)

    assert "app" == path
    assert "hello" in message


ACCOUNT: dict[str, object] = {"gateways__line__gateway": "nalo", "gateways__line__open": True}


def test_accounts_are_opened_to_see_whether_they_can_be() -> None:
    """With the very function that the server uses; networks are read as the door reads them."""
    assert {} == unusable(**ACCOUNT, gateways__line__networks=["10.0.0.0/8", "::1"])
    found = unusable(**ACCOUNT, gateways__line__networks=["10.0.0.0/8", "10.0.0.1/8", "x"])

    assert ["gateways.line.networks[1]", "gateways.line.networks[2]"] == list(found)


def test_a_kind_that_does_not_take_its_settings_is_named() -> None:
    """A plug-in may find out only when it is opened."""

    def refuse(_: object) -> Gateway:
        raise InvalidInput("there is no such line")

    settings = load_settings(flags={path.replace("__", "."): v for path, v in ACCOUNT.items()})
    line = settings.gateways["line"]
    broken = evolve(line, kind=evolve(line.kind, open=refuse))
    found = dict(find_unusable(evolve(settings, gateways={"line": broken})))

    assert {"gateways.line": "there is no such line"} == found


def test_accounts_without_flows_are_doubtful() -> None:
    """Nothing could answer."""
    settings = load_settings(flags={path.replace("__", "."): v for path, v in ACCOUNT.items()})
    app = App()
    assert ["gateways"] == [path for path, _ in find_doubtful(app, settings)]

    @app.flow("greet")
    async def greet(c: Conversation) -> None:
        await c.say("Hello.")

    assert [] == list(find_doubtful(app, settings))


def test_a_flow_for_what_is_not_there_is_doubtful() -> None:
    """A misspelt platform or gateway: nothing would ever start the flow, and nothing would say so."""
    settings = load_settings(flags={path.replace("__", "."): v for path, v in ACCOUNT.items()})
    app = App()

    @app.flow("menu", starts_on=["hi"], platforms=["ussd", "usd"])
    async def menu(c: Conversation) -> None:
        await c.say("Hello.")

    @app.flow("shop", starts_on=["hi"], gateways=["lines"])
    async def shop(c: Conversation) -> None:
        await c.say("Hello.")

    @app.flow("right", starts_on=["right"], platforms=["ussd", "telegram"], gateways=["line"])
    async def right(c: Conversation) -> None:
        await c.say("Hello.")

    @app.flow("web", starts_on=["hi"], gateways=["websocket", "chat"])
    async def web(c: Conversation) -> None:
        await c.say("Hello.")

    assert [
        ("app", "flow 'menu': there is no platform 'usd'; did you mean \"ussd\"?"),
        (
            "app",
            "flow 'shop': no account is the gateway 'lines' (there are: chat, line, websocket); did you mean \"line\"?",
        ),
    ] == list(find_doubtful(app, settings))
