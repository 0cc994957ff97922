"""Described errors of a door (sessiond/edges/http/failures.py)."""

from sessiond.core.codes import ErrorCode
from sessiond.core.described import ERROR, RETRY_AFTER, Form
from sessiond.edges.http.answers import STATUSES
from sessiond.edges.http.failures import TURN, failures


def test_statuses_are_those_of_the_codes() -> None:
    """Codes of one status are described together, and come with Retry-After when one of them is waited for."""
    found = failures(
        (
            (ErrorCode.UNKNOWN_EVENT, "no such hook"),
            (ErrorCode.QUARANTINED, "look at it"),
            (ErrorCode.DRAINING, "stopping"),
        )
    )

    assert [404, 503] == [*found]
    assert "`quarantined`: look at it\n`draining`: stopping" == found[503].says
    assert ({}, RETRY_AFTER) == (found[404].headers, found[503].headers)
    assert (ERROR,) == found[404].forms


def test_a_door_has_its_own_form_and_statuses() -> None:
    """A status without a code of its own is described by a text, in front of codes with the same status."""
    form = Form("Other", {"type": "string"})
    found = failures(((ErrorCode.BAD_REQUEST, "wrong"),), form, texts={415: "JSON", 400: "First."})

    assert {400: "First.\n`bad_request`: wrong", 415: "JSON"} == {
        status: reply.says for status, reply in found.items()
    }
    assert [(form,)] * 2 == [reply.forms for reply in found.values()]


def test_a_turn_may_end_with_any_status() -> None:
    """An app turns down with whatever code it likes, so that every status of a code is among them."""
    assert set(STATUSES.values()) == failures(TURN).keys()
