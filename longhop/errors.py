"""Every error that longhop raises on purpose, under one root.

A message says what was found, where (file, key, item), what was expected, and what to do. The tree:

    LonghopError
    ├── RecipeError      the recipe is wrong; `problems` lists all that is wrong with it (exit code 2)
    ├── SourceError      a source is missing, empty or unreadable as a whole
    ├── TokenizerError   a tokenizer cannot be loaded
    ├── CorpusError      the documents cannot fill the contexts that the recipe asks for
    ├── PromptError      a prompt is missing, malformed or uses an unknown variable
    ├── EngineError      an engine refuses everyone: wrong key, unknown model, unsupported kind
    ├── Refused          an engine refuses one request; becomes a rejection, never seen by users
    ├── StorageError     a run folder or a table is missing, damaged, foreign or not writable
    │   └── UnreachableError   storage does not answer now; a build tries again by itself
    ├── BuildError       a stage of a build failed; the message names it and the cause
    ├── PublishError     a dataset cannot be written or uploaded
    └── CheckError       `longhop check` found several things that would stop a build; `problems` lists them

What concerns one document, question or sample only is no error but a `Rejection` (see records.py).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BuildError",
    "CheckError",
    "CorpusError",
    "EngineError",
    "LonghopError",
    "Problem",
    "PromptError",
    "PublishError",
    "RecipeError",
    "Refused",
    "SourceError",
    "StorageError",
    "TokenizerError",
    "UnreachableError",
]


class LonghopError(Exception):
    """Root of all errors that longhop raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a recipe."""

    key: str
    """Path of the key, such as `contexts.lengths`."""
    given: str
    """What stands there, as text."""
    expected: str
    """What may stand there."""

    def __str__(self) -> str:
        return f"{self.key}: got {self.given}, expected {self.expected}"


class RecipeError(LonghopError):
    """A recipe cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, where: str, problems: list[Problem]) -> None:
        self.where = where
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{where}: {count}\n{lines}")

    def __reduce__(self) -> tuple[type[RecipeError], tuple[str, list[Problem]]]:
        # Luigi hands errors from worker to parent process pickled; the default would pass the message alone.
        return (type(self), (self.where, self.problems))


class SourceError(LonghopError):
    """A source is missing, empty or unreadable as a whole."""


class TokenizerError(LonghopError):
    """A tokenizer cannot be loaded."""


class CorpusError(LonghopError):
    """The documents cannot fill the contexts that the recipe asks for."""


class PromptError(LonghopError):
    """A prompt is missing, malformed or uses an unknown variable."""


class EngineError(LonghopError):
    """An engine refuses every request alike, so that going on would only waste time."""


class StorageError(LonghopError):
    """A run folder or a table is missing, damaged, foreign or not writable."""


class UnreachableError(StorageError):
    """Storage does not answer now; asked again later it may."""


class BuildError(LonghopError):
    """A stage of a build failed."""


class PublishError(LonghopError):
    """A dataset cannot be written or uploaded."""


class CheckError(LonghopError):
    """Things of several kinds would stop a build; `problems` has each as the error that it would be."""

    def __init__(self, problems: list[LonghopError]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{len(problems)} problems\n{lines}")

    def __reduce__(self) -> tuple[type[CheckError], tuple[list[LonghopError]]]:
        return (type(self), (self.problems,))


class Refused(LonghopError):  # noqa: N818 - an outcome that stages handle, not an error that users see
    """An engine cannot answer this one request; `reason` is a word for the table, `detail` the engine's own words."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")

    def __reduce__(self) -> tuple[type[Refused], tuple[str, str]]:
        return (type(self), (self.reason, self.detail))
