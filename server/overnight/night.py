"""The night itself: start the client, watch the journal, end the client, start it again, until the session is over.

Guarantee: no client is started once the session is over, and one that goes on talking is ended; what it may do in
between is the server's decision, not ours. The session's lock is never taken, so the server alone writes the record.
A client is ended on purpose only while no trial runs, except by a signal.
Edge: a trial that begins in the moment in which a client is ended is closed as interrupted, and charged.
"""

import select
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from ...sandbox.kernel import become_subreaper
from ...session import costs, prompts
from ...session.budget import BudgetState
from ...session.errors import JournalError
from ...session.verify import who_holds
from ..clients.errors import ClientError
from ..commands.screen import duration
from . import dollars, rate_limits, record, rival, runs
from .facts import Ended
from .hooks import Hooks
from .pace import Pace, Patience
from .place import Place
from .plan import Plan
from .record import Book
from .runs import Run
from .screen import Screen, named_time
from .signals import Signals
from .silence import Silence

INTERRUPTED = 130
BROKEN = 3
_EAGER = 0.02  # between two trials of a quick agent there is little time
_SOON = 5.0
_MANY = 2
_QUOTED = 200


class Night:
    """One night of one session.

    Args:
        place: Whose; its `Watchman` is taken already.
        plan: What is to be done.
        screen: Where it is told.
        signals: Which signals came.
        pace: How patient it is.
        running: Called once the first client really runs.
    """

    def __init__(
        self,
        place: Place,
        plan: Plan,
        screen: Screen,
        signals: Signals,
        pace: Pace,
        running: Callable[[], None] = lambda: None,
    ) -> None:
        self._place, self._plan, self._screen, self._signals, self._pace = place, plan, screen, signals, pace
        self._running = running
        self._book = Book(place)
        self._hooks = Hooks(place.project, place.folder / "hooks.log", screen.event)
        self._patience = Patience(pace)
        self._run: Run | None = None
        self._why = ""
        self._began = self._decided = 0
        self._start_at = _clock()
        self._silence, self._silent = Silence(self._start_at), 0.0
        self._over_at: float | None = None
        self._last = ""
        self._paused, self._holder = False, ""

    def go(self) -> Ended:
        """Stay until the session is over, or nothing more can be done.

        Raises:
            ClientError: If the first start of the client fails.
        """
        become_subreaper()
        ended, nothing_ran = Ended("an unexpected fault of Referee itself", BROKEN), False
        try:
            ended = self._until_the_end()
        except JournalError as fault:
            ended = Ended(str(fault), 1)
        except ClientError:
            nothing_ran = True
            raise
        finally:  # also after a fault that nobody foresaw, which the caller tells
            try:
                self._leave()
            finally:
                if not nothing_ran:
                    self._tell(ended)
        return ended

    def _tell(self, ended: Ended) -> None:
        facts, state = self._book.end(ended), self._book.state
        places = self._place.shown(None if state is None else state.opened.results)
        self._screen.end(facts, ended, places)
        self._hooks.tell(self._plan.on_end, {**facts, **dict(places)})
        self._hooks.finish()

    def _until_the_end(self) -> Ended:
        while True:
            self._look()
            if self._run is not None:
                self._attend(self._run)
            elif (ended := self._decide()) is not None:
                return ended
            self._wait()

    def _wait(self) -> None:
        ready = [self._signals.wake, *([self._run.news] if self._run else [])]
        select.select(ready, [], [], _EAGER if self._eager() else self._pace.tick)
        self._signals.drain()

    def _eager(self) -> bool:
        """Whether a trial that will soon be over stands in the way of ending the client."""
        return self._run is not None and bool(self._wish()) and self._book.running_seconds() < _SOON

    def _look(self) -> None:
        """Take in the journal, and tell of it."""
        records, decided = self._book.news()
        if ours := record.progress(records) and not rival.works(self._place.home):
            self._silence.begin(_clock())
            self._began += record.began(records)
        resting = self._book.paused or self._book.busy(self._pace.lost)
        self._silent = self._silence.look(_clock(), resting=resting)
        for said in record.failures(records):
            self._screen.event(said)
        for one in decided:
            self._decided += ours and one.trial.number > 0
            facts = self._book.told(one.trial, one.best_before)
            self._screen.trial(facts)
            self._hooks.tell(self._plan.on_trial, facts)
        self._hooks.step()
        self._screen.progress(self._book.progress(self._doing()))

    def _doing(self) -> str:
        state = self._book.state
        if self._run is None:
            rest = self._start_at - _clock()
            waits = f"next start in {duration(rest)}" if rest > 0 else self._holder and f"held by pid {self._holder}"
            return "paused" if self._book.paused else waits
        running = None if state is None else state.running
        return f"run {self._run.number}" + ("" if running is None else f", trial {running}")

    # --- while no client runs ------------------------------------------------------------------------------------

    def _decide(self) -> Ended | None:
        """End the night, start the client, or wait."""
        standing = self._book.standing()
        ended = self._final(standing)
        if ended is None and not self._is_paused() and _clock() >= self._start_at and not self._is_held():
            self._start(standing.left.cost_usd)
        return ended

    def _final(self, standing: BudgetState) -> Ended | None:
        """Why the night is over, None if it is not."""
        if self._signals.came:
            return Ended(self._signals.came[0], INTERRUPTED)
        if standing.exhausted:
            return Ended(standing.reason)
        if self._plan.stop_file.exists():
            return Ended(f"{self._plan.stop_file.name} is there")
        if self._patience.exhausted:
            return Ended(f"gave up: {self._patience.in_vain} runs in a row made no trial", 1, self._last)
        return None

    def _is_paused(self) -> bool:
        if self._book.paused != self._paused:
            self._paused = self._book.paused
            self._screen.event("paused: no client is started until `referee resume`" if self._paused else "resumed")
        return self._paused

    def _is_held(self) -> bool:
        """Whether somebody else works on the session, so that a client of ours would only be refused."""
        holder, self._holder = self._holder, who_holds(self._place.home)
        if self._holder not in {"", holder}:
            self._screen.event(f"the session is held by pid {self._holder}: no client is started until that ends")
        return bool(self._holder)

    def _start(self, usd: float | None) -> None:
        state, plan = self._book.state, self._plan
        prompt = prompts.resume() if state is not None and state.trials else prompts.start()
        dollars.started(self._place.inbox, plan.client)
        try:
            self._run = runs.start(plan.client, replace(plan.launch, usd=usd), prompt, self._pace.polite)
        except ClientError as fault:
            dollars.ended(self._place.inbox, plan.client, 0.0)
            if not self._book.tally.runs:
                raise
            self._failed(str(fault))
            return
        self._book.tally.runs += 1
        self._why, self._began, self._decided = "", 0, 0
        self._over_at, self._silent = None, 0.0
        self._silence.begin(_clock())
        self._screen.event(f"{plan.client.name} started, run {self._run.number}", run=self._run.number)

    # --- while one runs ------------------------------------------------------------------------------------------

    def _attend(self, run: Run) -> None:
        """Look after the client: settle its end, or bring it about.

        Raises:
            ClientError: If it is the first one, and its program cannot be executed.
        """
        run.listen()
        if run.pid:
            self._running()
        if run.over:
            self._settle(run)
            return
        if len(self._signals.came) >= _MANY:
            run.kill()
        elif self._signals.came:
            self._end(run, "a signal")
        elif not run.ending and (wish := self._wish()) and not self._book.busy(self._pace.lost):
            self._end(run, wish)

    def _end(self, run: Run, why: str) -> None:
        if not run.ending:
            self._why = why
            run.end()

    def _wish(self) -> str:
        """Why the client should be ended as soon as no trial runs; empty if it should not."""
        now = _clock()
        over = self._book.standing().exhausted and not self._book.busy(self._pace.lost)
        self._over_at = (self._over_at or now) if over else None
        if self._over_at is not None and now - self._over_at >= self._pace.grace:
            return "the session is over"
        if self._plan.stop_file.exists():
            return f"{self._plan.stop_file.name} is there"
        state = self._book.state
        every = self._plan.fresh_every
        if every is not None and self._decided >= every and (state is None or state.undecided is None):
            return f"fresh context after {self._decided} trials"
        return f"nothing happened for {duration(self._silent)}" if self._silent >= self._plan.idle else ""

    def _settle(self, run: Run) -> None:
        """Take stock of a run that is over, and find out when the next may begin."""
        self._look()
        told = run.told(self._plan.client)
        self._run = None
        dollars.ended(self._place.inbox, self._plan.client, told.usd or 0.0)
        self._last = told.last
        if run.fault and self._book.tally.runs == 1:
            raise ClientError(f"the client cannot be started: {run.fault}. Nothing was run.")
        cost = "" if told.usd is None else f", {costs.show(told.usd)}"
        end = self._why or f"exit status {run.status}"
        trials = f"{self._decided} trial{'' if self._decided == 1 else 's'}"
        facts: dict[str, Any] = {"run": run.number, "status": run.status, "trials": self._decided, "usd": told.usd}
        said = f"\n{told.last.splitlines()[-1][:_QUOTED]}" if told.last and not self._began else ""
        self._screen.event(f"{self._plan.client.name} ended, run {run.number}: {end}, {trials}{cost}{said}", **facts)
        hung = self._why.startswith("nothing happened")
        if self._book.paused or (self._why and not hung):
            self._start_at = _clock()
            return
        failed = hung or run.status != 0 or told.failed or not self._began
        named = rate_limits.seconds_to_wait(told.complaints, datetime.now().astimezone()) if failed else None
        limited = named is not None or (failed and rate_limits.mentioned(told.complaints))
        self._postpone(failed=failed, named=named, limited=limited)

    def _failed(self, said: str) -> None:
        self._last = said
        self._screen.event(said)
        self._began = 0
        self._postpone(failed=True, named=None, limited=False)

    def _postpone(self, *, failed: bool, named: float | None, limited: bool) -> None:
        wait = self._patience.wait(trials=self._began, failed=failed, named=named, limited=limited)
        self._start_at = _clock() + wait
        if wait and not self._patience.exhausted:
            text = f"next start in {duration(wait)}{named_time(named, wait)}"
            self._screen.event(text, wait=round(wait, 3), named=named is not None)

    # --- the end -------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        """Leave nothing alive, whatever ended the night."""
        if self._run is not None:
            self._run.end()
            self._run.wait()
            told = self._run.told(self._plan.client)
            dollars.ended(self._place.inbox, self._plan.client, told.usd or 0.0)
            self._run = None
        self._screen.progress(None)


def _clock() -> float:
    """Seconds that go on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
