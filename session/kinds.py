"""Which files are code, told by their names: what interpreters, compilers and build tools execute or load as code."""

import posixpath
import re

_ENDINGS = re.compile(
    r"\.(py[wicdx]?|so|pth|dll|exe|jar|ipynb|pkl|pickle|joblib|pt"  # Python, and what it loads
    r"|(ba|z|fi)?sh|bat|ps1|pl|rb|php|lua|r|jl|[mc]?js|jsx|tsx?"  # scripts
    r"|c|cc|cpp|cxx|h|hpp|cuh?|rs|go|java|kt|swift|hs|ml|scala|cs|f|f90|s|asm"  # sources
    r"|mk|cmake|gradle|nix|sed|awk)"  # build tools
)
_NAMES = re.compile(r"(gnu)?makefile|dockerfile|cmakelists\.txt|package\.json|pyproject\.toml|setup\.cfg|tox\.ini")


def is_code(path: str) -> bool:
    """Whether programs execute files of such a name."""
    name = posixpath.basename(path).lower()
    return bool(_ENDINGS.fullmatch(posixpath.splitext(name)[1]) or _NAMES.fullmatch(name))
