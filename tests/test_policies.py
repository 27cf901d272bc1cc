import json
import sys
from pathlib import Path

import pytest

from cairn.agents.llm import Style
from cairn.agents.scripted import OracleAgent
from cairn.cli import main
from cairn.policies import agent_of, model_folder, prompt_settings
from cairn.sandbox.errors import ConfigError, SetupError, UnknownNameError
from cairn.trainers.model import SmallModelConfig, build_small_model
from cairn.trainers.tokenizer import build_tokenizer

POLICY = {"style": "plain", "num_actions": 2, "max_prompt_tokens": 300, "max_new_tokens": 5}


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learned nothing, in a folder as any other."""
    folder = tmp_path_factory.mktemp("small-model")
    tokenizer = build_tokenizer(["click", "fill", "Search"], num_refs=9)
    config = SmallModelConfig(hidden_size=32, intermediate_size=32, num_layers=1, num_heads=2)
    build_small_model(config, tokenizer, seed=1).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _run_folder(path: Path, *models: str) -> Path:
    for folder in (path, *(path / model for model in models)):
        folder.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"out": "runs/x", "policy": POLICY}))
    return path


def test_a_name_that_is_no_folder_is_a_scripted_agent() -> None:
    assert agent_of("oracle", temperature=1.0) is OracleAgent
    with pytest.raises(UnknownNameError, match="no agent named 'runs/nothing'"):
        agent_of("runs/nothing", temperature=1.0)


def test_a_runs_newest_checkpoint_acts_before_its_cloned_model(tmp_path: Path) -> None:
    run = _run_folder(tmp_path, "sft")
    assert model_folder(run) == run / "sft"

    for step in ("step-000009", "step-000010"):
        (run / "checkpoints" / step).mkdir(parents=True)
    assert model_folder(run) == run / "checkpoints/step-000010"


def test_a_run_that_has_trained_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no trained model yet"):
        model_folder(_run_folder(tmp_path))


@pytest.mark.parametrize("model", ["sft", "checkpoints/step-000003"])
def test_a_model_is_asked_as_its_run_trained_it(tmp_path: Path, model: str) -> None:
    run = _run_folder(tmp_path, model)

    prompt, max_new_tokens = prompt_settings(run / model)

    assert (prompt.style, prompt.num_actions, prompt.max_tokens) == (Style.PLAIN, 2, 300)
    assert max_new_tokens == 5


def test_a_model_from_elsewhere_is_asked_as_a_chat_model(small_model: Path) -> None:
    prompt, _ = prompt_settings(small_model)

    assert prompt.style is Style.CHAT


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model folder .* holds no tokenizer"):
        agent_of(str(tmp_path), temperature=1.0)


def test_without_the_train_extra_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, small_model: Path
) -> None:
    monkeypatch.delitem(sys.modules, "cairn.agents.engines.hf", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(SetupError, match=r"pip install 'cairn-gym\[train\]'"):
        agent_of(str(small_model), temperature=1.0)


@pytest.mark.browser
def test_a_model_plays_an_episode(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    small_model: Path,
) -> None:
    run = _run_folder(tmp_path / "run")
    (run / "sft").symlink_to(small_model)
    arguments = ["cairn", "run", "search-open-v1", "--agent", str(run), "--json"]
    monkeypatch.setattr(sys, "argv", arguments)

    with pytest.raises(SystemExit) as ending:
        main()

    assert ending.value.code == 1
    turns = json.loads(capsys.readouterr().out)["turns"]
    assert len(turns) == 6
    generation = turns[0]["decision"]["generation"]
    assert 1 <= len(generation["ids"]) == len(generation["logprobs"]) <= 5
    assert len(turns[0]["decision"]["prompt_ids"]) <= 300


def _train(
    monkeypatch: pytest.MonkeyPatch, folder: Path, small_model: Path, *arguments: str
) -> object:
    config = folder / "run.toml"
    config.write_text(f'out = "{folder}/run"\n[policy]\nmodel = "{small_model}"\n')
    monkeypatch.setattr(sys, "argv", ["cairn", "train", str(config), *arguments])
    try:
        main()
    except SystemExit as ending:
        return ending.code
    return None


def test_a_dry_run_shows_the_settings_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    small_model: Path,
) -> None:
    arguments = ("--dry-run", "--set", "seed=3", "--set", "policy.style=chat")

    assert not _train(monkeypatch, tmp_path, small_model, *arguments)

    settings = json.loads(capsys.readouterr().out)
    assert (settings["seed"], settings["policy"]["style"]) == (3, "chat")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "policy.modle=1"), "no setting 'policy.modle'"),
        (("--set", "policy.model=gone"), "gone' does not exist"),
        (("--set", "suite=demos", "--dry-run"), "did you mean 'demo'?"),
        (("--resume", "nowhere"), "run folder 'nowhere': holds no run to resume"),
    ],
)
def test_bad_settings_are_one_line_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    small_model: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert _train(monkeypatch, tmp_path, small_model, *arguments) == 2

    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "run").exists()
