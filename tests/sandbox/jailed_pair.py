"""An evaluator with the stand-in of its target, and the jail in which that runs: two plain processes and a link."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from referee.sandbox import jail, standin

LOAD = (
    "import importlib.util\n"
    "spec = importlib.util.spec_from_file_location('program', 'target.py')\n"
    "program = importlib.util.module_from_spec(spec)\n"
    "spec.loader.exec_module(program)\n"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An evaluator's folder with a stand-in in it, a jail's folder with the target, and the link between them."""

    base: Path

    @property
    def link(self) -> Path:
        return self.base / "link"

    def lay(self, target: str, **limits: Any) -> None:
        for folder in ("evaluator", "jail", "link"):
            (self.base / folder).mkdir(exist_ok=True)
        text = standin.text("target.py", str(self.link), **limits)
        (self.base / "evaluator" / "target.py").write_text(text, encoding="utf-8")
        (self.base / "jail" / "target.py").write_text(target, encoding="utf-8")
        if not (self.link / "calls").exists():
            os.mkfifo(self.link / "calls")

    def evaluate(self, code: str, argv: tuple[str, ...] | None = None) -> subprocess.CompletedProcess[str]:
        """Run an evaluator beside a jail, which is ended with it."""
        path = self.base / "evaluator" / "evaluator.py"
        path.write_text(code, encoding="utf-8")
        command = argv or jail.argv(sys.executable, str(self.link), str(self.base / "jail" / "target.py"))
        log = (self.base / "log").open("wb")
        with log, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as jailed:
            try:
                return subprocess.run(
                    [sys.executable, "-B", path.name],
                    cwd=path.parent,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                    env={"LOG": str(self.base / "log"), "JAIL": str(jailed.pid), "PATH": os.defpath},
                )
            finally:
                jailed.kill()

    def found(self, code: str) -> Any:
        """Return what an evaluator prints as JSON."""
        done = self.evaluate(f"import json\n{code}\n")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def left(self) -> list[str]:
        """Name what lies in the link besides what is to be there."""
        return [path.name for path in self.link.iterdir() if path.name not in {"calls", "refused"}]
