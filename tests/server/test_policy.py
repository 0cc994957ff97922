"""Every number of the runtime can be set."""

import attrs
import pytest

from sessiond.config import SettingsError, load_settings
from sessiond.config.settings import Settings
from sessiond.server.policy import node_policy

#: Where each number of ``NodePolicy`` is set: settings path to where it arrives.
SET = {
    "session.window_seconds": ("session.window_seconds", 7.0),
    "runtime.relaxed_seconds": ("actor.relaxed_seconds", 0.5),
    "runtime.retry_seconds": ("actor.retry_seconds", 9.0),
    "runtime.begun_in_runs": ("actor.max_attempts", 7),
    "runtime.restarts": ("restart.intensity", 9),
    "runtime.restart_window_seconds": ("restart.within", 9.0),
    "drain.save_seconds": ("drain.save_seconds", 1.0),
    "drain.release_seconds": ("drain.release_seconds", 1.0),
    "drain.close_batch": ("drain.close_batch", 7),
    "drain.close_pause_seconds": ("drain.close_pause_seconds", 1.0),
    "drain.close_seconds": ("drain.close_seconds", 1.0),
    "runtime.batch": ("batch", 9),
    "runtime.mailbox": ("mailbox", 9),
    "runtime.resident_sessions": ("resident_sessions", 9),
    "node.lease_seconds": ("lease_seconds", 99.0),
}


def reach(policy: object, path: str) -> object:
    for name in path.split("."):
        policy = getattr(policy, name)
    return policy


@pytest.mark.parametrize("path", SET)
def test_a_setting_reaches_the_runtime(path: str) -> None:
    """What is set is what counts."""
    arrives_at, value = SET[path]
    settings = load_settings(files=(), environment={}, flags={path: value})

    assert reach(node_policy(Settings()), arrives_at) != value
    assert reach(node_policy(settings), arrives_at) == value


def test_actors_and_drains_can_be_set_completely() -> None:
    """No number of theirs is left that only code can change."""
    policy = node_policy(Settings())
    numbers = {
        f"{part}.{field.name}"
        for part in ("actor", "drain")
        for field in attrs.fields(type(getattr(policy, part)))
    }

    assert numbers <= {arrives_at for arrives_at, _ in SET.values()}


def test_lanes_and_unbounded_memory() -> None:
    """SQLite has one writer, so one lane; 0 resident sessions are no bound."""
    sqlite = load_settings(files=(), environment={}, flags={"runtime.resident_sessions": 0})
    redis = load_settings(
        files=(), environment={}, flags={"store.url": "redis://r", "runtime.lanes": 9}
    )

    assert node_policy(sqlite).lanes == 1
    assert node_policy(sqlite).resident_sessions > 10**9
    assert node_policy(redis).lanes == 9


@pytest.mark.parametrize(
    "path", ["drain.close_batch", "drain.save_seconds", "runtime.begun_in_runs"]
)
def test_nonsense_is_refused_by_its_path(path: str) -> None:
    """A negative number never reaches a drain or an actor."""
    with pytest.raises(SettingsError, match=path.replace(".", r"\.")):
        load_settings(files=(), environment={}, flags={path: -1})
