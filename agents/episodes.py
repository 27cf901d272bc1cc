"""The episode file: one JSON record a line, written and read by everything that keeps episodes.

`RUN/episodes/ID/episode.jsonl` holds a header; for each step, the reset being step 0, what was
done and seen, the evidence and the payments; and an end. A file without an end is refused.
"""

import contextlib
import hashlib
import inspect
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from cairn.agents.agent import Decision
from cairn.agents.engine import Generation
from cairn.agents.trajectory import Trajectory, Turn
from cairn.envs.observation import Observation
from cairn.envs.task import Task
from cairn.rewards.ledger import Payment
from cairn.sandbox.errors import ConfigError
from cairn.sandbox.events import Event, EventKind, Source

FILE_NAME = "episode.jsonl"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(_Record):
    """Which episode this is.

    Attributes:
        schema_version: Version of this format.
        task: Id of the task.
        task_hash: Hash of the task's source, which tells apart what the id does not.
        seed: The instance.
        skin: Variation of the look; None in this release.
        agent: Who acted.
    """

    record: Literal["header"] = "header"
    schema_version: Literal[1] = 1
    task: str
    task_hash: str
    seed: int
    skin: int | None = None
    agent: str


class _Step(_Record):
    """What was done and what was seen after it; action and reward are None at the reset."""

    record: Literal["step"] = "step"
    step: int
    action: str | None = None
    reward: float | None = None
    observation: Observation
    prompt_ids: tuple[int, ...] = ()
    generation: Generation | None = None


class _Event(_Record):
    record: Literal["event"] = "event"
    seq: int
    step: int
    source: Source
    kind: EventKind
    data: dict[str, JsonValue]


class _Payment(_Record):
    record: Literal["payment"] = "payment"
    payment: Payment


class _End(_Record):
    record: Literal["end"] = "end"
    is_success: bool | None
    void: str | None
    episode_return: float | None
    wall_s: float


_Any = _Step | _Event | _Payment | _End
_RECORD: TypeAdapter[Header | _Any] = TypeAdapter(
    Annotated[Header | _Any, Field(discriminator="record")]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An episode as it was read back."""

    header: Header
    trajectory: Trajectory


def task_hash(task: Task[Any]) -> str:
    """Return a hash of the task's source file."""
    source = inspect.getsource(inspect.getmodule(type(task)) or type(task))
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def write_episode(run: Path, trajectory: Trajectory, *, task: Task[Any], agent: str) -> Path:
    """Write an episode into a run folder, whole or not at all, and return its file.

    Another episode of the same instance gets a folder of its own.

    Raises:
        ConfigError: If the folder cannot be written.
    """
    header = Header(
        task=trajectory.task, task_hash=task_hash(task), seed=trajectory.seed, agent=agent
    )
    records: list[_Record] = [header, *_records(trajectory)]
    lines = [json.dumps(item.model_dump(mode="json"), ensure_ascii=False) for item in records]
    try:
        folder = _new_folder(run / "episodes", f"{trajectory.task}-{trajectory.seed}")
        partial = folder / f"{FILE_NAME}.partial"
        partial.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return partial.replace(folder / FILE_NAME)
    except OSError as error:
        raise ConfigError(f"run folder {str(run)!r}: {error.strerror}") from None


def read_episode(path: Path) -> Episode:
    """Read an episode file, or the one in a folder.

    Raises:
        ConfigError: If it cannot be read, was not written whole, or is of another schema.
    """
    path = path / FILE_NAME if path.is_dir() else path
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "must be UTF-8 text"
        raise ConfigError(f"episode {str(path)!r}: {reason}") from None
    records = [_parse(path, number, line) for number, line in enumerate(lines, 1) if line]
    if not records or not isinstance(records[0], Header) or not isinstance(records[-1], _End):
        raise ConfigError(f"episode {str(path)!r}: has no header or no end; not written whole")
    return Episode(header=records[0], trajectory=_trajectory(records[0], records[-1], records))


def read_run(run: Path) -> list[Episode]:
    """Read every episode of a run folder, in the order of their names.

    Raises:
        ConfigError: If there is none, or one cannot be read.
    """
    paths = sorted((run / "episodes").glob(f"*/{FILE_NAME}"))
    if not paths:
        raise ConfigError(f"run folder {str(run)!r}: holds no episodes; `cairn collect` makes some")
    return [read_episode(path) for path in paths]


def read_episodes(path: Path) -> list[Episode]:
    """Read an episode file, the one in a folder, or every episode of a run folder.

    Raises:
        ConfigError: If there is none, or one cannot be read.
    """
    return read_run(path) if (path / "episodes").is_dir() else [read_episode(path)]


def _records(trajectory: Trajectory) -> Iterator[_Any]:
    observations = [turn.observation for turn in trajectory.turns]
    if trajectory.last_observation is not None:
        observations.append(trajectory.last_observation)
    steps: list[Turn | None] = [None, *trajectory.turns]
    for number, (turn, observation) in enumerate(zip(steps, observations, strict=False)):
        decision = turn.decision if turn else Decision(action="")
        yield _Step(
            step=number,
            action=decision.action if turn else None,
            reward=turn.reward if turn else None,
            observation=observation,
            prompt_ids=decision.prompt_ids,
            generation=decision.generation,
        )
        yield from _events(trajectory, range(number, number + 1))
        for payment in turn.payments if turn else ():
            yield _Payment(payment=payment)
    # Evidence of a void step has no step record: nobody is to learn from what was done there.
    yield from _events(trajectory, range(len(observations), len(observations) + 2))
    yield _End(
        is_success=trajectory.is_success,
        void=trajectory.void,
        episode_return=None if trajectory.void else trajectory.episode_return,
        wall_s=round(trajectory.wall_s, 3),
    )


def _events(trajectory: Trajectory, steps: range) -> Iterator[_Event]:
    for event in trajectory.events:
        if event.step in steps:
            yield _Event.model_validate(asdict(event))


def _new_folder(parent: Path, name: str) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    for folder in (parent / f"{name}{again}" for again in _suffixes()):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("suffixes do not end")


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f".{number}" for number in itertools.count(2))


def _parse(path: Path, number: int, line: str) -> Header | _Any:
    try:
        return _RECORD.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "record"
        message = f"episode {str(path)!r}, line {number}: {where}: {first['msg']}"
        raise ConfigError(message) from None


def _trajectory(header: Header, end: _End, records: list[Header | _Any]) -> Trajectory:
    steps = [item for item in records if isinstance(item, _Step)]
    payments = [item.payment for item in records if isinstance(item, _Payment)]
    turns = tuple(
        Turn(
            observation=before.observation,
            decision=Decision(
                action=step.action, prompt_ids=step.prompt_ids, generation=step.generation
            ),
            reward=step.reward,
            payments=tuple(payment for payment in payments if payment.step == step.step),
        )
        for before, step in itertools.pairwise(steps)
        if step.action is not None and step.reward is not None
    )
    events = tuple(
        Event(seq=item.seq, step=item.step, source=item.source, kind=item.kind, data=item.data)
        for item in records
        if isinstance(item, _Event)
    )
    return Trajectory(
        task=header.task,
        seed=header.seed,
        turns=turns,
        last_observation=steps[-1].observation if steps else None,
        events=events,
        is_success=end.is_success,
        void=end.void,
        wall_s=end.wall_s,
    )
