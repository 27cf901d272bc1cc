"""What the agent sees."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The state of an episode as text.

    Attributes:
        goal: What the agent is asked to do.
        url: Address of the page.
        title: Title of the page.
        page: Snapshot of what is visible, one element a line: role, name, state, then its ref.
        dialog: Type and text of the open native dialog, or "".
        files: Files of the workspace, sorted; folders end in "/".
        result: What the last action returned, or why it failed; "" at the reset.
        is_error: Whether `result` is an error text.
        step: Actions taken so far.
        max_steps: Actions allowed.
        state_hash: Hash of page, site state and files, without clock, step or refs.
        replay_hash: Hash of everything that the episode has shown so far.
    """

    goal: str
    url: str
    title: str
    page: str
    dialog: str
    files: tuple[str, ...]
    result: str
    is_error: bool
    step: int
    max_steps: int
    state_hash: str
    replay_hash: str

    def to_text(self) -> str:
        """Write the observation as one text, the form an agent without its own prompt reads."""
        lines = [f"goal: {self.goal}", f"url: {self.url}", f"title: {self.title}"]
        if self.dialog:
            lines.append(f"dialog: {self.dialog}")
        if self.files:
            lines.append("files: " + ", ".join(self.files))
        if self.result:
            lines.append(("error: " if self.is_error else "result: ") + self.result)
        lines.append(f"step: {self.step} of {self.max_steps}")
        return "\n".join([*lines, "page:", self.page])
