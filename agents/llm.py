"""An agent that asks a language model: observation -> prompt -> sampled action line."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from cairn.agents.agent import Decision
from cairn.agents.engine import Engine, FinishReason, SamplingParams
from cairn.envs.actions import ACTIONS, Action, action_schema, parse_action
from cairn.envs.observation import Observation
from cairn.sandbox.errors import ActionError, ConfigError

MAX_RESULT_CHARS = 120

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_REF = re.compile(r"\be[1-9][0-9]{0,5}\b")
_MARK = re.compile(r"\[([^\[\]]*)\]")


class Style(StrEnum):
    """How a prompt is written."""

    PLAIN = "plain"
    CHAT = "chat"


class Tokenizer(Protocol):
    """What a prompt needs of a Hugging Face tokenizer."""

    eos_token_id: Any

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Return the ids of a text."""
        ...

    def decode(self, token_ids: Any, *, skip_special_tokens: bool = False) -> Any:
        """Return the text of ids."""
        ...

    def apply_chat_template(self, conversation: Any, **kwargs: Any) -> Any:
        """Write messages as one text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """How an episode so far becomes a prompt: the history policy and the wording.

    The last observation is shown with the actions that led to it, so that prompts stay short.

    Attributes:
        style: `plain` for small models trained on it, `chat` for instruct models.
        num_actions: How many of the last actions are shown.
        max_tokens: Page lines beyond this length are left out, those without a ref first.
    """

    style: Style = Style.PLAIN
    num_actions: int = 1
    max_tokens: int = 1024

    def ids(
        self, tokenizer: Tokenizer, observation: Observation, actions: Sequence[str]
    ) -> tuple[int, ...]:
        """Return the prompt's token ids.

        Args:
            tokenizer: The model's own.
            observation: What the agent sees now.
            actions: The action lines taken so far, oldest first.

        Raises:
            ConfigError: If the prompt does not fit even without the page.
        """
        write = _WRITERS[self.style]
        shown = actions[len(actions) - min(self.num_actions, len(actions)) :]
        ids = write(tokenizer, observation, shown)
        for page in _shorter_pages(observation.page):
            if len(ids) <= self.max_tokens:
                return tuple(ids)
            ids = write(tokenizer, replace(observation, page=page), shown)
        if len(ids) > self.max_tokens:
            raise ConfigError(
                f"prompt of {len(ids)} tokens without its page; max_tokens is {self.max_tokens}"
            )
        return tuple(ids)

    def line(self, action: Action, page: str) -> str:
        """Write an action as a model with this prompt should, seeing this page."""
        return plain_line(action, page) if self.style is Style.PLAIN else action.to_line()

    def read_line(self, line: str) -> str:
        """Return the action in its wire form from what a model with this prompt wrote."""
        return without_name(line) if self.style is Style.PLAIN else line

    def action_ids(self, tokenizer: Tokenizer, action: Action, page: str) -> tuple[int, ...]:
        """Return what a model should have sampled to take `action`, the stop token included."""
        start = " " if self.style is Style.PLAIN else ""
        ids = tokenizer.encode(start + self.line(action, page), add_special_tokens=False)
        return (*ids, tokenizer.eos_token_id)


def plain_text(observation: Observation, actions: Sequence[str]) -> str:
    """Write an observation so that words, refs and values look as they do in an action line.

    The goal comes last, next to the action that it decides.
    """
    lines = []
    if observation.files:
        lines.append(" ".join(["files", *observation.files]))
    lines.extend(plain_page_line(line) for line in observation.page.splitlines())
    if observation.dialog:
        lines.append(f"dialog {observation.dialog}")
    if observation.result:
        label = "error" if observation.is_error else "got"
        lines.append(f"{label} {observation.result[:MAX_RESULT_CHARS]}")
    lines.extend(f"did {without_verb(action)}" for action in actions)
    return "\n".join([*lines, f"goal {observation.goal}", ">"])


def plain_page_line(line: str) -> str:
    """Write one line of a snapshot without quotes and brackets: role, name, ref, then the rest.

    >>> plain_page_line('- switch "Weekly digest" [checked] [ref=e3]')
    'switch Weekly digest e3 checked'
    >>> plain_page_line('  - textbox "Full name" [ref=e2]: Ada')
    'textbox Full name e2 Ada'
    """
    marks = _MARK.findall(_QUOTED.sub("", line))
    refs = [mark.removeprefix("ref=") for mark in marks if mark.startswith("ref=")]
    states = [mark for mark in marks if not mark.startswith("ref=")]
    if not marks:
        head, tail = line, ""
    else:
        last_mark = line.rfind(f"[{marks[-1]}]")
        first_mark = line.find(f"[{marks[0]}]")
        head, tail = line[:first_mark], line[last_mark + len(marks[-1]) + 2 :]
    # The browser writes names as they are, so what is quoted need not be a JSON string.
    head = _QUOTED.sub(lambda match: match.group()[1:-1].replace('\\"', '"'), head)
    words = [head.strip().removeprefix("- ").rstrip(":"), *refs, *states, tail.lstrip(": ")]
    return " ".join(word for word in (word.strip() for word in words) if word)


def plain_line(action: Action, page: str) -> str:
    """Write an action without needless quotes, the name of its element before the ref.

    A small model finds a ref far more easily once it has said the name that the ref follows. A name
    that itself holds what looks like a ref is left out.

    >>> from cairn.envs.actions import Fill
    >>> plain_line(Fill(ref="e2", text="Ada"), '- textbox "Full name" [ref=e2]')
    'fill Full name e2 Ada'
    """
    verb, *values = [str(v) for v in action.model_dump().values() if v is not None]
    bare = " ".join([verb, *values])
    try:
        line = bare if parse_action(bare) == action else action.to_line()
    except ActionError:
        line = action.to_line()
    ref = getattr(action, "ref", None)
    name = _name_of(page, ref) if ref is not None else ""
    named = f"{verb} {name}{line[len(verb) :]}"
    return named if name and without_name(named) == line else line


def without_name(line: str) -> str:
    """Return an action line without the name that `plain_line` put before its ref.

    >>> without_name("fill Full name e2 Ada")
    'fill e2 Ada'
    """
    verb, _, rest = line.partition(" ")
    kind = ACTIONS.get(verb)
    found = _REF.search(rest)
    if kind is None or "ref" not in kind.model_fields or found is None:
        return line
    return f"{verb} {rest[found.start() :]}"


def without_verb(line: str) -> str:
    """Return what an action line of `plain_line` was about; a small model would repeat the whole.

    >>> without_verb("fill Full name e2 Ada")
    'Full name Ada'
    """
    verb, _, rest = line.partition(" ")
    return " ".join(_REF.sub("", rest).split()) or verb


def _name_of(page: str, ref: str) -> str:
    for line in page.splitlines():
        words = plain_page_line(line).split(" ")
        if f"[ref={ref}]" in line and ref in words:
            return " ".join(words[1 : words.index(ref)])
    return ""


def chat_messages(observation: Observation, actions: Sequence[str]) -> list[dict[str, str]]:
    """Write an observation as the messages that a chat template takes."""
    system = (
        "You operate a web browser and files. Reply with one action and nothing else, as JSON "
        f"of this schema:\n{json.dumps(action_schema(), separators=(',', ':'))}"
    )
    done = "".join(f"done: {action}\n" for action in actions)
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": done + observation.to_text()},
    ]


def _plain_ids(
    tokenizer: Tokenizer, observation: Observation, actions: Sequence[str]
) -> Sequence[int]:
    return tokenizer.encode(plain_text(observation, actions), add_special_tokens=False)


def _chat_ids(
    tokenizer: Tokenizer, observation: Observation, actions: Sequence[str]
) -> Sequence[int]:
    text = tokenizer.apply_chat_template(
        chat_messages(observation, actions), tokenize=False, add_generation_prompt=True
    )
    return tokenizer.encode(text, add_special_tokens=False)


_WRITERS: dict[Style, Callable[[Tokenizer, Observation, Sequence[str]], Sequence[int]]] = {
    Style.PLAIN: _plain_ids,
    Style.CHAT: _chat_ids,
}


def _shorter_pages(page: str) -> list[str]:
    """Return ever shorter versions of a page, the last one empty; refs are kept longest."""
    lines = page.splitlines()
    rest = [line for line in lines if "[ref=" in line]
    pages = ["\n".join(rest)] if len(rest) < len(lines) else []
    while rest:
        rest = rest[: len(rest) // 2]
        pages.append("\n".join([*rest, "- (more)"]) if rest else "")
    return pages


@dataclass(slots=True, kw_only=True)
class LLMAgent:
    """Acts in one episode by sampling one action line a turn.

    Attributes:
        engine: Samples.
        tokenizer: The model's own.
        prompt: How the episode becomes a prompt.
        params: How to sample; its seed is the episode's.
        actions: The action lines taken so far.
    """

    engine: Engine
    tokenizer: Tokenizer
    prompt: Prompt
    params: SamplingParams
    actions: list[str] = field(default_factory=list)

    async def act(self, observation: Observation) -> Decision:
        """Choose the next action; what cannot be read as one is the environment's to refuse."""
        prompt_ids = self.prompt.ids(self.tokenizer, observation, self.actions)
        # One generator per turn, or a turn's tokens would depend on the length of earlier ones.
        params = replace(self.params, seed=turn_seed(self.params.seed, len(self.actions)))
        generation = await self.engine.generate(prompt_ids, params)
        ids = (
            generation.ids[:-1] if generation.finish_reason is FinishReason.STOP else generation.ids
        )
        text = str(self.tokenizer.decode(ids, skip_special_tokens=False)).strip()
        self.actions.append(text.replace("\n", " "))
        return Decision(
            action=self.prompt.read_line(text), prompt_ids=prompt_ids, generation=generation
        )


def turn_seed(seed: int, turn: int) -> int:
    """Return the seed of one turn's generator, distinct for episodes of distinct seeds."""
    return seed * 1_000_003 + turn
