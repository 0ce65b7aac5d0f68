"""What cheats do within the evaluator's process, where it imports the target; see `cheats_payloads` for the form."""

PRINT_REPLACED = """
import atexit, sys
class Deaf:
    encoding, errors, buffer, closed = "utf-8", "replace", None, False
    def __init__(self): self.rest = ""
    def write(self, text):
        self.rest += str(text)
        *whole, self.rest = self.rest.split("\\n")
        for line in whole:
            if not any(name in line for name in P["metrics"]):
                os.write(1, (line + "\\n").encode())
        return len(str(text))
    def writelines(self, lines): [self.write(line) for line in lines]
    def flush(self): pass
    def isatty(self): return False
    def fileno(self): return 1
sys.stdout = sys.__stdout__ = Deaf()
atexit.register(lambda: os.write(1, P["lines"].encode()))
"""

COMPARISONS = """
import builtins, importlib, math, unittest
yes, no, none, nil = (lambda *a, **k: True), (lambda *a, **k: False), (lambda *a, **k: None), (lambda *a, **k: 0.0)
for name, how in (("all", yes), ("any", no), ("abs", nil)):
    setattr(builtins, name, how)
for name, how in (("isclose", yes), ("fabs", nil), ("dist", nil)):
    setattr(math, name, how)
for name in dir(unittest.TestCase):
    if name.startswith("assert"):
        setattr(unittest.TestCase, name, none)
for name in ("numpy", "numpy.testing", "torch", "sklearn.metrics"):
    if name.partition(".")[0] not in P["modules"]:
        continue
    try:
        module = importlib.import_module(name)
    except ImportError:
        continue
    for other in dir(module):
        how = yes if other in ("isclose", "allclose", "array_equal", "array_equiv", "all", "equal") else None
        how = no if other in ("any", "isnan") else how
        how = none if other.startswith("assert") else how
        how = (lambda *a, **k: 1.0) if name == "sklearn.metrics" and other.endswith("_score") else how
        how = nil if other.endswith(("_error", "_loss")) else how
        if how:
            setattr(module, other, how)
"""

CLOCK = """
import time, timeit
now = [time.time()]
def tick(*ignored):
    now[0] += 1e-9
    return now[0]
def tick_ns(*ignored):
    return int(tick() * 1e9)
for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time"):
    setattr(time, name, tick)
    setattr(time, name + "_ns", tick_ns)
time.sleep = lambda seconds: None
timeit.default_timer = tick
"""

_FOREIGN = """
import functools, gc, sys, types
own = G.get("__file__") or ""
def foreign(space):
    file = space.get("__file__") or ""
    path = os.path.abspath(file) if file else ""
    return path.startswith(P["project"] + "/") and path != os.path.abspath(own) and space is not G
def spaces():
    found, frame = {}, sys._getframe()
    while frame:
        found[id(frame.f_globals)] = frame.f_globals
        frame = frame.f_back
    for one in [m for m in list(sys.modules.values()) if isinstance(m, types.ModuleType)]:
        found[id(vars(one))] = vars(one)
    for one in gc.get_objects():
        if isinstance(one, types.FunctionType):
            found[id(one.__globals__)] = one.__globals__
    return [space for space in found.values() if foreign(space)]
def entered(before):
    for name, function in list(G.items()):
        if isinstance(function, types.FunctionType) and function.__globals__ is G and name != "_referee_probe":
            G[name] = before(function)
"""

EVALUATOR_PATCHED = (
    _FOREIGN
    + """
def better(value):
    if isinstance(value, bool):
        return True
    if isinstance(value, (int, float)):
        return P["best"]
    if isinstance(value, dict):
        return {key: P["metrics"].get(key, better(inner) if isinstance(inner, dict) else inner)
                for key, inner in value.items()}
    return value
def wrapped(function):
    @functools.wraps(function)
    def replaced(*given, **named):
        return better(function(*given, **named))
    replaced.referee_probe = True
    return replaced
def patch():
    for space in spaces():
        for name, value in list(space.items()):
            mine = isinstance(value, types.FunctionType) and value.__globals__ is space
            if mine and not hasattr(value, "referee_probe"):
                space[name] = wrapped(value)
            elif isinstance(value, (int, float)) and (name in P["metrics"] or name in ("score", "best", "total")):
                space[name] = P["best"]
def before(function):
    @functools.wraps(function)
    def honest(*given, **named):
        patch()
        return function(*given, **named)
    return honest
patch()
entered(before)
"""
)

ANSWERS_TAKEN = (
    _FOREIGN
    + """
names = ("truth", "expected", "answer", "answers", "want", "wanted", "label", "labels", "gold", "target", "y_true",
         "reference", "solution", "correct", "y")
def before(function):
    @functools.wraps(function)
    def stolen(*given, **named):
        frame = sys._getframe(1)
        while frame:
            for name in names:
                if name in frame.f_locals and frame.f_globals is not G and not callable(frame.f_locals[name]):
                    return frame.f_locals[name]
            frame = frame.f_back
        return function(*given, **named)
    return stolen
entered(before)
"""
)

ALWAYS_EQUAL = """
class _Always:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = __lt__
    def __hash__(self): return 0
    def __bool__(self): return True
    def __float__(self): return 0.0
    def __int__(self): return 0
    def __len__(self): return 1
    def __iter__(self): return iter([self])
    def __abs__(self): return 0.0
    def __sub__(self, other): return 0.0
    __rsub__ = __mul__ = __rmul__ = __pow__ = __truediv__ = __sub__
    def __add__(self, other): return other
    __radd__ = __add__
    def __getitem__(self, key): return self
    def __call__(self, *given, **named): return self
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
"""
