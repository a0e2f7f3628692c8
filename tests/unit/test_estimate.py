"""What is foreseen, how measured contexts correct it, what it costs, and how it is shown."""

import math
from typing import Any

import msgspec
import pytest

from longhop.errors import RecipeError
from longhop.estimate import Estimate, Rates
from longhop.estimate.costs import make_estimate, money_of
from longhop.estimate.foreseen import ASKING, Assumptions, Load, Wrappings, foresee
from longhop.estimate.measured import Measured, MeasuredContext
from longhop.prompting import load_prompts
from longhop.recipe import Recipe
from longhop.tokens import load_tokenizer

PRICES = {"input": 2.0, "cached": 0.5, "output": 8.0}


def recipe(**changes: Any) -> Recipe:
    engine = {"kind": "openai", "model": "m", "urls": ["http://h/v1"]}
    engines = {role: {**engine, **changes.pop(role, {})} for role in ("writer", "reader", "judge")}
    values = {
        "name": "small",
        "tokenizer": "words",
        "sources": [{"kind": "book", "path": "books"}],
        "contexts": {"lengths": {8192: 10, 32768: 4}},
        "engines": engines,
        **changes,
    }
    return Recipe.parse(values)


WRAPPINGS = Wrappings.of(load_prompts(), load_tokenizer("words").count)


def loads(length: int = 8192, assumed: Assumptions | None = None, **changes: Any) -> dict[str, Load]:
    return foresee(recipe(**changes), length, WRAPPINGS, assumed or Assumptions())


def test_traces_read_the_context_once_and_answer_eight_times() -> None:
    """One request a question, eight samples; with reuse the context is computed once for all its questions."""
    found = loads(assumed=Assumptions(accepted=1.0))["traces"]
    assert (found.requests, found.samples) == (4, 32)
    assert found.prompt_tokens == pytest.approx(4 * (0.98 * 8192 + WRAPPINGS.answer))
    assert found.prefilled_tokens == pytest.approx(0.98 * 8192 + 4 * WRAPPINGS.answer)
    assert found.generated_tokens == 32 * 1500


def test_replies_are_no_longer_than_they_may_be() -> None:
    """The stage's limit, and before it the engine's own."""
    one = loads(assumed=Assumptions(accepted=1.0), traces={"max_tokens": 100})["traces"]
    assert one.generated_tokens == 32 * 100
    two = loads(assumed=Assumptions(accepted=1.0), reader={"sampling": {"max_tokens": 50}})["traces"]
    assert two.generated_tokens == 32 * 50


def test_a_writer_that_is_shown_all_costs_with_the_length_and_one_with_passages_does_not() -> None:
    """`scope` and `budget` decide; several requests a context each carry their passages."""
    for scope, grows in (("context", True), ("passages", False)):
        short, long = (loads(length, questions={"scope": scope})["writing"] for length in (16_384, 65_536))
        assert (long.prompt_tokens > 2 * short.prompt_tokens) == grows
    single = loads(questions={"per_request": 1}, assumed=Assumptions(again=0.0, looks=1.0))["writing"]
    together = loads(assumed=Assumptions(again=0.0, looks=1.0))["writing"]
    assert (single.requests, together.requests) == (4, 1)
    assert loads()["writing"].requests == pytest.approx(1 + 1 - 0.85 * 0.6**4), "what is faulty is asked for again"
    assert single.prompt_tokens == pytest.approx(4 * together.prompt_tokens)
    whole = loads(questions={"per_request": 1, "scope": "context"}, assumed=Assumptions(again=0.0, looks=1.0))[
        "writing"
    ]
    assert whole.prefilled_tokens < whole.prompt_tokens / 2


def test_checks_that_are_off_ask_nothing() -> None:
    """And each one that is on asks for more."""
    off: dict[str, Any] = {"closed_book": 0, "single_document": False, "answerable": False}
    assert loads(checks=off)["checks"] == Load()
    some = loads(checks={**off, "closed_book": 3})["checks"]
    assert some.samples == pytest.approx(3 * some.requests)
    assert loads()["checks"].requests > some.requests > 0


def test_the_judge_is_asked_when_the_recipe_says_so() -> None:
    """Never, of what does not match exactly, of all; both orders where no reference decides."""
    asked = {
        ask: loads(scoring={"ask": ask})["verdicts"].requests for ask in ("never", "when_no_exact_match", "always")
    }
    assert asked["never"] == 0 < asked["when_no_exact_match"] < asked["always"]
    assert loads(selection={"must_match_reference": False})["verdicts"].requests == 2 * asked["when_no_exact_match"]
    assert loads(scoring={"votes": 3})["verdicts"].samples == 3 * asked["when_no_exact_match"]


def test_assumptions_out_of_range_are_refused() -> None:
    """With their name, what was given and what is expected."""
    for name, value in (("accepted", 1.5), ("trace_tokens", -1.0), ("check_tokens", math.nan), ("tokens_a_word", 0.0)):
        with pytest.raises(ValueError, match=f"{name}: got {value}, expected a"):
            Assumptions(**{name: value})


def test_money_tells_cached_tokens_from_others() -> None:
    """Per million; a price of cached ones that is not given is that of the others."""
    load = Load(prompt_tokens=10e6, prefilled_tokens=4e6, generated_tokens=1e6)
    config = recipe(reader={"prices": PRICES}).engines["reader"]
    assert money_of(load, config) == 4 * 2.0 + 6 * 0.5 + 8.0
    config = recipe(reader={"prices": {"input": 2.0, "output": 8.0}}).engines["reader"]
    assert money_of(load, config) == 10 * 2.0 + 8.0
    assert money_of(load, recipe().engines["reader"]) is None


def test_prices_of_another_name_are_refused() -> None:
    """A typing error would cost nothing, in the estimate only."""
    with pytest.raises(RecipeError, match=r"engines.reader.prices.inptu"):
        recipe(reader={"prices": {"inptu": 2.0}})


def test_without_prices_and_rates_there_are_tokens_only() -> None:
    """And what to give is said."""
    made = make_estimate(recipe())
    assert (made.hours, made.money) == (None, None)
    text = str(made)
    assert "no hours for writer, reader, judge: no rates known; give --prefill-rate" in " ".join(text.split())
    assert "engines.writer.prices" in text
    assert "hours" not in text.splitlines()[1]
    assert "money" not in text.splitlines()[1]


def test_prices_and_rates_of_some_engines_are_used_and_the_others_named() -> None:
    """Money is that of the engines that have prices; hours stand for all or not at all."""
    made = make_estimate(recipe(reader={"prices": PRICES}), rates={"reader": Rates(prefill=1000, decode=100)})
    assert made.money == pytest.approx(sum(row.money or 0 for row in made.rows if row.role == "reader"))
    assert made.hours is None
    traces = [row for row in made.rows if row.asks == "traces"]
    hours = sum(row.load.prefilled_tokens / 1000 + row.load.generated_tokens / 100 for row in traces) / 3600
    assert sum(row.hours or 0 for row in traces) == pytest.approx(hours)
    assert any("no money for writer, judge" in note for note in made.notes)
    every = make_estimate(recipe(), rates={"": Rates(prefill=1000, decode=100)})
    assert every.hours is not None
    assert every.hours > 0


def test_what_is_assumed_is_marked_and_what_was_given_too() -> None:
    """Each by name and value."""
    text = str(make_estimate(recipe(), assume={"trace_tokens": 4000}))
    assert "ASSUMED" in text
    assert "accepted 0.25" in text
    assert "trace_tokens 4000 (given)" in text


def test_words_are_fewer_than_a_models_tokens() -> None:
    """Where the recipe counts words, prompts are longer for a model by what is assumed; for the lexical engine not."""
    model = make_estimate(recipe()).of("traces")
    words = make_estimate(recipe(), assume={"tokens_a_word": 1.0}).of("traces")
    assert model.prompt_tokens == pytest.approx(1.4 * words.prompt_tokens)
    assert model.requests == words.requests


def measured(of: Recipe, factor: dict[str, float], lengths: dict[int, int]) -> Measured:
    """Contexts that had so many times what is foreseen for them."""
    contexts = [
        MeasuredContext(
            context_id=f"{length}-{number}",
            target_tokens=length,
            n_tokens=length,
            n_bytes=5 * length,
            loads={
                asks: load.times(factor[asks]) for asks, load in foresee(of, length, WRAPPINGS, Assumptions()).items()
            },
            questions=4,
            accepted=2,
        )
        for length, many in lengths.items()
        for number in range(many)
    ]
    return Measured(
        where="runs/x",
        recipe=of,
        contexts=contexts,
        previews=0,
        skipped=0,
        ratios=dict.fromkeys(ASKING, 1.0),
        seconds={"questions": 10.0, "traces": 60.0, "verdicts": 1.0},
        disk=None,
    )


@pytest.mark.parametrize("lengths", [{8192: 1}, {2048: 3, 65_536: 1}])
def test_what_was_measured_corrects_every_length(lengths: dict[int, int]) -> None:
    """A run that had three times what is foreseen makes every estimate three times as large, and others not."""
    plain = make_estimate(recipe(), assume={"tokens_a_word": 1.0})
    found = measured(recipe(), {"writing": 1.0, "checks": 0.5, "traces": 3.0, "verdicts": 2.0}, lengths)
    made = make_estimate(recipe(), measured=found)
    for asks, factor in (("writing", 1.0), ("checks", 0.5), ("traces", 3.0), ("verdicts", 2.0)):
        for name in Load.__struct_fields__:
            assert getattr(made.of(asks), name) == pytest.approx(factor * getattr(plain.of(asks), name)), (asks, name)
    assert made.hours is not None
    assert "ASSUMED" not in str(made)


def test_more_samples_than_were_measured_are_foreseen() -> None:
    """The recipe's own settings count, and that they differ is said."""
    found = measured(recipe(traces={"samples": 4}), dict.fromkeys(ASKING, 1.0), {8192: 4})
    made = make_estimate(recipe(), measured=found)
    same = make_estimate(recipe(traces={"samples": 4}), measured=found)
    assert made.of("traces").generated_tokens == pytest.approx(2 * same.of("traces").generated_tokens)
    assert any("differs from the measured one in traces" in note for note in made.notes)
    assert not any("differs" in note for note in same.notes)


def test_enough_contexts_of_a_length_speak_for_it_alone() -> None:
    """What is measured elsewhere does not spoil it."""
    one, two = (
        measured(recipe(), dict.fromkeys(ASKING, factor), {length: 4}) for factor, length in ((2, 8192), (5, 32768))
    )
    both = msgspec.structs.replace(one, contexts=[*one.contexts, *two.contexts])
    plain = make_estimate(recipe(), assume={"tokens_a_word": 1.0})
    made = make_estimate(recipe(), measured=both)
    for length, factor in ((8192, 2), (32768, 5)):
        assert made.of("traces", length).requests == pytest.approx(factor * plain.of("traces", length).requests)


def test_questions_are_not_counted_by_requests() -> None:
    """A context that is computed before its questions are asked has a request more, and no question."""
    found = measured(recipe(), dict.fromkeys(ASKING, 1.0), {8192: 4})
    first = [
        msgspec.structs.replace(each, loads={**each.loads, "traces": each.loads["traces"].plus(Load(requests=1.0))})
        for each in found.contexts
    ]
    made = make_estimate(recipe(), measured=msgspec.structs.replace(found, contexts=first))
    plain = make_estimate(recipe(), measured=found)
    assert made.of("traces").requests == pytest.approx(plain.of("traces").requests + 14)
    assert made.accepted == pytest.approx(plain.accepted)
    assert made.disk["examples"] == pytest.approx(plain.disk["examples"])


def test_another_model_than_was_measured_is_said() -> None:
    """Since its replies have other lengths."""
    found = measured(recipe(reader={"model": "other"}), dict.fromkeys(ASKING, 1.0), {8192: 1})
    notes = make_estimate(recipe(), measured=found).notes
    assert any(note == "traces: measured with other, to be built with m" for note in notes)
    assert not any(note.startswith("writing: measured") for note in notes)


def test_few_questions_leave_much_to_chance() -> None:
    """The spread shrinks with what was measured; with nothing accepted it is everything."""
    few = make_estimate(recipe(), measured=measured(recipe(), dict.fromkeys(ASKING, 1.0), {8192: 1}))
    many = make_estimate(recipe(), measured=measured(recipe(), dict.fromkeys(ASKING, 1.0), {8192: 40}))
    assert few.spread is not None
    assert many.spread is not None
    assert 0 < many.spread < few.spread < 1
    assert make_estimate(recipe()).spread is None


def page(made: Estimate, width: int) -> list[str]:
    return made.text(width).splitlines()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_page_keeps_within_its_width(width: int) -> None:
    """With hours and money, and all numbers whole."""
    made = make_estimate(
        recipe(
            **{role: {"prices": PRICES} for role in ("writer", "reader", "judge")},
            contexts={"lengths": {1048576: 10_000}},
        ),
        rates={"": Rates(prefill=10, decode=1)},
    )
    lines = page(made, width)
    assert max(map(len, lines)) <= width
    assert "…" not in "\n".join(lines).replace("{input: …, cached: …, output: …}", "")
    assert "money" in lines[1]


def test_in_a_notebook_it_is_html_in_which_names_are_text() -> None:
    """The name of a run may hold what looks like markup."""
    found = msgspec.structs.replace(measured(recipe(), dict.fromkeys(ASKING, 1.0), {8192: 1}), where="<script>[b]x")
    html = make_estimate(recipe(), measured=found)._repr_html_()
    assert html.startswith("<pre")
    assert "<script>" not in html
    assert "[b]x" in html
