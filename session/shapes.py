"""What a parsed JSON or YAML value is, told to type checkers as well."""

from collections.abc import Sequence
from typing import Any, TypeGuard


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Whether it is a list."""
    return isinstance(value, list)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list, or the tuple that a validated one has become."""
    return isinstance(value, list | tuple)


def is_table(value: object) -> TypeGuard[dict[Any, Any]]:
    """Whether it is a mapping."""
    return isinstance(value, dict)
