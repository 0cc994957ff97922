"""``sessiond token``, as a process."""

import time
from pathlib import Path

import jwt
import pytest

from sessiond.cli.state_dir import open_state
from tests.cli.conftest import run


def test_a_token_of_the_configured_secret(tmp_path: Path) -> None:
    """It holds for the user and the time that were asked for."""
    secret = "s" * 32
    done = run(
        "sessiond.cli",
        ["token", "--user", "ann", "--ttl", "60"],
        tmp_path,
        SESSIOND_AUTH__SECRET=secret,
    )
    claims = jwt.decode(done.out.strip(), secret, algorithms=["HS256"])

    assert claims["sub"] == "ann"
    assert 0 < claims["exp"] - time.time() <= 61


def test_without_settings_it_is_the_development_secret(tmp_path: Path) -> None:
    """So that it works with sessiond dev, and nowhere else."""
    done = run("sessiond.cli", ["token", "--user", "ann"], tmp_path)

    assert jwt.decode(done.out.strip(), open_state(tmp_path / "state").secret, algorithms=["HS256"])


@pytest.mark.parametrize("arguments", [["--user", ""], ["--user", "ann", "--ttl", "0"]])
def test_what_is_refused(tmp_path: Path, arguments: list[str]) -> None:
    """One line, exit code 1."""
    done = run("sessiond.cli", ["token", *arguments], tmp_path)

    assert done.code == 1
    assert len(done.err.splitlines()) == 1


def test_only_public_keys(tmp_path: Path) -> None:
    """A server that only verifies cannot issue; the development secret is not used in its place."""
    done = run(
        "sessiond.cli",
        ["token", "--user", "a"],
        tmp_path,
        SESSIOND_AUTH__JWKS_URL="https://x.example/k",
    )

    assert done.code == 1
    assert "needs auth.secret" in done.err
