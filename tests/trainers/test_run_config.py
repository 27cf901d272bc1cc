from pathlib import Path

import pytest

from cairn.agents.llm import Style
from cairn.sandbox.errors import ConfigError, UnknownNameError
from cairn.trainers.algorithm import ALGORITHMS
from cairn.trainers.losses import KL
from cairn.trainers.run_config import read_run_config

CONFIG = """
out = "runs/x"
[policy]
model = "base"
[policy.lora]
rank = 4
[grpo.learner]
learning_rate = 0.5
"""
DEMO = Path(__file__).parents[2] / "configs" / "demo.toml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(CONFIG)
    return path


def test_the_demos_config_can_be_read() -> None:
    config = read_run_config(DEMO)
    assert (config.suite, config.policy.style) == ("demo", Style.PLAIN)
    assert config.policy.model.parent == DEMO.parent
    assert config.full_algorithm() == ALGORITHMS["anchor-grpo"]


def test_what_the_file_says_goes_before_the_defaults(path: Path) -> None:
    config = read_run_config(path)
    assert config.out == Path("runs/x")
    assert config.policy.lora is not None
    assert (config.policy.lora.rank, config.policy.lora.alpha) == (4, 32)
    assert config.grpo.learner.learning_rate == 0.5
    assert config.sft.learner.learning_rate == 1e-3
    assert config.full_algorithm() == ALGORITHMS["grpo"]


def test_the_model_lies_relative_to_the_config_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_run_config(path).policy.model == tmp_path / "base"
    assert read_run_config(path, ["policy.model=/models/x"]).policy.model == Path("/models/x")
    monkeypatch.chdir(tmp_path)
    assert read_run_config(Path("run.toml")).policy.model == Path("base")


def test_settings_go_before_the_file(path: Path) -> None:
    config = read_run_config(
        path,
        [
            "out=runs/other",
            "seed = 3",
            "grpo.learner.learning_rate=1e-4",
            "sft.patience=5",
            "control=true",
            'suite="demo"',
            "seed=4",
        ],
    )
    assert config.out == Path("runs/other")
    assert config.seed == 4
    assert config.grpo.learner.learning_rate == 1e-4
    assert (config.sft.patience, config.control) == (5, True)


def test_a_preset_can_be_overridden(path: Path) -> None:
    config = read_run_config(path, ["algorithm=dapo", "override.kl=k3", "override.kl_weight=0.1"])
    dapo = ALGORITHMS["dapo"]
    changes = {"kl": KL.K3, "kl_weight": 0.1}
    assert config.full_algorithm() == dapo.model_copy(update=changes)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sed=1", r"no setting 'sed'; there are out, suite, seed, "),
        ("grpo.groups=1", r"no setting 'grpo\.groups'; there are learner, num_groups, "),
        ("policy.lora.r=1", r"no setting 'policy\.lora\.r'; there are rank, alpha, dropout"),
        (".seed=1", r"no setting ''"),
        ("seed=x", r"seed: .*integer.*, got 'x'"),
        ("seed=-1", r"seed: .*greater than or equal to 0, got -1"),
        ("seed=1.5", r"seed: .*got 1\.5"),
        ("concurrency=999", r"concurrency: .*less than or equal to 256, got 999"),
        ("policy.style=plane", r"policy\.style: .*'plain' or 'chat', got 'plane'"),
        ("grpo=3", r"grpo: .*got 3"),
        ("override=3", r"override: .*got 3"),
        ("override.eps=1", r"override: no setting 'eps'; there are credit, "),
        ("override.eps_low=2", r"override: eps_low: .*less than 1, got 2"),
        ("override.credit=none", r"override: credit: .*got 'none'"),
        ("seed", r"--set 'seed': write a\.b=value"),
        ("=3", r"--set '=3': write a\.b=value"),
        ("grpo.=3", r"--set 'grpo\.=3': write a\.b=value"),
        ("out.x=1", r"--set 'out\.x=1': 'out' is a value, not a table"),
    ],
)
def test_a_wrong_setting_is_named(path: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_run_config(path, [setting])
    assert "\n" not in str(caught.value)


def test_an_unknown_preset_is_named(path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no algorithm named 'grop'; did you mean 'grpo'"):
        read_run_config(path, ["algorithm=grop"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"run\.toml': out: must be set"),
        ('out = "x"', r"policy: must be set"),
        ("out = [", r"run\.toml': not TOML: "),
        ("policy = 3\nout = 'x'", r"policy: .*got 3"),
        (f"{CONFIG}\n[sft]\nepochs = 3", r"no setting 'sft\.epochs'; there are demonstrations, "),
    ],
)
def test_a_wrong_file_is_named(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_run_config(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml': No such file"):
        read_run_config(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_run_config(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'out = "\xe9"')
    with pytest.raises(ConfigError, match="not TOML"):
        read_run_config(tmp_path / "latin.toml")
