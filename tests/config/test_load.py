"""Settings from files, environment and flags; whatever is wrong is said at once, with path and source."""

from pathlib import Path

import pytest

from sessiond.config.load import SettingsError, load_settings
from sessiond.config.settings import Durability, Settings


def write(folder: Path, text: str, name: str = "sessiond.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def problems(**sources: object) -> set[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(**sources)  # type: ignore[arg-type]
    return {problem.describe() for problem in caught.value.problems}


def test_nothing_given_is_the_defaults() -> None:
    """Every setting has a default."""
    assert load_settings() == Settings()


def test_flags_override_environment_overrides_files_in_order(tmp_path: Path) -> None:
    """Of several sources the later counts, setting by setting."""
    first = write(tmp_path, "[listen]\nport = 1\nhost = '::1'\n[store]\nprefix = 'a'\n", "1.toml")
    second = write(tmp_path, "[listen]\nport = 2\n[runtime]\nlanes = 2\nbatch = 2\n", "2.toml")
    settings = load_settings(
        files=[first, second],
        environment={"SESSIOND_RUNTIME__LANES": "3", "SESSIOND_RUNTIME__BATCH": "3", "OTHER": "x"},
        flags={"runtime.batch": 4, "store.prefix": None},
    )

    assert (settings.listen.host, settings.listen.port) == ("::1", 2)
    assert (settings.runtime.lanes, settings.runtime.batch) == (3, 4)
    assert settings.store.prefix == "a"


def test_environment_texts_become_the_settings_type() -> None:
    """Numbers, truth values, lists, choices, paths and tables can be given as texts."""
    settings = load_settings(
        environment={
            "SESSIOND_LISTEN__PORT": "0",
            "SESSIOND_LISTEN__ORIGINS": "https://a.example, https://*.b.example",
            "SESSIOND_LISTEN__TLS_CERTIFICATE": "/x.pem",
            "SESSIOND_SESSION__WINDOW_SECONDS": "1.5",
            "SESSIOND_STORE__CLUSTER": "Yes",
            "SESSIOND_STORE__DURABILITY": "fsync",
            "SESSIOND_AUTH__AUDIENCE": "me",
            "SESSIOND_WEBHOOK__RATE_PER_SECOND": "2",
            "SESSIOND_WEBHOOK__HOOK_SECRETS": '{"crm": ["whsec_x"]}',
            "SESSIOND_ADMIN_SOCKET": "/run/a.sock",
        }
    )

    assert settings.listen.port == 0
    assert settings.listen.origins == ("https://a.example", "https://*.b.example")
    assert settings.listen.tls_certificate == Path("/x.pem")
    assert settings.session.window_seconds == 1.5
    assert settings.store.cluster is True
    assert settings.store.durability is Durability.FSYNC
    assert settings.auth.audience == "me"
    assert settings.webhook.rate_per_second == 2
    assert settings.webhook.hook_secrets == {"crm": ("whsec_x",)}
    assert settings.admin.socket == Path("/run/a.sock")


def test_typos_name_the_nearest_setting_and_the_source(tmp_path: Path) -> None:
    """An unknown name is an error wherever it stands."""
    file = write(tmp_path, "[stor]\nurl = 'memory:'\n[listen]\nprot = 1\n")

    assert problems(
        files=[file],
        environment={"SESSIOND_STORE_URL": "memory:", "SESSIOND_DEV": "1"},
        flags={"runtime.lane": 1},
    ) == {
        f'stor ({file}): unknown name; did you mean "store"?',
        f'listen.prot ({file}): unknown name; did you mean "port"?',
        'SESSIOND_STORE_URL: unknown setting; did you mean "SESSIOND_STORE__URL"?',
        "SESSIOND_DEV: unknown setting",
        'runtime.lane (--lane): unknown name; did you mean "lanes"?',
    }


def test_wrong_types_and_bounds_are_found_at_once(tmp_path: Path) -> None:
    """One run of a server that does not start tells everything that keeps it from starting."""
    file = write(
        tmp_path,
        "dev = true\n[listen]\nport = '80'\norigins = ['ftp://x']\n[store]\nurl = 'mysql://x:hunter2@y'\n"
        "timeout_seconds = 0\n[session]\nwindow_seconds = true\n",
    )
    found = problems(
        files=[file],
        environment={"SESSIOND_LISTEN__HOST": "x", "SESSIOND_STORE__CLUSTER": "maybe"},
        flags={"runtime.lanes": 65},
    )

    assert found == {
        f"{file}: dev cannot be set here: use sessiond dev",
        f"listen.port ({file}): must be a whole number, not a text",
        f"listen.origins ({file}): item 0 is not an origin like https://app.example.com, or *",
        f"store.url ({file}): must begin with memory:, sqlite:, redis:, rediss: or redis+sentinel:",
        f"store.timeout_seconds ({file}): must be > 0: 0.0",
        f"session.window_seconds ({file}): must be a number, not true or false",
        "store.cluster (SESSIOND_STORE__CLUSTER): must be true or false",
        "runtime.lanes (--lanes): must be <= 64: 65",
    }


def test_negative_numbers_are_never_accepted() -> None:
    """A component without bounds of its own is still protected from a sign."""
    assert problems(environment={"SESSIOND_SESSION__WINDOW_SECONDS": "-1"}) == {
        "session.window_seconds (SESSIOND_SESSION__WINDOW_SECONDS): must be >= 0"
    }


def test_a_negative_number_is_told_beside_other_problems(tmp_path: Path) -> None:
    """A typo does not hide it; a bound that the component has is told once."""
    file = write(tmp_path, "[session]\nidle_seconds = -4\nwindw_seconds = 1\n[listen]\nport = -1\n")

    assert problems(files=[file]) == {
        f'session.windw_seconds ({file}): unknown name; did you mean "window_seconds"?',
        f"session.idle_seconds ({file}): must be >= 0",
        f"listen.port ({file}): must be >= 0: -1",
    }


def test_a_table_where_a_value_belongs_and_the_reverse(tmp_path: Path) -> None:
    """The shape of the file is checked too."""
    file = write(tmp_path, "store = 5\n[listen.port]\nx = 1\n")

    assert problems(files=[file]) == {
        f"store ({file}): must be a table, not a number",
        f"listen.port ({file}): must be a whole number, not a table",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[store\n", "is not TOML"), (b"\xff", "is not UTF-8"), (None, "cannot be read: No such")],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None, message: str) -> None:
    """Broken, binary and missing files are named."""
    file = tmp_path / "sessiond.toml"
    if content is not None:
        file.write_bytes(content)

    (problem,) = problems(files=[file])
    assert problem.startswith(f"{file}: {message}")


def test_secrets_come_from_files(tmp_path: Path) -> None:
    """``<name>_file`` is read, relative to the TOML file, without white space; lists have one per line."""
    write(tmp_path, "s" * 32 + "\n", "jwt")
    write(tmp_path, "whsec_a\n\n whsec_b\n", "hooks")
    file = write(
        tmp_path, "[auth]\nsecret_file = 'jwt'\nkey_file = 'k.pem'\n[webhook]\nsecrets = ['old']\n"
    )
    settings = load_settings(
        files=[file], environment={"SESSIOND_WEBHOOK__SECRETS_FILE": str(tmp_path / "hooks")}
    )

    assert settings.auth.secret == "s" * 32
    assert settings.auth.key_file == str(tmp_path / "k.pem")
    assert settings.webhook.secrets == ("whsec_a", "whsec_b")
    assert "sss" not in repr(settings)
    assert "whsec" not in repr(settings)


def test_secret_files_that_cannot_be_used(tmp_path: Path) -> None:
    """Missing, empty, binary and huge files are refused by path, without their content."""
    write(tmp_path, " \n", "empty")
    write(tmp_path, "x" * 70_000, "huge")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    file = write(
        tmp_path,
        "[auth]\nsecret_file = 'missing'\n[webhook]\nsecrets_file = 'empty'\n"
        "[store]\nurl_file = 'huge'\nencryption_keys_file = 'binary'\n[health]\nmetrics_token_file = 1",
    )

    assert problems(files=[file]) == {
        f"auth.secret_file ({file}): cannot be read: No such file or directory",
        f"webhook.secrets_file ({file}): is empty",
        f"store.url_file ({file}): holds more than 65536 bytes",
        f"store.encryption_keys_file ({file}): is not UTF-8",
        f"health.metrics_token_file ({file}): must be a path",
    }


def test_a_secret_and_its_file_in_one_source_contradict_each_other(tmp_path: Path) -> None:
    """Nobody can say which of the two was meant; over two sources the later counts."""
    write(tmp_path, "f" * 32, "jwt")
    file = write(tmp_path, "[auth]\nsecret_file = 'jwt'\nsecret = 'direct'\n")

    assert problems(files=[file]) == {f"auth.secret ({file}): give either this or auth.secret_file"}
    file = write(tmp_path, "[auth]\nsecret_file = 'jwt'\n")
    given = load_settings(files=[file], environment={"SESSIOND_AUTH__SECRET": "e" * 32})
    assert given.auth.secret == "e" * 32
