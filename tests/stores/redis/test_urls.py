"""URLs are read to the letter, and what is wrong with one is said without quoting it."""

from pathlib import Path

import pytest
import trustme

from sessiond.core.errors import InvalidInput
from sessiond.stores.redis.topology import Address
from sessiond.stores.redis.urls import parse_target


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address("localhost", 6379)),
        ("redis://h:7/3", Address("h", 7)),
        ("rediss://u:p@h", Address("h", 6379)),
        ("unix:///run/redis.sock?db=2", Address("/run/redis.sock", 0)),
        ("redis+sentinel://one/main", Address("one", 26379)),
    ],
)
def test_address_is_what_the_url_names(url: str, address: Address) -> None:
    """With the usual ports where none is given."""
    assert address == parse_target(url).address


def test_sentinels_are_listed_with_their_service() -> None:
    """The password is the server's; the Sentinels have their own."""
    target = parse_target(
        "redis+sentinel://u:p%40ss@one:1,two,[::1]:3/my%20main/4?sentinel_password=x"
    )

    assert target.sentinels == (Address("one", 1), Address("two", 26379), Address("::1", 3))
    assert target.service == "my main"
    assert target.options == {"username": "u", "password": "p@ss", "db": 4}
    assert target.sentinel_options == {"password": "x"}


def test_tls_is_for_sentinels_too(tmp_path: Path) -> None:
    """``rediss+sentinel`` encrypts both ways, and believes the same CA."""
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    target = parse_target(f"rediss+sentinel://one/main?ssl_ca_certs={ca}")

    assert target.sentinel_options == {"ssl": True, "ssl_ca_certs": str(ca)}
    assert target.options["ssl_ca_certs"] == str(ca)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h", "not a Redis URL"),
        ("redis://h?socket_timeout=9", r"options we do not take from there: \['socket_timeout'\]"),
        ("redis://h?ssl_ca_certs=ca.pem", "has ssl_ca_certs without TLS: rediss://"),
        ("unix:///s?ssl_certfile=x", "has ssl_certfile without TLS"),
        ("rediss://h?ssl_cert_reqs=none", "certificates are always verified"),
        ("rediss://h?ssl_ca_certs=/nowhere.pem", "ssl_ca_certs cannot be used: No such file"),
        ("rediss://h?ssl_certfile=/nowhere.pem", "ssl_certfile cannot be used: No such file"),
        ("rediss://h?ssl_keyfile=/nowhere.pem", "ssl_keyfile without ssl_certfile"),
        ("redis://h?sentinel_password=x", "options we do not take from there"),
        ("redis+sentinel://h:1", "names no service"),
        ("redis+sentinel://h:1/", "names no service"),
        ("redis+sentinel://h:1//0", "names no service"),
        ("redis+sentinel:///main", "names Sentinels as HOST:PORT"),
        ("redis+sentinel://one,/main", "names Sentinels as HOST:PORT"),
        ("redis+sentinel://one:x/main", "not a Redis URL"),
        ("redis+sentinel://one/main/first", "no database"),
        ("redis+sentinel://u:secr@t@one/main?ssl_keyfile=/k", "without TLS"),
    ],
)
def test_what_is_wrong_is_said(url: str, words: str) -> None:
    """Before anything is connected."""
    with pytest.raises(InvalidInput, match=words):
        parse_target(url)


@pytest.mark.parametrize(
    "url", ["redis+sentinel://u:wr0ng@one:x/m", "rediss://u:wr0ng@h?ssl_x=wr0ng"]
)
def test_passwords_are_in_no_error(url: str) -> None:
    """Neither in the message nor in what it was raised from."""
    with pytest.raises(InvalidInput) as caught:
        parse_target(url)

    assert "wr0ng" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_passwords_are_in_no_repr() -> None:
    """Neither the server's nor the Sentinels'."""
    target = parse_target("redis+sentinel://u:wr0ng@one/main?sentinel_password=wr0ng")

    assert "wr0ng" not in repr(target)
