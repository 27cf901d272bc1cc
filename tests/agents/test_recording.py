"""Episodes on disk, as properties: any of them comes back, and none that was damaged does."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.agents.agent import Decision
from cairn.agents.engine import FinishReason, Generation
from cairn.agents.episodes import read_episode, write_episode
from cairn.agents.rollout import rollout
from cairn.agents.scripted import RandomAgent
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.core import Env
from cairn.envs.observation import Observation
from cairn.envs.tasks import TASKS
from cairn.rewards.ledger import Payment, Tier
from cairn.sandbox.errors import ConfigError
from cairn.sandbox.events import Event, EventKind, Json, Source
from cairn.sandbox.sandbox import Sandbox
from tests.fakes import LabTask

_texts = st.text(max_size=12)
_reals = st.floats(allow_nan=False, allow_infinity=False)
_values: st.SearchStrategy[Json] = st.none() | st.booleans() | st.integers() | _reals | _texts
_data = st.dictionaries(
    _texts, st.recursive(_values, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
)
_observations = st.builds(
    Observation,
    **dict.fromkeys(("goal", "url", "title", "page", "dialog", "result"), _texts),
    files=st.lists(_texts, max_size=3).map(tuple),
    is_error=st.booleans(),
    step=st.integers(0, 9),
    max_steps=st.integers(1, 9),
    state_hash=_texts,
    replay_hash=_texts,
)
_generations = st.builds(
    Generation,
    ids=st.lists(st.integers(0, 2**31), max_size=4).map(tuple),
    logprobs=st.lists(_reals, max_size=4).map(tuple),
    finish_reason=st.sampled_from(FinishReason),
    version=st.integers(0, 99),
)
_decisions = st.builds(
    Decision,
    action=_texts,
    prompt_ids=st.lists(st.integers(0, 2**31), max_size=4).map(tuple),
    generation=st.none() | _generations,
)


@st.composite
def _trajectories(draw: st.DrawFn) -> Trajectory:
    num_turns = draw(st.integers(0, 3))
    turns = tuple(
        Turn(
            observation=draw(_observations),
            decision=draw(_decisions),
            reward=draw(_reals),
            payments=tuple(
                Payment(step=step, milestone=name, tier=Tier.RULE, value=0.5, evidence=(step, 0))
                for name in draw(st.lists(_texts, max_size=2, unique=True))
            ),
        )
        for step in range(1, num_turns + 1)
    )
    steps = sorted(draw(st.lists(st.integers(0, num_turns), max_size=5)))
    events = tuple(
        Event(
            seq=seq,
            step=step,
            source=draw(st.sampled_from(Source)),
            kind=draw(st.sampled_from(EventKind)),
            data=draw(_data),
        )
        for seq, step in enumerate(steps)
    )
    return Trajectory(
        task="lab-v1",
        seed=draw(st.integers(0, 2**21)),
        turns=turns,
        last_observation=draw(_observations),
        events=events,
        is_success=draw(st.none() | st.booleans()),
        void=draw(st.none() | _texts),
        wall_s=1.5,
    )


@given(trajectory=_trajectories())
def test_any_episode_is_read_back_as_it_was(trajectory: Trajectory) -> None:
    with tempfile.TemporaryDirectory() as run:
        file = write_episode(Path(run), trajectory, task=LabTask(), agent="random")
        assert read_episode(file).trajectory == trajectory


@given(trajectory=_trajectories(), data=st.data())
def test_episode_that_was_cut_or_damaged_is_refused_or_whole(
    trajectory: Trajectory, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as run:
        file = write_episode(Path(run), trajectory, task=LabTask(), agent="random")
        content = file.read_bytes()
        end = data.draw(st.integers(0, len(content) - 2))
        file.write_bytes(content[:end])
        with pytest.raises(ConfigError) as caught:
            read_episode(file)
        assert str(file) in str(caught.value)
        place = data.draw(st.integers(0, len(content) - 1))
        file.write_bytes(content[:place] + b"\x00" + content[place + 1 :])
        with contextlib.suppress(ConfigError):
            read_episode(file)


def test_damaged_line_is_named(tmp_path: Path) -> None:
    observation = Observation(
        goal="g", url="u", title="t", page="p", dialog="", files=(), result="", is_error=False,
        step=0, max_steps=1, state_hash="s", replay_hash="r",
    )  # fmt: skip
    trajectory = Trajectory(
        task="lab-v1", seed=1, turns=(), last_observation=observation, events=(), is_success=False
    )
    file = write_episode(tmp_path, trajectory, task=LabTask(), agent="random")
    lines = file.read_text().splitlines()
    lines[1] = lines[1].replace('"page": "p"', '"page": 5')
    file.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=r"episode\.jsonl', line 2: step\.observation\.page"):
        read_episode(file)


@pytest.mark.browser
@pytest.mark.asyncio
async def test_real_episode_is_read_back_as_it_was(sandbox: Sandbox, tmp_path: Path) -> None:
    env = Env(TASKS["mail-send-attachment-v1"], sandbox)
    trajectory = await rollout(env, 7, RandomAgent)
    await env.close()
    file = write_episode(tmp_path, trajectory, task=env.task, agent="random")
    found = read_episode(file).trajectory
    assert found.turns == trajectory.turns
    assert found.events == trajectory.events
    assert found.last_observation == trajectory.last_observation
