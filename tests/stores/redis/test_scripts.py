"""Every script is known under the name that Redis gives it."""

from importlib.resources import files

from sessiond.stores.redis import scripts
from tests.redis_server import RedisServer

NAMED = {name: getattr(scripts, name) for name in scripts.__all__ if name.isupper()}


def test_each_file_has_a_name() -> None:
    """A script that nobody calls would be forgotten."""
    found = {
        path.name.removesuffix(".lua")
        for path in files(scripts.__package__).joinpath("lua").iterdir()
    }

    assert {name.lower() for name in NAMED} == found


def test_redis_hashes_alike(redis_server: RedisServer) -> None:
    """And compiles each of them."""
    with redis_server.client() as client:
        for script in NAMED.values():
            assert client.script_load(script.text) == script.digest


def test_call_is_routed_by_its_first_key() -> None:
    """Keys are counted; the text is there for a server that does not know the script."""
    call = scripts.LOAD.call("a", "b", args=(1,))

    assert call.route == "a"
    assert call.args == ("EVALSHA", scripts.LOAD.digest, 2, "a", "b", 1)
    assert call.with_text().args == ("EVAL", scripts.LOAD.text, 2, "a", "b", 1)
