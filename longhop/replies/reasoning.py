"""Reasoning in tags.

>>> split_reasoning("<think>It is Ines.</think>Answer: 340")
('It is Ines.', 'Answer: 340')
"""

from __future__ import annotations

import re

__all__ = ["split_reasoning"]

_THINK = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_OPENED = re.compile(r"^[^\S\n]*<think(?:ing)?>", re.IGNORECASE | re.MULTILINE)


def split_reasoning(text: str) -> tuple[str, str]:
    """Reasoning in `<think>` tags and what follows it, both stripped.

    Chat templates that open the tag in the prompt leave a closing one alone. A tag that is never closed means that the
    model was cut off while it thought.
    """
    closings = [tag for tag in _THINK.finditer(text) if tag[1]]
    before, after = (text[: closings[-1].start()], text[closings[-1].end() :]) if closings else ("", text)
    if opened := _OPENED.search(after):
        before, after = f"{before}\n{after[opened.end() :]}", after[: opened.start()]
    return _THINK.sub("", before).strip(), after.strip()
