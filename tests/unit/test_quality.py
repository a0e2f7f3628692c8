"""Quality: noise, data and repetition go; whatever a person would read stays, in any language and form."""

from __future__ import annotations

import base64
import random

import pytest

from longhop.cleaning.quality import REASONS, judge, measure
from longhop.recipe import QualityRules
from longhop.recipe.corpus import CodeRules

DRAW = random.Random(5)
WORDS = (
    "keeper lamp tide ledger harbour winter rope pilot seed strike market bridge gauge copper letter window the of and "
    "was his river stone evening bread nobody carried slowly under morning because answer left field garden door light"
).split()
SIGNS = (
    "第一章天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成"
    "岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光"
)
HINDI = "नदी के किनारे एक पुराना घर था जिसमें दीपक जलता रहता और लोग शाम को कहानियाँ सुनते थे".split()
ARABIC = "كان الحارس يكتب في دفتره كل مساء عن البحر والسفن التي تعبر الميناء في الشتاء".split()


def prose(words: list[str] = WORDS, lines: int = 120, each: int = 11) -> str:
    """Lines of words."""
    return "\n".join(" ".join(DRAW.choice(words) for _ in range(each)) for _ in range(lines))


def noise(signs: str, length: int = 4_000) -> str:
    return "".join(DRAW.choice(signs) for _ in range(length))


BASE64 = base64.b64encode(DRAW.randbytes(6_000)).decode()
BAD = {
    "noise of scanning": (noise("il1|I.,;:'`~^-_ ]}{(j \n"), "few_letters"),
    "a table of numbers": (
        "\n".join(" ".join(f"{DRAW.random():.3f}" for _ in range(8)) for _ in range(80)),
        "few_letters",
    ),
    "rules": (("-" * 79 + "\n") * 60, "few_letters"),
    "single letters": ("\n".join(" ".join(noise("abcdefgh", 30)) for _ in range(60)), "few_words"),
    "base64 in one line": (BASE64, "unbroken"),
    "base64 in lines": ("\n".join(BASE64[at : at + 76] for at in range(0, len(BASE64), 76)), "unbroken"),
    "base64 in short lines": ("\n".join(BASE64[at : at + 48] for at in range(0, len(BASE64), 48)), "unbroken"),
    "one line again and again": ("The server has been started.\n" * 90, "repeated_lines"),
    "one sentence again and again": ("This message is for the person it was sent to. " * 60, "repetitive"),
    "a log": (
        "\n".join(f"2024-01-02 10:{i // 60:02}:{i % 60:02} worker started again" for i in range(400)),
        "repetitive",
    ),
}
GOOD = {
    "prose": prose(),
    "a book in one line": prose().replace("\n", " "),
    "Chinese": "\n".join(noise(SIGNS, 40) + "。" for _ in range(60)),
    "Chinese with blanks between signs": " ".join(noise(SIGNS, 1_500)),
    "Hindi": prose(HINDI),
    "Arabic": prose(ARABIC),
    "a poem with a refrain": "\n\n".join(
        prose(lines=3, each=6) + "\nAnd the rain it raineth every day." for _ in range(25)
    ),
    "a play": "\n\n".join(f"{name}.\n{prose(lines=2)}" for name in ["KEEPER", "PILOT", "CHORUS"] * 12),
    "a dictionary": "\n\n".join(
        f"{w}, n. [{w[:3]}] 1. A {DRAW.choice(WORDS)}. 2. See {DRAW.choice(WORDS)}." for w in WORDS * 2
    ),
    "a list of words": "\n".join("".join(DRAW.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(200)),
    "formulas": "\n".join(f"{prose(lines=1)} $x_{i} = \\\\sum_k \\\\alpha_k^{i} / (1 - y)$." for i in range(40)),
    "a table of names and numbers": "\n".join(
        f"| {DRAW.choice(WORDS)} | {DRAW.randrange(9000)} | {DRAW.choice(WORDS)} | {DRAW.random():.2f} |"
        for _ in range(90)
    ),
    "tables between prose": prose() + "\n" + "\n".join(f"| {i} | {i * 7} |" for i in range(60)),
}


@pytest.mark.parametrize("name", list(BAD))
def test_what_nobody_would_read_goes(name: str) -> None:
    """Each with what was measured, the bound, and the key of the recipe."""
    text, reason = BAD[name]
    fault = judge(text, QualityRules(), "documents.quality.prose")
    assert fault is not None
    assert fault.reason == reason
    assert "; documents.quality.prose.m" in fault.detail


@pytest.mark.parametrize("name", list(GOOD))
def test_what_a_person_would_keep_stays(name: str) -> None:
    """Whatever its script, and however its lines look."""
    text = GOOD[name]
    assert len(text) > 1_000
    assert judge(text, QualityRules(), "k") is None


def test_code_has_rules_of_its_own() -> None:
    """Code may repeat itself and be full of signs; a line for a whole program, and numbers alone, are no code."""
    tests = "\n".join(f"    def test_{i}(self):\n        self.assertEqual(f({i}), {i} + 1)\n" for i in range(80))
    assert judge(tests, CodeRules(), "k") is None
    assert judge("\n".join(["    {", "        x += 1;", "    }"] * 60 + [prose(lines=20)]), CodeRules(), "k") is None
    modules = "\n".join(
        f"from networkx.algorithms.approximation.{one}_{two} import *" for one in WORDS for two in WORDS[:3]
    )
    assert judge(modules, CodeRules(), "k") is None
    addresses = "\n".join(
        f"- https://example.org/archive/letters/{one}/{two}.html" for one in WORDS for two in WORDS[:2]
    )
    assert measure(addresses).unbroken < 0.1
    packed = "".join(f"function f{w}(t,e){{var n=t.{w};return e?n:t}}" for w in WORDS)
    fault = judge(packed, CodeRules(max_unbroken=None), "k")
    assert fault is not None
    assert (fault.reason, "k.max_line_chars is 500" in fault.detail) == ("long_lines", True)
    assert judge(BAD["a table of numbers"][0], CodeRules(), "k") is not None
    for name in ("base64 in one line", "base64 in lines", "base64 in short lines"):
        fault = judge(BAD[name][0], CodeRules(max_line_chars=None), "k")
        assert fault is not None
        assert fault.reason == "unbroken"
    hexed = "\n".join(f"sha256:{DRAW.randbytes(32).hex()}" for _ in range(60))
    fault = judge(hexed, CodeRules(min_letters=None), "k")
    assert fault is not None
    assert fault.reason == "unbroken"
    assert measure(noise("acgt", 4_000)).unbroken == 1


def test_bounds_may_be_left_out() -> None:
    """A bound that is null is not looked at; a short text is never judged."""
    text = "The server has been started.\n" * 90
    assert judge(text, QualityRules(max_repeated_lines=None, min_compressed=None), "k") is None
    assert judge(text[:990], QualityRules(), "k") is None
    assert judge("a\nb\n" * 400, QualityRules(**dict.fromkeys(QualityRules.model_fields)), "k") is None
    fault = judge(prose(), QualityRules(min_line_chars=500), "k")
    assert fault is not None
    assert fault.reason == "short_lines"
    assert "characters a line; k.min_line_chars is 500" in fault.detail
    assert set(REASONS) >= {reason for _, reason in BAD.values()}


def test_measures_of_a_long_text_are_those_of_its_parts() -> None:
    """Ten stretches stand for the whole; what is behind the first page counts too."""
    text = prose(lines=8_000)
    assert len(text) > 400_000
    long, short = measure(text), measure(text[:100_000])
    assert abs(long.letters - short.letters) < 0.01
    assert abs(long.words - short.words) < 0.01
    assert judge(prose(lines=20) + "\n" + "0.5 1.5 2.5\n" * 40_000, QualityRules(), "k") is not None


@pytest.mark.parametrize("text", ["", " ", "\ud800" * 2_000, "\U0001f600" * 2_000, "\x00" * 2_000, "a" * 100_000])
def test_any_text_can_be_measured(text: str) -> None:
    """Empty, broken, of signs alone, of one word: shares stay shares."""
    found = measure(text)
    assert all(0 <= share <= 1.01 for share in found[:4])
