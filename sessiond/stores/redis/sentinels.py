"""Where the primary of a service is, asked of Redis Sentinel.

redis-py asks: each Sentinel in turn, until one names a primary that it does not hold for down. The answer may be old,
so whoever connects there looks whether it is a primary still (client.py).

Blocks; safe to call from several threads.
"""

from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel
from typing_extensions import override

from sessiond.stores.redis.failures import SentinelRefused, without_arguments
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
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
            [(one.host, one.port) for one in target.sentinels], sentinel_kwargs=options
        )

    @override
    def __repr__(self) -> str:
        return f"<Sentinels {self}>"

    @override
    def __str__(self) -> str:
        return f"{self._target.service!r} of Sentinel {self._names()}"

    def find_primary(self) -> Address:
        """Ask for the primary.

        Raises:
          SentinelRefused: a Sentinel wants another password, or is not trusted.
          RedisConnectionError: none of them names one; or none answers.

        """
        try:
            host, port = self._sentinel.discover_master(  # type: ignore[no-untyped-call]
                self._target.service
            )
        except MasterNotFoundError as error:
            reasons = str(error)  # redis-py lists them there, and nowhere else
            if "AuthenticationError" in reasons:
                raise SentinelRefused(
                    f"Sentinel at {self._names()} refused us; its own password is the option sentinel_password"
                ) from error
            if "CERTIFICATE_VERIFY_FAILED" in reasons:
                raise SentinelRefused(
                    f"the certificate of Sentinel at {self._names()} is not trusted; ssl_ca_certs names the CA"
                ) from error
            raise RedisConnectionError(
                f"no Sentinel there names a primary of {self._target.service!r} that is up"
            ) from error
        except ResponseError as error:
            raise SentinelRefused(
                f"Sentinel at {self._names()} refused: {without_arguments(error)}"
            ) from error
        return Address(host, int(port))

    def close(self) -> None:
        """Close the connections to the Sentinels."""
        self._sentinel.close()

    def _names(self) -> str:
        return ", ".join(str(one) for one in self._target.sentinels)
