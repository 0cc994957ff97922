"""What the how-to pages tell people to write works."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from sessiond.config.load import load_settings
from tests.docs.pages import DOCS, fenced

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_webhook_signature_by_hand_verifies() -> None:
    """The signing function of the webhook page satisfies an independent verifier."""
    (code,) = [block for block in fenced("howto/webhooks.md", "python") if "def signed" in block]
    names: dict[str, object] = {}
    exec(code, names)
    sign = names["signed"]
    assert callable(sign)
    body = b'{"type":"order:paid"}'
    headers = sign(SECRET, "msg_1", body)

    assert {"type": "order:paid"} == Webhook(SECRET).verify(body, headers)
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(tz=UTC).timestamp()) < 5


@pytest.mark.parametrize("page", sorted(path.name for path in (DOCS / "howto").glob("*.md")))
def test_settings_that_a_page_shows_are_settings(page: str, tmp_path: Path) -> None:
    """Every TOML block of the how-to pages is accepted by the settings loader."""
    for number, block in enumerate(fenced(f"howto/{page}", "toml")):
        tomllib.loads(block)
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        load_settings(files=[file], environment={})


def test_the_settings_file_to_start_from_is_accepted() -> None:
    """deploy/sessiond.toml loads as it is."""
    settings = load_settings(files=[DOCS.parent / "deploy" / "sessiond.toml"], environment={})

    assert 4000 == settings.listen.port
