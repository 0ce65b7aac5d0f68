"""Foreign text in our messages: one line, cut, and nothing in it that a terminal would act on."""

import json

CUT = 60
_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}


def clean(text: str, limit: int = CUT) -> str:
    """The text cut to `limit` characters, whatever does not print escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)


def quoted(value: object) -> str:
    """The value as a person typed it, in quotes; with its kind if it is not text."""
    if isinstance(value, str):
        return f"'{clean(value)}'"
    kind = _KINDS.get(type(value), type(value).__name__)
    return f"'{clean(json.dumps(value, ensure_ascii=False, default=str))}' ({kind})"
