from pathlib import Path

import pytest

from cairn.sandbox.errors import ConfigError
from cairn.trainers.advantages import Baseline
from cairn.trainers.config import load_config
from cairn.trainers.losses import KL

TEXT = """
model = "models/base"
[algorithm]
preset = "grpo"
eps_high = 0.3
[grpo]
num_groups = 4
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(TEXT)
    return path


def test_a_preset_is_filled_in_and_overridden(path: Path) -> None:
    config = load_config(path)
    assert config.algorithm.baseline is Baseline.STANDARDISED
    assert config.algorithm.kl is KL.K3
    assert config.algorithm.eps_high == 0.3
    assert config.grpo is not None
    assert (config.grpo.num_groups, config.grpo.group_size) == (4, 8)


def test_changes_override_the_file(path: Path) -> None:
    config = load_config(
        path, ["grpo.learner.learning_rate=1e-4", "model=other/model", "sft.demonstrations=3"]
    )
    assert config.grpo is not None
    assert config.sft is not None
    assert config.grpo.learner.learning_rate == 1e-4
    assert config.model == Path("other/model")
    assert config.sft.demonstrations == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("grpo.num_group=3", "grpo.num_group: Extra inputs"),
        ("grpo.num_groups=0", "grpo.num_groups: .*greater than or equal to 1"),
        ("algorithm.preset=gpro", "did you mean 'grpo'"),
        ("seed", "write section.key=value"),
        ("seed.a=1", "'seed' is not a section"),
    ],
)
def test_a_bad_change_names_its_key(path: Path, change: str, message: str) -> None:
    with pytest.raises((ConfigError, KeyError), match=message):
        load_config(path, ["seed=1", change])


def test_a_run_without_a_stage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('model = "m"')
    with pytest.raises(ConfigError, match="nothing to do"):
        load_config(path)


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(tmp_path / "bad.toml")
