"""The environment: one task, one episode at a time, asynchronously."""

import asyncio
import contextlib
import hashlib
import json
import random
import re
from collections.abc import Coroutine, Generator
from dataclasses import asdict, dataclass
from typing import Any

from cairn.envs.actions import Answer, GiveUp, parse_action
from cairn.envs.observation import Observation
from cairn.envs.page_text import prune
from cairn.envs.perform import perform
from cairn.envs.sites import SITES
from cairn.envs.task import Task
from cairn.envs.world import World
from cairn.rewards.ledger import Ledger, Payment, Score
from cairn.rewards.milestones import Status
from cairn.sandbox.desk import Desk, View
from cairn.sandbox.errors import ActionError, Boundary, CairnError, SandboxError
from cairn.sandbox.events import Event
from cairn.sandbox.sandbox import Sandbox
from cairn.sandbox.server import Mounted

MAX_PAGE_TOKENS = 4_000
_REF = re.compile(r" \[ref=e[0-9]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What came of a step.

    Attributes:
        observation: What the agent sees now; on a void step, what it saw last.
        reward: What the transition paid; None on a void step, which is not 0.
        payments: The receipts.
        is_success: All required milestones and the goal check hold; None on a void step.
        is_terminal: The episode ended by success, by failure, by an answer or by giving up.
        is_truncated: The episode ended by the step limit or a void.
        void: Why the step cannot be trusted, or None.
    """

    observation: Observation
    reward: float | None
    payments: tuple[Payment, ...]
    is_success: bool | None
    is_terminal: bool
    is_truncated: bool
    void: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the episode has ended."""
        return self.is_terminal or self.is_truncated


class Env:
    """A task in the sandbox.

    Not safe for concurrent calls: one step at a time. Any number of environments may share a
    sandbox and step concurrently.

    Args:
        task: What is to be done.
        sandbox: Where.
        max_page_tokens: Longer pages are pruned to about as many tokens; the hashes see it all.

    Attributes:
        task: What is to be done.
        seed: The instance; None before the first reset.
    """

    def __init__(
        self, task: Task[Any], sandbox: Sandbox, *, max_page_tokens: int = MAX_PAGE_TOKENS
    ) -> None:
        self.task = task
        self.seed: int | None = None
        self.facts: Any = None
        self._sandbox = sandbox
        self._max_page_tokens = max_page_tokens
        self._desk: Desk | None = None
        self._world: World | None = None
        self._ledger: Ledger | None = None
        self._observation: Observation | None = None
        self._done: list[str] = []
        self._replay_hashes: list[str] = []
        self._is_over = True

    @property
    def events(self) -> list[Event]:
        """The evidence of the episode so far."""
        return self._desk.log.events if self._desk is not None else []

    @property
    def payments(self) -> list[Payment]:
        """The receipts of the episode so far."""
        return self._ledger.payments if self._ledger is not None else []

    async def reset(self, seed: int) -> Observation:
        """Begin an episode.

        Raises:
            SandboxError: If the sandbox cannot be set up; no episode has begun then.
        """
        self._is_over = True
        last_episode = self._let_go()
        try:
            await self._set_up(seed)
        finally:
            self._sandbox.do_later(last_episode)
        assert self._desk is not None
        self._ledger = Ledger(self.task.milestones(self.facts), self.task.goal_check(self.facts))
        self._is_over = False
        self._observation = self._observe(
            self._desk.view, result="", is_error=False, step=0, before=""
        )
        self._done, self._replay_hashes = [], [self._observation.replay_hash]
        return self._observation

    async def step(self, action: str) -> StepResult:
        """Carry out an action in either wire form.

        A malformed or impossible action is an ordinary step with an error text. A failure of the
        sandbox makes the step void and ends the episode.

        Raises:
            CairnError: If no episode is under way.
        """
        if self._is_over or self._observation is None:
            raise CairnError("no episode is under way: call reset first")
        try:
            result = await self._step(action)
        except SandboxError as error:
            result = self._void(str(error))
        except asyncio.CancelledError:
            self._is_over = True
            raise
        self._is_over = result.is_over
        self._observation = result.observation
        self._done.append(action)
        self._replay_hashes.append(result.observation.replay_hash)
        return result

    async def fork(self) -> "Env":
        """Return another environment in the same state; both go on independently.

        The copy does again, in a tab and with files of its own, all that this one did; the replay
        hash of each step proves that it came to the same.

        Raises:
            CairnError: If no episode is under way.
            SandboxError: If the sandbox fails, or the copy comes to another state. This environment
                stays as it is.
        """
        if self._is_over or self.seed is None:
            raise CairnError("no episode is under way: call reset first")
        other = Env(self.task, self._sandbox, max_page_tokens=self._max_page_tokens)
        try:
            await other._repeat(self.seed, list(self._done), list(self._replay_hashes))
        except BaseException:
            await other.close()
            raise
        return other

    async def close(self) -> None:
        """End the episode and release what it holds; the sandbox stays."""
        self._is_over = True
        await self._let_go()

    def _let_go(self) -> Coroutine[Any, Any, None]:
        """Let go of the episode's desk and world, and return what releases them."""
        desk, self._desk = self._desk, None
        world, self._world = self._world, None

        async def release() -> None:
            if desk is not None:
                await self._sandbox.close_desk(desk)
            if world is not None:
                world.close()

        return release()

    async def _set_up(self, seed: int) -> None:
        """Make the instance's world and open a desk in it."""
        self.seed = seed
        self.facts = draw_facts(self.task, seed)
        self._world = World()
        self.task.setup(self._world, self.facts)
        sites = {
            name: Mounted(app=SITES[name].app, database=database)
            for name, database in self._world.databases.items()
        }
        self._desk = await self._sandbox.open_desk(
            url=self.task.start_url,
            sites=sites,
            files=self._world.files,
            folders=self._world.folders,
            has_shell=self.task.has_shell,
        )

    async def _repeat(self, seed: int, actions: list[str], replay_hashes: list[str]) -> None:
        """Do what another environment did, as long as it comes to the same."""
        first, *rest = replay_hashes
        self._verify(await self.reset(seed), first, "the reset")
        for action, wanted in zip(actions, rest, strict=True):
            result = await self.step(action)
            if result.void is not None:
                raise SandboxError(Boundary.REPLAY, result.void)
            self._verify(result.observation, wanted, f"step {result.observation.step} ({action})")

    def _verify(self, seen: Observation, wanted: str, done: str) -> None:
        if seen.replay_hash != wanted:
            episode = f"{self.task.id}, seed {self.seed}"
            reason = f"{episode}: {done} came out differently the second time"
            raise SandboxError(Boundary.REPLAY, reason)

    async def _step(self, text: str) -> StepResult:
        assert self._desk is not None
        assert self._ledger is not None
        assert self._observation is not None
        last = self._observation
        step = last.step + 1
        action, result, is_error = None, "", False
        self._desk.log.step = step
        try:
            action = parse_action(text)
            result = await perform(self._desk, action)
        except ActionError as error:
            result, is_error = str(error), True
        view = await self._desk.look(step)
        score = self._score(step)
        observation = self._observe(
            view, result=result, is_error=is_error, step=step, before=last.replay_hash
        )
        is_given_up = isinstance(action, Answer | GiveUp)
        is_terminal = score.is_success or is_given_up or self._has_failed()
        return StepResult(
            observation=observation,
            reward=score.reward,
            payments=score.payments,
            is_success=score.is_success,
            is_terminal=is_terminal,
            is_truncated=not is_terminal and step >= self.task.max_steps,
        )

    def _score(self, step: int) -> Score:
        assert self._ledger is not None
        with self._detecting():
            return self._ledger.score(self.events, step=step)

    def _has_failed(self) -> bool:
        with self._detecting():
            detector = self.task.failure(self.facts)
            return detector is not None and detector.detect(self.events).status is Status.FIRED

    @contextlib.contextmanager
    def _detecting(self) -> Generator[None, None, None]:
        try:
            yield
        except Exception as error:  # a task's own detector: its failure is ours, not the agent's
            reason = f"{self.task.id}: a detector raised {type(error).__name__}: {error}"
            raise SandboxError(Boundary.REWARD, reason) from error

    def _void(self, reason: str) -> StepResult:
        assert self._observation is not None
        return StepResult(
            observation=self._observation,
            reward=None,
            payments=(),
            is_success=None,
            is_terminal=False,
            is_truncated=True,
            void=reason,
        )

    def _observe(
        self, view: View, *, result: str, is_error: bool, step: int, before: str
    ) -> Observation:
        assert self._desk is not None
        dialog = f"{view.dialog.kind}: {view.dialog.text}" if view.dialog is not None else ""
        shown = [view.url, view.title, view.page, dialog]
        events = [asdict(event) for event in self._desk.log.of_step(step)]
        return Observation(
            goal=self.task.goal(self.facts),
            url=view.url,
            title=view.title,
            page=prune(view.page, self._max_page_tokens),
            dialog=dialog,
            files=view.files,
            result=result,
            is_error=is_error,
            step=step,
            max_steps=self.task.max_steps,
            state_hash=_hash([_REF.sub("", text) for text in shown] + [view.state_digest]),
            replay_hash=_hash([before, *shown, *view.files, result, view.state_digest, events]),
        )


def draw_facts(task: Task[Any], seed: int) -> Any:
    """Return the facts of a task's instance."""
    return task.draw(random.Random(f"{task.id}:{seed}"))


def _hash(parts: list[Any]) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
