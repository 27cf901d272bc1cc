from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.agents.engine import FinishReason, Generation, SamplingParams
from cairn.agents.llm import (
    LLMAgent,
    Prompt,
    Style,
    plain_line,
    plain_page_line,
    plain_text,
    without_name,
)
from cairn.envs.actions import ACTIONS, Action, Answer, Click, Fill, Move, Upload, parse_action
from cairn.sandbox.errors import ConfigError
from tests.trainers.tiny import observation, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
PAGE = '- textbox "Full name" [ref=e5]\n- link "Save" [ref=e1]'

ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
HOSTILE = st.lists(
    st.sampled_from(
        ["e5", "e55", "e5x", '"', "\\", "\n", " ", "[ref=e5]", "[ref=e7]", "[", "]", ": ", "- ",
         "click", '{"action":', "Full name", "\u2028", "\x85", "\u00e95", "1"]
    ),
    max_size=6,
).map("".join)  # fmt: skip
TEXT = ANY_TEXT | HOSTILE
REF = st.sampled_from(["e5", "e7", "e55", "e999999"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ref": REF,
    "onto": REF,
    "command": TEXT.filter(bool),
    "url": TEXT,
    "text": TEXT,
    "option": TEXT,
    "path": TEXT.filter(bool),
    "to": TEXT.filter(bool),
    "key": st.sampled_from(["Enter", "Tab"]),
    "direction": st.sampled_from(["up", "down"]),
    "response": st.sampled_from(["accept", "dismiss"]),
    "seconds": st.integers(1, 60),
}
ELEMENT = st.builds(
    '{}- {} "{}"{} [ref={}]{}'.format,
    st.sampled_from(["", "  "]),
    st.sampled_from(["link", "row", "textbox"]),
    TEXT,
    st.sampled_from(["", " [checked]", " [checked] [disabled]"]),
    REF,
    st.just("") | TEXT.map(": {}".format),
)
ANY_PAGE = st.lists(ELEMENT | TEXT.map("- status: {}".format) | TEXT, max_size=5).map("\n".join)


def actions_of(name: str) -> st.SearchStrategy[Action]:
    fields = [field for field in ACTIONS[name].model_fields if field != "action"]
    kind: Any = ACTIONS[name]
    return st.builds(kind, **{field: VALUES[field] for field in fields})


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
        ('- link "C:\\new" [ref=e6]', "link C:\\new e6"),
        ('- status: wrote "C:\\x"', "status: wrote C:\\x"),
    ],
)
def test_a_snapshot_line_in_plain_style(line: str, plain: str) -> None:
    assert plain_page_line(line) == plain


@given(ANY_PAGE)
def test_any_page_has_a_plain_form(page: str) -> None:
    assert f"\n{plain_text(observation(page=page), [])}".endswith("\ngoal Save\n>")


def test_a_plain_prompt_holds_page_action_and_goal() -> None:
    text = plain_text(observation(page='- button "Save" [ref=e1]'), ["fill Full name e2 Ada"])
    assert text == "button Save e1\ndid Full name Ada\ngoal Save\n>"


def test_files_come_before_the_page_and_dialog_and_result_after_it() -> None:
    seen = replace(
        observation(),
        files=("Documents/", "a.csv"),
        dialog="confirm: Sure?",
        result="no element e9",
        is_error=True,
    )
    assert plain_text(seen, []) == (
        "files Documents/ a.csv\nlink Save e1\ndialog confirm: Sure?\nerror no element e9\n"
        "goal Save\n>"
    )
    assert "\ngot 42\n" in plain_text(replace(seen, result="42", is_error=False), [])


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (Click(ref="e1"), "click Save e1"),
        (Click(ref="e3"), "click e3"),
        (Fill(ref="e5", text="Ada Long"), "fill Full name e5 Ada Long"),
        (Fill(ref="e5", text=' "'), 'fill Full name e5 " \\""'),
        (Upload(ref="e5", path="Documents/e1.csv"), "upload Full name e5 Documents/e1.csv"),
        (Move(path="Downloads/a.csv", to="Finance"), "move Downloads/a.csv Finance"),
        (Move(path="my file", to="b"), 'move "my file" b'),
        (Answer(text=""), 'answer ""'),
        (Answer(text="e5"), "answer e5"),
    ],
)
def test_a_plain_action_line(action: Action, line: str) -> None:
    assert plain_line(action, PAGE) == line
    assert parse_action(without_name(line)) == action


@pytest.mark.parametrize(
    ("element", "line"),
    [
        ('- row "March" "4210" [ref=e7]', "click March 4210 e7"),
        ('  - checkbox "Weekly" [checked] [ref=e7]', "click Weekly e7"),
        ('- textbox "Full name" [ref=e7]: Ada', "click Full name e7"),
        ('- button "" [ref=e7]', "click e7"),
        ('- link "Level e5x" [ref=e7]', "click Level e5x e7"),
        ('- link "to e5" [ref=e7]', "click e7"),
        ('- link "say "e5"" [ref=e7]', "click e7"),
        ('- link "say "hi"" [ref=e7]', "click say hi e7"),
        ('- link "the [ref=e7]" [ref=e5]\n- link "Real" [ref=e7]', "click Real e7"),
        ('- textbox "N" [ref=e5]: [ref=e7]\n- link "Real" [ref=e7]', "click e7"),
    ],
)
def test_the_name_of_an_element_is_said_unless_it_looks_like_a_ref(element: str, line: str) -> None:
    assert plain_line(Click(ref="e7"), element) == line
    assert without_name(line) == "click e7"


@pytest.mark.parametrize("name", sorted(ACTIONS))
@given(data=st.data())
def test_a_plain_action_line_always_reads_as_the_same_action(
    name: str, data: st.DataObject
) -> None:
    action, page = data.draw(actions_of(name)), data.draw(ANY_PAGE)
    line = plain_line(action, page)
    assert parse_action(without_name(line)) == action
    assert without_name(without_name(line)) == without_name(line)
    for style in Style:
        prompt = Prompt(style=style)
        assert parse_action(prompt.read_line(prompt.line(action, page).strip())) == action


@given(TEXT)
def test_a_line_without_a_ref_is_left_as_it_is(text: str) -> None:
    for line in (text, f"answer {text}", f"move {text}", "click Save", '{"action":"click"}'):
        if line.partition(" ")[0] not in {"click", "fill"}:
            assert without_name(line) == line


@pytest.mark.asyncio
async def test_the_agent_acts_by_the_sampled_text_without_its_stop_token() -> None:
    decision = await agent(FixedEngine(" click e1")).act(observation())
    assert decision.action == "click e1"
    assert decision.generation is not None
    assert decision.generation.ids[-1] == TOKENIZER.eos_token_id


@pytest.mark.asyncio
async def test_the_agent_acts_without_the_name_and_remembers_it() -> None:
    engine = FixedEngine(" fill Full name e5 Ada", " click e1")
    acting = agent(engine)
    assert (await acting.act(observation())).action == "fill e5 Ada"
    await acting.act(observation())
    assert "did Full name Ada\n" in text_of(engine.asked[1][0])


@pytest.mark.asyncio
async def test_malformed_output_is_passed_on() -> None:
    assert (await agent(FixedEngine("e1 e1\nSave")).act(observation())).action == "e1 e1\nSave"


@pytest.mark.asyncio
async def test_prompts_show_the_last_actions_only_and_turns_have_seeds_of_their_own() -> None:
    engine = FixedEngine(" click Save e1", " click Add e2", " click e3")
    acting = agent(engine)
    for _ in range(3):
        await acting.act(observation())
    shown = [text_of(ids) for ids, _ in engine.asked]
    assert "did" not in shown[0]
    assert "did Add" in shown[2]
    assert "did Save" not in shown[2]
    assert len({params.seed for _, params in engine.asked}) == 3


def test_a_page_that_is_too_long_loses_lines_without_refs_first() -> None:
    page = "\n".join([*(f'- heading "Travel {i}"' for i in range(30)), '- link "Save" [ref=e1]'])
    ids = Prompt(max_tokens=24).ids(TOKENIZER, observation(page=page), [])
    assert len(ids) <= 24
    assert text_of(ids) == "link Save e1\ngoal Save\n>"


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
    ids = Prompt().action_ids(TOKENIZER, Fill(ref="e5", text="Ada"), '- textbox "Ada" [ref=e5]')
    assert text_of(ids) == " fill Ada e5 Ada<|end|>"
    assert len(ids) == 5


def test_a_chat_model_should_write_the_compact_form() -> None:
    prompt = Prompt(style=Style.CHAT)
    ids = prompt.action_ids(TOKENIZER, Fill(ref="e5", text="Ada Travel"), PAGE)
    assert text_of(ids) == 'fill e5 "Ada Travel"<|end|>'
