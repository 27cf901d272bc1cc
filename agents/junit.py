"""JUnit XML, the form of test report that CI systems read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree as ET

from cairn.agents.run_folder import write_whole
from cairn.sandbox.errors import ConfigError

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Outcome(StrEnum):
    """What a report says of a case; the values are JUnit's element names."""

    PASSED = "passed"
    FAILED = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case.

    Attributes:
        group: What it belongs to, such as a task.
        name: Unique within the group.
        outcome: ERROR is for broken infrastructure, never for what was tested.
        message: Why it did not pass; empty when it did.
        time_s: How long it took.
    """

    group: str
    name: str
    outcome: Outcome
    message: str = ""
    time_s: float = 0.0


def junit_xml(suite: str, cases: Sequence[Case]) -> str:
    """Return the report as text."""
    count = {outcome: sum(case.outcome is outcome for case in cases) for outcome in Outcome}
    totals = {
        "tests": str(len(cases)),
        "failures": str(count[Outcome.FAILED]),
        "errors": str(count[Outcome.ERROR]),
        "skipped": str(count[Outcome.SKIPPED]),
        "time": f"{sum(case.time_s for case in cases):.3f}",
    }
    root = ET.Element("testsuites", totals)
    parent = ET.SubElement(root, "testsuite", {"name": suite, **totals})
    for case in cases:
        attributes = {"classname": case.group, "name": case.name, "time": f"{case.time_s:.3f}"}
        element = ET.SubElement(parent, "testcase", attributes)
        if case.outcome is not Outcome.PASSED:
            message = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", case.message)
            ET.SubElement(element, case.outcome.value, {"message": message})
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def write_junit(path: Path, suite: str, cases: Sequence[Case]) -> None:
    """Write the report.

    Raises:
        ConfigError: If the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        header = '<?xml version="1.0" encoding="UTF-8"?>\n'
        write_whole(path, header + junit_xml(suite, cases))
    except OSError as error:
        raise ConfigError(f"JUnit report {str(path)!r}: {error.strerror}") from None
