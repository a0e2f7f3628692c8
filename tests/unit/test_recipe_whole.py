"""What concerns a recipe as a whole: homes in paths, kinds of questions and who writes them, lengths with a dot."""

from __future__ import annotations

from pathlib import Path

import pytest

from longhop.engines.roles import window_needed
from longhop.errors import RecipeError
from longhop.kinds import KINDS
from longhop.prompting import load_prompts
from longhop.recipe import Recipe
from longhop.recipe.whole import AROUND_TOKENS
from longhop.tokens import WordTokenizer

SMALL = """
name: small
sources: [{kind: book, path: books}]
contexts: {lengths: {8k: 4}}
engines: {writer: {kind: lexical}, reader: {kind: lexical}, judge: {kind: lexical}}
"""
MODEL = "engines.writer={kind: openai, model: m, urls: ['http://gpu1:8000/v1']}"


def load(folder: Path, *overrides: str) -> Recipe:
    """Write a recipe and load it."""
    (folder / "recipe.yaml").write_text(SMALL)
    return Recipe.load(folder / "recipe.yaml", overrides)


def problems(folder: Path, *overrides: str) -> dict[str, str]:
    """What is wrong with a recipe: given and expected by key."""
    with pytest.raises(RecipeError) as caught:
        load(folder, *overrides)
    return {problem.key: f"{problem.given} / {problem.expected}" for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("sources.0.path=~nouser/x", "sources[0].path"),
        ("prompts=~nouser/x", "prompts"),
        ("tokenizer=~nouser/x", "tokenizer"),
        ("documents.exclude=[a.txt, ~nouser/x]", "documents.exclude[1]"),
        ("engines.writer.tokenizer=~nouser/x", "engines.writer.tokenizer"),
    ],
)
def test_the_home_of_nobody_is_a_problem(tmp_path: Path, setting: str, key: str) -> None:
    """A path that begins with a user whom the machine does not know is said with its key, beside what else is wrong."""
    found = problems(tmp_path, setting, "seed=x")
    assert sorted(found) == sorted([key, "seed"])
    assert found[key].startswith("'~nouser/x' / a home folder that this machine knows, or ./~nouser/x")


def test_a_home_that_is_not_known_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, a process may have neither HOME nor a user."""

    def unknown(_: int) -> None:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert "a home folder that this machine knows" in problems(tmp_path, "prompts=~/x")["prompts"]


def test_a_name_that_begins_with_a_tilde_can_be_said(tmp_path: Path) -> None:
    """With `./` before it; and a name of a tokenizer that is too long for a file is none of a file."""
    assert load(tmp_path, "sources.0.path=./~nouser/x").sources[0].path == str(tmp_path / "~nouser/x")
    assert load(tmp_path, f"tokenizer={'x' * 300}").tokenizer == "x" * 300


def test_a_length_with_a_dot_can_be_set(tmp_path: Path) -> None:
    """Below `contexts.lengths` stand numbers, so what is left of a setting's key is one length, dot and all."""
    assert load(tmp_path, "contexts.lengths.1.5k=2").contexts.lengths == {8192: 4, 1536: 2}
    assert load(tmp_path, "contexts.lengths.8.0k=2").contexts.lengths == {8192: 2}
    found = problems(tmp_path, "contexts.lengths.1.5q=2", "contexts.lengths.8k.x=2")
    assert found["contexts.lengths.1.5q"] == "'1.5q' / a number of tokens such as 8192, 8k or 1m"
    assert found["contexts.lengths.8k.x"] == "'8k.x' / a number of tokens such as 8192, 8k or 1m"


@pytest.mark.parametrize("weight", ["1e308", "1e10", "9" * 100])
def test_weights_that_cannot_be_summed_are_refused(tmp_path: Path, weight: str) -> None:
    """Two of 1e308 sum to infinity, of which nothing can be a share."""
    found = problems(tmp_path, f"questions.kinds={{bridge: {weight}, comparison: 1e9}}")
    assert list(found) == ["questions.kinds.bridge"]
    assert found["questions.kinds.bridge"].endswith(" / at most 1000000000")


def test_an_unknown_kind_of_question_is_refused(tmp_path: Path) -> None:
    """All that are known are named; prompts of one's own may explain kinds of one's own to a model."""
    setting = "questions.kinds={brigde: 3, comparison: 1}"
    assert problems(tmp_path, setting) == {"questions.kinds.brigde": f"an unknown kind / one of: {', '.join(KINDS)}"}
    assert load(tmp_path, setting, MODEL, "prompts=own").questions.kinds == {"brigde": 3, "comparison": 1}
    assert list(problems(tmp_path, "questions.kinds={a b: 1, 7: 1}")) == ["questions.kinds.a b", "questions.kinds.7"]


def test_kinds_that_the_engine_does_not_write_are_said(tmp_path: Path) -> None:
    """Else the build would end well without an example; a model will do, or one kind among them that is written."""
    setting = "questions.kinds={choice: 1, yes_no: 2}"
    assert problems(tmp_path, setting) == {
        "questions.kinds": "choice, yes_no / at least one of bridge, comparison, calculation: "
        "the engine `writer` is lexical and writes no others"
    }
    assert (
        "the engine `judge` is lexical"
        in problems(tmp_path, setting, MODEL, "questions.engine=judge")["questions.kinds"]
    )
    assert load(tmp_path, setting, MODEL).questions.kinds == {"choice": 1, "yes_no": 2}
    assert load(tmp_path, "questions.kinds={choice: 1, bridge: 2}").questions.kinds == {"choice": 1, "bridge": 2}


READER = "engines.reader={kind: openai, model: m, urls: ['http://gpu1:8000/v1']}"
ROOMY = ("contexts.lengths={128k: 4}", "contexts.room=example", READER, "tokenizer=t.json")


def test_whole_examples_fit_a_window_of_the_length(tmp_path: Path) -> None:
    """Context, prompt, question, markup and the longest answer need the length, and not a token more."""
    recipe = load(tmp_path, *ROOMY)
    assert recipe.contexts.room == 16 * 1024 + AROUND_TOKENS
    assert window_needed(recipe, "reader") == 128 * 1024
    assert recipe == Recipe.parse(recipe.resolved())
    assert window_needed(load(tmp_path, *ROOMY, "contexts.room=0"), "reader") == 128 * 1024 + recipe.contexts.room


def test_the_longest_answer_is_what_the_engine_is_asked_for(tmp_path: Path) -> None:
    """`traces.max_tokens`, or what the engine's own sampling says."""
    assert load(tmp_path, *ROOMY, "traces.max_tokens=4k").contexts.room == 4096 + AROUND_TOKENS
    own = load(tmp_path, *ROOMY, "engines.reader.sampling={max_tokens: 1000}")
    assert own.contexts.room == 1000 + AROUND_TOKENS
    assert window_needed(own, "reader") == 128 * 1024


def test_lengths_too_short_for_an_example_are_refused(tmp_path: Path) -> None:
    """With the tokens that it takes; what is wrong with the answer's length is told of there."""
    assert problems(tmp_path, "contexts.room=example") == {
        "contexts.room": "example, which is 18,432 tokens here / less than the smallest length, 8192"
    }
    assert list(problems(tmp_path, "contexts.room=example", "traces.max_tokens=long")) == ["traces.max_tokens"]


def test_prompt_and_question_leave_most_of_the_room_to_markup() -> None:
    """The prompts that people are shown in examples, counted generously, with a long question."""
    prompts = load_prompts()
    question = "Which keeper of the harbour wrote it, and in which year? " * 20
    asked = prompts.render("answer", {"context": "x", "question": question, "reasoning": "prompted"})
    words = sum(WordTokenizer().count(message["content"]) for message in asked)
    assert 1.7 * words < AROUND_TOKENS - 1000
