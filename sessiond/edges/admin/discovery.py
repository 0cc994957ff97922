"""``rpc.discover``: the table of methods as an OpenRPC document, with JSON Schemas made from the classes.

https://spec.open-rpc.org; what our classes cannot say is left out.
"""

import types
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin

import attrs

from sessiond.core.documented import attribute_docs
from sessiond.edges.admin.faults import FaultCode
from sessiond.edges.admin.method import PROTOCOL_VERSION, Method

__all__ = ["describe_methods", "schema_of"]

_PRIMITIVES: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
}


def describe_methods(methods: Iterable[Method]) -> dict[str, Any]:
    """Make the whole document about *methods*; the same each time."""
    return {
        "openrpc": "1.3.2",
        "info": {"title": "sessiond admin", "version": str(PROTOCOL_VERSION)},
        "methods": [_describe(method) for method in methods],
        "x-errors": [
            {"code": one.code, "name": one.label, "message": one.explanation} for one in FaultCode
        ],
    }


def _describe(method: Method) -> dict[str, Any]:
    schema = schema_of(method.params)
    required = schema.get("required", [])
    return {
        "name": method.name,
        "summary": method.doc,
        "paramStructure": "by-name",
        "params": [
            {"name": name, "required": name in required, "description": kind.get("description", "")}
            | {"schema": {key: value for key, value in kind.items() if key != "description"}}
            for name, kind in schema["properties"].items()
        ],
        "result": {
            "name": getattr(method.result, "__name__", "document"),
            "schema": schema_of(method.result),
        },
        "x-changes": method.changes,
    }


def schema_of(kind: Any) -> dict[str, Any]:
    """Make the JSON Schema of a type that parameters and results are made of."""
    kind = getattr(kind, "__supertype__", kind)
    if kind in _PRIMITIVES:
        return {"type": _PRIMITIVES[kind]}
    if kind is object:
        return {}
    if get_origin(kind) in {types.UnionType, Union}:  # the second: of a NewType, such as UserId
        return {"anyOf": [schema_of(one) for one in get_args(kind)]}
    if kind is types.NoneType:
        return {"type": "null"}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": schema_of(get_args(kind)[0])}
    if get_origin(kind) is not None:
        return {"type": "object", "additionalProperties": schema_of(get_args(kind)[1])}
    return _schema_of_class(kind)


def _schema_of_class(cls: Any) -> dict[str, Any]:
    attrs.resolve_types(cls)
    docs = attribute_docs(cls)
    properties: dict[str, Any] = {}
    for one in attrs.fields(cls):
        properties[one.name] = schema_of(one.type)
        if one.name in docs:
            properties[one.name]["description"] = docs[one.name]
        if one.default is not attrs.NOTHING and isinstance(one.default, str | int | float):
            plain = one.default.value if isinstance(one.default, Enum) else one.default
            properties[one.name]["default"] = plain
    required = [one.name for one in attrs.fields(cls) if one.default is attrs.NOTHING]
    schema = {"type": "object", "description": (cls.__doc__ or "").partition("\n")[0]}
    return schema | {"properties": properties, "required": required, "additionalProperties": False}
