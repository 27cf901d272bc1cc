"""What an agent can do: one pydantic union, and its two wire forms.

The JSON form is the union's own: `{"action": "fill", "ref": "e5", "text": "Ada"}`. The compact
form is one line for small models: `fill e5 "Ada"`. In it arguments are separated by spaces; one
with spaces is written as a JSON string, except the last, which may take the rest of the line.
"""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from cairn.sandbox.errors import ActionError
from cairn.sandbox.keys import KEYS, key_events

MAX_TEXT_CHARS = 10_000


def _without_nul(text: str) -> str:  # written as an escape it gets past `parse_action`
    if "\0" in text:
        raise PydanticCustomError("nul", "NUL bytes are not allowed")
    return text


def _known_key(name: str) -> str:
    try:
        key_events(name)
    except ValueError as error:
        raise PydanticCustomError("key", str(error)) from None
    return name


_KEY = rf"^((Alt|Control|Meta|Shift)\+)*({'|'.join(KEYS)}|[!-~])$"

Ref = Annotated[str, StringConstraints(pattern=r"^e[1-9][0-9]{0,5}$")]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS), AfterValidator(_without_nul)]
Path = Annotated[
    str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_without_nul)
]
Key = Annotated[
    str, AfterValidator(_known_key), WithJsonSchema({"type": "string", "pattern": _KEY})
]


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rest_of_line: ClassVar[bool] = False

    def to_line(self) -> str:
        """Write the action in the compact form."""
        name, *values = [v for v in self.model_dump().values() if v is not None]
        return " ".join([str(name), *(_quoted(str(value)) for value in values)])


class Goto(_Action):
    """Load a URL of one of the episode's sites."""

    action: Literal["goto"] = "goto"
    url: Text


class Click(_Action):
    """Click an element."""

    action: Literal["click"] = "click"
    ref: Ref


class DoubleClick(_Action):
    """Click an element twice quickly."""

    action: Literal["double_click"] = "double_click"
    ref: Ref


class Hover(_Action):
    """Move the mouse over an element."""

    action: Literal["hover"] = "hover"
    ref: Ref


class Drag(_Action):
    """Drag an element onto another."""

    action: Literal["drag"] = "drag"
    ref: Ref
    onto: Ref


class Fill(_Action):
    """Replace the text of a field."""

    action: Literal["fill"] = "fill"
    ref: Ref
    text: Text
    rest_of_line: ClassVar[bool] = True


class Type(_Action):
    """Type text into a field after what it holds, key by key."""

    action: Literal["type"] = "type"
    ref: Ref
    text: Text
    rest_of_line: ClassVar[bool] = True


class Press(_Action):
    """Press a key in the focused element, such as `Enter`, `a` or `Control+a`."""

    action: Literal["press"] = "press"
    key: Key


class Select(_Action):
    """Choose the option of a list box by its label."""

    action: Literal["select"] = "select"
    ref: Ref
    option: Text
    rest_of_line: ClassVar[bool] = True


class Scroll(_Action):
    """Scroll the page by most of a screen."""

    action: Literal["scroll"] = "scroll"
    direction: Literal["up", "down"]


class Upload(_Action):
    """Give a file of the workspace to a file input."""

    action: Literal["upload"] = "upload"
    ref: Ref
    path: Path
    rest_of_line: ClassVar[bool] = True


class Back(_Action):
    """Go back in the tab's history."""

    action: Literal["back"] = "back"


class Forward(_Action):
    """Go forward in the tab's history."""

    action: Literal["forward"] = "forward"


class Dialog(_Action):
    """Answer the native dialog that is open."""

    action: Literal["dialog"] = "dialog"
    response: Literal["accept", "dismiss"]
    text: Text | None = None
    rest_of_line: ClassVar[bool] = True


class Read(_Action):
    """Retrieve an element's full text."""

    action: Literal["read"] = "read"
    ref: Ref


class ListDir(_Action):
    """List a folder of the workspace."""

    action: Literal["list_dir"] = "list_dir"
    path: Path
    rest_of_line: ClassVar[bool] = True


class ReadFile(_Action):
    """Show the text of a file of the workspace."""

    action: Literal["read_file"] = "read_file"
    path: Path
    rest_of_line: ClassVar[bool] = True


class WriteFile(_Action):
    """Write a text file in the workspace."""

    action: Literal["write_file"] = "write_file"
    path: Path
    text: Text
    rest_of_line: ClassVar[bool] = True


class Move(_Action):
    """Move or rename a file or folder; into an existing folder, it keeps its name."""

    action: Literal["move"] = "move"
    path: Path
    to: Path
    rest_of_line: ClassVar[bool] = True


class Copy(_Action):
    """Copy a file; into an existing folder, it keeps its name."""

    action: Literal["copy"] = "copy"
    path: Path
    to: Path
    rest_of_line: ClassVar[bool] = True


class Delete(_Action):
    """Delete a file or an empty folder."""

    action: Literal["delete"] = "delete"
    path: Path
    rest_of_line: ClassVar[bool] = True


class MakeDir(_Action):
    """Make a folder."""

    action: Literal["make_dir"] = "make_dir"
    path: Path
    rest_of_line: ClassVar[bool] = True


class Run(_Action):
    """Run a shell command in the home folder, in tasks that have a shell."""

    action: Literal["run"] = "run"
    command: Annotated[Text, Field(min_length=1)]
    rest_of_line: ClassVar[bool] = True


class Wait(_Action):
    """Let the page's clock run for a while."""

    action: Literal["wait"] = "wait"
    seconds: Annotated[int, Field(ge=1, le=60)]


class Answer(_Action):
    """Give the answer to the goal's question and end the episode."""

    action: Literal["answer"] = "answer"
    text: Text
    rest_of_line: ClassVar[bool] = True


class GiveUp(_Action):
    """End the episode."""

    action: Literal["give_up"] = "give_up"


Action = Annotated[
    Goto | Click | DoubleClick | Hover | Drag | Fill | Type | Press | Select | Scroll | Upload
    | Back | Forward | Dialog | Read | ListDir | ReadFile | WriteFile | Move | Copy | Delete
    | MakeDir | Run | Wait | Answer | GiveUp,
    Field(discriminator="action"),
]  # fmt: skip

ACTIONS: dict[str, type[_Action]] = {
    "goto": Goto,
    "click": Click,
    "double_click": DoubleClick,
    "hover": Hover,
    "drag": Drag,
    "fill": Fill,
    "type": Type,
    "press": Press,
    "select": Select,
    "scroll": Scroll,
    "upload": Upload,
    "back": Back,
    "forward": Forward,
    "dialog": Dialog,
    "read": Read,
    "list_dir": ListDir,
    "read_file": ReadFile,
    "write_file": WriteFile,
    "move": Move,
    "copy": Copy,
    "delete": Delete,
    "make_dir": MakeDir,
    "run": Run,
    "wait": Wait,
    "answer": Answer,
    "give_up": GiveUp,
}

_ADAPTER: TypeAdapter[Action] = TypeAdapter(Action)


def action_schema() -> dict[str, Any]:
    """Return the JSON schema of the union, for tool calls and guided decoding."""
    return _ADAPTER.json_schema()


def parse_action(text: str) -> Action:
    """Read an action in either wire form.

    Raises:
        ActionError: If it is neither; the message says what is allowed.
    """
    text = text.strip()
    if "\0" in text or not _is_encodable(text):
        raise ActionError("action: NUL bytes and unpaired surrogates are not allowed")
    try:
        if text.startswith("{"):
            return _ADAPTER.validate_json(text)
        return _ADAPTER.validate_python(_fields_of_line(text))
    except ValidationError as error:
        raise ActionError(_summary(error)) from None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fields_of_line(line: str) -> dict[str, Any]:
    name, _, rest = line.partition(" ")
    if name not in ACTIONS:
        raise ActionError(f"no action named {name[:40]!r}; allowed: {', '.join(ACTIONS)}")
    kind = ACTIONS[name]
    fields = [field for field in kind.model_fields if field != "action"]
    values: dict[str, Any] = {"action": name}
    for position, field in enumerate(fields):
        rest = rest.lstrip(" ")
        if not rest:
            break
        takes_rest = kind.rest_of_line and position == len(fields) - 1
        value, rest = _next_argument(rest, takes_rest=takes_rest)
        is_number = field == "seconds" and value.isascii() and value.isdigit()
        values[field] = int(value[:9]) if is_number else value
    if rest.strip():
        usage = " ".join([name, *(field.upper() for field in fields)])
        raise ActionError(f"{name}: too many arguments; write `{usage}`")
    return values


def _next_argument(rest: str, *, takes_rest: bool) -> tuple[str, str]:
    if rest.startswith('"'):
        try:
            value, end = json.JSONDecoder().raw_decode(rest)
        except json.JSONDecodeError:
            raise ActionError(f"bad quoted text {rest[:40]!r}; write a JSON string") from None
        if rest[end : end + 1] not in {"", " "}:
            raise ActionError(f"put a space after the quoted text {rest[:end][:40]!r}")
        return value, rest[end:]
    if takes_rest:
        return rest, ""
    value, _, rest = rest.partition(" ")
    return value, rest


def _quoted(value: str) -> str:
    needs_quotes = not value or value[0] == '"' or any(c.isspace() or c < " " for c in value)
    return json.dumps(value, ensure_ascii=False) if needs_quotes else value


def _summary(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "action"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "union_tag_invalid":
        return f"action: no such action; allowed: {', '.join(ACTIONS)}"
    return f"{where}: {first['msg']}{more}"
