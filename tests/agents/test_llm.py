from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.agents.engine import FinishReason, Generation, SamplingParams
from cairn.agents.llm import LLMAgent, Prompt, Style, plain_line, plain_page_line, plain_text
from cairn.envs.actions import Action, Answer, Click, Fill, Move, Upload, parse_action
from cairn.sandbox.errors import ConfigError
from tests.trainers.tiny import observation, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


class FixedEngine:
    """Answers with given texts and keeps what it was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[int], SamplingParams]] = []

    async def generate(self, ids: Sequence[int], params: SamplingParams) -> Generation:
        self.asked.append((list(ids), params))
        made = (*TOKENIZER.encode(self.answers.pop(0)), TOKENIZER.eos_token_id)
        return Generation(
            ids=made, logprobs=(0.0,) * len(made), finish_reason=FinishReason.STOP, version=0
        )


def text_of(ids: Sequence[int]) -> str:
    return str(TOKENIZER.decode(list(ids)))


def agent(engine: FixedEngine) -> LLMAgent:
    return LLMAgent(
        engine=engine,
        tokenizer=TOKENIZER,
        prompt=Prompt(num_actions=1),
        params=SamplingParams(seed=5),
    )


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ('- link "Dashboard" [ref=e1]', "link Dashboard e1"),
        ('- textbox "Full name" [ref=e2]: Ada', "textbox Full name e2 Ada"),
        ('- switch "Weekly digest" [checked] [ref=e3]', "switch Weekly digest e3 checked"),
        ('- row "March" "4210" [ref=e7]', "row March 4210 e7"),
        ('- dialog "Confirm request"', "dialog Confirm request"),
        ('  - button "Confirm" [ref=e9]', "button Confirm e9"),
        ("- status: Request saved", "status: Request saved"),
        ('- link "say \\"[ref=e5]\\"" [ref=e6]', 'link say "[ref=e5]" e6'),
        ("- text: a [b] c", "text: a b c"),
    ],
)
def test_a_snapshot_line_in_plain_style(line: str, plain: str) -> None:
    assert plain_page_line(line) == plain


@given(TEXT)
def test_any_snapshot_line_has_a_plain_form(line: str) -> None:
    plain_page_line(line)


def test_a_plain_prompt_holds_goal_action_and_page() -> None:
    text = plain_text(observation(page='- button "Save" [ref=e1]'), ["fill e2 Ada"])
    assert text == "goal Save\ndid fill e2 Ada\nbutton Save e1\n>"


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (Click(ref="e3"), "click e3"),
        (Fill(ref="e5", text="Ada Long"), "fill e5 Ada Long"),
        (Fill(ref="e5", text=' "'), 'fill e5 " \\""'),
        (Move(path="Downloads/a.csv", to="Finance"), "move Downloads/a.csv Finance"),
        (Move(path="my file", to="b"), 'move "my file" b'),
        (Answer(text=""), 'answer ""'),
    ],
)
def test_a_plain_action_line(action: Action, line: str) -> None:
    assert plain_line(action) == line
    assert parse_action(line) == action


@given(TEXT, TEXT)
def test_a_plain_action_line_always_reads_as_the_same_action(path: str, text: str) -> None:
    for action in (Fill(ref="e1", text=text), Upload(ref="e2", path=path or "x")):
        assert parse_action(plain_line(action)) == action


@pytest.mark.asyncio
async def test_the_agent_acts_by_the_sampled_text_without_its_stop_token() -> None:
    decision = await agent(FixedEngine(" click e1")).act(observation())
    assert decision.action == "click e1"
    assert decision.generation is not None
    assert decision.generation.ids[-1] == TOKENIZER.eos_token_id


@pytest.mark.asyncio
async def test_malformed_output_is_passed_on() -> None:
    assert (await agent(FixedEngine("e1 e1\nSave")).act(observation())).action == "e1 e1\nSave"


@pytest.mark.asyncio
async def test_prompts_show_the_last_actions_only_and_turns_have_seeds_of_their_own() -> None:
    engine = FixedEngine(" click e1", " click e2", " click e3")
    acting = agent(engine)
    for _ in range(3):
        await acting.act(observation())
    shown = [text_of(ids) for ids, _ in engine.asked]
    assert "did" not in shown[0]
    assert "did click e2" in shown[2]
    assert "did click e1" not in shown[2]
    assert len({params.seed for _, params in engine.asked}) == 3


def test_a_page_that_is_too_long_loses_lines_without_refs_first() -> None:
    page = "\n".join([*(f'- heading "Travel {i}"' for i in range(30)), '- link "Save" [ref=e1]'])
    ids = Prompt(max_tokens=24).ids(TOKENIZER, observation(page=page), [])
    assert len(ids) <= 24
    assert text_of(ids) == "goal Save\nlink Save e1\n>"


def test_a_page_that_is_still_too_long_says_that_more_is_there() -> None:
    page = "\n".join(f'- link "Save" [ref=e{i}]' for i in range(1, 40))
    text = text_of(Prompt(max_tokens=60).ids(TOKENIZER, observation(page=page), []))
    assert "link Save e1\n" in text
    assert "(more)" in text
    assert "e30" not in text


def test_a_prompt_that_cannot_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_tokens is 2"):
        Prompt(max_tokens=2).ids(TOKENIZER, observation(), [])


def test_the_chat_style_gives_schema_and_observation() -> None:
    TOKENIZER.chat_template = (
        "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}[assistant]"
    )
    prompt = Prompt(style=Style.CHAT, max_tokens=10**6)
    text = text_of(prompt.ids(TOKENIZER, observation(), ["click e9"]))
    assert text.startswith("[system]You operate")
    assert '"give_up"' in text
    assert "done: click e9\ngoal: Save" in text
    assert text.endswith("[assistant]")


def test_the_ids_of_an_action_are_what_the_model_should_sample() -> None:
    ids = Prompt().action_ids(TOKENIZER, Fill(ref="e5", text="Ada"))
    assert text_of(ids) == " fill e5 Ada<|end|>"
    assert len(ids) == 4
