"""Texts that run in a person's Python, made of modules of this folder: each stands there word for word.

The modules are put together as a package of that process, so that they import each other as they do here.
"""

from pathlib import Path

LARGEST_ARGUMENT = 128 * 1024  # MAX_ARG_STRLEN of linux/binfmts.h

_TEMPLATE = """\
def __referee__(parts):
    import sys, threading, types
    found = sys.modules.get("_referee.{last}")
    if found is not None:
        return found
    package = types.ModuleType("_referee_{last}_%d" % threading.get_ident())
    package.__path__ = []
    sys.modules[package.__name__] = package
    for name, text in parts:
        found = types.ModuleType(package.__name__ + "." + name)
        found.__package__ = package.__name__
        sys.modules[found.__name__] = found
        exec(compile(text, "<referee " + name + ">", "exec"), found.__dict__)
        setattr(package, name, found)
    return sys.modules.setdefault("_referee.{last}", found)


__referee__ = __referee__(({parts},))
"""


def bundle(*names: str) -> str:
    """Return a text that binds `__referee__` to the last of these modules.

    Args:
        names: Modules of this folder without `.py`; each imports only those before it.
    """
    folder = Path(__file__).parent
    parts = ",\n".join(repr((name, (folder / f"{name}.py").read_text(encoding="utf-8"))) for name in names)
    return _TEMPLATE.replace("{last}", names[-1]).replace("{parts}", parts)
