"""A Python with an empty environment, first on the PATH.

All that a Python could import is looked at around every trial (see benchmarks/inputs.py); a global one with thousands
of packages would drown what is measured here.
"""

import os
import subprocess
import sys
from pathlib import Path


def put_first(folder: Path) -> None:
    """Make the environment in `folder`, for this process and all that it starts."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    os.environ["PATH"] = f"{folder}/bin:{os.environ['PATH']}"
