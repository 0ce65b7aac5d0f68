"""What trials read from outside git, hashed again in full and held against what the session was opened with."""

from collections.abc import Sequence

from .findings import MALFORMED, Check, shown
from .journal import Record
from .pins import Pins, differences


def check_inputs(records: Sequence[Record]) -> Check:
    """Hash every pinned file again, whatever its identity says: seconds for each gigabyte.

    The journal holds one fingerprint for each input; a finding names the file as well, if the hashes of an earlier
    opening are still kept.
    """
    check = Check("inputs")
    try:
        recorded = {str(path): str(digest) for path, digest in records[0].data["pins"].items()}
    except (*MALFORMED, IndexError):
        check.unchecked = "no opening record"
        return check
    pins = Pins(tuple(recorded))
    found = differences(recorded, pins.take(fully=True))
    check.covers = f"{pins.files} files and folders of {len(recorded)} inputs, every byte hashed again"
    said = "what is read or executed there is not what it was when the session opened"
    check.findings = [f"{shown(pins.named(path))[1:-1]}: {said}" for path in found if path in recorded]
    return check
