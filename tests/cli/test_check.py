"""``sessiond check``, as a process."""

from pathlib import Path

from tests.cli.conftest import run
from tests.redis_server import RedisServer

GOOD = """
[auth]
secret = "ssssssssssssssssssssssssssssssss"
[webhook]
secrets = ["whsec_c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nz"]
"""
KEYS = """
[session_keys]
secret = "kkkkkkkkkkkkkkkk"
"""


def check(folder: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    done = run("sessiond.cli", ["check", *arguments], folder, **environment)
    assert "Traceback (most recent call last):\n  File" not in done.err
    return done.code, done.out.splitlines()


def test_good_settings(tmp_path: Path) -> None:
    """Nothing to say, exit code 0, and nothing left behind."""
    (tmp_path / "s.toml").write_text(GOOD + KEYS)

    assert check(tmp_path, "sessiond.demo:app", "--config", "s.toml") == (0, ["no problems"])
    assert [file.name for file in tmp_path.iterdir()] == ["s.toml"]


def test_a_chat_door_to_nothing(tmp_path: Path) -> None:
    """An app without flows, which would refuse whatever is said: a warning, no problem."""
    (tmp_path / "bare.py").write_text("from sessiond import App\n\napp = App()\n")
    chat = '[chat]\ntokens = ["tttttttttttttttttttt"]\n'
    (tmp_path / "s.toml").write_text(GOOD + KEYS + chat)
    code, lines = check(tmp_path, "bare:app", "--config", "s.toml")

    assert (0, "no problems, 1 warning") == (code, lines[-1])
    assert any(line.startswith("warning: chat: the app has no flows") for line in lines)


def test_all_problems_at_once(tmp_path: Path) -> None:
    """The app's and the settings' problems in one run, with path and source; exit code 1."""
    (tmp_path / "s.toml").write_text("[listen]\nprot = 1\nport = 99999\n")
    code, lines = check(tmp_path, "nowhere:app", "--config", "s.toml", SESSIOND_STOR__URL="x")

    assert code == 1
    assert lines[0].startswith("error: app: there is no module 'nowhere'")
    assert set(lines[1:]) == {
        'error: SESSIOND_STOR__URL: unknown setting; did you mean "SESSIOND_STORE__URL"?',
        'error: listen.prot (s.toml): unknown name; did you mean "port"?',
        "error: listen.port (s.toml): must be <= 65535: 99999",
        "4 problems",
    }


def test_a_secret_that_is_missing_is_one_problem(tmp_path: Path) -> None:
    """The app's conversations, phone numbers of accounts and of /chat need it: it is asked for once."""
    line = '[gateways.line]\ngateway = "nalo"\ntokens = ["tttttttttttttttttttt"]\n'
    (tmp_path / "s.toml").write_text(GOOD + line)
    code, lines = check(tmp_path, "sessiond.demo:app", "--config", "s.toml")

    assert (1, "1 problem") == (code, lines[-1])
    assert 1 == sum(one.startswith("error: session_keys.secret: ") for one in lines)


def test_what_a_component_would_refuse(tmp_path: Path) -> None:
    """Secrets that the start would refuse are problems of the check, all at once, and are not shown."""
    (tmp_path / "s.toml").write_text(
        '[auth]\nsecret = "hunter2"\n[webhook]\nsecrets = ["hunter2"]\n' + KEYS
    )
    code, lines = check(tmp_path, "sessiond.demo:app", "--config", "s.toml")

    assert code == 1
    assert [line.split(": ")[:2] for line in lines[:-1]] == [
        ["error", "auth.secret"],
        ["error", "webhook.secrets[0]"],
    ]
    assert "hunter2" not in "".join(lines)


def test_warnings_are_no_problems(tmp_path: Path) -> None:
    """What is unwise is said; the exit code stays 0."""
    code, lines = check(tmp_path, "--store", "memory:")

    assert code == 0
    assert lines[-1] == f"no problems, {len(lines) - 1} warnings"
    assert all(line.startswith("warning: ") for line in lines[:-1])
    assert {line.split(":")[1].strip() for line in lines[:-1]} >= {
        "auth",
        "webhook.secrets",
        "store.url",
    }


def test_a_store_that_cannot_be_reached(tmp_path: Path) -> None:
    """It is a problem after a few seconds; the password is not shown."""
    code, lines = check(tmp_path, "--store", "redis://:hunter2@127.0.0.1:1/0")

    assert code == 1
    assert any(line.startswith("error: store: ") for line in lines)
    assert "hunter2" not in "".join(lines)


def test_a_redis_below_the_durability_asked_for(tmp_path: Path, redis_server: RedisServer) -> None:
    """The store's own look at its settings is part of the check."""
    code, lines = check(tmp_path, "--store", redis_server.url, SESSIOND_STORE__DURABILITY="fsync")

    assert any("store:" in line for line in lines), (code, lines)


def test_a_directory_that_is_missing(tmp_path: Path) -> None:
    """SQLite would not be able to make its file."""
    code, lines = check(tmp_path, "--store", "sqlite:///nowhere/a.db")

    assert code == 1
    assert "error: store.url: the directory of nowhere/a.db does not exist" in lines


def test_where_providers_call(tmp_path: Path) -> None:
    """The address of each account, for its provider; a path that was set may be a secret, and is not said."""
    accounts = """
[gateways.line]
gateway = "nalo"
tokens = ["tttttttttttttttttttt"]
[gateways.kasa]
gateway = "nalo"
tokens = ["tttttttttttttttttttt"]
public_url = "https://chat.example.com"
[gateways.dark]
gateway = "nalo"
path = "/nobody-knows-this"
tokens = ["tttttttttttttttttttt"]
"""
    (tmp_path / "s.toml").write_text(GOOD + KEYS + accounts)
    code, lines = check(tmp_path, "sessiond.demo:app", "--config", "s.toml")

    assert (code, lines) == (
        0,
        [
            "gateway line: nalo calls /gateways/line?token=…",
            "gateway kasa: nalo calls https://chat.example.com/gateways/kasa?token=…",
            "gateway dark: nalo calls the path that is set, with ?token=…",
            "no problems",
        ],
    )
