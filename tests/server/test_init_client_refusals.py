"""`referee init --client` refuses: files that it cannot read, or cannot change without changing something else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from referee.server.client_entries.change import Options, change
from referee.server.client_entries.errors import EntryError

from tests.server.entry_files import FILES, OTHERS, SETTINGS, init, put, tree

Say = Callable[..., tuple[int, str, str]]
CLIENTS = pytest.mark.parametrize("client", FILES)


@pytest.fixture
def say(project: Path) -> Say:
    """Run `referee init --client`."""

    def said(client: str, *words: str) -> tuple[int, str, str]:
        return init(project, "--client", client, *words)

    return said


@CLIENTS
@pytest.mark.parametrize("text", ["{\n\n,", '"text', "\udcff"], ids=["syntax", "cut", "bytes"])
def test_a_file_that_is_not_valid_is_refused_with_its_line(say: Say, project: Path, client: str, text: str) -> None:
    place = put(project, client, "")
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = tree(project)
    code, _, err = say(client)
    assert (code, tree(project)) == (1, before)
    assert FILES[client] in err
    assert "line " in err


@pytest.mark.parametrize(
    "text", ["[]", '{"mcpServers": 5}', '{"a": 1, "a": 2}', "[" * 100_000], ids=["list", "number", "twice", "deep"]
)
def test_a_file_of_another_form_is_refused(say: Say, project: Path, text: str) -> None:
    put(project, "claude", text)
    code, _, err = say("claude")
    assert code == 1
    assert err.startswith("referee: .mcp.json: ")
    assert (project / ".mcp.json").read_text(encoding="utf-8") == text


def test_nothing_is_written_where_one_of_two_files_is_refused(say: Say, project: Path) -> None:
    (project / ".claude").mkdir()
    (project / SETTINGS).write_text("{", encoding="utf-8")
    assert say("claude")[0] == 1
    assert not (project / ".mcp.json").exists()


@CLIENTS
def test_a_link_is_not_followed(say: Say, project: Path, tmp_path: Path, client: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text(OTHERS[client], encoding="utf-8")
    place = put(project, client, "")
    place.unlink()
    place.symlink_to(outside)
    code, _, err = say(client)
    assert code == 1
    assert "found a link" in err
    assert outside.read_text(encoding="utf-8") == OTHERS[client]


def test_a_folder_that_is_a_link_is_not_followed(say: Say, project: Path, tmp_path: Path) -> None:
    (project / ".codex").symlink_to(tmp_path, target_is_directory=True)
    assert say("codex")[0] == 1
    assert not (tmp_path / "config.toml").exists()


@CLIENTS
def test_a_read_only_file_is_left_alone(say: Say, project: Path, client: str) -> None:
    put(project, client, OTHERS[client]).chmod(0o444)
    code, _, err = say(client)
    assert code == 1
    assert "read-only" in err
    assert (project / FILES[client]).read_text(encoding="utf-8") == OTHERS[client]


@pytest.mark.parametrize("place", ["/etc/x.json", "../x.json", "a/../x.json", ".git/x.json", "program.md", "./x.json"])
def test_a_generic_entry_goes_nowhere_else(say: Say, project: Path, place: str) -> None:
    before = tree(project)
    code, _, err = say("generic", "--into", place)
    assert (code, tree(project)) == (1, before)
    assert "expected a .json file below the project" in err


@pytest.mark.parametrize("words", [("--remove",), ("--portable",), ("--into", "a.json")], ids=lambda words: words[0])
def test_its_flags_need_a_client(project: Path, words: tuple[str, ...]) -> None:
    code, _, err = init(project, *words)
    assert code == 1
    assert f"{words[0]} goes with --client" in err


def test_a_file_that_changed_meanwhile_is_not_written(project: Path) -> None:
    put(project, "claude", '{"mcpServers": {"referee": {}}}')

    def other_writer(_: str) -> bool:
        put(project, "claude", "{}")
        return True

    with pytest.raises(EntryError, match="changed just now"):
        change(project, Options("claude"), ask=other_writer)
    assert (project / ".mcp.json").read_text(encoding="utf-8") == "{}"


@CLIENTS
def test_a_folder_in_the_place_of_the_file_is_refused(say: Say, project: Path, client: str) -> None:
    (project / FILES[client]).mkdir(parents=True)
    code, _, err = say(client)
    assert code == 1
    assert "not a plain file" in err


def test_a_toml_file_that_cannot_take_a_table_is_refused(say: Say, project: Path) -> None:
    put(project, "codex", 'mcp_servers = {other = {command = "x"}}\n')
    before = tree(project)
    code, _, err = say("codex")
    assert (code, tree(project)) == (1, before)
    assert "by hand" in err


def test_words_within_a_string_are_never_taken_for_an_entry(say: Say, project: Path) -> None:
    table = '[mcp_servers.referee]\ncommand = "mine"\n'
    put(project, "codex", f'help = """\n{table}[other]\n"""\n{table}')
    before = tree(project)
    code, _, err = say("codex", "--yes")
    assert (code, tree(project)) == (1, before)
    assert "by hand" in err
