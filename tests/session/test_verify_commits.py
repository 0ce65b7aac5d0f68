"""`audit --verify` on what follows from a journal: commits, refs and rows, each tampered with for real."""

import json
import re
import zlib
from typing import Any

import pytest

from tests.finished import TAG, Finished, found
from tests.projects import git, loose

# --- commits ---------------------------------------------------------------------------------------------------------


def _commit(done: Finished, trial: int, *, tree: str = "", parent: str = "", change: tuple[str, str] = ("", "")) -> str:
    """A commit like the one of a trial, by Referee, with something else in it."""
    raw = git(done.repo, "cat-file", "commit", done.commit(trial)).encode() + b"\n"
    text = re.sub(rb"^tree \w+", b"tree " + tree.encode(), raw) if tree else raw
    text = re.sub(rb"parent \w+", b"parent " + parent.encode(), text) if parent else text
    path = done.home / "commit"
    path.write_bytes(text.replace(change[0].encode(), change[1].encode()) if change[0] else text)
    return git(done.repo, "hash-object", "-t", "commit", "-w", str(path))


def _replace(done: Finished, trial: int, commit: str, **data: str) -> None:
    """Put another commit in a trial's place: refs, records and the whole chain."""
    old = done.commit(trial)

    def change(records: list[dict[str, Any]]) -> None:
        for record in records:
            own = record["data"].get("trial") == trial
            record["data"] |= {"commit": commit} if own and "commit" in record["data"] else {}
            record["data"] |= {name: value for name, value in data.items() if own and name in record["data"]}

    done.forge(change)
    for ref in git(done.repo, "for-each-ref", "--format=%(refname)", f"--points-at={old}").split():
        git(done.repo, "update-ref", ref, commit)


def test_a_trial_commit_with_another_metric_is_named_by_its_ref(done: Finished) -> None:
    other = _commit(done, 5, change=("loss=7.000000", "loss=1.000000"))
    git(done.repo, "update-ref", f"refs/referee/{TAG}/trials/5", other)
    (finding,) = found(done.verified())["refs"]
    assert f"trials/5 points at {other[:7]} (unknown to the journal); the journal says" in finding


def test_a_trial_commit_with_another_metric_in_a_chain_computed_anew_is_named(done: Finished) -> None:
    _replace(done, 5, _commit(done, 5, change=("loss=7.000000", "loss=1.000000")))
    said = found(done.verified())["commits"]
    assert any("trial 5" in text and "says 'Referee-Metric: loss=1.000000', journal line" in text for text in said)


@pytest.mark.parametrize(
    "change",
    [
        ("Referee-Trial: 5", "Referee-Trial: 6"),
        ("Referee-Verdict: worse", "Referee-Verdict: improved"),
        ("Referee-Session: mar8", "Referee-Session: mar9"),
        ("Referee-Integrity: self-reported", "Referee-Integrity: sealed"),
        ("raise again", "a triumph"),
        ("Referee <referee@localhost>", "Person <person@example.org>"),
        ("Referee-Verdict: worse\n", ""),
    ],
    ids=lambda change: change[0].split(":")[0],
)
def test_any_other_word_in_a_trial_commit_is_named(done: Finished, change: tuple[str, str]) -> None:
    _replace(done, 5, _commit(done, 5, change=change))
    others = [text for text in found(done.verified())["commits"] if "Referee-Journal" not in text]
    assert others
    assert all(text.startswith("trial 5: commit ") for text in others)


@pytest.mark.promise("one file")
def test_a_commit_that_changes_a_second_file_is_named(done: Finished) -> None:
    index = {"GIT_INDEX_FILE": str(done.home / "index")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_INDEX_FILE", index["GIT_INDEX_FILE"])
        git(done.repo, "read-tree", done.commit(5))
        git(done.repo, "update-index", "--force-remove", "data/frozen.txt")
        tree = git(done.repo, "write-tree")
    _replace(done, 5, _commit(done, 5, tree=tree), tree=tree)
    said = found(done.verified())["commits"]
    assert any("trial 5" in text and "is not the base tree with run.sh replaced" in text for text in said)


def test_a_commit_with_another_parent_is_named(done: Finished) -> None:
    _replace(done, 5, _commit(done, 5, parent=done.commit(1)))
    said = found(done.verified())["commits"]
    assert any("trial 5" in text and f"the best of then was {done.commit(4)}" in text for text in said)


@pytest.mark.parametrize("what", ["", "^{tree}", ":run.sh"], ids=["commit", "tree", "blob"])
def test_a_missing_object_is_named_with_its_trial(done: Finished, what: str) -> None:
    loose(done.repo, git(done.repo, "rev-parse", done.commit(2) + what)).unlink()
    assert any(text.startswith("trial 2: ") and "missing" in text for text in found(done.verified())["commits"])


def test_an_object_whose_bytes_were_replaced_in_the_store_is_named(done: Finished) -> None:
    blob = git(done.repo, "rev-parse", done.commit(2) + ":run.sh")
    place = loose(done.repo, blob)
    place.chmod(0o644)
    place.write_bytes(zlib.compress(b"blob 6\0forged"))
    assert any("trial 2: " in text and "damaged" in text for text in found(done.verified())["commits"])


def test_a_replace_ref_does_not_stand_in_for_a_commit(done: Finished) -> None:
    git(done.repo, "replace", done.commit(5), _commit(done, 5, change=("loss=7.000000", "loss=1.000000")))
    assert found(done.verified()) == {}


# --- refs and rows ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trials/2", "best", "base", "draft"])
def test_a_moved_ref_is_named_with_where_it_points(done: Finished, name: str) -> None:
    git(done.repo, "update-ref", f"refs/referee/{TAG}/{name}", done.commit(3))
    (finding,) = found(done.verified())["refs"]
    assert finding.startswith(f"refs/referee/{TAG}/{name} points at {done.commit(3)[:7]} (trial 3 (crash))")


def test_a_deleted_and_a_strange_ref_are_named(done: Finished) -> None:
    git(done.repo, "update-ref", f"refs/referee/{TAG}/trials/77", done.commit(3))
    git(done.repo, "update-ref", "-d", f"refs/referee/{TAG}/trials/3")
    assert [said.split(";")[0].split(" points at")[0] for said in found(done.verified())["refs"]] == [
        f"refs/referee/{TAG}/trials/3 is missing",
        f"refs/referee/{TAG}/trials/77",
    ]


def test_a_branch_at_an_unkept_commit_is_named(done: Finished) -> None:
    git(done.repo, "update-ref", f"refs/heads/referee/{TAG}", done.commit(5))
    short = done.commit(5)[:7]
    findings = found(done.verified())["branch"]
    assert any(f"points at {short} (trial 5 (discard))" in said for said in findings)
    assert any(f"holds {short}, which is trial 5 (discard) and was not kept" in said for said in findings)


def test_a_branch_with_a_commit_of_somebody_else_is_named(done: Finished) -> None:
    git(done.repo, "update-ref", f"refs/heads/referee/{TAG}", _commit(done, 4, change=("simpler", "mine")))
    assert any("no commit of this session and was not kept" in said for said in found(done.verified())["branch"])


def test_a_branch_that_waits_because_it_is_checked_out_is_fine_at_a_kept_commit(done: Finished) -> None:
    git(done.repo, "update-ref", f"refs/heads/referee/{TAG}", done.commit(1))
    git(done.repo, "symbolic-ref", "HEAD", f"refs/heads/referee/{TAG}")
    assert found(done.verified()) == {}
    git(done.repo, "update-ref", f"refs/heads/referee/{TAG}", done.commit(2))
    assert found(done.verified())["branch"]


@pytest.mark.parametrize("which", ["canonical", "checkout"])
@pytest.mark.promise("whole log")
def test_an_edited_row_is_named_with_file_and_line(done: Finished, which: str) -> None:
    place = (done.home if which == "canonical" else done.repo) / "results.tsv"
    place.write_text(place.read_text(encoding="utf-8").replace("9.000000", "1.000000"), encoding="utf-8")
    (finding,) = found(done.verified())["rows"]
    called = "results.tsv" if which == "canonical" else "results.tsv in the checkout"
    assert finding.startswith(f"{called} line 4: found ")
    assert "1.000000" in finding
    assert "9.000000" in finding


def test_a_results_file_that_is_a_link_is_not_followed(done: Finished) -> None:
    place = done.repo / "results.tsv"
    place.unlink()
    place.symlink_to(done.home / "results.tsv")
    assert "results.tsv in the checkout: " in found(done.verified())["rows"][0]


def test_a_checkout_without_its_copy_is_said_and_fine(done: Finished) -> None:
    (done.repo / "results.tsv").unlink()
    verified = done.verified()
    assert found(verified) == {}
    assert "this checkout has no copy" in verified.checks[-1].covers


def test_findings_are_bounded_and_hold_no_control_character(done: Finished) -> None:
    (done.home / "results.tsv").write_bytes(b"\x1b]0;owned\x07" + b"x" * 1_000_000 + b"\n")
    (finding,) = found(done.verified())["rows"]
    assert len(finding) < 500
    assert finding.isprintable()
    json.dumps(finding)
