"""Changing one value of a JSON or TOML text: the rest stays, and taking it away again gives the same bytes."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referee.server.client_entries import json_text, toml_text
from referee.server.client_entries.items import Item, depth, refuse_misfit, with_item

KEYS = st.sampled_from(["a", "mcpServers", "referee", 'q"\\', "permissions", "allow", "é"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
FILLED = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)
FORMS = st.sampled_from([None, 2, 4, "\t"])
ENTRY = {"command": "/a/b", "args": ["serve", "é\n\"'"], "timeout": 5, "alwaysLoad": True}


@settings(max_examples=300, deadline=None)
@given(FILLED, FORMS, st.booleans())
def test_a_json_entry_is_added_and_taken_away_without_a_trace(data: dict[str, Any], form: Any, windows: bool) -> None:  # noqa: FBT001 - drawn
    text = json.dumps(data, indent=form, ensure_ascii=False) + "\n"
    text = text.replace("\n", "\r\n") if windows and form else text
    item = Item(("new", "referee"), ENTRY)
    added = json_text.put(text, item)
    assert json.loads(added) == data | {"new": {"referee": ENTRY}}
    assert json_text.take(json_text.take(added, ("new", "referee")), ("new",)) == text
    assert windows or "\r" not in added


@settings(max_examples=200, deadline=None)
@given(st.lists(LEAVES, min_size=1, max_size=4), FORMS)
def test_an_element_is_added_to_a_json_list_and_taken_away(values: list[Any], form: Any) -> None:
    data = {"permissions": {"allow": values}, "other": 1}
    text = json.dumps(data, indent=form)
    item = Item(("permissions", "allow"), "mcp__referee__*", listed=True)
    refuse_misfit(data, item, "x")
    assert depth(data, item) == 2
    added = json_text.put(text, item)
    assert json.loads(added) == with_item(data, item)
    assert json_text.take(added, item.path, item.value) == text


def test_a_json_value_is_replaced_in_its_place() -> None:
    text = '{\n    "b": {"referee": [1,  2]},\n    "a":   1\n}'
    assert json_text.put(text, Item(("b", "referee"), 7)) == text.replace("[1,  2]", "7")


TOML_TEXTS = [
    "",
    "\n",
    "a = 1\n",
    '# words\nmodel = "m" # why\n\n[mcp_servers.other]\ncommand = "x"\n',
    "[a]\r\nb = 1\r\n",
    '[mcp_servers]\n[mcp_servers.other]\nargs = [\n  "x",\n]\n# the end\n',
]


@pytest.mark.parametrize("text", TOML_TEXTS)
def test_a_toml_table_is_added_and_taken_away_without_a_trace(text: str) -> None:
    item = Item(("mcp_servers", "referee"), ENTRY)
    added = toml_text.put(text, item)
    assert tomllib.loads(added) == with_item(tomllib.loads(text), item)
    assert added.startswith(text)
    assert toml_text.take(added, item.path) == text
    assert toml_text.put(added, item) == added


@pytest.mark.parametrize(
    "theirs",
    [
        '[mcp_servers.referee]\ncommand = "x"\n',
        '[ mcp_servers . "referee" ] # mine\ncommand = "x"\n[mcp_servers.referee.env]\nA = "1"\n',
        '[mcp_servers.referee.tools.keep]\napproval_mode = "approve"\n',
    ],
)
def test_a_toml_table_of_somebody_else_is_replaced_and_its_neighbours_stay(theirs: str) -> None:
    before, after = 'model = "m"\n', '\n# about the next\n[mcp_servers.referees]\ncommand = "y"\n'
    item = Item(("mcp_servers", "referee"), ENTRY)
    found = toml_text.put(before + theirs + after, item)
    assert found.startswith(before + after)
    assert tomllib.loads(found)["mcp_servers"] == {"referees": {"command": "y"}, "referee": ENTRY}
