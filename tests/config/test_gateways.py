"""The tables of accounts (sessiond/config/gateways.py), from every source (sessiond/config/load.py)."""

from pathlib import Path
from typing import Any

import pytest

from sessiond.config.gateways import GatewaySettings, kind_of
from sessiond.config.load import SettingsError, load_settings
from sessiond.core.gateways.accounts import AccountSettings, FallbackTemplate
from sessiond.gateways.africastalking import AfricasTalkingSettings, FieldNames
from sessiond.gateways.http import HttpGateway, HttpGatewaySettings
from sessiond.gateways.nalo import Nalo, NaloSettings
from sessiond.gateways.whatsapp import WhatsApp, WhatsAppSettings

TOKEN, OTHER = "0123456789abcdef", "fedcba9876543210"


def load(folder: Path, text: str, **environment: str) -> dict[str, GatewaySettings]:
    file = folder / "sessiond.toml"
    file.write_text(text)
    named = {f"SESSIOND_GATEWAYS__{name}": value for name, value in environment.items()}
    return dict(load_settings(files=[file], environment=named).gateways)


def problems(folder: Path, text: str, **environment: str) -> dict[str, str]:
    """What is wrong, by paths; of the environment by variables."""
    with pytest.raises(SettingsError) as caught:
        load(folder, text, **environment)
    return {problem.path or problem.source: problem.message for problem in caught.value.problems}


def test_without_accounts_there_are_none() -> None:
    """And nothing has to be set."""
    assert {} == load_settings().gateways


def test_an_account_has_general_settings_and_those_of_its_kind(tmp_path: Path) -> None:
    """In one table; whatever is not set has its default."""
    accounts = load(
        tmp_path,
        f"""
        [gateways.line]
        gateway = "nalo"
        tokens = ["{TOKEN}", "{OTHER}"]
        resume_seconds = 60
        service_code = "*920*44#"
        [gateways.line.navigation]
        next_key = "99"
        """,
    )
    line = accounts["line"]

    assert AccountSettings(gateway="nalo", resume_seconds=60.0) == line.account
    assert isinstance(line.own, NaloSettings)
    assert (TOKEN, OTHER) == line.own.tokens
    assert ("*920*44#", "99", "0", 120) == (
        line.own.service_code,
        line.own.navigation.next_key,
        line.own.navigation.back_key,
        line.own.characters,
    )


def test_several_accounts_are_side_by_side(tmp_path: Path) -> None:
    """Also of one kind: each is a tenant of its own."""
    accounts = load(
        tmp_path,
        f"""
        [gateways.shop-1]
        gateway = "http"
        tokens = ["{TOKEN}"]
        [gateways.shop_2]
        gateway = "http"
        tokens = ["{OTHER}"]
        path = "/in/7f3a"
        public_url = "https://chat.example.com"
        networks = ["203.0.113.0/24"]
        [gateways.at]
        gateway = "africastalking"
        open = true
        fields = {{ session = "session_id", phone = "MSISDN" }}
        [gateways.cloud]
        gateway = "whatsapp"
        phone_number_id = "123"
        access_token = "t"
        verify_token = "v"
        app_secrets = ["a", "b"]
        fallback_template = {{ name = "news", language = "en", parameters = {{ "a.b" = "x" }} }}
        """,
    )
    opened = {name: one.open(name) for name, one in accounts.items()}

    assert ["shop-1", "shop_2", "at", "cloud"] == list(accounts)
    assert ["/gateways/shop-1", "/in/7f3a"] == [opened[n].path for n in ("shop-1", "shop_2")]
    assert isinstance(opened["shop-1"].gateway, HttpGateway)
    assert isinstance(opened["cloud"].gateway, WhatsApp)
    at, cloud = accounts["at"].own, accounts["cloud"]
    assert isinstance(at, AfricasTalkingSettings)
    assert FieldNames(session="session_id", phone="MSISDN") == at.fields
    assert isinstance(cloud.own, WhatsAppSettings)
    assert ("a", "b") == cloud.own.app_secrets
    template = FallbackTemplate(name="news", language="en", parameters={"a.b": "x"})
    assert template == cloud.account.fallback_template


@pytest.mark.parametrize("name", ["", "a:b", "a b", "x" * 65, "\\u0000"])
@pytest.mark.parametrize("kind", ["http", "nalo", "twilio"])
def test_a_name_is_one_that_session_keys_can_hold(tmp_path: Path, kind: str, name: str) -> None:
    """Said at the start and once: with another one each message would be refused."""
    own = f'tokens = ["{TOKEN}"]'
    if kind == "twilio":
        own = f'account_sid = "AC{1:032}"\nauth_tokens = ["{TOKEN}"]\nsender = "+15005550006"'
    text = f'[gateways.a]\ngateway = "{kind}"\nname = "{name}"\n{own}'

    (message,) = problems(tmp_path, text).values()

    assert message.startswith("the name of a gateway has 1 to 64 letters, digits and _ .")


def test_accounts_are_gateways_of_their_own(tmp_path: Path) -> None:
    """So one person's conversations on two of them are two, whatever their kind; a name that is given may be shared."""
    accounts = load(
        tmp_path,
        f"""
        [gateways.shop]
        gateway = "http"
        tokens = ["{TOKEN}"]
        [gateways.bank]
        gateway = "http"
        tokens = ["{TOKEN}"]
        [gateways.line]
        gateway = "nalo"
        name = "nalo"
        tokens = ["{TOKEN}"]
        """,
    )

    names = [getattr(one.open(name).gateway, "name") for name, one in accounts.items()]  # noqa: B009 - the port's
    assert ["shop", "bank", "nalo"] == names


def test_the_environment_overrides_files(tmp_path: Path) -> None:
    """It may also set up an account by itself; lists are separated by commas, tables inside go one level down."""
    accounts = load(
        tmp_path,
        f'[gateways.line]\ngateway = "nalo"\ntokens = ["{TOKEN}"]\nregion = "KE"',
        LINE__TOKENS=OTHER,
        LINE__RESUME_SECONDS="9",
        LINE__NAVIGATION__NEXT_KEY="*",
        LINE__REGION="",
        PROGRAM__TOKENS=f"{TOKEN}, {OTHER}",
        PROGRAM__GATEWAY="http",
    )
    line, program = accounts["line"], accounts["program"]

    assert isinstance(line.own, NaloSettings)
    assert ((OTHER,), 9.0, "*", None) == (
        line.own.tokens,
        line.account.resume_seconds,
        line.own.navigation.next_key,
        line.own.region,
    )
    assert isinstance(program.own, HttpGatewaySettings)
    assert (TOKEN, OTHER) == program.own.tokens


def test_later_files_override_earlier_ones(tmp_path: Path) -> None:
    """Setting by setting; also the kind, whose settings then count."""
    first, second = tmp_path / "1.toml", tmp_path / "2.toml"
    first.write_text(f'[gateways.a]\ngateway = "nalo"\ntokens = ["{TOKEN}"]\nname = "x"\n')
    second.write_text('[gateways.a]\ngateway = "nsano"\nname = "y"\n')
    (one,) = load_settings(files=[first, second]).gateways.values()

    assert ("nsano", "y", (TOKEN,)) == (one.kind.name, one.own.name, one.own.tokens)


def test_secrets_can_be_in_files(tmp_path: Path) -> None:
    """Beside the settings file; of a list one per line; the path of an account is a secret too."""
    (tmp_path / "tokens").write_text(f"{TOKEN}\n\n  {OTHER}\n")
    (tmp_path / "path").write_text("/in/secret\n")
    (tmp_path / "other").write_text(OTHER)
    text = '[gateways.a]\ngateway = "nalo"\ntokens_file = "tokens"\npath_file = "path"'
    in_file = load(tmp_path, text)["a"]
    in_variable = load(tmp_path, text, A__TOKENS_FILE=str(tmp_path / "other"))["a"]

    assert ((TOKEN, OTHER), "/in/secret") == (in_file.own.tokens, in_file.account.path)
    assert (OTHER,) == in_variable.own.tokens


def test_a_secret_is_not_given_twice(tmp_path: Path) -> None:
    """Itself and its file, in one source: which of them counts?"""
    (tmp_path / "t").write_text(TOKEN)
    text = f'[gateways.a]\ngateway = "nalo"\ntokens = ["{TOKEN}"]\ntokens_file = "t"'

    assert "give either this or" in problems(tmp_path, text)["gateways.a.tokens_file"]


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Each with its path; unknown names with the nearest, whether every account has it or the kind."""
    text = """
    [gateways]
    number = 7
    [gateways."My Shop"]
    gateway = "nalo"
    [gateways.empty]
    [gateways.x]
    gateway = "nallo"
    resume_seconds = -1
    [gateways.y]
    gateway = "nalo"
    tokns = ["a"]
    resume_second = 5
    open = "yes"
    [gateways.z]
    gateway = "whatsapp"
    access_token = "t"
    app_secrets = []
    verify_token = ""
    [gateways.w]
    gateway = "http"
    tokens = ["short"]
    path = "nope"
    [gateways.v]
    gateway = "http"
    [gateways.u]
    gateway = 7
    [gateways.t]
    gateway = "nalo"
    open = true
    public_url = "chat.example.com/x"
    navigation = { next_key = "0" }
    """
    found = problems(tmp_path, text)

    assert 'did you mean "nalo"' in found.pop("gateways.x.gateway")
    assert {
        "gateways.number": "must be a table",
        'gateways."My Shop"': (
            "the name of an account has 1 to 32 small letters, digits, _ and -, and begins with a letter or digit"
        ),
        "gateways.empty.gateway": "is required",
        "gateways.x.resume_seconds": "must be >= 0: -1.0",
        "gateways.y.tokns": 'unknown name; did you mean "tokens"?',
        "gateways.y.resume_second": 'unknown name; did you mean "resume_seconds"?',
        "gateways.y.open": "must be true or false, not a text",
        "gateways.z.phone_number_id": "is required",
        "gateways.z.app_secrets": "whatsapp: app_secrets needs at least one",
        "gateways.z.verify_token": "whatsapp: verify_token is empty, or not one word of ASCII",
        "gateways.w.tokens": (
            "a token has 16 to 256 letters, digits and . _ ~ -, like what `openssl rand -hex 24` prints"
        ),
        "gateways.w.path": "is not a path of letters, digits and . _ ~ - like /gateways/shop",
        "gateways.v": "tokens: one is needed, unless `open = true` lets everybody in on purpose",
        "gateways.u.gateway": "must be a text, not a number",
        "gateways.t.public_url": "is not scheme and host, like https://chat.example.com",
        "gateways.t.navigation": "the next page and the page before have the same key",
    } == found


def test_wrong_variables_are_named(tmp_path: Path) -> None:
    """With the nearest one, or with what is missing to know any."""
    text = f'[gateways.line]\ngateway = "nalo"\ntokens = ["{TOKEN}"]'
    prefix = "SESSIOND_GATEWAYS__"
    found = problems(tmp_path, text, LINE__TOKNS="x", LINE="x", Q__TOKENS="x", LINE__OPEN="maybe")

    assert {
        f"{prefix}LINE__TOKNS": f'unknown setting; did you mean "{prefix}LINE__TOKENS"?',
        f"{prefix}Q__TOKENS": f"unknown setting: {prefix}Q__GATEWAY names no kind of gateway",
        "gateways.line.open": "must be true or false",
    }.items() <= found.items()
    assert found[f"{prefix}LINE"].startswith("unknown setting")


@pytest.mark.parametrize("table", ["7", '"x"', "[]"])
def test_accounts_are_a_table(tmp_path: Path, table: str) -> None:
    """Nothing else is."""
    assert {"gateways": "must be a table"}.items() <= {
        path: message.partition(",")[0]
        for path, message in problems(tmp_path, f"gateways = {table}").items()
    }.items()


def test_the_secrets_of_an_account_are_not_shown(tmp_path: Path) -> None:
    """Neither by its repr nor by that of all settings."""
    text = f'[gateways.a]\ngateway = "nalo"\npath = "/in/hidden"\ntokens = ["{TOKEN}"]'
    accounts = load(tmp_path, text)
    shown = repr(accounts) + repr(accounts["a"].own) + repr(accounts["a"].open("a"))

    assert TOKEN not in shown
    assert "hidden" not in shown


@pytest.mark.parametrize("table", [None, 7, {}, {"gateway": 7}, {"gateway": "nothing"}])
def test_a_table_without_a_kind_has_none(table: Any) -> None:
    """While sources are read; what is wrong with it is said at the end."""
    assert kind_of(table) is None


def test_a_kind_is_found_by_the_table() -> None:
    """As it is written."""
    kind = kind_of({"gateway": "nalo"})

    assert kind is not None
    assert isinstance(kind.open(NaloSettings(open=True)), Nalo)
