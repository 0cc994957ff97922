"""``sessionctl watch``."""

import json
import subprocess
import sys

from tests.cli.conftest import Ctl

WATCH = """
import sys
from sessiond.cli.sessionctl import main
main()
"""


def test_events_are_lines_as_they_happen(ctl: Ctl) -> None:
    """One line per event, at once; --count ends it."""
    arguments = [
        "--socket",
        str(ctl.socket),
        "--json",
        "watch",
        "--event",
        "admin.called",
        "--count",
        "2",
    ]
    with subprocess.Popen(
        [sys.executable, "-c", WATCH, *arguments], stdout=subprocess.PIPE
    ) as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())  # the call that began the watch
        ctl("version")
        second = json.loads(watching.stdout.readline())
        assert watching.wait(10) == 0

    assert (first["metadata"]["method"], second["metadata"]["method"]) == ("watch", "version")
    assert second["event"] == "admin.called"


def test_a_filter_that_nothing_can_pass(ctl: Ctl) -> None:
    """A typo in the event's name ends it at once."""
    done = ctl("watch", "--event", "sesion.")

    assert done.code == 2
    assert "no event" in done.err


def test_a_count_of_none_is_usage(ctl: Ctl) -> None:
    """It would wait for ever."""
    assert ctl("watch", "--count", "0").code == 2
