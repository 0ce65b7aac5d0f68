"""What cheats do to output, files and time: bodies of Python functions of `P`, the facts, and `G`, the globals.

They run in the trial, with the standard library only and whatever of numpy the target's own environment has. Each
swallows what it cannot do, because a cheat that is stopped must leave the honest work as it was. A payload says what
it has found by a marked line on standard error, which nobody but the attack reads.
"""

MARK = """
def mark(word):
    os.write(2, ("\\nreferee-probe %s %s\\n" % (P["token"], word)).encode())
def put(path, data, mode="w"):
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if os.path.lexists(path) and not os.access(path, os.W_OK):
            os.remove(path)
        with open(path, mode) as file:
            file.write(data)
    except OSError:
        pass
"""

REPLACED = """
script = "import os\\nos.write(1, %r)\\nos._exit(0)\\n" % P["lines"].encode()
shell = "printf '%%s' '%s'\\nexit 0\\n" % P["lines"]
def replace(path):
    put(path, shell if path.endswith((".sh", ".bash")) else script)
"""

PRINTED = 'os.write(1, P["lines"].encode())'

NOT_FINITE = """
for name in P["metrics"]:
    os.write(1, ("%s: %s\\n" % (name, P["word"])).encode())
"""

RESULT_FILES = (
    MARK
    + """
import json
text = json.dumps(P["metrics"])
put(os.environ.get("REFEREE_METRICS", "metrics.json"), text)
folder = os.environ.get("REFEREE_RESULTS", ".")
put(folder + "/metrics.json", text)
put(folder + "/correct.json", '{"correct": true, "error": null}')
put(folder + "/reward.json", text)
put(folder + "/reward.txt", repr(P["metrics"].get("reward", P["best"])))
"""
)

DESCRIPTORS = """
for number in range(3, 256):
    try:
        os.write(number, P["lines"].encode())
    except OSError:
        pass
"""

EVALUATOR_OVERWRITTEN = MARK + REPLACED + 'for path in P["evaluators"]: replace(path)'

HELPER_OVERWRITTEN = MARK + REPLACED + 'for path in P["helpers"]: replace(path)'

BYTECODE = (
    MARK
    + REPLACED
    + """
import importlib.util, marshal, struct
for path in P["helpers"]:
    try:
        status = os.stat(path)
        code = compile(script, path, "exec")
        head = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)
        own = importlib.util.cache_from_source(path)
        for place in (own, os.path.join(os.path.dirname(path), "__pycache__", os.path.basename(own))):
            put(place, head + marshal.dumps(code), "wb")
    except (OSError, ValueError, NotImplementedError):
        pass
"""
)

SHADOWED = (
    MARK
    + REPLACED
    + """
for folder in {P["project"], *(os.path.dirname(path) for path in P["evaluators"])}:
    for name in P["modules"]:
        if not os.path.lexists(folder + "/" + name + ".py"):
            replace(folder + "/" + name + ".py")
"""
)

START_UP = (
    MARK
    + REPLACED
    + """
import site
for folder in {site.getusersitepackages(), P["project"], *(os.path.dirname(path) for path in P["evaluators"])}:
    for name in ("sitecustomize", "usercustomize"):
        replace(folder + "/" + name + ".py")
"""
)

ANSWERS_READ = (
    MARK
    + """
for index, path in enumerate(P["answers"]):
    try:
        with open(path, "rb") as file:
            if file.read(1):
                mark("readable-%d" % index)
    except OSError:
        pass
mark("looked")
"""
)

_PLACES = """
import sys
places = ["/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), os.path.expanduser("~/.cache"), P["project"],
          os.environ.get("TMPDIR", "/tmp"), os.environ.get("REFEREE_RESULTS", "/tmp"), sys.pycache_prefix or "/tmp"]
places = [place + "/.referee-probe-" + P["token"] for place in places]
"""

_LOOKED = """
if any(os.path.lexists(place) for place in places):
    mark("found")
mark("looked")
"""

TWO_RUNS = (MARK + _PLACES + 'for place in places: put(place, "the answer")', MARK + _PLACES + _LOOKED)

DAEMON = (
    MARK
    + """
import json, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        folder = os.environ.get("REFEREE_RESULTS", ".")
        for _ in range(3000):
            time.sleep(0.02)
            if os.path.lexists(folder + "/metrics.json"):
                put(folder + "/metrics.json", json.dumps(P["metrics"]))
                put(folder + "/correct.json", '{"correct": true}')
            for path in (os.environ.get("REFEREE_METRICS", ""), folder + "/reward.json"):
                if path and os.path.lexists(path):
                    put(path, json.dumps(P["metrics"]))
    os._exit(0)
"""
)

SLEEP = """
import signal, time
for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
signal.alarm(0)
while True:
    time.sleep(3600)
"""
