"""What evaluators do every day goes on working in every backend, under the very limits that the attacks get."""

import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from referee.sandbox import probe

from tests.attacks.arena import BACKENDS, Arena, Attack, arena, configuration
from tests.attacks.stage import Stage
from tests.sandbox.conftest import unavailable

pytestmark = pytest.mark.attack

_MAIN = """
import multiprocessing as mp
if __name__ == "__main__":
    {}
"""

WORK = {
    "pool": _MAIN.format("with mp.Pool(2) as pool: assert pool.map(abs, range(-9, 1)) == list(range(9, -1, -1))"),
    "queue": """
import multiprocessing as mp
def put(queue): queue.put("sent")
if __name__ == "__main__":
    queue = mp.Queue()
    process = mp.Process(target=put, args=(queue,))
    process.start()
    assert queue.get(timeout=5) == "sent"
    process.join()
""",
    "shared_memory": """
from multiprocessing.shared_memory import SharedMemory
block = SharedMemory(create=True, size=1 << 20)
block.buf[:4] = b"data"
again = SharedMemory(block.name)
assert bytes(again.buf[:4]) == b"data"
again.close()
block.close()
block.unlink()
""",
    "temporary_files": """
import tempfile
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as file, tempfile.TemporaryFile() as other:
    open(folder + "/x", "w").write("x")
    file.write(b"x")
    other.write(b"x")
""",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    assert sum(pool.map(abs, range(100))) == 4950
""",
    "subprocess": """
import subprocess
assert subprocess.run("echo $((6 * 7)) | tr 4 5", shell=True, capture_output=True, text=True).stdout == "52\\n"
assert subprocess.run([sys.executable, "-c", "print(42)"], capture_output=True, text=True).stdout == "42\\n"
""",
    "asyncio_subprocess": """
import asyncio
async def main():
    process = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate(b"through")
    assert answer == b"through"
asyncio.run(main())
""",
    "sqlite": """
import sqlite3
for place in (os.environ["TMPDIR"] + "/a.db", "b.db"):
    with sqlite3.connect(place) as db:
        db.execute("pragma journal_mode=wal")
        db.execute("create table t (x)")
        db.executemany("insert into t values (?)", [(number,) for number in range(100)])
    assert db.execute("select sum(x) from t").fetchone() == (4950,)
""",
    "processors": """
assert os.cpu_count() >= 1
assert os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.nice(1)
""",
    "big_output": "for _ in range(64): sys.stdout.write('x' * 65535 + '\\n')\n",
    "own_limits": """
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 128), hard))
resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))
""",
    "own_signals": """
import signal
heard = []
signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
os.kill(os.getpid(), signal.SIGUSR1)
child = os.fork()
if child == 0:
    signal.pause()
os.kill(child, signal.SIGTERM)
assert heard and os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
""",
    "own_files": """
import shutil
os.makedirs("work/deep")
open("work/deep/a", "w").write("a")
os.chmod("work/deep/a", 0o600)
os.link("work/deep/a", "work/b")
os.symlink("b", "work/c")
os.rename("work/c", "work/d")
assert open("work/d").read() == "a"
shutil.copytree("work", os.environ["HOME"] + "/copy", symlinks=True)
shutil.rmtree("work")
""",
    "memory_map": """
import mmap
with mmap.mmap(-1, 1 << 20) as memory:
    memory[:4] = b"data"
descriptor = os.memfd_create("own")
os.write(descriptor, b"x" * 4096)
""",
    "import_of_frozen": "import prepare\nfrom lib.deep import helper\nassert (prepare.LIMIT, helper.f()) == (1, 7)\n",
    "inputs": """
assert open(A["input"] + "/data").read() == "payload\\n"
sys.path.insert(0, A["input"])
import helper
""",
}

_COMPILED = """
import ctypes, subprocess
open("add.c", "w").write("int add(int a, int b) { return a + b; }")
subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", "./add.so", "add.c"], check=True)
assert ctypes.CDLL("./add.so").add(40, 2) == 42
"""

_NUMPY = """
sys.path.insert(0, {packages!r})
import numpy
product = numpy.ones((300, 300)) @ numpy.ones((300, 300))
assert product.sum() == 300**3
numpy.save("product.npy", product)
assert numpy.linalg.eigvalsh(numpy.eye(3)).tolist() == [1, 1, 1]
"""


def _no_judge(_arena: Arena) -> bool:
    return False


def _works(name: str, code: str, key: str, on: Stage, *inputs: str) -> None:
    if reason := unavailable(key):
        pytest.skip(reason)
    with arena(Attack(name, code, _no_judge, inputs=inputs), key, on) as made:
        made.fight()
        assert made.run is not None, made.fault
        assert made.run.outcome == "ok", f"{made.run.reason}\n{made.lab.said()[-2000:]}"


@pytest.mark.parametrize("key", BACKENDS)
@pytest.mark.parametrize("name", WORK)
def test_ordinary_work_goes_on(name: str, key: str, on: Stage) -> None:
    if configuration(key) == "landlock-copy-user" and name in {"pool", "queue", "shared_memory"}:
        pytest.skip("said in the documentation: no shared memory where nothing can be mounted")
    _works(name, WORK[name], key, on)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")
@pytest.mark.parametrize("key", BACKENDS)
def test_a_compiler_and_what_it_made_can_be_used(key: str, on: Stage) -> None:
    _works("compiler", _COMPILED, key, on)


@cache
def _numpy() -> str:
    """Return the folder with a NumPy that the trials' Python can import, an empty text if there is none."""
    found = find_spec("numpy")
    python, _ = probe.interpreter()
    packages = str(Path(found.origin).parent.parent) if found and found.origin else ""
    words = ["-c", f"import sys; sys.path.insert(0, {packages!r}); import numpy"]
    return packages if packages and not subprocess.run([python, *words], check=False).returncode else ""


@pytest.mark.parametrize("key", BACKENDS)
def test_numpy_computes(key: str, on: Stage) -> None:
    if not _numpy():
        pytest.skip("no NumPy here that the trials' Python can import")
    _works("numpy", _NUMPY.format(packages=_numpy()), key, on, _numpy())
