"""What goes wrong is said in our words, without what may be secret."""

import pytest
from redis.connection import DefaultParser
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,  # noqa: A004 -- redis-py's own
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004 -- redis-py's own
)

from sessiond.stores.redis.failures import (
    SentinelRefused,
    check_replicas,
    explain,
    is_demoted,
    without_arguments,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (AuthenticationError("WRONGPASS x"), "Redis at h refused the user name or password"),
        (SentinelRefused("Sentinel at s refused: NOAUTH"), "Sentinel at s refused: NOAUTH"),
        (TimeoutError("x"), "Redis at h did not answer within 2 s"),
        (ConnectionError("gone"), "Redis at h is out of reach: gone"),
        (ResponseError("unknown, with args beginning with: 'x'"), "Redis at h failed: unknown"),
    ],
)
def test_failures_are_explained(error: Exception, text: str) -> None:
    """Each kind in its own sentence."""
    assert text == explain(error, "h", 2.0)  # type: ignore[arg-type]


def test_replicas_are_counted() -> None:
    """None is an error, and so is a refusal."""
    check_replicas(1)
    with pytest.raises(ResponseError, match="no replica confirmed"):
        check_replicas(0)
    with pytest.raises(ResponseError, match="NOPERM"):
        check_replicas(ResponseError("NOPERM"))


def test_demoted_servers_are_known_by_what_they_refuse() -> None:
    """Also where a script's error only mentions it, as before Redis 7."""
    assert is_demoted(ReadOnlyError("x"))
    assert is_demoted(ResponseError("script: READONLY You can't write against a read only replica"))
    assert not is_demoted(ResponseError("OOM"))
    assert not is_demoted(b"READONLY")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("MOVED 12182 10.0.0.7:6379", "MOVED 12182 10.0.0.7:6379"),
        ("LOADING the dataset", "LOADING the dataset"),
        ("BUSY with a script", "BUSY with a script"),
        ("ERR unknown command", "unknown command"),
    ],
)
def test_what_redis_calls_it_is_told(said: str, shown: str) -> None:
    """It is what operators look for; redis-py cuts it off."""
    error: Exception = DefaultParser.parse_error(said)  # type: ignore[no-untyped-call]
    assert without_arguments(error) == shown


def test_arguments_are_cut() -> None:
    """Redis quotes what it does not understand."""
    assert without_arguments(ValueError("bad, with args beginning with: 'secret'")) == "bad"
