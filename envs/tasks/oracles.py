"""What oracles need to find their way on a page; they see only what any agent sees."""

import re

from cairn.envs.observation import Observation
from cairn.sandbox.errors import TaskError


def ref_of(observation: Observation, role: str, name: str) -> str:
    """Return the ref of the first element of this role and name; of a row, by its first cell.

    Raises:
        TaskError: If the page shows no such element.
    """
    line = re.compile(rf'\s*- {re.escape(role)} "{re.escape(name)}"(?: .*)?\[ref=(e[0-9]+)\]')
    for text in observation.page.splitlines():
        if found := line.match(text):
            return found[1]
    raise TaskError(f"no {role} {name!r} with a ref on {observation.url}:\n{observation.page}")
