"""The table of methods, as a document."""

import json
from collections.abc import Hashable
from typing import Any, cast

import attrs
import pytest

from sessiond.core.documented import attribute_docs
from sessiond.core.ids import UserId
from sessiond.edges.admin.discovery import describe_methods, schema_of
from sessiond.edges.admin.method import Method
from sessiond.edges.admin.methods import METHODS


def test_the_document_is_json() -> None:
    """It can be sent, and is the same each time."""
    assert json.dumps(describe_methods(METHODS.values())) == json.dumps(
        describe_methods(METHODS.values())
    )


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_every_parameter_is_documented(method: Method) -> None:
    """Each method has a sentence, each of its parameters too."""
    assert method.doc.endswith(".")
    documented = attribute_docs(cast("Hashable", method.params))
    for one in attrs.fields(method.params):
        assert one.name in documented


def test_schemas() -> None:
    """Types become JSON Schemas."""

    def of(kind: Any) -> Any:
        return schema_of(kind)

    assert of(str | None) == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert of(UserId | None) == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert of(tuple[int, ...]) == {"type": "array", "items": {"type": "integer"}}
    assert of(object) == {}
