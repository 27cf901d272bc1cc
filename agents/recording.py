"""Episodes on disk: one JSON record a line, in `episodes/ID/episode.jsonl` of a run folder.

Records come in this order: a header; the evidence of the reset; then for each turn a step (what
the agent saw, did and earned), the evidence it caused and its payments; and an end. A file
without an end is one whose writer was killed, and is refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cairn.agents.agent import Decision
from cairn.agents.engine import Generation
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.observation import Observation
from cairn.rewards.ledger import Payment
from cairn.sandbox.errors import ConfigError
from cairn.sandbox.events import Event

FILE_NAME = "episode.jsonl"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Header(_Record):
    record: Literal["header"] = "header"
    schema_version: Literal[1] = 1
    task: str
    seed: int


class _Step(_Record):
    record: Literal["step"] = "step"
    observation: Observation
    action: str
    reward: float
    prompt_ids: tuple[int, ...] = ()
    generation: Generation | None = None


class _Event(_Record):
    record: Literal["event"] = "event"
    event: Event


class _Payment(_Record):
    record: Literal["payment"] = "payment"
    payment: Payment


class _End(_Record):
    record: Literal["end"] = "end"
    observation: Observation | None
    is_success: bool | None
    void: str | None
    wall_s: float


_RECORD: TypeAdapter[Any] = TypeAdapter(
    Annotated[_Header | _Step | _Event | _Payment | _End, Field(discriminator="record")]
)


def write_episode(folder: Path, trajectory: Trajectory) -> Path:
    """Write an episode to `folder/episode.jsonl`, whole or not at all; return the file.

    Raises:
        OSError: If the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial, target = folder / f"{FILE_NAME}.partial", folder / FILE_NAME
    lines = [record.model_dump_json() for record in _records(trajectory)]
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(target)
    return target


def read_episode(file: Path) -> Trajectory:
    """Read an episode back.

    Raises:
        ConfigError: If the file is missing, cut short or not an episode; names the line.
    """
    records: list[Any] = []
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                records.append(_parse(line, f"{file}, line {number}"))
    except OSError as error:
        raise ConfigError(f"episode {file}: {error.strerror}") from None
    if not records or not isinstance(records[0], _Header) or not isinstance(records[-1], _End):
        raise ConfigError(f"episode {file}: begins or ends in the middle; it was not written whole")
    return _trajectory(records)


def read_run(run: Path) -> list[Trajectory]:
    """Read every episode of a run folder, in order of name.

    Raises:
        ConfigError: If there is none, or one cannot be read.
    """
    files = sorted((run / "episodes").glob(f"*/{FILE_NAME}"))
    if not files:
        raise ConfigError(f"run folder {run}: has no episodes/*/{FILE_NAME}; `cairn collect` one")
    return [read_episode(file) for file in files]


def _parse(line: str, where: str) -> Any:
    try:
        return _RECORD.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{where}: {place}: {first['msg']}") from None


def _records(trajectory: Trajectory) -> Iterator[_Record]:
    yield _Header(task=trajectory.task, seed=trajectory.seed)
    yield from _events_of(trajectory, 0)
    for number, turn in enumerate(trajectory.turns, start=1):
        yield _Step(
            observation=turn.observation,
            action=turn.decision.action,
            reward=turn.reward,
            prompt_ids=turn.decision.prompt_ids,
            generation=turn.decision.generation,
        )
        yield from _events_of(trajectory, number)
        for payment in turn.payments:
            yield _Payment(payment=payment)
    yield _End(
        observation=trajectory.last_observation,
        is_success=trajectory.is_success,
        void=trajectory.void,
        wall_s=trajectory.wall_s,
    )


def _events_of(trajectory: Trajectory, step: int) -> Iterator[_Record]:
    for event in trajectory.events:
        if event.step == step:
            yield _Event(event=event)


def _trajectory(records: list[Any]) -> Trajectory:
    header, end = records[0], records[-1]
    steps = [record for record in records if isinstance(record, _Step)]
    payments = [record.payment for record in records if isinstance(record, _Payment)]
    turns = tuple(
        Turn(
            observation=step.observation,
            decision=Decision(
                action=step.action, prompt_ids=step.prompt_ids, generation=step.generation
            ),
            reward=step.reward,
            payments=tuple(payment for payment in payments if payment.step == number),
        )
        for number, step in enumerate(steps, start=1)
    )
    return Trajectory(
        task=header.task,
        seed=header.seed,
        turns=turns,
        last_observation=end.observation,
        events=tuple(record.event for record in records if isinstance(record, _Event)),
        is_success=end.is_success,
        void=end.void,
        wall_s=end.wall_s,
    )
