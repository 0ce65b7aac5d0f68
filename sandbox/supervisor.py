"""The supervisor: one small process per server that forks one child per trial.

Guarantee: when the server goes, however it goes, every trial is killed and the supervisor ends; when the
supervisor is killed, the trials' own processes notice and end themselves with all they started. Imports
only the standard library, so that it starts quickly. Run as `main()` with the socket's number.
"""

import gc
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import NoReturn

from . import cgroup, kernel, process, trial

_PATIENCE_MS = 25_000
_MOST_FDS = 1


def main() -> None:
    """Serve requests from the socket whose descriptor is the only argument, until it is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    kernel.become_subreaper()
    kernel.hide_memory()
    cgroup.sweep()
    supervisor = Supervisor(control)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A collection in a forked trial would copy every page that it looks at.
    gc.freeze()
    gc.disable()
    while supervisor.turn():
        pass
    supervisor.finish()


class Supervisor:
    """Forks trials and collects what is left of them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._trials: dict[int, int] = {}

    def turn(self) -> bool:
        """Wait for one event and handle it; False once the server has gone."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        for watch in self._trials:
            poller.register(watch, select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll()}
        for watch in ready & self._trials.keys():
            self._collect(watch)
        return self._control.fileno() not in ready or self._accept()

    def _accept(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._control, 16, _MOST_FDS)
        if not data:
            return False
        with socket.socket(fileno=descriptors[0]) as connection:
            connection.set_inheritable(False)
            parent = os.pidfd_open(os.getpid())
            pid = os.fork()
            if pid == 0:
                self._child(connection, parent)
            os.close(parent)
            self._trials[os.pidfd_open(pid)] = pid
        return True

    def _child(self, connection: socket.socket, parent: int) -> NoReturn:
        """Run one trial; an unexpected fault leaves a traceback on standard error and no answer."""
        os.setsid()
        self._control.close()
        for watch in self._trials:
            os.close(watch)
        trial.answer(connection, parent)
        os._exit(0)

    def _collect(self, watch: int) -> None:
        """Reap a trial's process, and kill what a killed one left behind."""
        pid = self._trials.pop(watch)
        os.close(watch)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
        process.kill_all(spare=frozenset(self._trials.values()))

    def finish(self) -> None:
        """Wait for the trials to end themselves, then end whatever is left."""
        poller = select.poll()
        for watch in self._trials:
            poller.register(watch, select.POLLIN)
        while self._trials and (ready := poller.poll(_PATIENCE_MS)):
            for watch, _ in ready:
                poller.unregister(watch)
                self._collect(watch)
        process.kill_all()
