"""Checks of form: what a question itself shows, without its context.

Each takes a question and says what is wrong with it, None where nothing is.
"""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from longhop.answers import normalize
from longhop.checks.answer_types import misfit
from longhop.checks.wording import GLUE, QUOTED, named, plain_words, states
from longhop.kinds import kind_of
from longhop.reading import content_words
from longhop.recipe import QuestionsConfig
from longhop.records import Question, Step

__all__ = ["answer", "answer_hidden", "bridge_hidden", "connected", "no_pointing", "one_question", "steps"]

_SAME_WORDING = 92  # per cent of likeness from which two steps ask the same

_TEXTS = r"(?:documents?|docs?|passages?|texts?|excerpts?|extracts?|snippets?|paragraphs?|contexts?)"
_THINGS = rf"(?:{_TEXTS}|sources?|articles?)"
_GIVEN = r"(?:given|provided|above|following|supplied|available|preceding|attached|previous|different|separate|various)"
_NOT_OF = (
    r"(?!\s+(?:of(?!\s+(?:the|these|those)\s+(?:documents|passages|texts))|that|signed|titled|called|for|between|"
    r"from|through|written|issued)\b)"
)
"""A document that ended a war and the passage between two islands are things that one may ask of."""
_POINTING = re.compile(
    rf"\b(?:{_TEXTS}|source)\s*(?:#|no\.?|number)?\s*\d+\b|\bdoc\d+\b"
    rf"|\b{_TEXTS}\s+(?:one|two|three|four)\b"
    rf"|\b(?:both|all|these|those|each|either|neither|two|three|several|multiple|other|another)\s+(?:of\s+)?(?:the\s+)?"
    rf"(?:two\s+|three\s+|other\s+)?(?:{_GIVEN}\s+)?{_TEXTS}\b{_NOT_OF}"
    rf"|\b(?:both|these|those|either|neither|all|the\s+two)\s+(?:of\s+)?(?:the\s+)?(?:{_GIVEN}\s+)?{_THINGS}\b{_NOT_OF}"
    rf"|\b(?:first|second|third|fourth|fifth|last|latter|former)\s+(?:{_TEXTS}|source)\b{_NOT_OF}"
    rf"|\b{_GIVEN}\s+(?:{_TEXTS}|sources?)\b{_NOT_OF}"
    rf"|\b(?:according\s+to|based\s+on|as\s+per|per|from|in|within|across|by|throughout)\s+(?:the|this|that|your)\s+"
    rf"(?:{_GIVEN}\s+)?{_TEXTS}\b{_NOT_OF}"
    rf"|\baccording\s+to\s+(?:the|this|that)\s+(?:{_GIVEN}\s+)?(?:{_THINGS}|materials?|information)\b{_NOT_OF}"
    rf"|\b(?:which|what)\s+(?:of\s+the\s+)?{_TEXTS}\s+(?:\w+ly\s+)?(?:mention|say|state|describe|discuss|contain|refer|name|"
    rf"list|speak|cover|talk|give|tell|provide|support)(?:s|es)?\b"
    rf"|\bthe\s+{_TEXTS}\s+(?:\w+ly\s+)?(?:mention|say|state|describe|discuss|contain|refer|speak|talk|tell|indicate)(?:s|es)?\b"
    rf"|\b(?:mentioned|described|stated|discussed|named|listed|said)\s+(?:above|below|earlier|in\s+(?:both|all))\b",
    re.IGNORECASE,
)

_LETTERED = re.compile(r"\b(?:[Dd]ocument|[Pp]assage|[Tt]ext|[Ee]xcerpt|[Ss]ource)\s+[A-H]\b(?!\.)")

_ASKING = re.compile(
    r"^\W*(?:(?:in|at|on|of|for|from|to|by|with|under|during|after|before)\s+)?"
    r"(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|did|does|do|has|have|had|can|could|name|give|tell|"
    r"state|identify|find|list|determine)\b",
    re.IGNORECASE,
)
_JOINT = r"(?:,?\s+(?:and|or|as\s+well\s+as|plus|but)\s+(?:also\s+|then\s+)?|[;,]\s+(?:also\s+)?|\s+&\s+)"
_PREPOSITION = r"(?:(?:in|at|on|of|for|from|to|by|with|under|during)\s+)?"
_SECOND_SURE = re.compile(
    rf"{_JOINT}{_PREPOSITION}(?:what(?!\s*\?)|why|how\s+(?:many|much|old|long|far|tall|large|big|often|deep|high|did|does|do|was|"
    r"were|is|are)|(?:who|when|where|which\s+\w+|whose\s+\w+|whom)\s+(?:did|does|do)\b|who\s+else)\b",
    re.IGNORECASE,
)
_SECOND_MAYBE = re.compile(
    rf"{_JOINT}{_PREPOSITION}(?P<word>who|when|where|which|whose|whom)\b",
    re.IGNORECASE,
)
_COMMANDS = re.compile(
    r"(?:,|;|\band\b)\s+(?:also\s+|then\s+)?(?:name|state|tell|give|identify|list|explain|say)\s+"
    r"(?:the|a|an|his|her|its|their|what|who|how|which|where|when|why|me)\b",
    re.IGNORECASE,
)
_RESPECTIVELY = re.compile(r"\brespectively\b|\balong\s+with\s+(?:its|his|her|their|the)\s+\w+\s*\?", re.IGNORECASE)
_ENDS_QUESTION = re.compile(r"\?(?=[\s\"'”’)\]]*(?:[A-Z¿\"“]|(?:what|who|whom|whose|when|where|which|why|how)\b|$))")
_THINGS_ASKED = (
    r"(?:name|number|count|amount|sum|total|year|date|length|age|price|title|value|place|size|height|budget)"
)
_TWO_THINGS = re.compile(
    rf"\bthe\s+{_THINGS_ASKED}\b.*\band\s+(?:the|its|his|her|their)\s+{_THINGS_ASKED}\b", re.IGNORECASE
)
_BETWEEN = re.compile(r"\s*(?:[;,/&+|]|\band\b|\bor\b|\bvs\.?\b|[()])\s*", re.IGNORECASE)


def steps(question: Question, config: QuestionsConfig) -> str | None:
    """As many steps as the recipe asks for, each with question and answer; the last one gives the question's answer."""
    least, most = config.steps
    if question.n_steps != len(question.steps):
        return f"says {question.n_steps} steps, has {len(question.steps)}"
    if not least <= question.n_steps <= most:
        return f"{question.n_steps} steps, expected {least} to {most}"
    for number, step in enumerate(question.steps):
        if not step.question.strip() or not step.answer.strip():
            return f"step {number} has no {'answer' if step.question.strip() else 'question'}"
    references = [question.reference_answer, *question.aliases]
    last = question.steps[-1].answer
    if not any(_agree(last, reference, question) for reference in references):
        return f"the last step gives {last!r}, the answer is {question.reference_answer!r}"
    return None


def _agree(said: str, reference: str, question: Question) -> bool:
    asked, kind = question.question, question.answer_type
    if normalize(said, asked, kind) == normalize(reference, asked, kind):
        return True
    if _yes_or_no(said) or _yes_or_no(reference):
        return _yes_or_no(said) == _yes_or_no(reference)
    return states(said, reference, asked, kind) or states(reference, said, asked, kind)


def _yes_or_no(said: str) -> str | None:
    words = plain_words(said)
    return words[0] if words and words[0] in {"yes", "no"} else None


def answer(question: Question) -> str | None:
    """A question and an answer are there; the answer is of its type and as short as an answer is."""
    if not question.question.strip() or not question.reference_answer.strip():
        return "question or answer is empty"
    return misfit(question)


def connected(question: Question) -> str | None:
    """Every step but the last is used later, none only copies another, and one joins as many as its kind asks."""
    used = set()
    for number, step in enumerate(question.steps):
        wrong = [other for other in step.uses if not 0 <= other < number]
        if wrong:
            return f"step {number} uses step {wrong[0]}, which does not come before it"
        outside = [at for at in step.evidence if not 0 <= at < len(question.evidence)]
        if outside:
            return f"step {number} names quote {outside[0]}, which there is not"
        if not step.evidence and not step.uses:
            return f"step {number} has neither evidence nor a step that it uses"
        used.update(step.uses)
    loose = [number for number in range(question.n_steps - 1) if number not in used]
    if loose:
        return f"no later step uses step {loose[0]}"
    for number, step in enumerate(question.steps):
        copied = next((at for at in range(number) if _copies(step, question.steps[at], at)), None)
        if copied is not None:
            return f"step {number} only copies step {copied}"
    joins = kind_of(question.kind).joins
    most = max((len(set(step.uses)) for step in question.steps), default=0)
    return f"a {question.kind} question joins {joins} steps, here {most} at most" if most < joins else None


def _copies(step: Step, other: Step, at: int) -> bool:
    """Whether a step finds nothing that the other has not found."""
    if normalize(step.answer) != normalize(other.answer):
        return False
    if not step.evidence:
        return set(step.uses) == {at}
    alike = fuzz.token_sort_ratio(step.question.casefold(), other.question.casefold()) >= _SAME_WORDING
    # Two documents may be asked the same: what a paper states and what its code does.
    return (set(step.evidence) <= set(other.evidence) and (alike or at in step.uses)) or (alike and at in step.uses)


def one_question(question: Question) -> str | None:
    """One question, not two joined: by its wording, and by an answer that is made of what single steps state."""
    text = QUOTED.sub("“”", question.question)
    marks = len(_ENDS_QUESTION.findall(text))
    if marks > 1:
        return f"{marks} question marks"
    if found := _second_question(text):
        return f"asks a second thing: {found.strip()!r}"
    if kind_of(question.kind).states_parts:
        return None
    if (_RESPECTIVELY.search(text) or _TWO_THINGS.search(text)) and len(_parts(question.reference_answer)) > 1:
        return f"asks for several things: {question.reference_answer!r}"
    return _joined_answer(question)


def _second_question(text: str) -> str | None:
    sentences = re.split(r"(?<=[.!])(?<!\b[A-Z]\.)\s+(?=[A-Z])", text)
    asking = [sentence for sentence in sentences if _ASKING.match(sentence)]
    if len(asking) > 1:
        return asking[1]
    for sentence in sentences:
        begins = _ASKING.match(sentence)
        if not begins:
            continue
        for pattern in (_SECOND_SURE, _COMMANDS):
            for found in pattern.finditer(sentence, begins.end()):
                # `or What Ever Happened to …` begins a title.
                if not re.search(r"\b(?:What|Who|When|Where|Which|How|Why)\b", found[0]):
                    return found[0]
        for found in _SECOND_MAYBE.finditer(sentence, begins.end()):
            # `the man who founded it and who lies buried there` says more of the man.
            before = sentence[begins.end() : found.start()]
            relative = re.search(rf"\b(?:{found['word']}|who|that|which)\b", before, re.IGNORECASE)
            if relative is None and re.match(r",?\s+and\b", found[0], re.IGNORECASE):
                return found[0]
    return None


def _parts(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(text) if part.strip()]


def _joined_answer(question: Question) -> str | None:
    """An answer made of the answers of several steps, where no quote is said to state it as a whole."""
    whole = normalize(question.reference_answer, question.question, question.answer_type)
    for step in question.steps:
        if step.evidence and normalize(step.answer, question.question, question.answer_type) == whole:
            return None
    words = plain_words(question.reference_answer)
    left, found = list(words), []
    for step in sorted(question.steps, key=lambda step: -len(step.answer)):
        own = plain_words(step.answer)
        if not own or own == words or not step.evidence:
            continue
        at = next((at for at in range(len(left) - len(own) + 1) if left[at : at + len(own)] == own), None)
        if at is None and len(_parts(question.reference_answer)) > 1:
            part = next((p for p in _parts(question.reference_answer) if normalize(p) == normalize(step.answer)), None)
            own = plain_words(part) if part else own
            at = next((at for at in range(len(left) - len(own) + 1) if left[at : at + len(own)] == own), None)
        if at is not None:
            found.append(step.answer)
            left[at : at + len(own)] = ["|"]
    rest = [word for word in left if word != "|" and word not in GLUE]
    if len(found) > 1 and len(rest) <= len(words) // 2:
        return "joins the answers of steps: " + " and ".join(map(repr, found))
    return None


def no_pointing(question: Question, titles: tuple[str, ...] = ()) -> str | None:
    """It speaks of things, not of documents, and its answer is no list of titles of documents."""
    text = QUOTED.sub("“”", question.question)
    match = _POINTING.search(text) or _LETTERED.search(text)
    if match:
        return f"points at documents: {match[0]!r}"
    words = plain_words(question.reference_answer)
    listed = []
    for title in sorted(set(titles), key=lambda title: -len(title)):
        own = plain_words(title)
        if not own:
            continue
        at = next((at for at in range(len(words) - len(own) + 1) if words[at : at + len(own)] == own), None)
        if at is not None:
            listed.append(title)
            words[at : at + len(own)] = ["|"]
    if len(listed) > 1:
        return "the answer lists titles of documents: " + ", ".join(map(repr, sorted(listed)))
    return None


def bridge_hidden(question: Question) -> str | None:
    """What the steps have to find out does not stand in the question."""
    for step in question.steps[:-1]:
        person = re.search(r"\b(?:who|whom|whose)\b", step.question, re.IGNORECASE) is not None
        for name in _names(step.answer):
            if (found := named(name, question.question, person=person, known=step.question)) and not _offered(
                found, question.question
            ):
                return f"names the bridge {name!r}" + (f" by {found!r}" if found != name else "")
    return None


def _names(answer: str) -> list[str]:
    """An answer, and what it says of itself in brackets or behind a slash."""
    inner = re.findall(r"\(([^()]+)\)", answer) if not re.search(r"\w\(", answer) else []
    aliases = [*inner, *(answer.split(" / ") if " / " in answer else [])]
    return [answer, *(alias.strip() for alias in aliases if re.match(r"\s*[A-Z]", alias))]


def answer_hidden(question: Question) -> str | None:
    """Nor does the answer, but where it is one of the options that the question offers."""
    said = [question.reference_answer, *(alias for alias in question.aliases if _telling(alias))]
    for answer in said:
        if _gives(answer, question) and not _offered(answer, question.question):
            return f"the answer {answer!r} stands in the question"
    return None


def _telling(alias: str) -> bool:
    """Whether an alias says as much as an answer does; `star` and `U.S.` are found in many a question."""
    return len(alias.strip()) > 4 and len(content_words(alias)) > 0 and (" " in alias.strip() or alias[:1].isupper())


def _gives(answer: str, question: Question) -> bool:
    text, words = plain_words(question.question), plain_words(answer)
    words = words[1:] if len(words) > 1 and words[0] in {"a", "an", "the"} else words
    if not words:
        return answer.strip() != "" and answer.strip() in question.question
    if all(word in {"yes", "no"} for word in words):
        return False
    form = normalize(answer)
    if form.startswith("number "):
        value = form.split(" ")[1]
        # One and two stand in many a question, and numbers in names.
        if value.lstrip("-").isdigit() and abs(int(value)) <= 12:
            return (
                re.search(rf"(?<![\w.,-]){re.escape(value)}(?![\w-]|[.,]\d)", _without_names(question.question))
                is not None
            )
        return states(question.question, answer, question.question)
    if form.startswith(("date ", "time ")):
        return states(question.question, answer, question.question)
    span = len(words)
    if any(text[at : at + span] == words for at in range(len(text) - span + 1)):
        return len(words) > 1 or named(answer, question.question) is not None or not answer.strip()[:1].isupper()
    key = content_words(answer)
    if len(key) < 2:
        return False
    # The same words in another order, close together.
    return any(key <= content_words(" ".join(text[at : at + span + 2])) for at in range(max(1, len(text) - span - 1)))


def _without_names(text: str) -> str:
    return re.sub(r"\b[A-Z][\w.]*\s+\d+\b", "", QUOTED.sub("", text[:1].lower() + text[1:]))


def _offered(answer: str, question: str) -> bool:
    """Whether a question offers words as one of two options: `X or Y`, `which of X and Y`, `both X and Y`."""
    words = re.escape(answer.strip())
    option = rf"(?:the\s+|an?\s+)?[\"“‘']?{words}[\"”’'?]*"
    # An option of a choice stands behind the comma, the colon or the verb that offers it.
    if re.search(rf"\bor\s+(?:is\s+it\s+|was\s+it\s+)?{option}\W*(?:$|[?,])", question, re.IGNORECASE):
        return True
    if re.search(rf"{option},?\s+or\s+(?!what\b|so\b|not\b|otherwise\b|else\b)\S", question, re.IGNORECASE):
        return True
    # `the journey of X, …` offers nothing; `which of X and Y` and `Of X and Y, which` do.
    offers = r"(?:^of|\b(?:which|who|whom|whose|one|older|larger)\s+of|\b(?:between|among|both))"
    listed = rf"{offers}\s+(?:[^?,]+,\s+)*{option}(?:,|\s+and\s)"
    return re.search(listed, question, re.IGNORECASE) is not None
