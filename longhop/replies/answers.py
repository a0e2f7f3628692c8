r"""The answer that a reply states, and the reasoning apart from it.

>>> separate(Choice(content="<think>\nIt is Ines.\n</think>\n\nAnswer: 340"))
('It is Ines.', 'Answer: 340')
>>> extract_answer("First I thought 14.\nAnswer: 14\nNo.\n**Answer:** 340")
'340'
"""

from __future__ import annotations

import re

from longhop.answers import WRAPPINGS, unwrapped_once
from longhop.engines import Choice
from longhop.replies.reasoning import split_reasoning

__all__ = ["extract_answer", "separate"]

_LABEL = r"(?:(?:the|my)\s+)?(?:(?:final|short|correct)\s+)?answer"
_STATED = re.compile(
    rf"^(?P<before>[\s>#*_`•-]*(?:\d+[.)][\s*_`]+)?){_LABEL}(?P<between>[\s*_`]*)(?:is\s*)?[:：](?P<said>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_HEADING = re.compile(rf"^\s*(?:#+[\s*_]*{_LABEL}[\s*_]*|(?:\*\*|__){_LABEL}(?:\*\*|__)\s*)$", re.IGNORECASE)
_REASONING = re.compile(r"^[\s#*_]*reasoning[*_]*\s*[:：][*_]*", re.IGNORECASE)
"""What the prompt asks prompted reasoning to begin with."""
_SENTENCE = re.compile(r"^(?:the|my)\s+(?:final\s+)?answer\s+is:?\s+(?=\S)", re.IGNORECASE)
_MARKS = re.compile(r"\*\*|__|[*_`](?!\s)")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
_FIRST = re.compile(r"^\s*(?:[-*•]|1[.)])\s+(?!.*\s2[.)]\s)")
"""A list begins with 1, since `3. May 1901` is a date, and goes on in the next line."""
_LEADING = re.compile(r"^(?:>\s+)+")
_TEMPLATE = re.compile(
    r"[<\[({$]*\s*(?:(?:the|your|my)\s+)?(?:(?:final|short|exact)\s+)?answer(?:\s+(?:here|goes here|only))?\s*[>\])}]*"
    r"|\.{2,}|…+|_{2,}",
    re.IGNORECASE,
)
"""What a model says that copies the form of the answer instead of filling it."""
_PAIRS = [("\\[", "\\]"), ("$$", "$$"), *WRAPPINGS]
_COMMAND = re.compile(r"\\(?:boxed|fbox|text|textbf|textit|mathrm|mathbf)\s*\{")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_LONGEST = 200  # characters of an answer below its label or in a box; what is longer is prose


def separate(choice: Choice, *, prompted: bool = False) -> tuple[str, str]:
    """Reasoning and content of a choice.

    What the server gives apart is believed. Else reasoning is what stands in `<think>` tags; where it was `prompted`,
    and there are no tags, all that comes before the line of the answer.
    """
    tagged, content = split_reasoning(choice.content)
    reasoning = "\n\n".join(part for part in (choice.reasoning.strip(), tagged) if part)
    if reasoning or not prompted:
        return reasoning, content
    stated = _last_stated(content)
    at = len(content) if stated is None else stated[0]
    return _REASONING.sub("", content[:at]).strip(), content[at:].strip()


def extract_answer(content: str) -> str | None:
    r"""The last answer that a content states; None where there is none.

    An answer is stated by a line of its own that begins with `Answer:`, in bold, as a heading or in a list, too, also
    as `Final answer:` or `The answer is:`. It stands on that line or on the next. A sentence that gives an answer
    states none, and neither does a line that repeats the form that was asked for. Where no line states one, the last
    `\boxed{…}` does, as models write it that were trained on mathematics.
    """
    stated = _last_stated(content)
    return None if stated is None else stated[1]


def _last_stated(content: str) -> tuple[int, str] | None:
    """Where the line of the last stated answer begins, and the answer."""
    last = None
    lines = content.splitlines(keepends=True)
    at = 0
    for number, line in enumerate(lines):
        match = _STATED.match(line.rstrip())
        if match or _HEADING.match(line):
            said = _without_marks(match) if match else ""
            answer = _trimmed(said) or _below(lines, number + 1)
            if answer and not _TEMPLATE.fullmatch(answer):
                last = (at, answer)
        at += len(line)
    if last is None:
        for box in _BOXED.finditer(content):
            end = _closing(content, box.end())
            if end is not None and (answer := _trimmed(content[box.start() : end + 1])):
                last = (content.rfind("\n", 0, box.start()) + 1, answer)
    return last


def _without_marks(match: re.Match[str]) -> str:
    """What is said behind the label, without the emphasis that was opened before it."""
    said: str = match["said"].strip()
    for mark in reversed(_MARKS.findall(match["before"])):
        if mark in match["between"]:
            continue
        # `**Answer:** 340` closes before what is said, `**Answer: 340**` behind it.
        said = (said.removeprefix(mark) if said.startswith(mark) else said.rstrip(".").removesuffix(mark)).strip()
    return said


def _below(lines: list[str], start: int) -> str:
    """The answer below its label: the next line, or all items of the list that begins there."""
    items: list[str] = []
    for at in range(start, len(lines)):
        line = lines[at].strip()
        if not line or line.startswith("```"):
            continue
        if not items and not _FIRST.match(line):
            line = _LEADING.sub("", line)
            other = len(line) > _LONGEST or line.startswith("#") or _STATED.match(line)
            return "" if other else _trimmed(line)
        if not _BULLET.match(line) or len(line) > _LONGEST:
            break
        items.append(_trimmed(_BULLET.sub("", line)))
    return "; ".join(items)


def _trimmed(said: str) -> str:
    """An answer without what wraps it: the same signs that `longhop.answers` passes over, and TeX's boxes."""
    answer = _SENTENCE.sub("", " ".join(said.split()))
    while True:
        before = answer
        answer = unwrapped_once(answer, _PAIRS)
        command = _COMMAND.match(answer)
        if command and _closing(answer, command.end()) == len(answer) - 1:
            answer = re.sub(r"\\([%$&_#])", r"\1", answer[command.end() : -1]).strip()
        if answer == before:
            return answer


def _closing(text: str, at: int) -> int | None:
    """Where the brace closes that was opened before `at`, on the same line."""
    depth = 1
    for place in range(at, min(len(text), at + _LONGEST)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
        if text[place] == "\n":
            break
    return None
