"""Errors: whose doing they are, and which line they name."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from sessiond.core.errors import AppFailed, InvalidInput
from sessiond.core.flows import faults
from sessiond.core.flows.faults import FlowEvicted, FlowFailed, RunFailed, line_of, raised_at
from tests.core.flows.playing import begin, line_after

if TYPE_CHECKING:
    from sessiond.core.flows.conversation import Conversation


def test_a_library_below_the_flow_is_not_blamed() -> None:
    """The line of the flow that called it is named, not json/decoder.py."""

    async def flow(c: Conversation) -> None:
        json.loads("{")  # loads

    line = line_after("loads", __file__)
    with pytest.raises(FlowFailed, match=rf"^{re.escape(__file__)}:{line}: the flow raised JSON"):
        begin(flow)


def test_without_a_line_of_its_own_the_last_one_is_named() -> None:
    """An error from elsewhere still says where it was."""
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")

    assert "decoder.py:" in raised_at(caught.value.__traceback__, "shop")
    assert "" == raised_at(None, "shop")


def test_an_instruction_without_a_line_is_named_by_its_function() -> None:
    """Generated code may have none."""
    code = test_a_library_below_the_flow_is_not_blamed.__code__

    assert f"{__file__}:{code.co_firstlineno}" == line_of(code, 10**6)


def test_errors_are_cut_by_whose_doing_it_was() -> None:
    """Handlers of failed turns know the flow's by its family."""
    failures = {
        getattr(faults, name)
        for name in faults.__all__
        if isinstance(getattr(faults, name), type) and issubclass(getattr(faults, name), AppFailed)
    }

    assert {FlowFailed} < failures
    assert all(issubclass(failure, FlowFailed) for failure in failures)
    assert issubclass(faults.FlowBusy, InvalidInput)
    assert not issubclass(FlowEvicted, Exception)


def test_a_failed_run_says_what_failed() -> None:
    """With or without words."""
    assert ["Declined: no funds", "Timeout"] == [
        str(RunFailed("Declined", "no funds")),
        str(RunFailed("Timeout", "")),
    ]
