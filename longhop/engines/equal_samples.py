"""Notices servers that give the same sample several times where several different ones were asked for.

Some servers take `n` and one seed, and draw all samples with that seed. Equal samples may also be right: a model
that is sure of a short answer says it eight times. So of samples that are all equal the first is kept and the second is
asked for alone, with its own seed; what that one says decides.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from longhop.engines import Completion

__all__ = ["SHORT_TOKENS", "EqualSamples"]

_CERTAIN = 3
"""Requests in a row, found out in this way, after which the server is not asked for several samples any more."""
SHORT_TOKENS = 8
"""Shorter samples are equal too often to be looked at."""


class EqualSamples:
    """What is known of a server's samples, by the keys of requests."""

    def __init__(self) -> None:
        self._suspected: dict[str, tuple[str, str]] = {}
        self._found: dict[str, Literal["copies", "equal"]] = {}
        self._in_a_row = 0

    @property
    def always(self) -> bool:
        """Whether the server gives copies as a rule."""
        return self._in_a_row >= _CERTAIN

    @property
    def any_doubt(self) -> bool:
        """Whether there is anything to know of requests; their keys are not needed before."""
        return bool(self._suspected or self._found)

    def one_by_one(self, key: str) -> bool:
        """Whether samples of a request are to be asked for singly."""
        return key in self._suspected or self._found.get(key) == "copies"

    def kept(self, key: str, completion: Completion) -> Completion:
        """The choices of a completion that may be kept."""
        said = [(choice.reasoning, choice.content) for choice in completion.choices]
        if key in self._suspected:
            copies = self._suspected.pop(key) != said[0]
            self._found[key] = "copies" if copies else "equal"
            self._in_a_row = self._in_a_row + 1 if copies else 0
            return completion
        if len(said) == 1 or key in self._found:
            return completion
        if len(set(said)) > 1:
            self._in_a_row = 0
            return completion
        first = completion.choices[0]
        if (first.n_tokens or len(" ".join(said[0]).split())) < SHORT_TOKENS:  # some servers count no tokens
            return completion
        self._suspected[key] = said[0]
        return msgspec.structs.replace(completion, choices=completion.choices[:1])
