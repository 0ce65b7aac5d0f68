"""Which files are code and which are data, told by their names.

Guarantee: data is an allow-list. A name that is not known to be read only, or that some tool executes or takes as its
own configuration, is no data. Edge: what a program makes of a file's text is not told by its name; see `executed`.
"""

import posixpath
import re
from typing import Final

_ENDINGS = re.compile(
    r"\.(py[wicdx]?|so|pth|dll|exe|jar|ipynb|pkl|pickle|joblib|pt"  # Python, and what it loads
    r"|(ba|z|fi)?sh|bat|ps1|pl|rb|php|lua|r|jl|[mc]?js|jsx|tsx?"  # scripts
    r"|c|cc|cpp|cxx|h|hpp|cuh?|rs|go|java|kt|swift|hs|ml|scala|cs|f|f90|s|asm"  # sources
    r"|mk|cmake|gradle|nix|sed|awk)"  # build tools
)
DATA: Final = (
    ".cfg", ".conf", ".csv", ".flags", ".html", ".ini", ".j2", ".jinja", ".jinja2", ".json", ".jsonl", ".lp", ".md",
    ".prompt", ".properties", ".rst", ".sql", ".svg", ".template", ".tmpl", ".toml", ".tsv", ".txt", ".xml", ".yaml",
    ".yml",
)  # fmt: skip
_TOOLS = re.compile(
    r"(gnu)?makefile.*|dockerfile.*|(docker-)?compose.*\.ya?ml|justfile.*|taskfile\.ya?ml|(cmakelists|meson_options).*"
    r"|cmake(user)?presets\.json|(package(-lock)?|composer|bower|lerna|nx|turbo|angular|deno|babel|[tj]sconfig.*"
    r"|.*\.config|pyrightconfig|pipfile)\.(json|toml|ya?ml)|(pyproject|cargo|rust-toolchain|poetry|uv|ruff|pdm|hatch"
    r"|pixi|tox|pytest|netlify|fly)\.toml|(setup|ansible|buildout|nose2?|pyvenv|mypy|pylintrc|flake8)\.cfg"
    r"|(tox|pytest|mypy|alembic|uwsgi|pip|php|logging)\.(ini|conf|cfg)|(pom|build|ivy|settings|logback)\.xml"
    r"|(gradle.*|log4j2?|local)\.properties|(requirements|constraints).*\.txt|conftest.*|(sitecustomize|usercustomize).*"
    r"|(action|environment|mkdocs|dvc|snakefile|playbook|cloudbuild|appveyor|wrangler)\.(ya?ml|toml)"
)


def is_code(path: str) -> bool:
    """Whether programs execute files of such a name."""
    name = posixpath.basename(path).lower()
    return bool(_ENDINGS.fullmatch(posixpath.splitext(name)[1]) or _TOOLS.fullmatch(name))


def why_no_data(path: str) -> str:
    """Say why a file of such a name cannot be data; an empty text where it can.

    Args:
        path: Relative to the project, POSIX.
    """
    name = posixpath.basename(path).lower()
    if is_code(path):
        return f"{path!r} is of a kind that programs execute or configure themselves with, so it cannot be data"
    if any(part.startswith(".") for part in posixpath.normpath(path).split("/")):
        return f"{path!r} is hidden, as the files are that tools read on their own, so it cannot be data"
    if posixpath.splitext(name)[1] not in DATA:
        return f"{path!r} is not known to be read only. Data ends in one of {' '.join(DATA)}; rename it, or drop kind"
    return ""
