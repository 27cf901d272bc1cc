import pytest

from cairn.agents.agent import Decision
from cairn.agents.llm import Prompt
from cairn.agents.trajectory import Turn
from cairn.trainers.errors import TrainingError
from cairn.trainers.learner import Learner, LearnerConfig
from cairn.trainers.sft import SftConfig, demonstration_samples, train_sft
from tests.trainers.tiny import observation, tiny_model, tiny_tokenizer, trajectory

TOKENIZER = tiny_tokenizer()


def shown(action: str) -> Turn:
    decision = Decision(action=action)
    return Turn(observation=observation(), decision=decision, reward=0.0, payments=())


DEMONSTRATION = trajectory(
    shown('{"action": "fill", "ref": "e1", "text": "Ada"}'), shown("click e1"), success=True
)


def test_a_demonstration_is_prompted_as_the_agent_will_be() -> None:
    first, second = demonstration_samples([DEMONSTRATION], TOKENIZER, Prompt())
    assert TOKENIZER.decode(list(first.ids)) == "link Save e1\ngoal Save\n> fill Save e1 Ada<|end|>"
    assert (
        TOKENIZER.decode(list(second.ids))
        == "link Save e1\ndid Save Ada\ngoal Save\n> click Save e1<|end|>"
    )
    assert (first.num_trained, second.num_trained) == (5, 4)


def test_a_failed_demonstration_is_refused() -> None:
    with pytest.raises(TrainingError, match="has no success"):
        demonstration_samples([trajectory(shown("click e1"))], TOKENIZER, Prompt())


def config(**changes: object) -> SftConfig:
    return SftConfig.model_validate(
        {"max_epochs": 9, "validate_every": 1, "patience": 2, "batch_size": 1, **changes}
    )


@pytest.mark.asyncio
async def test_training_stops_at_the_plateau_and_keeps_the_best_weights() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig(learning_rate=1e-2))
    samples = demonstration_samples([DEMONSTRATION], TOKENIZER, Prompt())
    successes = iter([0.2, 0.5, 0.4, 0.5])
    logprobs: list[list[list[float]]] = []

    async def validate() -> float:
        logprobs.append(learner.logprobs(samples))
        return next(successes)

    epochs = await train_sft(learner, samples, config(), validate=validate, seed=0)
    assert [epoch.success for epoch in epochs] == [0.2, 0.5, 0.4, 0.5]
    assert epochs[-1].loss < epochs[0].loss
    assert learner.logprobs(samples) == logprobs[1]


@pytest.mark.asyncio
async def test_training_stops_at_the_limit_of_epochs_or_time() -> None:
    learner = Learner(tiny_model(TOKENIZER), LearnerConfig())
    samples = demonstration_samples([DEMONSTRATION], TOKENIZER, Prompt())

    async def validate() -> float:
        return 0.5

    for changes, count in (({"max_epochs": 3}, 3), ({"max_wall_s": 1e-9}, 1)):
        epochs = await train_sft(
            learner, samples, config(patience=None, **changes), validate=validate, seed=0
        )
        assert len(epochs) == count
        assert epochs[-1].success == 0.5
