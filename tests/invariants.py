r"""Recomputes the invariants of a run from its tables alone: `python tests/invariants.py runs/sample`.

    ok     1 lengths      40 looked at
    FAILS  5 choice       25 looked at, 1 wrong
             example 3c1f…: chose 77aa…, the shortest is 90be…

Independent on purpose: it imports nothing of longhop, only pyarrow, and says again, from DESIGN.md, what an id, a
rendered document or a majority is. Exit status 1 says that an invariant is violated, 2 that there is no run to look at.
Counts of tokens are recomputed for the tokenizer `words`; for others only what follows from the counts themselves.
"""

from __future__ import annotations

import html
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as a script, it finds its other files
from tests.invariants_dataset import dataset, joined, secrets
from tests.tables import PARTED, STAGES, Looked, Row, Run, each, look, make_id, schemas, words

MARKUP = re.compile(
    r"(?i:</?document(?![\w-]))|(?i:</?think(?:ing)?(?=[\s>/]))|<\|[a-z_]\w{0,40}\|>|<｜[^｜\s]{1,40}｜>|\[/?INST\]|<</?SYS>>"
    r"|</?s>|<(?:start|end)_of_turn>|<[be]os>|\[(?:AVAILABLE_TOOLS|TOOL_CALLS|CLS|SEP)\]|</?tool_call>"
)


def ids(run: Run) -> Looked:
    """Ids are what DESIGN.md makes them of, and none stands twice but that of equal documents."""
    for stage, key in zip(STAGES[2:], ("context", "context", "question", "trace"), strict=False):
        counted = Counter(row[f"{key}_id"] for row in run.rows[stage])
        yield from (look(count == 1, f"{stage}: {item} stands {count} times") for item, count in counted.items())
    for row in run.rows["documents"]:
        yield look(row["document_id"] == make_id(row["text"]), f"document {row['document_id']}: not over its text")
    for row in run.rows["context_plan"]:
        own = [(piece["document_id"], piece["start"], piece["end"]) for piece in row["pieces"]]
        expected = make_id(row["split"], row["target_tokens"], *own)
        yield look(row["context_id"] == expected, f"context {row['context_id']}: not over its pieces")
    for row in run.rows["questions"]:
        expected = make_id(row["context_id"], row["question"], row["reference_answer"])
        yield look(row["question_id"] == expected, f"question {row['question_id']}: not over its text")
    for row in run.rows["traces"]:
        expected = make_id(row["question_id"], row["sample"])
        yield look(row["trace_id"] == expected, f"trace {row['trace_id']}: not over its sample")


def lengths(run: Run) -> Looked:
    """1: counts are exact, no context is above its budget, none below 95 % of it."""
    for row in run.rows["contexts"]:
        name = f"context {row['context_id']}"
        budget = row["target_tokens"] - run.recipe["contexts"]["room"]
        yield look(row["n_tokens"] <= budget, f"{name}: {row['n_tokens']} tokens, at most {budget}")
        yield look(100 * row["n_tokens"] >= 95 * budget, f"{name}: {row['n_tokens']} tokens are under 95 % of {budget}")
        if run.words:
            yield look(words(row["text"]) == row["n_tokens"], f"{name}: {words(row['text'])} tokens counted")
            for part in row["documents"]:
                counted = words(row["text"][part["start"] : part["end"]])
                yield look(counted == part["n_tokens"], f"{name}: {part['document_id']} has {counted} tokens")
    for row in run.rows["documents"]:
        yield from _document(run, f"document {row['document_id']}", row)
    for row in run.rows["traces"]:
        counted = words(row["reasoning"]) + words(row["content"])
        yield look(not run.words or counted == row["n_tokens"], f"trace {row['trace_id']}: {counted} tokens counted")


def _document(run: Run, name: str, row: Row) -> Looked:
    text = row["text"]
    yield look(len(text) == row["n_chars"], f"{name}: {len(text)} characters, says {row['n_chars']}")
    counted = words(text)
    yield look(not run.words or counted == row["n_tokens"], f"{name}: {counted} tokens, says {row['n_tokens']}")
    before = at = 0
    for cut in row["cuts"]:
        here = cut["offset"]
        good = 0 < here < len(text) and text[here - 1] == "\n" and not text[here].isspace()
        yield look(good, f"{name}: the cut at {here} is none")
        before, at = before + words(text[at:here]), here
        yield look(not run.words or before == cut["tokens"], f"{name}: {before} tokens before {here}")


def pieces(run: Run) -> Looked:
    """2: documents stand whole or cut at a boundary, in the text of the context as in their own."""
    for plan in run.rows["context_plan"]:
        name, context = f"context {plan['context_id']}", run.contexts.get(plan["context_id"])
        if context is None:
            continue  # a rejection, or missing: `sums` says which
        yield look(len(plan["pieces"]) == len(context["documents"]), f"{name}: not as many documents as pieces")
        own = [piece["document_id"] for piece in plan["pieces"]]
        once = len(set(own)) == len(own) or run.recipe["contexts"]["parts_together"]
        yield look(once and len(set(own)) >= 2, f"{name}: {len(own)} pieces of {len(set(own))} documents")
        rendered = ""
        for piece, part in zip(plan["pieces"], context["documents"], strict=False):
            document = run.documents[piece["document_id"]]
            borders = {0, document["n_chars"], *(cut["offset"] for cut in document["cuts"])}
            where = f"{name}: {piece['document_id']}[{piece['start']}:{piece['end']}]"
            yield look({piece["start"], piece["end"]} <= borders, f"{where} is cut where no cut is")
            body = document["text"][piece["start"] : piece["end"]].rstrip("\n")
            shown = context["text"][part["start"] : part["end"]]
            yield look(part["document_id"] == piece["document_id"] and shown == body, f"{where} stands otherwise there")
            same = all(part[key] == document[key] for key in ("kind", "title", "source", "license"))
            yield look(same, f"{where}: kind, title, source or license are not the document's")
            title, kind = html.escape(document["title"]), html.escape(document["kind"])
            rendered += f'<document title="{title}" kind="{kind}">\n{body}\n</document>\n\n'
        yield look(rendered == context["text"], f"{name}: its text is not its documents as rendered")
        same = all(plan[key] == context[key] for key in ("split", "target_tokens"))
        yield look(same, f"{name}: split or target are not the plan's")


def sums(run: Run) -> Looked:
    """4: nothing is lost, and nothing comes out of nothing."""
    planned = sorted({f"{row['part']:05}" for row in run.rows["context_plan"]})
    for stage in PARTED:
        own = [file.stem[-5:] for file in run.files[stage]]
        yield look(own == planned, f"{stage}: parts {own}, planned {planned}")
    yield from each(
        "context", {row["context_id"] for row in run.rows["context_plan"]}, run.contexts, run.left("contexts")
    )
    read, placed = (Counter(row["document_id"] for row in run.rows[stage]) for stage in ("documents", "plan"))
    for name in sorted({*read, *placed}):
        yield look(
            read[name] == placed[name], f"document {name}: {read[name]} times read, {placed[name]} times planned"
        )
        parts = [row for row in run.rows["plan"] if row["document_id"] == name and row["duplicate_of"] is None]
        yield look(len(parts) <= 1, f"document {name}: takes part {len(parts)} times")
    samples = run.recipe["traces"]["samples"]
    asked = {make_id(question, sample) for question in run.accepted for sample in range(samples)}
    sampled = Counter(row["trace_id"] for row in run.rows["traces"])
    yield from each("sample", asked, sampled, run.left("traces"))
    yield from each(
        "trace", set(run.traces), Counter(row["trace_id"] for row in run.rows["verdicts"]), run.left("verdicts")
    )
    examples = Counter(row["question_id"] for row in run.rows["examples"])
    yield from each("accepted question", set(run.accepted), examples, run.left("examples"))
    why = {row["item_id"]: row["reason"] for row in run.rejections["questions"]}
    for name, row in run.questions.items():
        expected = None if row["accepted"] else row["rejected_by"]
        yield look(why.get(name) == expected, f"question {name}: rejections say {why.get(name)}, it says {expected}")
        yield look(row["context_id"] in run.contexts, f"question {name}: no context {row['context_id']}")
    have = Counter(row["target_tokens"] for row in run.rows["context_plan"])
    for length, count in run.recipe["contexts"]["lengths"].items():
        enough = have[int(length)] >= count or run.recipe["contexts"]["allow_fewer"]
        yield look(enough, f"{have[int(length)]} contexts of {length} tokens planned, {count} asked for")
    for file in [file for stage in STAGES for file in run.files[stage]]:
        counts = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        beside = file.with_name(file.name.replace("part-", "rejections-"))
        reasons = Counter(pq.read_table(beside)["reason"].to_pylist()) if beside.is_file() else Counter()
        good = counts["rows"] == pq.read_metadata(file).num_rows and counts["rejections"] == reasons
        yield look(good, f"{file.parent.parent.name} {file.name}: rows or rejections are not as counted")


def outcome(run: Run, question_id: str) -> tuple[str, str | None, int]:
    """What the votes make of a question: the reason of its rejection, or the chosen trace; and the votes."""
    selection, samples = run.recipe["selection"], run.recipe["traces"]["samples"]
    valid = [(trace, verdict) for trace, verdict in run.attempts[question_id] if verdict["valid"]]
    sizes = Counter(verdict["answer_group"] for _, verdict in valid)
    if not sizes:
        return "no_valid_trace", None, 0
    votes = max(sizes.values())
    heads = [group for group, size in sizes.items() if size == votes]
    if len(heads) > 1 and (selection["ties"] == "drop" or selection["rule"] == "majority"):
        return "tie", None, votes
    if selection["rule"] == "majority" and votes <= samples / 2:
        return "no_majority", None, votes
    group = [(trace, verdict) for trace, verdict in valid if verdict["answer_group"] in heads]
    least = selection.get("min_evidence", 0)
    admitted = [trace for trace, verdict in group if verdict["evidence_cited"] >= least]
    chosen = min(admitted or [trace for trace, _ in group], key=lambda trace: (trace["n_tokens"], trace["sample"]))
    if selection["must_match_reference"] and not run.verdicts[chosen["trace_id"]]["correct"]:
        return "majority_not_reference", None, votes
    low, high = selection.get("keep_agreement", [0, 1])
    if not low - 1e-9 <= votes / samples <= high + 1e-9:
        return "too_hard" if votes / samples < low else "too_easy", None, votes
    if not admitted:
        return "too_little_evidence", None, votes
    return "", chosen["trace_id"], votes


def choice(run: Run) -> Looked:
    """5: the chosen trace is valid, of the majority, right, and the shortest; what was not chosen has its reason."""
    for row in run.rows["examples"]:
        name = f"example {row['question_id']}"
        reason, best, votes = outcome(run, row["question_id"])
        yield look(not reason, f"{name}: should have been rejected, {reason}")
        yield look(bool(reason) or row["trace_id"] == best, f"{name}: chose {row['trace_id']}, the shortest is {best}")
        yield look(row["votes"] == votes, f"{name}: {row['votes']} votes, counted {votes}")
        trace, verdict = run.traces.get(row["trace_id"]), run.verdicts.get(row["trace_id"])
        if trace is None or verdict is None:
            yield f"{name}: trace {row['trace_id']} does not exist"
            continue
        yield look(verdict["valid"] and trace["question_id"] == row["question_id"], f"{name}: its trace is not valid")
        right = not run.must_match or verdict["exact_match"] or verdict["judge"] is True
        yield look(right, f"{name}: its answer neither matches nor was judged equal")
    for rejection in run.rejections["examples"]:
        reason, _, _ = outcome(run, rejection["item_id"])
        yield look(
            rejection["reason"] == reason, f"question {rejection['item_id']}: {rejection['reason']}, found {reason}"
        )


def groups(run: Run) -> Looked:
    """6: groups hold equal answers together, are numbered by size, and do not depend on the order of traces."""
    for question_id, attempts in run.attempts.items():
        name, answers = f"question {question_id}", defaultdict(set)
        members: dict[Any, list[Row]] = defaultdict(list)
        for trace, verdict in attempts:
            yield from _attempt(run, trace, verdict)
            if verdict["answer_group"] is not None:
                members[verdict["answer_group"]].append(verdict)
                answers[trace["answer"]].add((verdict["answer_group"], verdict["exact_match"], verdict["correct"]))
        for answer, kinds in answers.items():
            yield look(len(kinds) == 1, f"{name}: answer {answer!r} is scored in {len(kinds)} ways")
        sizes = [len(members[group]) for group in sorted(members)]
        yield look(sorted(members) == list(range(len(members))), f"{name}: its groups are {sorted(members)}")
        yield look(sizes == sorted(sizes, reverse=True), f"{name}: groups of {sizes} are not ordered by size")
        for group, verdicts in members.items():
            yield look(len({v["correct"] for v in verdicts}) == 1, f"{name}: group {group} is right and wrong")
            same = all(v["correct"] == (v["exact_match"] or v["judge"] is True) for v in verdicts)
            yield look(same or not run.must_match, f"{name}: correct of group {group} is not match or judge")
        right = [group for group, verdicts in members.items() if any(v["correct"] for v in verdicts)]
        yield look(len(right) <= 1 or not run.must_match, f"{name}: right answers stand in groups {right}")
        before = outcome(run, question_id)
        random.Random(question_id).shuffle(attempts)
        yield look(outcome(run, question_id) == before, f"{name}: another order of traces, another choice")


def _attempt(run: Run, trace: Row, verdict: Row) -> Looked:
    name, question = f"trace {trace['trace_id']}", run.questions.get(trace["question_id"])
    stated = trace["answer"] is not None and trace["finish_reason"] != "length"
    yield look(verdict["valid"] == stated, f"{name}: valid is {verdict['valid']}")
    yield look((verdict["answer_group"] is not None) == verdict["valid"], f"{name}: its group")
    yield look(0 <= verdict["evidence_cited"] <= 1, f"{name}: evidence_cited")
    lines = [line for line in trace["content"].splitlines() if re.search(r"answer\W*:", line, re.IGNORECASE)]
    last = lines[-1].partition(":")[2].replace("\\boxed", "").strip(" *_`{}") if lines else ""
    said = trace["answer"] is None or trace["answer"].strip(" *_`{}") == last
    yield look(said, f"{name}: {trace['answer']!r} is not what it states last")
    if stated and question is not None and trace["answer"] in (question["reference_answer"], *question["aliases"]):
        yield look(verdict["exact_match"], f"{name}: says the reference and counts as no match")


def evidence(run: Run) -> Looked:
    """7: accepted questions have evidence in several documents, found where it says, and steps that connect."""
    for row in run.rows["questions"]:
        failed = [check["name"] for check in row["checks"] if not check["passed"]]
        name = f"question {row['question_id']}"
        yield look(row["accepted"] == (not failed), f"{name}: accepted is {row['accepted']}, failed are {failed}")
        yield look(row["rejected_by"] == next(iter(failed), None), f"{name}: rejected_by is {row['rejected_by']}")
        if row["accepted"] and row["context_id"] in run.contexts:
            documents = {quote["document_id"] for quote in row["evidence"]}
            enough = len(documents) >= run.recipe["questions"]["min_documents"]
            yield look(enough, f"{name}: evidence in {len(documents)} documents")
            for quote in row["evidence"]:
                yield from _quote(run, name, quote, run.contexts[row["context_id"]])
            yield from _steps(run, name, row)


def _quote(run: Run, name: str, quote: Row, context: Row) -> Looked:
    start, end, least = quote["start"], quote["end"], run.recipe["checks"]["evidence"]
    own = [part for part in context["documents"] if part["document_id"] == quote["document_id"]]
    yield look(
        any(p["start"] <= start < end <= p["end"] for p in own), f"{name}: a quote outside {quote['document_id']}"
    )
    depth = (start + end) / 2 / len(context["text"])
    yield look(abs(quote["depth"] - depth) < 1e-5, f"{name}: depth {quote['depth']} of a quote at {depth:.6f}")
    said, passage = " ".join(quote["quote"].split()), " ".join(context["text"][start:end].split())
    likeness = 1.0 if said == passage else SequenceMatcher(None, said, passage, autojunk=False).ratio()
    # What scores below 1 was measured otherwise than here; a little less is allowed.
    good = quote["score"] >= least and likeness >= (1 if quote["score"] == 1 else least - 0.1)
    yield look(good, f"{name}: {said[:40]!r} is not what stands there, {passage[:40]!r}")


def _steps(run: Run, name: str, row: Row) -> Looked:
    steps, (fewest, most) = row["steps"], run.recipe["questions"]["steps"]
    yield look(row["n_steps"] == len(steps) and fewest <= len(steps) <= most, f"{name}: {len(steps)} steps")
    uses = {used for step in steps for used in step["uses"]}
    for number, step in enumerate(steps):
        backward = all(0 <= used < number for used in step["uses"])
        shown = all(0 <= at < len(row["evidence"]) for at in step["evidence"])
        yield look(backward and shown, f"{name}: step {number} points to nothing")
        yield look(bool(step["evidence"] or step["uses"]), f"{name}: step {number} stands on nothing")
        yield look(number in uses or number == len(steps) - 1, f"{name}: step {number} is used by none")


def markup(run: Run) -> Looked:
    """9: nothing in a document acts as a delimiter or as a special token."""
    for row in run.rows["documents"]:
        found = MARKUP.search(row["text"])
        yield look(found is None, f"document {row['document_id']}: {found[0] if found else ''!r} in its text")
    for row in run.rows["contexts"]:
        tags = len(MARKUP.findall(row["text"]))  # two of each document, and titles are escaped
        yield look(tags == 2 * len(row["documents"]), f"context {row['context_id']}: {tags} pieces of markup")


def splits(run: Run) -> Looked:
    """Splits share no document and no near-duplicate, and no document stands in more contexts than allowed."""
    stands: dict[str, set[str]] = defaultdict(set)
    for plan in run.rows["context_plan"]:
        for piece in plan["pieces"]:
            stands[piece["document_id"]].add(plan["context_id"])
            own = run.used.get(piece["document_id"], {}).get("split")
            yield look(own == plan["split"], f"context {plan['context_id']}: {piece['document_id']} is of {own}")
    most = run.recipe["contexts"]["reuse"]
    for document_id, where in stands.items():
        yield look(len(where) <= most, f"document {document_id}: stands in {len(where)} contexts, at most {most}")
    for row in run.rows["plan"]:
        allowed = run.recipe["documents"]["splits"][row["split"]] > 0
        yield look(allowed, f"document {row['document_id']}: of split {row['split']}, which has no share")
        known = row["duplicate_of"] is None or row["duplicate_of"] in run.documents
        yield look(known, f"document {row['document_id']}: a duplicate of what does not exist")
    limit = run.recipe["documents"]["near_duplicate"]
    for one, other in combinations(sorted(set(run.used) & set(run.documents)), 2) if limit else ():
        if run.used[one]["split"] != run.used[other]["split"]:
            pair = list(zip(run.documents[one]["signature"], run.documents[other]["signature"], strict=True))
            same = sum(a == b for a, b in pair) / max(1, len(pair))
            yield look(same < limit, f"documents {one} and {other}: likeness {same:.2f} across splits")


CHECKS: dict[str, Callable[[Run], Looked]] = {
    "1 lengths": lengths,
    "2 pieces": pieces,
    "4 sums": sums,
    "5 choice": choice,
    "6 groups": groups,
    "7 evidence": evidence,
    "9 markup": markup,
    "10 secrets": secrets,
    "ids": ids,
    "schemas": schemas,
    "splits": splits,
    "joined": joined,
    "dataset": dataset,
}


def violations(folder: Path) -> dict[str, tuple[int, list[str]]]:
    """For each invariant how many things were looked at, and what is wrong."""
    run = Run(folder)
    found = {}
    for name, check in CHECKS.items():
        looked = list(check(run))
        found[name] = (len(looked), [wrong for wrong in looked if wrong is not None])
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0], "run.json").is_file():
        print("usage: python tests/invariants.py RUN, a folder with a run.json", file=sys.stderr)  # noqa: T201
        return 2
    found = violations(Path(arguments[0]))
    for name, (count, wrong) in found.items():
        verdict = f"{count:>7,} looked at" + (f", {len(wrong):,} wrong" if wrong else "")
        print(f"{'FAILS' if wrong else 'ok':<6} {name:<12} {verdict}")  # noqa: T201
        for line in wrong[:10]:
            print(f"         {line}")  # noqa: T201
    return int(any(wrong for _, wrong in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
