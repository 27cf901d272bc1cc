"""Errors: what they derive from and what they say."""

import pytest

from cairn.sandbox import errors
from cairn.sandbox.errors import Boundary, CairnError, SandboxError, UnknownNameError, lookup


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ConfigError", ValueError),
        ("TaskError", ValueError),
        ("UnknownNameError", KeyError),
        ("ActionError", ValueError),
        ("SetupError", RuntimeError),
        ("SandboxError", RuntimeError),
    ],
)
def test_every_error_is_also_the_builtin_a_caller_expects(
    name: str, builtin: type[Exception]
) -> None:
    error = getattr(errors, name)
    assert issubclass(error, CairnError)
    assert issubclass(error, builtin)


def test_sandbox_error_names_its_boundary() -> None:
    error = SandboxError(Boundary.SITE, "fell down")
    assert (error.boundary, str(error)) == (Boundary.SITE, "site: fell down")


def test_lookup_returns_the_entry_or_says_what_was_meant() -> None:
    table = {"alpha": 1, "beta": 2}
    assert lookup(table, "beta", kind="letter") == 2
    with pytest.raises(UnknownNameError) as caught:
        lookup(table, "alhpa", kind="letter")
    assert str(caught.value) == "no letter named 'alhpa'; did you mean 'alpha'?"
    with pytest.raises(UnknownNameError) as caught:
        lookup(table, "zzz", kind="letter")
    assert str(caught.value) == "no letter named 'zzz'; known: alpha, beta"
