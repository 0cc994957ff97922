"""Settings that no component owns."""

import pytest

from sessiond.config.settings import Settings, StoreKind, StoreSettings, store_kind
from sessiond.core.errors import InvalidInput


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory:", StoreKind.MEMORY),
        ("sqlite:///a.db", StoreKind.SQLITE),
        ("sqlite:////var/lib/a.db", StoreKind.SQLITE),
        ("redis://h:1/0", StoreKind.REDIS),
        ("rediss://u:p@h", StoreKind.REDIS),
    ],
)
def test_the_url_names_the_store(url: str, kind: StoreKind) -> None:
    """Each scheme stands for one store."""
    assert store_kind(url) is kind


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "sqlite:///", "x.db", "http://u:hunter2@[", "mysql://u:hunter2@h"]
)
def test_other_urls_are_refused_without_showing_them(url: str) -> None:
    """A URL may hold a password: the error does not repeat it."""
    with pytest.raises(InvalidInput) as caught:
        store_kind(url)

    assert "hunter2" not in str(caught.value)


def test_the_repr_holds_no_secret() -> None:
    """Settings end up in logs and tracebacks."""
    assert "hunter2" not in repr(Settings(store=StoreSettings(url="redis://:hunter2@h")))
