"""Languages: by the source's word, else by passages; what has no language passes."""

from __future__ import annotations

import pytest

from longhop.cleaning.language import other_language

ENGLISH = (
    "The keeper of the lighthouse wrote every evening in his ledger what ships had passed, and how the wind had turned "
    "since the morning. Nobody had asked him to do so, and nobody ever read it until the winter in which he left. "
)
GERMAN = (
    "Der Wärter des Leuchtturms schrieb jeden Abend in sein Buch, welche Schiffe vorbeigefahren waren und wie sich der "
    "Wind seit dem Morgen gedreht hatte. Niemand hatte ihn darum gebeten, und niemand las es bis zu jenem Winter. "
)
FRENCH = (
    "Le gardien du phare écrivait chaque soir dans son registre quels navires étaient passés et comment le vent avait "
    "tourné depuis le matin. Personne ne le lui avait demandé, et personne ne le lut avant cet hiver. "
)
CROATIAN = (
    "Čuvar svjetionika svake je večeri zapisivao u svoju knjigu koji su brodovi prošli i kako se vjetar okrenuo od "
    "jutra. Nitko ga to nije tražio i nitko to nije čitao sve do one zime kada je otišao na kopno. "
)
CHINESE = (
    "灯塔的看守人每天晚上都在他的账本上写下有哪些船经过，"
    "以及从早晨起风是怎样变化的。没有人要求他这样做，也没有人读过它。"
)
NAMES = "Smith, John\nMüller, Anna\nDupont, Jean\nRossi, Marco\nTanaka, Yuki\nWang, Wei\nLi, Na\nKovács, Eszter\n"


@pytest.mark.parametrize(("text", "code"), [(ENGLISH, "en"), (GERMAN, "de"), (FRENCH, "fr"), (CHINESE, "zh")])
def test_languages_are_told(text: str, code: str) -> None:
    """A wanted one passes; another is said, with how many passages have it."""
    assert other_language(text * 90, "book", None, [code, "la"]) is None
    found = other_language(text * 90, "book", None, ["la"])
    assert found == f"{code} in 5 of the 5 passages looked at that are in a clear language"
    assert other_language(text, "paper", None, ["la"]) is not None


def test_the_source_knows_better() -> None:
    """What it says decides, also of a part of a language; what is no code says nothing."""
    assert other_language(ENGLISH, "book", "de", ["en"]) == "de, as its source says"
    assert other_language(ENGLISH, "book", "de-AT", ["de"]) is None
    assert other_language(ENGLISH, "book", "eng", ["en"]) is None
    assert other_language(ENGLISH, "book", "nb", ["no"]) is None
    assert other_language(ENGLISH, "book", "no", ["nn"]) is None
    assert other_language(GERMAN * 9, "book", "German", ["en"]) is not None
    assert other_language(GERMAN * 9, "book", "und", ["de"]) is None


def test_a_book_in_two_languages_is_in_both() -> None:
    """Facing pages, or a translation behind the original; quotations do not make a book one of another language."""
    both = "\n\n".join([GERMAN * 3, ENGLISH * 3] * 30)
    assert other_language(both, "book", None, ["en"]) is None
    assert other_language(both, "book", None, ["de"]) is None
    assert other_language(both, "book", None, ["fr"]) is not None
    quoting = "\n\n".join([ENGLISH * 9, FRENCH] * 30)
    assert other_language(quoting, "book", None, ["fr"]) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        NAMES * 20,
        "1.5 2.5 3.5\n" * 500,
        "$x^2$ = \\alpha_i + 7\n" * 200,
        "😀🎉" * 900,
        "\ud800" * 900,
        "x" * 9_000,
    ],
)
def test_what_has_no_language_passes(text: str) -> None:
    """A few words, names, numbers, formulas and signs say nothing, so nobody is surprised."""
    assert other_language(text, "book", None, ["ja"]) is None


def test_code_has_no_language() -> None:
    """Whatever its comments are in."""
    assert other_language(f"# {GERMAN}\nx = 1\n" * 40, "code", None, ["en"]) is None


def test_languages_that_are_alike() -> None:
    """Passages do not tell Croatian from Bosnian and Serbian: either is taken where one of them is wanted."""
    for code in ("hr", "bs", "sr"):
        assert other_language(CROATIAN * 30, "book", None, [code]) is None
    assert other_language(CROATIAN * 30, "book", None, ["en"]) is not None
    assert other_language(CROATIAN, "book", "sr", ["hr"]) == "sr, as its source says"
