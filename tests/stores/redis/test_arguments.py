"""Redis' own msgpack library reads what we write."""

import pytest

from sessiond.stores.redis.arguments import binary, pack_arguments
from tests.redis_server import RedisServer


@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, 65535, 65536, 300_000])
def test_bytes_of_any_length_arrive(size: int, redis_server: RedisServer) -> None:
    """Each length has its own heading; the content is any bytes, zeros too."""
    data = bytes(n % 256 for n in range(size))
    blob = pack_arguments(("before", binary(data), None, 7))
    with redis_server.client() as client:
        script = (
            "local v = cmsgpack.unpack(ARGV[1]) return {v[1], v[2], v[3] == nil and 1 or 0, v[4]}"
        )

        assert client.eval(script, 0, blob) == [b"before", data, 1, 7]
