"""Which processes are left."""

import contextlib
from pathlib import Path


def processes_of(session: int) -> list[int]:
    """Return the processes of a session, which the browser opens for itself."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # After the name in brackets: state, parent, group, session.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(process.name))
    return found
