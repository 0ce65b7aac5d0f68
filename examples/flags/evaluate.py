"""Frozen: compiles bench.c with the flags of flags.txt, runs it, checks what it printed, and prints its processor time.

Covered: every flag must match one of the patterns below, so none can name a file, a plug-in, another program or a
macro; gcc is started without a shell. The time is the processor's, as the kernel counted it, the smallest of several
runs. Not covered: noise. A busy machine still makes the number larger, by ten per cent and more.
"""

import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

COMPILE_SECONDS = 20
RUN_SECONDS = 10
RUNS = 5
MAX_FLAGS = 60
EXPECTED = "c2c75022 1.5496e+06"

OPTIMISATIONS = """
    align-functions align-jumps align-labels align-loops associative-math branch-count-reg code-hoisting crossjumping
    cse-follow-jumps cx-limited-range fast-math finite-math-only float-store forward-propagate fp-contract gcse
    gcse-after-reload gcse-las gcse-lm gcse-sm if-conversion if-conversion2 inline inline-functions
    inline-functions-called-once inline-limit inline-small-functions ipa-cp ipa-cp-clone ipa-icf ipa-modref ipa-pta
    ipa-ra ipa-sra ivopts jump-tables loop-interchange loop-unroll-and-jam lto math-errno merge-constants modulo-sched
    move-loop-invariants omit-frame-pointer optimize-strlen partial-inlining peel-loops peephole2 plt
    predictive-commoning prefetch-loop-arrays reciprocal-math rename-registers reorder-blocks reorder-functions
    rounding-math sched-pressure schedule-insns schedule-insns2 semantic-interposition signed-zeros split-loops
    split-paths split-wide-types strict-aliasing strict-overflow thread-jumps tracer trapping-math tree-dce tree-fre
    tree-loop-distribution tree-loop-im tree-loop-ivcanon tree-loop-vectorize tree-partial-pre tree-pre tree-pta
    tree-slp-vectorize tree-sra tree-ter tree-vectorize tree-vrp unroll-all-loops unroll-loops
    unsafe-math-optimizations unswitch-loops variable-expansion-in-unroller vect-cost-model version-loops-for-strides
    web whole-program wrapv
""".split()
PATTERNS = [
    r"-O([0-3sgz]|fast)",
    rf"-f(no-)?({'|'.join(OPTIMISATIONS)})",
    r"-f(align-functions|align-jumps|align-labels|align-loops|inline-limit)=[0-9]{1,4}",
    r"-fvect-cost-model=(unlimited|dynamic|cheap|very-cheap)",
    r"-ffp-contract=(fast|on|off)",
    r"-m(arch|tune)=[a-z0-9.-]{1,30}",
    r"-m(no-)?(sse[0-9.]*|ssse3|avx|avx2|avx512[a-z]{1,4}|fma|bmi|bmi2|popcnt|lzcnt|adx|movbe|vzeroupper|red-zone)",
    r"-mprefer-vector-width=(none|128|256|512)",
    r"--param=[a-z0-9-]{1,60}=[0-9]{1,6}",
]
ALLOWED = re.compile("|".join(PATTERNS), re.ASCII)


def refuse(reason: str) -> NoReturn:
    """End with exit code 1 and the reason on stderr: there is no score."""
    sys.exit(f"evaluate.py: {reason}")


def read_flags(text: str) -> list[str]:
    """Return the flags; refuse one that matches no pattern, and more than 60."""
    flags = [flag for line in text.splitlines() for flag in line.partition("#")[0].split()]
    for flag in flags:
        if not ALLOWED.fullmatch(flag):
            refuse(f"flags.txt: flag {flag!r} is not allowed (see PATTERNS in evaluate.py)")
    if len(flags) > MAX_FLAGS:
        refuse(f"flags.txt: found {len(flags)} flags, expected at most {MAX_FLAGS}")
    return flags


def build(gcc: str, flags: list[str], program: Path) -> None:
    """Compile bench.c; refuse flags that gcc itself refuses."""
    command = [gcc, *flags, "-w", "-o", str(program), "bench.c", "-lm"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        refuse(f"gcc ran longer than {COMPILE_SECONDS} s")
    if done.returncode != 0:
        refuse(f"gcc ended with exit code {done.returncode}: {done.stderr[-2_000:].strip()}")


def processor_seconds() -> float:
    """Return the processor time of all children that have ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_once(program: Path) -> float:
    """Return the processor time of one run in seconds; refuse a result that is not the right one."""
    before = processor_seconds()
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        refuse(f"the benchmark ran longer than {RUN_SECONDS} s")
    seconds = processor_seconds() - before
    if done.returncode != 0 or done.stdout.strip() != EXPECTED:
        refuse(f"the benchmark printed {done.stdout[:80]!r} (exit code {done.returncode}), expected {EXPECTED!r}")
    return seconds


def main() -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        refuse("gcc was not found on the path")
    flags = read_flags(Path("flags.txt").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bench"
        build(gcc, flags, program)
        size = program.stat().st_size
        fastest = min(run_once(program) for _ in range(RUNS))
    print(f"cpu_ms: {fastest * 1000:.3f}")
    print(f"binary_bytes: {size}")


if __name__ == "__main__":
    main()
