"""Where the primary of a service is, asked of Redis Sentinel.

redis-py speaks with the Sentinels and judges what they say; the round is ours, because redis-py's tells nothing of why
one did not answer. The answer may be old, so whoever connects there looks whether it is a primary still (client.py).

Blocks, so it is asked in a thread; safe to call from several.
"""

from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from redis.sentinel import Sentinel
from typing_extensions import override

from sessiond.stores.redis.failures import SentinelRefused, why_distrusted, without_arguments
from sessiond.stores.redis.topology import Address
from sessiond.stores.redis.urls import Target

__all__ = ["Sentinels"]


class Sentinels:
    """The Sentinels of *target*, each given *timeout_seconds* for its answer."""

    def __init__(self, target: Target, *, timeout_seconds: float) -> None:
        self._target = target
        options: dict[str, Any] = target.sentinel_options | {
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        }
        self._sentinel: Any = Sentinel(  # type: ignore[no-untyped-call]
            [(one.host, one.port) for one in target.sentinels], sentinel_kwargs=options
        )
        self._clients = list(self._sentinel.sentinels)

    @override
    def __repr__(self) -> str:
        return f"<Sentinels {self}>"

    @override
    def __str__(self) -> str:
        return f"{self._target.service!r} of Sentinel {self._names()}"

    def find_primary(self) -> Address:
        """Ask each in turn, until one names a primary that it does not hold for down.

        Raises:
          SentinelRefused: none does, and one wants another password or is not trusted.
          RedisConnectionError: none does, or none answers.

        """
        failures: list[RedisError] = []
        for client in self._clients:
            try:
                services: Any = client.sentinel_masters()
            except RedisError as error:
                failures.append(error)
                continue
            state = services.get(self._target.service)
            if state and self._sentinel.check_master_state(state, self._target.service):
                # The next time first: one that is gone may cost a whole time-out.
                self._clients = [client, *(one for one in self._clients if one is not client)]
                return Address(state["ip"], int(state["port"]))
        for failure in failures:
            self._refuse(failure)
        raise RedisConnectionError(
            f"no Sentinel there names a primary of {self._target.service!r} that is up"
        ) from next(iter(failures), None)

    def close(self) -> None:
        """Close the connections to the Sentinels."""
        self._sentinel.close()

    def _refuse(self, error: RedisError) -> None:
        """Tell apart what does not pass by itself."""
        if isinstance(error, AuthenticationError):
            raise SentinelRefused(
                f"Sentinel at {self._names()} refused us; its own password is the option sentinel_password"
            ) from error
        if reason := why_distrusted(error):
            raise SentinelRefused(
                f"the certificate of Sentinel at {self._names()} is not trusted: {reason}"
            ) from error
        if isinstance(error, ResponseError):
            raise SentinelRefused(
                f"Sentinel at {self._names()} refused: {without_arguments(error)}"
            ) from error

    def _names(self) -> str:
        return ", ".join(str(one) for one in self._target.sentinels)
