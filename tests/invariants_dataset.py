"""What `invariants.py` says of examples and of the published folder: its rows are the run's, joined."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from tests.tables import ROW_GROUP, Looked, Row, Run, each, largest_group, look, words

SECRET = re.compile(r"\b(?:hf|sk|ghp|gsk)[-_][A-Za-z0-9_-]{16,}|\bBearer\s+\S{12,}")
PATH = re.compile(r"(?:^|[\s\"'=])(?:/|[A-Z]:\\)\w[^\s\"']*", re.MULTILINE)


def dataset(run: Run) -> Looked:
    """The published rows are those of the run, joined; the card declares the splits that have rows."""
    data: dict[str, list[Row]] = {name: [] for name in ("default", "traces", "questions", "contexts")}
    declared = set()
    for file in sorted((run.folder / "dataset" / "data").glob("*/*.parquet")):
        configuration, split = file.parent.name, file.stem.partition("-")[0]
        declared.add((configuration, split))
        rows = pq.read_table(file).to_pylist()
        data.setdefault(configuration, []).extend(rows)  # `preference` and `rl` come by option
        yield look(bool(rows) and largest_group(file) < ROW_GROUP, f"{file.name}: no rows, or too large a row group")
        for row in rows:
            own = run.contexts.get(row["context_id"], {}).get("split")
            yield look(own == split, f"{configuration}: a row of {own} in {split}")
    yield look(
        _declared(run.folder / "dataset" / "README.md") == declared, "README.md: declares other splits than have rows"
    )
    left = run.left("dataset")
    examples = {row["question_id"]: row for row in run.rows["examples"]}
    published = Counter(row["question_id"] for row in data["default"])
    yield from each("example", set(examples), published, left)
    for row in data["default"]:
        same = all(row[key] == value for key, value in examples.get(row["question_id"], {}).items())
        yield look(same, f"default {row['question_id']}: not the run's example")
        yield from _messages(run, row)
    texts = Counter(" ".join(re.findall(r"\w+", row["question"].casefold())) for row in data["default"])
    yield from (look(count == 1, f"default: {count} times {text[:60]!r}") for text, count in texts.items())
    for configuration, own, key in (
        ("questions", run.questions, "question_id"),
        ("contexts", run.contexts, "context_id"),
    ):
        yield from each(configuration, set(own), Counter(row[key] for row in data[configuration]))
        for row in data[configuration]:
            mine = {name: value for name, value in row.items() if name in own.get(row[key], {"": None})}
            yield look(mine == own.get(row[key]), f"{configuration} {row[key]}: not the run's row")
    yield from each("traces", set(run.traces), Counter(row["trace_id"] for row in data["traces"]))
    for row in data["traces"]:
        expected = {**run.verdicts.get(row["trace_id"], {}), **run.traces.get(row["trace_id"], {})}
        same = all(row.get(key) == value for key, value in expected.items())
        yield look(same, f"traces {row['trace_id']}: not the run's trace with its verdict")


def _messages(run: Run, row: Row) -> Looked:
    name, messages = f"default {row['question_id']}", row["messages"]
    if [message["role"] for message in messages] != ["system", "user", "assistant"]:
        yield f"{name}: its roles"
        return
    context = run.contexts.get(row["context_id"], {"text": "\0"})["text"]
    asked = messages[1]["content"]
    yield look(context in asked and row["question"] in asked, f"{name}: context or question is missing")
    said = f"<think>\n{row['reasoning']}\n</think>\n\n{row['content']}"
    yield look(messages[2]["content"] == said, f"{name}: the assistant says something else")
    if run.words:
        counted = sum(words(message["content"]) for message in messages)
        yield look(counted == row["example_tokens"], f"{name}: {counted} tokens, says {row['example_tokens']}")


def _declared(card: Path) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    configuration = ""
    front = card.read_text(encoding="utf-8").partition("\n---\n")[0] if card.is_file() else ""
    for key, value in re.findall(r"(config_name|split): (\S+)", front):
        if key == "config_name":
            configuration = value
        else:
            found.add((configuration, value))
    return found


def joined(run: Run) -> Looked:
    """Examples carry what their question, context and trace say; votes, agreement and licences follow from them."""
    for row in run.rows["examples"]:
        name, question = f"example {row['question_id']}", run.questions.get(row["question_id"])
        context, trace = run.contexts.get(row["context_id"]), run.traces.get(row["trace_id"])
        if question is None or context is None or trace is None:
            yield f"{name}: its question, context or trace does not exist"
            continue
        for key in ("context_id", "question", "reference_answer", "evidence", "kind", "n_steps"):
            yield look(row[key] == question[key], f"{name}: {key} is not the question's")
        for key in ("split", "target_tokens", "documents"):
            yield look(row[key] == context[key], f"{name}: {key} is not the context's")
        for key in ("answer", "reasoning", "content"):
            yield look(row[key] == trace[key], f"{name}: {key} is not the trace's")
        yield look(row["context_tokens"] == context["n_tokens"], f"{name}: context_tokens")
        yield look(row["trace_tokens"] == trace["n_tokens"], f"{name}: trace_tokens")
        group = run.verdicts.get(row["trace_id"], {}).get("answer_group")
        same = [
            other["n_tokens"]
            for other, verdict in run.attempts[row["question_id"]]
            if verdict["valid"] and verdict["answer_group"] == group
        ] or [0]
        found = (min(same), sum(same) / len(same), max(same))
        told = (row["shortest_tokens"], row["random_tokens"], row["longest_tokens"])
        close = all(abs(one - other) < 1e-6 for one, other in zip(told, found, strict=True))
        yield look(close, f"{name}: tokens of shortest, random, longest {told}, found {found}")
        yield look(row["example_tokens"] > row["context_tokens"], f"{name}: example_tokens")
        yield look(row["n_traces"] == run.recipe["traces"]["samples"], f"{name}: n_traces is {row['n_traces']}")
        yield look(
            abs(row["agreement"] - row["votes"] / row["n_traces"]) < 1e-9, f"{name}: agreement {row['agreement']}"
        )
        licenses = sorted({part["license"] for part in context["documents"] if part["license"]})
        yield look(row["licenses"] == licenses, f"{name}: licenses {row['licenses']}, found {licenses}")
        said = (row["models"]["writer"], row["models"]["reader"], row["models"]["judge"])
        made = (question["model"], trace["model"], run.verdicts.get(row["trace_id"], {}).get("model"))
        yield look(said == made, f"{name}: models {said}, found {made}")


def secrets(run: Run) -> Looked:
    """10: no file that people read holds what looks like a secret, and the published recipe no path of a machine."""
    listing, dataset = (sorted((run.folder / name).rglob("*")) for name in ("listing", "dataset"))
    for file in [run.folder / "run.json", *listing, *dataset]:
        if file.suffix in (".json", ".md", ".yaml"):
            text = file.read_text(encoding="utf-8")
            yield look(not SECRET.search(text), f"{file.relative_to(run.folder)}: holds what looks like a secret")
            path = PATH.search(text) if file.name == "recipe.yaml" else None
            yield look(path is None, f"{file.name}: a path of a machine, {path[0] if path else ''}")
