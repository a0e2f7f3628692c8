"""What comparing answers costs, and what a judge that errs does to the examples that are kept.

    python -m benchmarks.scores --questions 10000 --judged 4000

Speed, as ratios within one run and with cold caches; the answers are those that a reader might give: the eight of a
question are numbers, dates, names, lists and code in several notations, no two questions have the same.

- normalising: all answers of all questions once, each for its question;
- comparing: `exact_match` of two answers that were normalised before, over the time of normalising one (goal: 0.1);
- grouping: `score_traces` without a judge, from the traces to the verdicts, normalising and the comparison with the
  reference included, over normalising alone (goal: 2). The traces have no text to cite in. Beside it the same with
  reasoning of 2,000 words and two quotes, of which one is cited word for word and one is not found: there the search
  for citations costs most.

Errors: a judge says "same" of 5 % of the pairs that differ, drawn anew for each pair and order; each question has its
right answer and one to three wrong ones on offer, each in two wordings. Told is the share of questions whose kept
example is wrong: with the reference (goal: 0.05), without it by heads of groups, and for chains of verdicts (connected
components of all pairs). Without a reference a wrong answer may be the majority; what a judge without error
leaves stands beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations

import msgspec

from longhop import answers as matching
from longhop.answers import exact_match, normalize
from longhop.engines import Request
from longhop.engines.scripted import ScriptedEngine
from longhop.inference import Inference
from longhop.recipe import ScoringConfig, SelectionConfig
from longhop.records import Context, Evidence, Example, Models, Question, Trace, Verdict, make_id
from longhop.stages.examples import Attempts, select_examples
from longhop.stages.verdicts import score_traces

SAMPLES, WRONGLY_SAME = 8, 0.05
WORDS = "lantern harbour rope crane mill tower ledger brass kelp glacier bishop umbrella pilot sound ferry bell".split()
CONTEXT = Context(context_id="c", split="train", target_tokens=8, n_tokens=8, text="", documents=[])
Attempt = tuple[Question, list[Trace]]


def question(number: int, reference: str, evidence: list[Evidence] | None = None) -> Question:
    """A question of its own."""
    return Question(
        question_id=f"q{number}",
        context_id="c",
        kind="bridge",
        question=f"What stands in ledger {number}?",
        reference_answer=reference,
        aliases=[],
        answer_type="text",
        n_steps=2,
        steps=[],
        evidence=evidence or [],
        checks=[],
        accepted=True,
        rejected_by=None,
        model="w",
    )


def trace(number: int, sample: int, answer: str, tokens: int = 10, reasoning: str = "") -> Trace:
    """An attempt at it."""
    return Trace(
        trace_id=make_id(f"q{number}", sample),
        question_id=f"q{number}",
        sample=sample,
        reasoning=reasoning,
        content="",
        answer=answer,
        n_tokens=tokens,
        finish_reason="stop",
        model="r",
    )


def answers(rng: random.Random, number: int) -> list[str]:
    """Eight answers to a question: two or three that differ, in several notations."""
    n, word, other = number + 1000, rng.choice(WORDS), rng.choice(WORDS)
    kinds = [
        [f"{n:,} crowns", f"{n} crowns", f"**{n} crowns**", f"{n + 1} crowns"],
        [f"{n % 28 + 1} May {1000 + n % 900}", f"May {n % 28 + 1}, {1000 + n % 900}", f"June {1000 + n % 900}"],
        [f"The {word.title()} {other} {n}", f"the {word} {other} {n}.", f"{word} {other} {n}", f"{word} of {n}"],
        [f"{word}, {other} and keeper {n}", f"keeper {n}, {other}, {word}", f"{word} {n}"],
        [f"`{word}_{n}`", f"{word}_{n}", f"{word}_{n}()"],
        [f"{n} km", f"{n}000 m", f"{n} miles"],
    ]
    return [rng.choice(kinds[number % len(kinds)]) for _ in range(SAMPLES)]


def cold() -> None:
    """Forget all that was normalised; the units that are loaded stay."""
    for name in vars(matching):
        if clear := getattr(getattr(matching, name), "cache_clear", None):
            clear()


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, from cold caches, the best of three."""
    best = float("inf")
    for _ in range(3):
        cold()
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def speed(questions: int) -> Iterator[str]:
    """Ratios of comparing and grouping to normalising."""
    rng = random.Random(1)
    said = [answers(rng, number) for number in range(questions)]
    asked = [question(number, rows[0]) for number, rows in enumerate(said)]
    plain: list[Attempt] = [
        (asked[number], [trace(number, sample, answer) for sample, answer in enumerate(rows)])
        for number, rows in enumerate(said)
    ]

    def normalise() -> None:
        for own, rows in zip(asked, said, strict=True):
            for answer in rows:
                normalize(answer, own.question, own.answer_type)

    normalising = seconds(normalise)
    each = normalising / sum(len(set(rows)) for rows in said)
    yield f"normalising one answer        {1e6 * each:8.1f} µs"
    own, few = asked[:500], said[:500]
    for one, rows in zip(own, few, strict=True):
        for answer in rows:
            normalize(answer, one.question, one.answer_type)
    began = time.perf_counter()
    for one, rows in zip(own, few, strict=True):
        for answer in rows[1:]:
            exact_match(rows[0], answer, one.question, one.answer_type)
    comparing = (time.perf_counter() - began) / (len(own) * (SAMPLES - 1))
    ratio = comparing / each
    yield f"comparing two normalised ones {1e6 * comparing:8.1f} µs, {ratio:.3f} of normalising one (goal 0.1)"

    def score(rows: list[Attempt]) -> None:
        judge = Inference(ScriptedEngine(lambda _: "", model="judge"))
        for _ in score_traces(rows, ScoringConfig(ask="never"), SelectionConfig(), judge, seed=1):
            pass

    grouping = seconds(lambda: score(plain))
    ratio = grouping / normalising
    yield f"grouping {SAMPLES} of {questions:,}         {grouping:8.2f} s, {ratio:.2f} of normalising (goal 2)"
    small = questions // 20
    text = " ".join(rng.choice(WORDS) for _ in range(2000))
    quotes = [text[5000:5120], "Nobody else paid so many crowns into the old chest behind the lighthouse of Skarn."]
    evidence = [Evidence(document_id="d", quote=quote, start=0, end=1, score=1.0) for quote in quotes]
    long: list[Attempt] = [
        (
            msgspec.structs.replace(own, evidence=evidence),
            [msgspec.structs.replace(row, reasoning=text) for row in rows],
        )
        for own, rows in plain[:small]
    ]
    citing = seconds(lambda: score(long)) / small * questions
    yield f"the same with citations sought {citing:7.2f} s, {citing / normalising:.1f} of normalising"


def errs(first: str, second: str, key: str, share: float = WRONGLY_SAME) -> bool:
    """What the judge says: the truth, but "same" of 5 % of what differs. Words after the first are notation."""
    same = first.split(maxsplit=1)[0] == second.split(maxsplit=1)[0]
    return same or int(make_id("errs", key, first, second), 16) % 10_000 < 10_000 * share


def judge(share: float) -> Inference:
    """Reads both prompts."""

    def reply(request: Request) -> str:
        names = ("reference", "answer") if request.prompt == "judge" else ("first", "second")
        one, other = (request.inputs[name] for name in names)
        return json.dumps({"equal": errs(one, other, request.inputs["question"], share)})

    return Inference(ScriptedEngine(reply, model="judge"))


def offers(rng: random.Random, number: int) -> list[tuple[str, int]]:
    """Eight answers with tokens: the right one and one to three wrong ones, in two wordings each."""
    wrong = [f"wrong{letter}{number}" for letter in "abc"[: rng.randint(1, 3)]]
    right = rng.choice([0.3, 0.6, 0.8])
    drawn = [f"right{number}" if rng.random() < right else rng.choice(wrong) for _ in range(SAMPLES)]
    return [(f"{answer} {rng.choice(['so', 'thus'])}", rng.randint(100, 999)) for answer in drawn]


def chained(attempt: Attempt) -> list[Verdict]:
    """Groups as connected components over all pairs."""
    own, rows = attempt
    texts = sorted({row.answer or "" for row in rows} | {own.reference_answer})
    parent = {text: text for text in texts}

    def root(text: str) -> str:
        return text if parent[text] == text else root(parent[text])

    for one, other in combinations(texts, 2):
        if errs(one, other, own.question):
            low, high = sorted((root(one), root(other)))
            parent[high] = low
    sizes = Counter(root(row.answer or "") for row in rows)
    order = sorted(sizes, key=lambda head: (-sizes[head], head))
    return [
        Verdict(
            trace_id=row.trace_id,
            question_id=row.question_id,
            sample=row.sample,
            valid=True,
            exact_match=False,
            judge=None,
            correct=root(row.answer or "") == root(own.reference_answer),
            answer_group=order.index(root(row.answer or "")),
            evidence_cited=0.0,
            model="judge",
        )
        for row in rows
    ]


def errors(questions: int) -> Iterator[str]:
    """Share of the questions with a wrong answer on offer whose kept example is wrong."""
    rng = random.Random(2)
    attempts: list[Attempt] = []
    while len(attempts) < questions:
        number = len(attempts)
        drawn = offers(rng, number)
        if any(answer.startswith("wrong") for answer, _ in drawn):
            rows = [trace(number, sample, answer, tokens) for sample, (answer, tokens) in enumerate(drawn)]
            attempts.append((question(number, f"right{number}"), rows))
    for name, must_match, chain, share in (
        ("the reference", True, False, WRONGLY_SAME),
        ("chains, the reference", True, True, WRONGLY_SAME),
        ("heads, no reference", False, False, WRONGLY_SAME),
        ("the same, judge right", False, False, 0.0),
        ("chains, no reference", False, True, WRONGLY_SAME),
    ):
        selection = SelectionConfig(must_match_reference=must_match)
        scored = (
            [verdict for attempt in attempts for verdict in chained(attempt)]
            if chain
            else list(score_traces(attempts, ScoringConfig(), selection, judge(share), seed=1))
        )
        yield f"{name:22} {told(attempts, scored, selection)}"


def told(attempts: list[Attempt], scored: list[Verdict], selection: SelectionConfig) -> str:
    """Kept, kept wrong and merged wrongly, of all."""
    by_question: dict[str, list[Verdict]] = {}
    for verdict in scored:
        by_question.setdefault(verdict.question_id, []).append(verdict)
    rows = select_examples(
        (
            Attempts(question=own, context=CONTEXT, traces=traces, verdicts=by_question[own.question_id])
            for own, traces in attempts
        ),
        selection,
        SAMPLES,
        Models(writer="w", reader="r", judge="judge"),
        lambda _question, _trace: 0,
    )
    kept = [row for row in rows if isinstance(row, Example)]
    wrong = sum(not row.answer.startswith("right") for row in kept)
    merged = 0
    for own, traces in attempts:
        groups: dict[int | None, set[str]] = {}
        for row, verdict in zip(traces, by_question[own.question_id], strict=True):
            groups.setdefault(verdict.answer_group, set()).add((row.answer or "").split()[0])
        merged += any(len(members) > 1 for members in groups.values())
    return (
        f"kept {len(kept):5,}, kept wrong {wrong:4,} = {wrong / len(attempts):6.2%} of the questions, "
        f"answers that differ in one group in {merged / len(attempts):6.2%}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--judged", type=int, default=4_000)
    chosen = parser.parse_args()
    for line in speed(chosen.questions):
        print(line, flush=True)
    for line in errors(chosen.judged):
        print(line, flush=True)


if __name__ == "__main__":
    main()
