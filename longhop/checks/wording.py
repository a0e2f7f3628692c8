"""Whether words say something: an answer within a text, a name within a question.

>>> states("He paid one thousand two hundred crowns.", "1,200"), states("He paid 12,000 crowns.", "1,200")
(True, False)
>>> named("Ines Halvorsen", "What did Halvorsen's chest hold?"), named("Anna Benson", "Whom did Kris Benson marry?")
('Halvorsen', None)
"""

from __future__ import annotations

import re
import unicodedata

from longhop.answers import normalize
from longhop.answers.numbers import starts_number
from longhop.common_words import COMMON_WORDS
from longhop.reading import content_words

__all__ = ["GLUE", "QUOTED", "named", "plain_words", "said_of", "states"]

QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]")
"""What stands in quotation marks: titles and words that a question speaks of, not its own."""
GLUE = frozenset("a an and as at by for from in is it its of on or the then to was were while with".split())

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPAN = re.compile(r"[^\s,;:()\[\]\"“”=]+")
_VALUE = re.compile(r"(number|date|time|ordinal) ")
_LONGEST_VALUE = 6  # words of a number or date in words
_ENOUGH = 0.6  # of an answer's words, in a passage that states it in other words
_TITLES = frozenset(
    "mr mrs ms miss dr sir lady lord saint st captain capt professor prof judge doctor king queen prince princess "
    "count countess duke earl baron father brother sister mother uncle aunt major general colonel admiral sergeant "
    "mayor bishop pope abbot governor senator president minister inspector master mistress madame and or the".split()
)
_NOT_PERSONAL = frozenset(
    "county city town village province district region state states republic kingdom empire river lake sea ocean "
    "bay gulf island islands isle mount mountain mountains valley park garden square street road avenue bridge "
    "station harbour harbor port airport university college school institute academy museum library church abbey "
    "cathedral castle palace tower hall house hotel theatre theater company corporation bank group society "
    "association league club party union team band orchestra army navy war battle treaty act award prize medal "
    "press journal times project program programme system model algorithm method theorem test data north south "
    "east west northern southern eastern western new great grand old saint united national international royal of "
    "the and de la el".split()
)
_SUFFIX = re.compile(
    r",?\s+(?:jr|sr|inc|ltd|llc|plc|gmbh|corp|co|ii|iii|iv|\d+(?:st|nd|rd|th) \w+)\.?$|\s*\([^)]*\)$", re.IGNORECASE
)


def plain_words(text: str) -> list[str]:
    """The words of a text without case, accents, articles before it, possessives; identifiers stay whole."""
    return [_plain_word(word) for word in re.findall(r"\d+(?:[.,]\d+)*|\w+(?:['.]\w+)*", _without_accents(text))]


def _without_accents(text: str) -> str:
    plain = text.replace("’", "'")
    if plain.isascii():
        return plain
    return "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))


def _plain_word(word: str) -> str:
    if "_" in word or _CAMEL.search(word):
        return word.replace("_", "").casefold()
    word = re.sub(r"'s?$|'", "", word)
    # A.P.J. is APJ.
    return (word.replace(".", "") if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]?", word) else word).casefold()


def _stands(words: list[str], text: list[str]) -> bool:
    """Whether words stand in a row, the last one perhaps in the plural."""
    if not words:
        return False
    plurals = {words[-1], words[-1] + "s", words[-1] + "es", re.sub(r"y$", "ies", words[-1])}
    if words[-1].endswith("s") and len(words[-1]) > 3:
        plurals.add(words[-1][:-1])
    return any(
        text[at : at + len(words) - 1] == words[:-1] and text[at + len(words) - 1] in plurals
        for at in range(len(text) - len(words) + 1)
    )


def _without_article(words: list[str]) -> list[str]:
    return words[1:] if len(words) > 1 and words[0] in {"a", "an", "the"} else words


# A name in a question


def named(name: str, question: str, *, person: bool = False, known: str = "") -> str | None:
    """The words by which a question names a thing, None where it does not.

    Counts: the whole name whatever its case or accents, in plural or possessive, with or without `Jr.` or `Ltd.`; the
    initials of three and more words; of a person's name its last word, or its first where it is known to be a person's,
    standing alone. `Benson` in `Anna Benson` does not name `Kris Benson`: kin and works share names. A word of
    ordinary language does not count, unless it is the whole name and has its capital where the name has one.

    Args:
        name: What must not be named.
        question: Where it must not be.
        person: Whether it is known to be the name of a person.
        known: What is known before the name is found; words of it are no part that gives the name away.
    """
    name, question = _without_accents(name.strip().strip("\"'“”‘’`*.").strip()), _without_accents(question)
    if not re.search(r"[^\W\d_]{2}", name):
        return None
    text = plain_words(question)
    for whole in dict.fromkeys((name, _SUFFIX.sub("", name))):
        words = _without_article(plain_words(whole))
        if _stands(words, text) and not (len(words) == 1 and _ordinary(whole, question)):
            return whole
    if re.search(r"[_()`=]", name):
        return None
    parts: list[str] = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", name)
    capitals = [part[0] for part in parts if part[0].isupper()]
    initials: str = "".join(capitals)
    if len(capitals) >= 3 and re.search(rf"(?<!\w){re.escape(initials)}(?!\w)", question):
        return initials
    if not 2 <= len(parts) <= 4 or not all(part[0].isupper() for part in parts):
        return None
    if any(part.casefold() in _NOT_PERSONAL for part in parts):
        return None
    for part in [parts[-1], parts[0]] if person else [parts[-1]]:
        if (
            len(part) > 2
            and part.casefold() not in {*COMMON_WORDS, *plain_words(known)}
            and _alone(part, name, question)
        ):
            return part
    return None


def _ordinary(word: str, question: str) -> bool:
    """Whether a question that has this one word need not mean the thing of that name."""
    bare = re.sub(r"^(?:an?|the)\s+", "", word, flags=re.IGNORECASE)
    lowered = bare.casefold()
    if "_" in bare or _CAMEL.search(bare):
        return False
    if bare[:1].isupper():
        same_case = re.search(rf"(?<!\w){re.escape(bare)}(?:['’]?s|es)?(?!\w)", question)
        if same_case is None:
            return lowered in COMMON_WORDS or len(lowered) < 4
        at_start = same_case.start() == 0
        return (at_start and lowered in COMMON_WORDS) or _within_name(bare, question)
    return lowered in COMMON_WORDS or len(lowered) < 4


def _within_name(word: str, question: str) -> bool:
    """Whether a word stands in a longer name everywhere: `Victoria` in `Victoria Station`."""
    return not _alone(word, word, question)


def _alone(part: str, name: str, question: str) -> bool:
    """Whether a part of a name stands in a question other than within a longer name of something else."""
    own = {word.casefold() for word in re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", name)}
    for match in re.finditer(rf"(?<![\w-]){re.escape(part)}(?:['’]s|s['’]?)?(?![\w-])", question):
        before = re.search(r"([^\W\d_][^\W_'’-]*(?:['’-][^\W_]+)*\.?)\s$", question[: match.start()])
        after = re.match(r"\s([^\W\d_][\w’'-]*)", question[match.end() :])
        possessive = re.search(r"['’]s?$", match[0]) is not None
        neighbours = [before[1] if before and before.start() > 0 else "", after[1] if after and not possessive else ""]
        if not any(
            word[:1].isupper() and word.rstrip(".").casefold() not in own and word.rstrip(".").casefold() not in _TITLES
            for word in neighbours
        ):
            return True
    return False


# An answer in a text


def states(text: str, answer: str, question: str = "", answer_type: str = "") -> bool:
    """Whether a text says an answer: in one of its notations where it is a value, else by its words.

    Args:
        text: A passage, a question, or another answer.
        answer: What it should say.
        question: The question that the answer answers; its "how many years" makes `14` of `14 years`.
        answer_type: What the answer is.
    """
    forms = {normalize(answer, question), normalize(answer)}
    if any(map(_VALUE.match, forms)):
        return _states_value(text, answer, forms)
    words = _without_article(plain_words(answer))
    if not words:
        return answer.strip() in text
    if re.fullmatch(r"`?\w*_\w*`?", answer.strip()):
        # An identifier has no plural; a constant of code may be spoken of in lower case.
        return re.search(rf"(?<!\w){re.escape(answer.strip().strip('`'))}(?!\w)", text, re.IGNORECASE) is not None
    if _stands(words, plain_words(text)) or (not answer.isascii() and answer.strip() in text):
        return True
    if re.search(r"[_()\[\]{}=<>]|\w\.\w", answer) or "identifier" in answer_type:
        code = r"\s*".join(map(re.escape, re.findall(r"\w+|[^\w\s]", answer.strip().strip("`"))))
        if re.search(rf"(?<![\w]){code}(?!\w|\.\d)", text):
            return True
        return "identifier" not in answer_type and re.search(r"[(){}=<>]", answer) is None and _mostly(answer, text)
    items = re.split(r"[;,]\s+(?:and\s+)?|\s+and\s+", answer)
    if len(items) > 1 and all(_mostly(item, text) for item in items if item.strip()):
        return True
    return _mostly(answer, text)


def _mostly(answer: str, text: str) -> bool:
    """Whether most words of an answer stand in a text, by their beginnings, and every number of it."""
    wanted = content_words(answer) or frozenset(plain_words(answer))
    known = {_stem(word) for word in content_words(text) | set(plain_words(text))}
    found = {word for word in wanted if _stem(word) in known}
    numbers = {word for word in wanted if word.isdigit()}
    return bool(wanted) and numbers <= found and len(found) >= _ENOUGH * len(wanted)


def _stem(word: str) -> str:
    return word if len(word) < 6 else word[:5]


def _states_value(text: str, answer: str, forms: set[str]) -> bool:
    """Whether a stretch of the text is the value; a number also where its unit stands elsewhere or differs in name."""
    plain = normalize(answer)
    number = plain.split(" ")[1] if plain.startswith("number ") else None
    spans = [match.span() for match in _SPAN.finditer(text)]
    for first, (start, _) in enumerate(spans):
        for last in range(first, min(first + _LONGEST_VALUE, len(spans))):
            part = text[start : spans[last][1]].strip("().,;:[]\"'“”‘’*_`")
            if not starts_number(part.casefold()):
                continue
            said = normalize(part)
            if said in forms or (number and said.startswith("number ") and said.split(" ")[1] == number):
                return True
    return _stands(plain_words(answer), plain_words(text))


def said_of(question: str, answer: str) -> frozenset[str]:
    """What a step is about: the content words of its question and answer."""
    return content_words(f"{question} {answer}")
