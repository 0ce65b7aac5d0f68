"""An open session: the journal held for writing, and the verbs that change something at once.

Guarantee: a verb either journals its effect and then applies it, or raises and changes nothing. Whatever lies on the
disk besides the journal (refs, results, draft pin) is derived from it and made right again at every start.
Edge: the methods are not safe to call from two threads at once; `loop` calls them one at a time.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import budget, checkpoint, ending, logs, retention
from .edits import Edit, apply_edits, encode, sha256, unified_diff
from .errors import RefusedError
from .feedback import told
from .fold import apply
from .frozen import Frozen
from .holder import Holder
from .integrity import Integrity
from .journal import Journal
from .pins import Pins, differences
from .project import Project
from .published import Published
from .refs import Refs
from .reply import Reply
from .retained import Retained
from .state import Decision, State, Trial
from .syntax import check_syntax
from .view import View, show_metrics, trial_facts
from .watch import Watch


@dataclass(frozen=True, slots=True)
class Change:
    """One way to change the draft: exactly one of the three is given."""

    edits: Sequence[Edit] | None = None
    content: str | None = None
    from_checkout: bool = False

    @property
    def via(self) -> str:
        """Which of the three it is."""
        return "edits" if self.edits is not None else "content" if self.content is not None else "checkout"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an open session stands on outside the journal."""

    snapshot: Frozen
    pins: Pins
    watch: Watch
    refs: Refs


class Session(View):
    """One session, held by this process.

    Args:
        project: The project.
        home: The session's state folder.
        holder: The lock, already taken.
        journal: The journal, opened for writing.
        state: The fold of that journal.
        ground: Snapshot, pins, watch and refs of the session.
    """

    def __init__(
        self, project: Project, home: Path, holder: Holder, journal: Journal, state: State, ground: Ground
    ) -> None:
        super().__init__(project, state, home)
        self.state, self.state_home, self.journal, self.ground = state, home, journal, ground
        self.agent = ""
        self.cut_short = False  # the person stopped the session and does not wait for the running trial
        self.stale_inputs: list[str] = []
        self._holder = holder
        self._published = Published(home, project.checkout.project / state.opened.results, state)
        self.tidied_at = 0  # how many trials there were when a checkpoint was last written
        self.retained = Retained(home, state.opened.contract.evaluate.retain)

    @property
    def head(self) -> str:
        """Head of the journal's chain."""
        return self.journal.head

    # --- journal and what follows from it ------------------------------------------------------------------------

    def record(self, kind: str, data: Mapping[str, Any], *, sync: bool = True) -> None:
        """Journal one thing and fold it into the state."""
        if kind == "client":  # reports that were withheld may count from now on
            self._published.stale(map(int, self.state.account.withheld))
        apply(self.state, self.journal.append(kind, data, sync=sync))
        if "trial" in data:
            self._published.stale([data["trial"]])

    def lower(self, reason: str) -> None:
        """Bind the session to the lowest level of integrity, for a reason that the baseline gave."""
        self.record("lowered", {"integrity": Integrity.SELF_REPORTED, "reason": reason})

    def settle(self, *, look: bool = False) -> None:
        """Make refs and result files what the state says; `look` first for what others did to the refs."""
        self.report_interference(self.ground.refs.settle(self.state, look=look))
        self.publish()
        if len(self.state.trials) >= self.tidied_at + checkpoint.EVERY and self.state.running is None:
            self.tidied_at = len(self.state.trials)
            self._bound_logs()
            self._keep_checkpoint()

    def _bound_logs(self) -> None:
        if going := logs.rotation(self.state_home, self.state):
            self.record(logs.KIND, going.facts)
            logs.remove(going)

    def _keep_checkpoint(self) -> None:
        with suppress(OSError):  # a start without it reads all of the journal
            named = checkpoint.write(self.state_home, self.state, self.journal.prefix)
            self.record(checkpoint.KIND, {"sha256": named})
            checkpoint.forget_older(self.state_home)

    def report_interference(self, found: Sequence[str]) -> None:
        """Journal what others did to files or refs of the session."""
        for said in found:
            self.record("interference", {"what": said}, sync=False)

    def publish(self) -> None:
        """Write `results.tsv` (here and in the checkout) and `budget.log`, where they changed."""
        self.report_interference(self._published.write(self.state))

    def changed_inputs(self) -> list[str]:
        """Hash the inputs again, and name those that are not what the session was opened with."""
        pins = self.state.opened.pins
        return differences(pins, self.ground.pins.take())

    def close(self) -> None:
        """Let go of everything; the session can be opened again by anyone."""
        self.journal.close()
        self._holder.release()

    # --- what may be done now ------------------------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds since the baseline began."""
        return self.state.spent(budget.now()).seconds

    def refuse_running(self) -> None:
        """Raise RefusedError while a trial runs."""
        if self.state.running is None:
            return
        trial = self.state.trials[self.state.running]
        seconds = self.elapsed() - trial.started
        raise RefusedError(
            f"trial {trial.number} ({trial.description!r}) has been running for {seconds:.0f} s of at most "
            f"{trial.limit:.0f} s. Call run_eval to wait for it."
        )

    def refuse_exhausted(self) -> None:
        """Raise RefusedError when the session is over."""
        check = ending.check(self.state, budget.now())
        if check.exhausted:
            raise RefusedError(
                f"{check.headline} ({check.reason}). keep, revert and append_result finish what is pending; "
                f"{check.remedy}."
            )

    # --- the verbs -----------------------------------------------------------------------------------------------

    def edit(self, change: Change, expected_sha256: str | None = None, *, pin: bool = True) -> Reply:
        """Change the draft, all or nothing; without `pin` its ref follows with the trial that begins right after.

        Raises:
            RefusedError: If a trial runs, the budget is used up, or the draft or the change is not as it must be.
        """
        self.refuse_running()
        waiting = self.state.undecided
        if waiting is None:
            self.refuse_exhausted()
        old = self.text(self.state.draft)
        if expected_sha256 is not None and expected_sha256.lower() != sha256(old):
            raise RefusedError(
                f"the draft has sha256 {sha256(old)}, not the expected one: it has changed. Call read_target."
            )
        new = self._changed(old, change)
        data = encode(new)
        if waiting is not None and self.project.git.object_id("blob", data) != waiting.blob:
            self.refuse_exhausted()  # putting back what was measured finishes what is pending, and costs nothing
        if new == old:
            return Reply(
                "The draft already is exactly that; nothing was changed.", facts={"sha256": sha256(old), "diff": ""}
            )
        self.set_draft(self.project.git.write_blob(data), change.via, pin=pin)
        diff = unified_diff(old, new, self.target)
        warning = check_syntax(self.target, new)
        text = f"{self.target} changed.{f' Warning: {warning}' if warning else ''}\n{diff}"
        facts = {"sha256": sha256(new), "diff": diff, **({"warning": warning} if warning else {})}
        return Reply(text, facts=facts, next="run_eval measures it.")

    def _changed(self, old: str, change: Change) -> str:
        if change.edits is not None:
            return apply_edits(old, change.edits)
        if change.content is not None:
            return change.content
        return self.project.repository.checkout_text(self.target)

    def set_draft(self, blob: str, via: str, *, pin: bool = True) -> None:
        """Make a stored version of the target the draft, and with `pin` point its ref at it."""
        if blob == self.state.draft:
            return
        self.record("edited", {"blob": blob, "via": via})
        if pin:
            self.ground.refs.settle(self.state, look=False)

    def keep(self) -> Reply:
        """Accept the measured trial.

        Raises:
            RefusedError: If there is none, the draft has other bytes, or the judge does not allow it.
        """
        self.refuse_running()
        trial = self.state.undecided
        if trial is None:
            raise RefusedError(self._nothing_to_keep())
        if not trial.may_keep:
            reason = told(self.contract, trial.reason)
            raise RefusedError(f"trial {trial.number} may not be kept ({trial.verdict}): {reason}. Call revert.")
        if trial.blob != self.state.draft:
            raise RefusedError(
                f"the draft is not what trial {trial.number} measured. Put it back (read_target(revision="
                f'"{trial.number}") shows it) and call keep, or call revert.'
            )
        self.decide(trial, Decision.KEEP, "keep")
        self.settle()
        return self.decided_reply(trial)

    def _nothing_to_keep(self) -> str:
        best = self.state.best_trial
        if best and self.state.draft == best.blob:
            return f"the draft is the best already (trial {best.number}). Change it with edit_target."
        if same := self.state.measured_as(self.state.draft):
            return f"the draft was measured as trial {same.number}: {same.decision}. Change it with edit_target."
        return "the draft has not been measured. Call run_eval."

    def decide(self, trial: Trial, decision: Decision, by: str) -> None:
        """Journal a decision, and let the store of retained files follow; refs and other files do with `settle`."""
        lasting = self.retained.decided(self.state.shelf, trial, decision)
        self.record("decided", {"trial": trial.number, "decision": decision.value, "by": by, **lasting})
        self.follow_retained()

    def follow_retained(self) -> None:
        """Make the store of retained files what the journal says."""
        self.report_interference(self.retained.follow(self.state.shelf, self.state.trials))

    def close_undecided(self, by: str) -> Trial | None:
        """Decide a pending trial against it, and return it."""
        trial = self.state.undecided
        if trial is not None:
            self.decide(trial, Decision.CRASH if trial.failed else Decision.DISCARD, by)
        return trial

    def revert(self, to: str) -> Reply:
        """Close a pending trial and make an earlier text the draft.

        Raises:
            RefusedError: If a trial runs, or there is no such text.
        """
        self.refuse_running()
        if to != "best" and self.trial(to, "best or ").failed:
            raise RefusedError(f"trial {to} crashed. Call revert() for the best, or name a kept or discarded trial.")
        blob = self.target_blob(to)
        closed = self.close_undecided("revert")
        moved = blob != self.state.draft
        self.set_draft(blob, "revert")
        self.settle()
        where = "the best" if to == "best" else f"trial {to}"
        said = f"The draft is now {where}." if moved else f"The draft already was {where}."
        if closed is None:
            return Reply(said, facts={"sha256": sha256(self.text(blob))}, next="edit_target tries the next idea.")
        reply = self.decided_reply(closed)
        reply.text = f"{reply.text} {said}"
        reply.facts = {**reply.facts, "sha256": sha256(self.text(blob))}
        return reply

    def decided_reply(self, trial: Trial) -> Reply:
        """What was decided about a trial."""
        numbers = show_metrics(trial.metrics, self.contract)
        said = f"Trial {trial.number}: {trial.decision} ({trial.verdict}). {numbers}".rstrip()
        said = f"{said} {retention.said(trial.lasting)}".rstrip()
        following = "append_result writes its row; edit_target tries the next idea."
        return Reply(said, facts=trial_facts(trial, self.contract), next=following)
