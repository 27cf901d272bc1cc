from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cairn.agents.junit import Case, Outcome, junit_xml, write_junit
from cairn.sandbox.errors import ConfigError

CASES = (
    Case(group="mail", name="seed 1", outcome=Outcome.PASSED, time_s=0.25),
    Case(group="mail", name="seed 2", outcome=Outcome.FAILED, message='<b> & "q"\x00', time_s=1),
    Case(group="form", name="seed 1", outcome=Outcome.ERROR, message="void"),
    Case(group="form", name="seed 2", outcome=Outcome.SKIPPED, message="not solved"),
)


def test_report_counts_each_outcome_and_adds_the_times() -> None:
    suite = ET.fromstring(junit_xml("cairn check", CASES)).find("testsuite")

    assert suite is not None
    assert suite.attrib == {
        "name": "cairn check",
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "1.250",
    }


def test_report_names_cases_and_reasons_in_well_formed_xml() -> None:
    cases = ET.fromstring(junit_xml("s", CASES)).findall("testsuite/testcase")

    assert (cases[0].get("classname"), cases[0].get("name")) == ("mail", "seed 1")
    reasons = [[(child.tag, child.get("message")) for child in case] for case in cases]
    assert reasons == [
        [],
        [("failure", '<b> & "q"\N{REPLACEMENT CHARACTER}')],
        [("error", "void")],
        [("skipped", "not solved")],
    ]


def test_report_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "reports/junit.xml"

    write_junit(path, "s", CASES)

    assert path.read_text().startswith('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ')
    assert [entry.name for entry in path.parent.iterdir()] == ["junit.xml"]


def test_a_report_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"JUnit report '.*junit\.xml': "):
        write_junit(tmp_path / "file/junit.xml", "s", CASES)
