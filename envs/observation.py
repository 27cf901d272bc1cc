"""What the agent sees."""

from dataclasses import dataclass

from cairn.envs.page_text import changes, estimate_tokens


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

    def to_text(self, since: "Observation | None" = None) -> str:
        """Write the observation as one text, the form an agent without its own prompt reads.

        Args:
            since: An observation that the reader knows. What is as it was then is only named, and
                of the page only the changes are shown, where that is shorter.
        """
        shown, same = [], []
        for name, text, known in zip(
            ("goal", "url", "title", "dialog", "files"),
            self._head(),
            since._head() if since is not None else [None] * 5,
            strict=True,
        ):
            if text == known:
                same += [name] if text else []
            elif text or known:
                shown.append(f"{name}: {text or 'none'}")
        if same:
            shown.append(f"as before: {', '.join(same)}")
        if self.result:
            shown.append(("error: " if self.is_error else "result: ") + self.result)
        shown.append(f"step: {self.step} of {self.max_steps}")
        return "\n".join([*shown, *self._page_since(since)])

    def page_since(self, since: "Observation") -> str:
        """Return the changes of the page, or the page where that is no longer or it is another."""
        if since.url != self.url:
            return self.page
        told = changes(since.page, self.page)
        return told if estimate_tokens(told) < estimate_tokens(self.page) else self.page

    def _head(self) -> list[str]:
        return [self.goal, self.url, self.title, self.dialog, ", ".join(self.files)]

    def _page_since(self, since: "Observation | None") -> list[str]:
        if since is None or (told := self.page_since(since)) == self.page:
            return ["page:", self.page]
        return ["changes of the page:", told]
