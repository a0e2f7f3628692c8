"""The verdict that a judge's reply gives.

>>> read_verdict('{"equal": true}'), read_verdict("That is not true.")
(True, None)
"""

from __future__ import annotations

import re

import msgspec

from longhop.replies.reasoning import split_reasoning

__all__ = ["read_verdict"]

_OBJECT = re.compile(r"^[^\S\n]*(?:```(?:json)?\s*)?(\{[^{}]*\})\s*?(?:```)?[^\S\n]*$", re.MULTILINE)
"""An object on lines of its own, fenced or not."""
_PLAIN = re.compile(
    r"""["'{*_]*(?:equal|verdict|answer)?["'*_]*\s*[:=]?\s*["'*_]*(true|false|yes|no)[\s.}"'*_]*""", re.IGNORECASE
)


def read_verdict(content: str) -> bool | None:
    """What a judge's reply says; None where it cannot be read.

    The verdict must stand by itself, as the whole reply or as JSON on lines of its own: a search for a word anywhere
    finds the "true" of "not true". Where a reply holds several that differ, it says nothing.
    """
    text = split_reasoning(content)[1]
    said = {_equal(text)} - {None} or {_equal(found[1]) for found in _OBJECT.finditer(text)}
    return said.pop() if len(said) == 1 else None


def _equal(text: str) -> bool | None:
    try:
        reply = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        reply = text
    equal = reply.get("equal") if isinstance(reply, dict) else reply
    if isinstance(equal, str) and (plain := _PLAIN.fullmatch(equal)):
        return plain[1].lower() in ("true", "yes")
    return equal if isinstance(equal, bool) else None
