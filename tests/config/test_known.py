"""Which settings there are while they are read (sessiond/config/known.py)."""

from sessiond.config.known import KnownSettings, wrong_accounts

VALUES = {"gateways": {"line": {"gateway": "nalo"}, "odd": {"gateway": 7}}}


def test_the_settings_of_an_account_depend_on_its_kind() -> None:
    """Those that every account has are known without one."""
    known = KnownSettings(VALUES)

    assert known.find("gateways.line.service_code") is not None
    assert known.find("gateways.line.navigation.next_key") is not None
    assert known.find("gateways.odd.service_code") is None
    assert known.find("gateways.nobody.service_code") is None
    assert known.find("gateways.nobody.public_url") is not None
    assert known.find("listen.port") is not None
    assert known.find("gateways") is known.find("gateways.line") is known.find("listen") is None


def test_values_that_come_later_count() -> None:
    """Files are read one after the other."""
    values: dict[str, dict[str, dict[str, str]]] = {}
    known = KnownSettings(values)
    assert known.find("gateways.a.phone_number_id") is None
    values["gateways"] = {"a": {"gateway": "whatsapp"}}

    assert known.find("gateways.a.phone_number_id") is not None


def test_secrets_of_all_accounts_are_known() -> None:
    """By their whole paths, beside those of the server."""
    known = KnownSettings(VALUES)
    secrets = known.secrets()

    assert {"gateways.line.tokens", "gateways.line.path", "gateways.odd.path", "auth.secret"} <= {
        *secrets
    }
    assert "gateways.line.region" not in secrets
    assert known.is_secret("gateways.line.tokens")
    assert not known.is_secret("gateways.line.region")
    assert not known.is_secret("gateways.odd.tokens")


def test_an_unknown_variable_has_a_nearest_one() -> None:
    """Of the server, or of the account."""
    known = KnownSettings(VALUES)

    def said(path: str) -> str:
        return known.unknown("SESSIOND_" + path.upper().replace(".", "__"), path)

    assert 'did you mean "SESSIOND_LISTEN__PORT"?' in said("listen.prt")
    assert 'did you mean "SESSIOND_GATEWAYS__LINE__REGION"?' in said("gateways.line.regio")
    assert "SESSIOND_GATEWAYS__ODD__GATEWAY names no kind" in said("gateways.odd.regio")
    assert said("x") == "unknown setting"


def test_accounts_have_names_and_tables() -> None:
    """The name is part of addresses and logs."""
    wrong = wrong_accounts({"a": {}, "a-1_b": {}, "A": {}, "-a": {}, "x" * 33: {}, "": {}, "b": 1})

    assert {
        'gateways."A"',
        'gateways."-a"',
        f'gateways."{"x" * 33}"',
        'gateways.""',
        "gateways.b",
    } == {*wrong}
