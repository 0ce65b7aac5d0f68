"""Frozen files, inputs, and everything else on disk that a trial must leave as it is.

Most attacks try three places: the project as the trial has it, the snapshot on the host, and the person's checkout.
The judge is then run in the trial: a changed rule that comes back as an accepted score is a hole as well.
"""

from tests.attacks.arena import SHARED, Arena, Attack
from tests.attacks.proofs import CALLS

TARGETS = """
import mmap, py_compile, shutil, struct, subprocess, time
from pathlib import Path

def places(name):
    return [os.path.join(top, name) for top in (".", A["snapshot"], A["root"])]

def open_up(path):
    attempt(os.chmod, os.path.dirname(path) or ".", 0o777)
    attempt(os.chmod, path, 0o666)

def write(path, text, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    descriptor = os.open(path, flags, 0o666)
    os.write(descriptor, text.encode())
    os.close(descriptor)

def judge():
    subprocess.run([sys.executable, "judge.py"], check=False)

RULES = places("prepare.py")
FORGED = "LIMIT = 999\\n"
"""

_POISON = """
import importlib._bootstrap_external as loader

def poison(source, code):
    folder = os.path.join(os.path.dirname(source), "__pycache__")
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(source).removesuffix(".py")
    data = loader._code_to_hash_pyc(compile(code, source, "exec"), bytes(8), False)
    Path(folder, f"{name}.{sys.implementation.cache_tag}.pyc").write_bytes(bytes(data))
"""

_THEN_JUDGE = "import subprocess\nsubprocess.run([sys.executable, 'judge.py'], check=False)\n"


def _rewrote(arena: Arena) -> bool:
    """Whether a file of the host holds something else, or the frozen judge gave a forged score."""
    return bool(arena.rewritten()) or arena.forged()


def _on_files(name: str, code: str, *, then: str = "") -> Attack:
    return Attack(name, TARGETS + code, _rewrote, then=then)


_WRITES = (
    _on_files("write_outside", "attempt(write, A['outside'] + '/written', 'x')"),
    _on_files("write_project_dir", "for path in places('planted'): attempt(write, path, 'x')"),
    _on_files(
        "overwrite_evaluator",
        "for path in [*RULES, A['evaluator']]:\n    open_up(path)\n    attempt(write, path, FORGED)\njudge()",
    ),
    _on_files(
        "truncate_evaluator",
        "for path in [*RULES, A['evaluator']]:\n    open_up(path)\n    attempt(os.truncate, path, 0)\njudge()",
    ),
    _on_files(
        "replace_evaluator",
        """
for path in [*RULES, A["evaluator"]]:
    attempt(write, path + ".new", FORGED)
    attempt(os.replace, path + ".new", path)
    attempt(write, "new", FORGED)
    attempt(os.replace, "new", path)
judge()
""",
    ),
    _on_files(
        "pycache_poison",
        _POISON + "for path in RULES: attempt(poison, path, FORGED)",
        then=_THEN_JUDGE,
    ),
    _on_files("unlink_data", "for path in places('data/labels.csv'): attempt(os.unlink, path)"),
    _on_files(
        "symlink_write",
        """
for number, path in enumerate([*RULES, A["evaluator"], A["secret"]]):
    open_up(path)
    os.symlink(os.path.abspath(path), f"link-{number}")
    attempt(write, f"link-{number}", FORGED)
judge()
""",
    ),
    Attack(
        "hardlink_private",
        """
for path in (A["secret"], A["journal"]):
    for place in (".", os.environ["HOME"], os.environ["TMPDIR"]):
        link = os.path.join(place, os.path.basename(path))
        attempt(os.link, path, link)
        attempt(lambda: print(open(link).read()))
""",
        Arena.leaked,
    ),
    _on_files(
        "hardlink_evaluator",
        """
for number, path in enumerate([*RULES, A["evaluator"]]):
    for place in (".", os.environ["HOME"]):
        link = os.path.join(place, f"hard-{number}")
        attempt(os.link, path, link)
        open_up(link)
        attempt(write, link, FORGED, os.O_WRONLY | os.O_TRUNC)
judge()
""",
    ),
)

_WAYS_ROUND = (
    _on_files(
        "reopen_path_descriptor",
        """
for path in [*RULES, A["evaluator"], A["input"] + "/helper.py"]:
    descriptor = attempt(os.open, path, os.O_PATH)
    if descriptor is not None:
        open_up(path)
        attempt(write, f"/proc/self/fd/{descriptor}", FORGED, os.O_WRONLY | os.O_TRUNC)
judge()
""",
    ),
    _on_files(
        "write_through_memory",
        """
def overwrite(path, flags):
    with open(os.open(path, flags), "rb") as file:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_WRITE) as memory:
            memory[:1] = b"#"
for path in [*RULES, A["evaluator"], A["input"] + "/helper.py"]:
    open_up(path)
    for flags in (os.O_RDWR, os.O_RDONLY):
        attempt(overwrite, path, flags)
judge()
""",
    ),
    _on_files(
        "truncate_while_reading",
        "for path in [*RULES, A['evaluator'], A['input'] + '/helper.py']:\n"
        "    open_up(path)\n    attempt(os.open, path, os.O_RDONLY | os.O_TRUNC)",
    ),
    _on_files(
        "punch_hole",
        CALLS
        + """
for path in [*RULES, A["evaluator"], A["input"] + "/helper.py"]:
    open_up(path)
    for flags in (os.O_RDWR, os.O_RDONLY):
        descriptor = attempt(os.open, path, flags)
        if descriptor is not None and libc.fallocate(descriptor, 3, ctypes.c_long(0), ctypes.c_long(4)):
            print("refused: fallocate", ctypes.get_errno(), file=sys.stderr)
judge()
""",
    ),
    _on_files(
        "rename_repository",
        "for path in (A['root'], A['outside'], A['input'], A['snapshot']): attempt(os.rename, path, path + '-gone')",
    ),
    _on_files(
        "replace_data_folder",
        """
for folder in places("data"):
    attempt(os.rename, folder, folder + "-old")
    attempt(shutil.rmtree, folder, ignore_errors=True)
    attempt(os.makedirs, folder, exist_ok=True)
    attempt(write, folder + "/labels.csv", "1,2,1001")
judge()
""",
    ),
    _on_files(
        "swap_and_restore",
        """
os.rename("prepare.py", "kept.py")
write("prepare.py", FORGED)
judge()
os.rename("kept.py", "prepare.py")
""",
    ),
)

_ELSEWHERE = (
    _on_files(
        "write_input",
        """
for name in ("helper.py", "data"):
    open_up(A["input"] + "/" + name)
    attempt(write, A["input"] + "/" + name, FORGED)
attempt(write, A["input"] + "/planted", "x")
""",
    ),
    _on_files(
        "poison_input_bytecode",
        _POISON + "attempt(poison, A['input'] + '/helper.py', 'print(\"score: 999\")')",
        then="sys.path.insert(0, A['input'])\nimport helper\n",
    ),
    _on_files(
        "sitecustomize",
        """
import site
for folder in (A["input"], A["root"] + "/.venv/bin", A["home"], site.getusersitepackages()):
    attempt(os.makedirs, folder, exist_ok=True)
    for name in ("sitecustomize.py", "usercustomize.py"):
        attempt(write, f"{folder}/{name}", 'print("score: 999")')
""",
        then="import subprocess\n"
        "subprocess.run([sys.executable, '-c', ''], env=os.environ | {'PYTHONPATH': A['input']}, check=False)\n",
    ),
    _on_files(
        "replace_tool",
        """
for folder in (A["root"] + "/.venv/bin", ".venv/bin"):
    open_up(folder + "/tool")
    attempt(write, folder + "/tool", "#!/bin/sh\\necho forged\\n")
    attempt(write, folder + "/python", "x")
""",
    ),
    _on_files("plant_git_hook", "attempt(write, A['root'] + '/.git/hooks/post-checkout', '#!/bin/sh\\n')"),
    Attack(
        "write_shared_memory",
        TARGETS + "attempt(write, A['shared'], FORGED)",
        lambda arena: arena.shared.read_text(encoding="ascii") != arena.token,
        known=SHARED,
    ),
    _on_files("forge_journal", "attempt(write, A['journal'], '{}', os.O_WRONLY | os.O_APPEND)"),
)

ATTACKS: tuple[Attack, ...] = (*_WRITES, *_WAYS_ROUND, *_ELSEWHERE)
