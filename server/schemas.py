"""What clients are told of the tools: names, descriptions, lean schemas, annotations."""

from typing import Any

import mcp_types as types

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
    if isinstance(node, list):
        return [_lean(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        referred = dict(definitions[node["$ref"].rpartition("/")[2]])
        referred.pop("description", None)
        return _lean(referred, definitions)
    options = [option for option in node.get("anyOf", []) if option.get("type") != "null"]
    merged = {**{k: v for k, v in node.items() if k != "anyOf"}, **(options[0] if len(options) == 1 else {})}
    optional = len(options) == 1
    return {
        key: {name: _lean(part, definitions) for name, part in value.items()}
        if key == "properties"
        else _lean(value, definitions)
        for key, value in merged.items()
        if key != "title" and not (optional and key == "default" and value is None)
    }
