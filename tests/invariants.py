"""Recomputes the invariants of a run from its tables alone; nothing of longhop is imported.

    python tests/invariants.py runs/sample

Prints a line an invariant, with how much was looked at, and ends with 1 where one is violated. Counting tokens again is
possible for runs whose tokenizer is `words`; for others the sums of the tables are compared.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
WORDS = re.compile(r"\w+|[^\w\s]")
TEXT_COLUMNS = {
    "documents": ["text"],
    "contexts": ["text"],
    "traces": ["reasoning", "content"],
    "examples": ["reasoning", "content"],
}
COLUMNS = {
    "documents": "document_id kind title source license text n_chars n_tokens cuts signature terms",
    "plan": "document_id part row_group duplicate_of split",
    "context_plan": "context_id split target_tokens part pieces",
    "contexts": "context_id split target_tokens n_tokens text documents",
    "questions": "question_id context_id kind question reference_answer aliases answer_type n_steps steps evidence checks "
    "accepted rejected_by model",
    "traces": "trace_id question_id sample reasoning content answer n_tokens finish_reason model",
    "verdicts": "trace_id question_id sample valid exact_match judge correct answer_group evidence_cited model",
    "examples": "question_id context_id split question answer reference_answer reasoning content trace_id n_traces votes "
    "agreement target_tokens context_tokens trace_tokens example_tokens documents licenses evidence kind n_steps models",
}
REJECTIONS = "stage item_id reason detail"
MARKUP = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<think>",
    "</think>",
    "[INST]",
    "<start_of_turn>",
]


def make_id(*parts: object) -> str:
    """The ids of longhop: SHA-256 over parts, each preceded by its length."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()[:16]


class Run:
    """The tables of a run, by the fingerprints of its run.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Row = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        self.recipe: Row = self.manifest["recipe"]
        self.schemas: dict[str, pa.Schema] = {}
        self.tables = {stage: self._read(stage, "part") for stage in COLUMNS}
        self.rejections = {stage: self._read(stage, "rejections") for stage in COLUMNS}
        parts = 1 + max((row["part"] for row in self.tables["context_plan"]), default=-1)
        published = folder / "published" / self.manifest["fingerprints"]["dataset"] / f"rejections-{parts:05}.parquet"
        self.rejections["dataset"] = pq.read_table(published).to_pylist() if published.exists() else []

    def _read(self, stage: str, what: str) -> list[Row]:
        rows: list[Row] = []
        for file in sorted((self.folder / stage / self.manifest["fingerprints"][stage]).glob(f"{what}-*.parquet")):
            table = pq.read_table(file)
            rows += table.to_pylist()
            if what == "part":
                self.schemas[stage] = table.schema
        return rows

    def by(self, stage: str, key: str) -> dict[Any, Row]:
        """Rows by a key that is unique."""
        return {row[key]: row for row in self.tables[stage]}

    def grouped(self, stage: str, key: str) -> dict[Any, list[Row]]:
        """Rows by a key that is not."""
        groups: dict[Any, list[Row]] = defaultdict(list)
        for row in self.tables[stage]:
            groups[row[key]].append(row)
        return groups

    def count(self, text: str) -> int | None:
        """Tokens of a text, where the tokenizer is `words`."""
        return len(WORDS.findall(text)) if self.recipe["tokenizer"] == "words" else None


Check = Callable[[Run], Iterable[str]]


def schemas(run: Run) -> Iterable[str]:
    """Every table has its columns, and texts are large strings."""
    for stage, names in COLUMNS.items():
        if stage in run.schemas:
            missing = set(names.split()) - set(run.schemas[stage].names)
            yield from (f"{stage}: no column {name}" for name in missing)
            for name in TEXT_COLUMNS.get(stage, ()):
                if run.schemas[stage].field(name).type != pa.large_string():
                    yield f"{stage}.{name} is {run.schemas[stage].field(name).type}"


def ids(run: Run) -> Iterable[str]:
    """Ids are unique and made of what they stand for."""
    for row in run.tables["documents"]:
        if row["document_id"] != make_id(row["text"]):
            yield f"document {row['document_id']} is not the id of its text"
    for stage, key in (("contexts", "context_id"), ("questions", "question_id"), ("traces", "trace_id")):
        names = [row[key] for row in run.tables[stage]]
        yield from (f"{stage}: {name} stands {n} times" for name, n in Counter(names).items() if n > 1)
    for row in run.tables["questions"]:
        if row["question_id"] != make_id(row["context_id"], row["question"], row["reference_answer"]):
            yield f"question {row['question_id']} is not the id of context, text and answer"
    for row in run.tables["traces"]:
        if row["trace_id"] != make_id(row["question_id"], row["sample"]):
            yield f"trace {row['trace_id']} is not the id of question and sample"


def context_tokens(run: Run) -> Iterable[str]:
    """1: n_tokens is the count of the text, never above the target less the room, and at least 95 % of that."""
    room = run.recipe["contexts"]["room"]
    for row in run.tables["contexts"]:
        most = row["target_tokens"] - room
        exact = run.count(row["text"])
        if exact is not None and exact != row["n_tokens"]:
            yield f"context {row['context_id']}: n_tokens {row['n_tokens']}, counted {exact}"
        if row["n_tokens"] > most:
            yield f"context {row['context_id']}: {row['n_tokens']} tokens above {most}"
        if row["n_tokens"] < 0.95 * most:
            yield f"context {row['context_id']}: {row['n_tokens']} tokens are below 95 % of {most}"
    for row in run.tables["documents"]:
        exact = run.count(row["text"])
        if exact is not None and exact != row["n_tokens"]:
            yield f"document {row['document_id']}: n_tokens {row['n_tokens']}, counted {exact}"
        for cut in row["cuts"]:
            if exact is not None and run.count(row["text"][: cut["offset"]]) != cut["tokens"]:
                yield f"document {row['document_id']}: cut at {cut['offset']} counts {cut['tokens']} tokens"
                break


def pieces(run: Run) -> Iterable[str]:
    """2: every document stands whole or cut at a boundary, between its start and end, rendered as it should be."""
    documents, plans = run.by("documents", "document_id"), run.by("context_plan", "context_id")
    for row in run.tables["contexts"]:
        plan = plans[row["context_id"]]
        rebuilt = []
        for piece, placed in zip(plan["pieces"], row["documents"], strict=True):
            document = documents[piece["document_id"]]
            cuts = {cut["offset"] for cut in document["cuts"]} | {0, len(document["text"])}
            where = f"context {row['context_id']}, document {piece['document_id']}"
            if piece["start"] not in cuts:
                yield f"{where}: begins at {piece['start']}, where there is no cut"
            body = document["text"][piece["start"] : piece["end"]].rstrip("\n")
            ends = {len(document["text"][:cut].rstrip("\n")) for cut in cuts}
            if piece["start"] + len(body) not in ends:
                yield f"{where}: ends at {piece['end']}, where there is no cut"
            if row["text"][placed["start"] : placed["end"]] != body:
                yield f"{where}: text[start:end] is not the document's text"
            exact = run.count(row["text"][placed["start"] : placed["end"]])
            if exact is not None and exact != placed["n_tokens"]:
                yield f"{where}: n_tokens {placed['n_tokens']}, counted {exact}"
            title = re.search(r'<document title="([^"\n]*)" kind="([^"\n]*)">\n$', row["text"][: placed["start"]])
            rebuilt.append(f"{title[0] if title else '?'}{body}\n</document>\n\n")
        if "".join(rebuilt) != row["text"]:
            yield f"context {row['context_id']}: is not its rendered documents and nothing else"
        names = [piece["document_id"] for piece in plan["pieces"]]
        if len(set(names)) != len(names) or len(names) < 2:
            yield f"context {row['context_id']}: {len(names)} pieces of {len(set(names))} documents"


def planned(run: Run) -> Iterable[str]:
    """Every planned context is a row or a rejection, as many as asked for, and no document stands in too many."""
    have = {row["context_id"] for row in run.tables["contexts"]}
    gone = {row["item_id"] for row in run.rejections["contexts"]}
    for row in run.tables["context_plan"]:
        if row["context_id"] not in have | gone:
            yield f"context {row['context_id']} was planned and is neither a row nor a rejection"
    reuse = run.recipe["contexts"]["reuse"]
    used = Counter(piece["document_id"] for row in run.tables["context_plan"] for piece in row["pieces"])
    yield from (f"document {name} stands in {n} contexts of {reuse}" for name, n in used.items() if n > reuse)
    asked = Counter(row["target_tokens"] for row in run.tables["context_plan"])
    if not run.recipe["contexts"]["allow_fewer"]:
        for length, count in run.recipe["contexts"]["lengths"].items():
            if asked[int(length)] < count:
                yield f"{asked[int(length)]} contexts of {length} tokens planned, {count} asked for"


def splits(run: Run) -> Iterable[str]:
    """No document, nor a near-duplicate of it, stands in two splits; duplicates stand in no context."""
    split = {row["document_id"]: row["split"] for row in run.tables["plan"] if row["duplicate_of"] is None}
    for row in run.tables["plan"]:
        if row["duplicate_of"] is not None and split.get(row["duplicate_of"], row["split"]) != row["split"]:
            yield f"document {row['document_id']} and what it duplicates are in different splits"
    for row in run.tables["context_plan"]:
        for piece in row["pieces"]:
            if split.get(piece["document_id"]) != row["split"]:
                yield f"context {row['context_id']} of {row['split']} has document {piece['document_id']} of another split"


def sums(run: Run) -> Iterable[str]:
    """4: every sample is a trace or a rejection, every question an example or a rejection, once."""
    samples = run.recipe["traces"]["samples"]
    traces = run.grouped("traces", "question_id")
    refused = {row["item_id"] for row in run.rejections["traces"]}
    verdicts = Counter(row["trace_id"] for row in run.tables["verdicts"])
    examples = Counter(row["question_id"] for row in run.tables["examples"])
    dropped = Counter(row["item_id"] for stage in ("questions", "examples") for row in run.rejections[stage])
    for row in run.tables["questions"]:
        name, mine = row["question_id"], traces.get(row["question_id"], [])
        if row["accepted"]:
            seen = {trace["sample"] for trace in mine}
            lost = [n for n in range(samples) if n not in seen and make_id(name, n) not in refused]
            if lost or len(mine) != len(seen):
                yield f"question {name}: samples {lost} are neither traces nor rejections"
        elif mine:
            yield f"question {name} was not accepted and has traces"
        if examples[name] + dropped[name] != 1:
            yield f"question {name}: {examples[name]} examples and {dropped[name]} rejections"
        failed = [check["name"] for check in row["checks"] if not check["passed"]]
        if row["accepted"] != (not failed) or row["rejected_by"] != (failed[0] if failed else None):
            yield f"question {name}: accepted {row['accepted']}, failed checks {failed}"
    for row in run.tables["traces"]:
        if verdicts[row["trace_id"]] != 1:
            yield f"trace {row['trace_id']} has {verdicts[row['trace_id']]} verdicts"


def choices(run: Run) -> Iterable[str]:
    """5: the chosen trace is valid, in the majority, right where it must be, and the shortest of those."""
    verdicts, traces = run.by("verdicts", "trace_id"), run.grouped("traces", "question_id")
    questions = run.by("questions", "question_id")
    selection = run.recipe["selection"]
    for row in run.tables["examples"]:
        name = row["question_id"]
        mine = {trace["trace_id"]: trace for trace in traces[name]}
        chosen, verdict = mine[row["trace_id"]], verdicts[row["trace_id"]]
        group = [
            trace for trace in mine.values() if verdicts[trace["trace_id"]]["answer_group"] == verdict["answer_group"]
        ]
        sizes = Counter(verdicts[t]["answer_group"] for t in mine if verdicts[t]["valid"])
        if not verdict["valid"] or len(group) != row["votes"] or max(sizes.values()) != row["votes"]:
            yield f"example {name}: {row['votes']} votes, groups of {dict(sizes)}"
        if selection["rule"] == "majority" and 2 * row["votes"] <= row["n_traces"]:
            yield f"example {name}: {row['votes']} votes of {row['n_traces']} are no majority"
        if abs(row["agreement"] - row["votes"] / row["n_traces"]) > 1e-9:
            yield f"example {name}: agreement {row['agreement']}"
        if selection["must_match_reference"] and not (verdict["exact_match"] or verdict["judge"]):
            yield f"example {name}: the chosen answer is no exact match and was not judged equal"
        best = min(group, key=lambda trace: (trace["n_tokens"], trace["sample"]))
        if best["trace_id"] != row["trace_id"]:
            yield f"example {name}: trace {best['trace_id']} of the group has fewer tokens"
        same = (chosen["reasoning"], chosen["content"], chosen["answer"], chosen["n_tokens"])
        if (row["reasoning"], row["content"], row["answer"], row["trace_tokens"]) != same:
            yield f"example {name}: is not its trace"
        if row["reference_answer"] != questions[name]["reference_answer"] or not questions[name]["accepted"]:
            yield f"example {name}: is not its question"


def trace_tokens(run: Run) -> Iterable[str]:
    """Tokens of a trace are those of reasoning and content; the answer is the last one stated."""
    for row in run.tables["traces"]:
        exact = run.count(row["reasoning"])
        if exact is not None and exact + (run.count(row["content"]) or 0) != row["n_tokens"]:
            yield f"trace {row['trace_id']}: n_tokens {row['n_tokens']}"
        stated = [line for line in row["content"].splitlines() if "answer:" in line.lower()]
        if row["answer"] is not None and (not stated or row["answer"] not in stated[-1]):
            yield f"trace {row['trace_id']}: answer {row['answer']!r} is not what the content states last"


def evidence(run: Run) -> Iterable[str]:
    """7: accepted questions have evidence in enough documents, quotes where they are said to be, connected steps."""
    contexts = run.by("contexts", "context_id")
    least = run.recipe["questions"]["min_documents"]
    for row in run.tables["questions"]:
        context = contexts[row["context_id"]]
        spans = {document["document_id"]: document for document in context["documents"]}
        for number, found in enumerate(row["evidence"]):
            if found["score"] == 1.0 and context["text"][found["start"] : found["end"]] != found["quote"]:
                yield f"question {row['question_id']}: quote {number} is not at its offsets"
            inside = spans.get(found["document_id"])
            if row["accepted"] and not (inside and inside["start"] <= found["start"] < found["end"] <= inside["end"]):
                yield f"question {row['question_id']}: quote {number} lies outside its document"
        if not row["accepted"]:
            continue
        if len({found["document_id"] for found in row["evidence"]}) < least:
            yield f"question {row['question_id']}: evidence in too few documents"
        used = {other for step in row["steps"] for other in step["uses"]}
        if set(range(row["n_steps"] - 1)) - used or len(row["steps"]) != row["n_steps"]:
            yield f"question {row['question_id']}: steps that no later one uses"
        for number, step in enumerate(row["steps"]):
            bad = [other for other in step["uses"] if not 0 <= other < number]
            if bad or not (step["evidence"] or step["uses"]):
                yield f"question {row['question_id']}: step {number} hangs in the air"


def markup(run: Run) -> Iterable[str]:
    """9: no document's text has a delimiter or a special token."""
    for row in run.tables["documents"]:
        for token in [*MARKUP, "<document ", "</document>"]:
            if token in row["text"]:
                yield f"document {row['document_id']} contains {token}"


def secrets(run: Run) -> Iterable[str]:
    """10: nothing that looks like a token of the Hub or a key stands in run.json or the dataset's texts."""
    files = [run.folder / "run.json", *(run.folder / "dataset").glob("*.*")]
    for file in files:
        if file.is_file() and re.search(r"\b(?:hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9]{20,})", file.read_text("utf-8")):
            yield f"{file.name} holds something like a key"


def published(run: Run) -> Iterable[str]:
    """The dataset's rows are those of the tables, examples joined with their contexts."""
    folder = run.folder / "dataset" / "data"
    if not folder.exists():
        return
    contexts = run.by("contexts", "context_id")
    dropped = {row["item_id"] for row in run.rejections["dataset"]}
    want = {
        "default": {row["question_id"] for row in run.tables["examples"]} - dropped,
        "traces": {row["trace_id"] for row in run.tables["traces"]},
        "questions": {row["question_id"] for row in run.tables["questions"]},
        "contexts": {row["context_id"] for row in run.tables["contexts"]},
    }
    keys = {"default": "question_id", "traces": "trace_id", "questions": "question_id", "contexts": "context_id"}
    for configuration, key in keys.items():
        rows = []
        for file in sorted((folder / configuration).glob("*.parquet")):
            split = file.name.split("-")[0]
            found = pq.read_table(file).to_pylist()
            rows += found
            for row in found:
                if contexts[row["context_id"]]["split"] != split:
                    yield f"dataset/{configuration}: {row[key]} is in the file of {split}"
        if Counter(row[key] for row in rows) != Counter(want[configuration]):
            yield f"dataset/{configuration}: {len(rows)} rows, {len(want[configuration])} expected"
        if configuration == "default":
            for row in rows:
                system, user, assistant = row["messages"]
                roles = [message["role"] for message in row["messages"]]
                whole = f"<think>\n{row['reasoning']}\n</think>\n\n{row['content']}"
                text = contexts[row["context_id"]]["text"]
                if roles != ["system", "user", "assistant"] or assistant["content"] != whole:
                    yield f"dataset/default: messages of {row['question_id']} are not its trace"
                if text not in user["content"] or row["question"] not in user["content"] or not system["content"]:
                    yield f"dataset/default: messages of {row['question_id']} lack context or question"
                exact = run.count(system["content"] + "\n" + user["content"] + "\n" + assistant["content"])
                if exact is not None and exact != row["example_tokens"]:
                    yield f"dataset/default: example_tokens of {row['question_id']} is not {exact}"
                licenses = sorted({document["license"] for document in row["documents"] if document["license"]})
                if row["licenses"] != licenses:
                    yield f"dataset/default: licenses of {row['question_id']}"


CHECKS: list[tuple[Check, str]] = [
    (schemas, "documents"),
    (ids, "questions"),
    (context_tokens, "contexts"),
    (pieces, "contexts"),
    (planned, "context_plan"),
    (splits, "plan"),
    (sums, "questions"),
    (choices, "examples"),
    (trace_tokens, "traces"),
    (evidence, "questions"),
    (markup, "documents"),
    (secrets, "documents"),
    (published, "examples"),
]


def violations(folder: Path) -> dict[str, list[str]]:
    """What is wrong, by the name of the check."""
    run = Run(folder)
    return {check.__name__: list(check(run)) for check, _ in CHECKS}


def main(arguments: list[str]) -> int:
    """Print a line a check; 1 where one finds something."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    run = Run(Path(arguments[0]))
    code = 0
    for check, table in CHECKS:
        found = list(check(run))
        said = (check.__doc__ or "").strip()
        print(f"{'FAILS' if found else 'holds'}  {len(run.tables[table]):>6} {table:<13} {said}")
        for line in found[:5]:
            print(f"       {line}")
        code = 1 if found else code
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
