"""What clients are told of the tools: names, descriptions, lean schemas, annotations."""

from typing import Any

import mcp_types as types

from ..session.shapes import is_list, is_table
from ..tools.base import Arguments, Listed
from ..tools.fields import output_schema


def described(tool: Listed) -> types.Tool:
    """One tool as `tools/list` shows it."""
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=input_schema(tool.arguments),
        output_schema=output_schema(tool.fields),
        annotations=types.ToolAnnotations(
            read_only_hint=tool.read_only,
            destructive_hint=False,
            idempotent_hint=tool.read_only or tool.idempotent,
            open_world_hint=False,
        ),
    )


def input_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments without what a model does not need: titles, nulls, references."""
    schema = arguments.model_json_schema()
    definitions = schema.pop("$defs", {})
    schema.pop("description", None)
    lean = _lean(schema, definitions)
    return {"type": "object", "properties": {}, **lean}


def _lean(node: Any, definitions: dict[str, Any]) -> Any:
    if is_list(node):
        return [_lean(item, definitions) for item in node]
    if not is_table(node):
        return node
    fields = _merged(node, definitions)
    return {key: _leaner(key, value, definitions) for key, value in fields.items() if key != "title"}


def _leaner(key: str, value: Any, definitions: dict[str, Any]) -> Any:
    if key == "properties":
        return {name: _lean(part, definitions) for name, part in value.items()}
    return _lean(value, definitions)


def _merged(fields: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in fields:
        referred: dict[str, Any] = definitions[str(fields["$ref"]).rpartition("/")[2]]
        return {key: value for key, value in referred.items() if key != "description"}
    options: list[dict[str, Any]] = [option for option in fields.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) != 1:
        return fields
    rest = {key: value for key, value in fields.items() if key != "anyOf" and (key, value) != ("default", None)}
    return rest | _merged(options[0], definitions)
