"""Checks of evidence and novelty: quotes prove steps, none is idle, and a question is new."""

import msgspec
import pytest

from longhop.checks import evidence, novelty
from longhop.checks.novelty import EvaluationSets
from longhop.fingerprints import fingerprints
from longhop.prompting import load_prompts
from longhop.quotes import locate
from longhop.recipe import ChecksConfig, QuestionsConfig, Recipe
from longhop.records import Question, Step
from tests.rows import context_of, question_of

CLUE = "Ines Halvorsen memorised every rock of the sound by night."
FACT = "In that spring Ines Halvorsen paid 340 crowns into the chest."
IDLE = "A dog was found asleep in the pulpit of the chapel."
BODIES = [f"{CLUE} {IDLE}", f"{FACT} The roof leaked.", f"{CLUE} {IDLE}", "The market sold eggs."]
CONTEXT = context_of({f"d{number}": body for number, body in enumerate(BODIES)})


def question(*quotes: tuple[int, str], first: list[int], second: list[int], answer: str = "340") -> Question:
    steps = [
        Step(question="Who memorised every rock of the sound?", answer="Ines Halvorsen", evidence=first, uses=[]),
        Step(question="How many crowns did Ines Halvorsen pay?", answer=answer, evidence=second, uses=[0]),
    ]
    found = [locate(CONTEXT, CONTEXT.documents[number], quote) for number, quote in quotes]
    asked = "How many crowns did the pilot pay who memorised every rock?"
    return question_of(asked, answer, steps, found, answer_type="number")


GOOD = question((0, CLUE), (1, FACT), first=[0], second=[1])


def test_good_evidence_passes() -> None:
    """A quote for each step, in two documents."""
    assert evidence.evidence(GOOD, ChecksConfig()) is None
    assert evidence.documents(GOOD, QuestionsConfig()) is None
    assert evidence.supported(GOOD, CONTEXT) is None
    assert evidence.needed(GOOD, CONTEXT) is None


def test_quotes_are_found_in_enough_documents() -> None:
    """Too unlike a quote is none; quotes that no step names do not count."""
    invented = question((0, CLUE), (1, "The whale sang for nine nights."), first=[0], second=[1])
    said = evidence.evidence(invented, ChecksConfig())
    assert said is not None
    assert said.startswith("quote 1, 'The whale sang for nine nights.', not found")
    assert evidence.evidence(msgspec.structs.replace(GOOD, evidence=[]), ChecksConfig()) == "no evidence"
    alone = question((0, CLUE), (1, FACT), first=[0], second=[0])
    assert evidence.documents(alone, QuestionsConfig()) == "evidence in 1 documents, expected 2"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (question((0, CLUE), (1, FACT), first=[0], second=[1], answer="290"), "no quote of step 1"),
        (
            question((0, CLUE), (1, FACT.replace("340", "341")), first=[0], second=[1], answer="341"),
            "no quote of step 1",
        ),
        (question((0, CLUE), (1, "340 crowns"), first=[0], second=[1]), "too short"),
        (question((0, "Ines Halvorsen"), (1, FACT), first=[0], second=[1]), "too short"),
    ],
)
def test_quotes_say_the_answers_of_their_steps(made: Question, says: str) -> None:
    """The passage decides, not the writer's copy; the bare answer proves nothing."""
    assert says in (evidence.supported(made, CONTEXT) or "")


@pytest.mark.parametrize("answer", ["three hundred and forty", "340.0", "340 crowns"])
def test_an_answer_may_be_written_otherwise(answer: str) -> None:
    """In words, with decimals, with its unit."""
    assert evidence.supported(question((0, CLUE), (1, FACT), first=[0], second=[1], answer=answer), CONTEXT) is None


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (question((0, CLUE), (1, FACT), (3, BODIES[3]), first=[0], second=[1]), "no step uses quote 2"),
        (question((0, CLUE), (1, FACT), (3, BODIES[3]), first=[0], second=[1, 2]), "quote 2 proves nothing of step 1"),
        (question((0, CLUE), (1, FACT), (0, IDLE), first=[0, 2], second=[1]), "quote 2 does not speak of step 0"),
        (question((0, CLUE), (1, FACT), (0, CLUE[:-1]), first=[0, 2], second=[1]), "are the same passage"),
        (question((0, CLUE), (1, FACT), (2, CLUE), first=[0, 2], second=[1]), "say the same in two documents"),
    ],
)
def test_no_quote_is_idle(made: Question, says: str) -> None:
    """Unused, beside the point, said twice, or said by a near-duplicate document."""
    assert says in (evidence.needed(made, CONTEXT) or "")


def test_likely_sentences_of_a_register_are_not_the_same() -> None:
    """They differ in name and number, which is what is asked."""
    bodies = ["Tobias Reeve paid 290 crowns into the brass chest.", "Ines Holm paid 340 crowns into the brass chest."]
    assert not evidence._alike(*bodies)


def asked(words: str, answer: str = "340") -> Question:
    return msgspec.structs.replace(GOOD, question=words, reference_answer=answer, evidence=[])


@pytest.mark.parametrize(
    ("words", "twice"),
    [
        ("The pilot who memorised every rock, how many crowns did he pay?", True),
        ("How many crowns did the pilot pay who memorized every rock?", True),
        ("How many crowns did the miller pay who mended every wheel?", False),
        ("How many crowns did the pilot pay who memorised every rock in 1902?", False),
    ],
)
def test_a_near_duplicate_says_the_same(words: str, twice: bool) -> None:
    """In another order or spelling; another number or thing is another question."""
    earlier = [asked("How many crowns did the pilot pay who memorised every rock?")]
    assert (novelty.duplicate(asked(words), earlier, ChecksConfig()) is not None) == twice


def test_the_same_answer_out_of_the_same_passages_is_no_new_question() -> None:
    """However it is worded."""
    other = msgspec.structs.replace(GOOD, question="What sum left the purse of her who knew the rocks by heart?")
    assert "the same passages" in (novelty.duplicate(other, [GOOD], ChecksConfig()) or "")


LONG = "Which of the keepers of the northern lighthouse had been born in the year of the great storm?"


@pytest.mark.parametrize(
    ("text", "words", "hit"),
    [
        (LONG, f"Say: {LONG.upper()}", True),
        (f"Before. {LONG} After.", LONG, True),
        ("Who kept the northern light?", "who kept the northern light", True),
        ("Long text: who kept the northern light? He did.", "Who kept the northern light?", True),
        (
            "Who kept the northern light in the storm?",
            "Today I ask who kept the northern light in the storm of the year?",
            True,
        ),
        ("Paris", "Which town do people call Paris by mistake?", False),
        ("Who kept the light?", "Who kept the northern light?", False),
        ("", "Who kept the light?", False),
    ],
)
def test_evaluation_sets_are_left_alone(text: str, words: str, hit: bool) -> None:
    """Thirteen words in a row, or a whole short question; short answers of a set exclude nothing."""
    assert (novelty.evaluation(asked(words), EvaluationSets([text])) is not None) == hit


def test_a_recipe_names_checks_to_skip() -> None:
    """And no others than there are."""
    assert ChecksConfig.model_validate({"skip": ["duplicate"]}).skip == ["duplicate"]
    with pytest.raises(ValueError, match="bridge_hidden"):
        ChecksConfig.model_validate({"skip": ["bridges"]})


def test_the_content_of_evaluation_sets_decides_and_not_their_place() -> None:
    """Equal texts have one fingerprint in any order; others have another."""
    one, two = EvaluationSets(["Who kept it?", "And why?"]), EvaluationSets(["and why", "Who kept it"])
    assert one.fingerprint == two.fingerprint != EvaluationSets().fingerprint
    assert "exclude" in Recipe.model_fields["checks"].default.model_dump()


def test_the_stage_is_made_anew_when_evaluation_sets_change_and_not_when_they_move() -> None:
    """Their content is in the fingerprint of `questions` and behind, their path in none."""

    def made(exclude: list[str], texts: list[str]) -> dict[str, str]:
        recipe = Recipe.parse(
            {
                "name": "r",
                "sources": [{"kind": "book", "path": "books"}],
                "contexts": {"lengths": {1024: 1}},
                "checks": {"exclude": exclude},
                "engines": {"writer": {"kind": "lexical"}, "reader": {"kind": "lexical"}, "judge": {"kind": "lexical"}},
            }
        )
        prompts = load_prompts(None).hashes
        return fingerprints(recipe, "t", prompts, "", EvaluationSets(texts).fingerprint)

    one, moved, other = made(["a.txt"], ["Who?"]), made(["b/a.txt"], ["Who?"]), made(["a.txt"], ["Why?"])
    assert one == moved
    assert {stage for stage in one if one[stage] != other[stage]} == {
        "questions",
        "traces",
        "verdicts",
        "examples",
        "dataset",
    }
