"""The faults that Referee expects, as one tree.

RefereeError                     a known fault: one message for a person, exit code 1
├── SandboxError                 the sandbox itself failed; never a result of the trial
│   └── SandboxUnavailableError  this machine offers less confinement than was asked for
└── (session.errors)             faults of programs, repositories and sessions
"""


class RefereeError(Exception):
    """A fault that Referee expects; its text is written for the person who reads it."""


class SandboxError(RefereeError):
    """The sandbox failed to run a trial or to prove it dead. Nothing was measured."""


class SandboxUnavailableError(SandboxError):
    """This machine cannot confine a trial as much as was asked for."""
