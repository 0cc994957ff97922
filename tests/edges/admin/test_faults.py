"""What a node raises becomes an error with a stable code, and never tells a secret."""

import pytest

from sessiond.edges.admin.faults import FaultCode
from tests.edges.admin.conftest import Door
from tests.edges.admin.standin import SECRET


@pytest.mark.parametrize(
    ("event", "name", "data"),
    [
        ("draining", "refused", {"code": "draining", "retry_after": 2.0}),
        ("away", "unavailable", {}),
        ("late", "timeout", {"applied": False}),
        ("bug", "internal_error", {}),
        (
            "phx_reply",
            "invalid_params",
            {"problems": [{"path": "", "message": "the event is reserved"}]},
        ),
    ],
)
async def test_each_error_has_its_code(
    door: Door, event: str, name: str, data: dict[str, object]
) -> None:
    """The table decides; the connection stays usable."""
    async with door.connect() as lines:
        error = await lines.error("sessions.send", user="ann", event=event)
        assert await lines.result("version")

    assert error["data"] == {"name": name} | data
    assert error["code"] in {one.code for one in FaultCode}
    assert SECRET not in str(error)


async def test_bad_parameters_list_all_problems_with_their_paths(door: Door) -> None:
    """Who types a call by hand sees everything that is wrong with it."""
    async with door.connect() as lines:
        error = await lines.error("sessions.stop", usr="ann", erase="yes", reason="")

    assert error["code"] == -32602
    assert {(one["path"], one["message"]) for one in error["data"]["problems"]} == {
        ("user", "is required"),
        ("usr", 'unknown name; did you mean "user"?'),
        ("erase", "must be true or false, not a text"),
        ("reason", error_of_empty),
    }


error_of_empty = "Length of 'reason' must be >= 1: 0"


async def test_an_unknown_method_names_the_nearest(door: Door) -> None:
    """A typo costs one line."""
    async with door.connect() as lines:
        error = await lines.error("sessions.lst")

    assert error["code"] == -32601
    assert error["message"] == 'there is no such method; did you mean "sessions.list"?'


def test_codes_are_unique() -> None:
    """Neither numbers nor names are used twice."""
    assert (
        len({one.code for one in FaultCode})
        == len({one.label for one in FaultCode})
        == len(FaultCode)
    )
