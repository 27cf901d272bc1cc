import pytest

from cairn.agents.named import find_agent
from cairn.agents.scripted import NoopAgent, OracleAgent
from cairn.sandbox.errors import ConfigError, UnknownNameError


def test_built_in_agents_are_found_by_name() -> None:
    assert find_agent("oracle") is OracleAgent


def test_an_unknown_agent_is_told_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="no agent named 'orcale'; did you mean 'oracle'"):
        find_agent("orcale")


def test_an_agent_of_ones_own_is_named_by_module_and_class() -> None:
    assert find_agent("cairn.agents.scripted:NoopAgent") is NoopAgent


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:Agent", "cannot import 'no_such_module'"),
        ("cairn.agents.scripted:Missing", "has no class or function 'Missing'"),
        ("cairn.agents.scripted:AGENTS", "has no class or function 'AGENTS'"),
    ],
)
def test_a_module_or_class_that_cannot_be_had_is_named(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_agent(name)
