"""report.html: its figures are those of the tables, its rows a fair sample, and its texts only text."""

import base64
import hashlib
import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import polars as pl
import pytest

from longhop import Run
from longhop.cli import main
from longhop.errors import StorageError
from longhop.fingerprints import STAGES
from longhop.publish import report_rows
from longhop.publish.pictures import draw
from longhop.publish.report import missing_said, render_report, write_report
from longhop.publish.report_facts import FATES, Fate, gather
from longhop.publish.report_pictures import large, length_of
from longhop.publish.report_rows import ReportRows, sampled, shortened
from longhop.publish.report_tables import ReportTables
from longhop.run_tables import StageState
from longhop.spending import Spent
from tests.report_run import LENGTHS, SAMPLES, write_report_run

HOSTILE = (
    "<script>window.planted=1</script><img src=x onerror=window.planted=2></script><!--<svg/onload=alert(1)>"
    " \u202eright to left\u202c \u2028\u2029 \x07\x1b[31m $\\frac{1}{2}$ {{ 7 * 7 }} " + "w" * 300
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.open(str(write_report_run(tmp_path_factory.mktemp("runs") / "run", questions=120, per_part=48)))


def page_of(run: Run) -> str:
    write_report(run)
    data = run.folder.read_bytes("report.html")
    assert data is not None
    return data.decode("utf-8")


def data_of(page: str) -> Any:
    """What the page's browser holds."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.attributes += attrs


def elements(page: str) -> _Elements:
    parser = _Elements()
    parser.feed(page)
    return parser


def test_every_question_has_one_fate(finished: Run) -> None:
    """The fates sum to the questions, and each is as many as the tables say."""
    facts = gather(ReportTables(finished))
    questions = finished.questions().collect()
    fates = {fate: sum(reasons.values()) for fate, reasons in facts.fates.items()}
    assert sum(fates.values()) == questions.height == 120
    assert fates["check"] == questions.filter(~pl.col("accepted")).height
    rejected = finished.rejections().collect()
    assert fates["choice"] == rejected.filter(stage="examples").height
    assert fates["dataset"] == rejected.filter(stage="dataset").height
    assert fates["example"] == finished.examples().collect().height - fates["dataset"] == facts.n_examples
    assert fates["waiting"] == 0
    assert facts.fates["check"] == Counter(questions["rejected_by"].drop_nulls().to_list())


def test_the_figures_are_those_of_the_tables(finished: Run) -> None:
    """Agreement, tokens, lengths and evidence, counted here by other means."""
    facts = gather(ReportTables(finished))
    left_out = finished.rejections().filter(pl.col("stage") == "dataset").collect()["item_id"]
    examples = finished.examples().filter(~pl.col("question_id").is_in(left_out.to_list())).collect()
    assert sorted(facts.agreement) == sorted(examples["agreement"].to_list())
    assert sum(facts.tokens["random_tokens"]) == pytest.approx(examples["random_tokens"].sum())
    traces = finished.traces().collect()
    assert (facts.traces, facts.trace_tokens) == (traces.height, traces["n_tokens"].sum())
    contexts = finished.contexts().collect()
    by_length = {row[0]: row[1] for row in contexts.group_by("target_tokens").len().iter_rows()}
    assert {target: len(tokens) for target, tokens in facts.contexts.items()} == by_length
    accepted = finished.questions().filter(pl.col("accepted")).collect()
    assert sum(facts.depths.values()) == sum(accepted["evidence"].list.len())
    assert all(votes is None or 0 <= votes <= SAMPLES for votes in (question.votes for question in facts.questions))


def test_the_page_says_the_figures(finished: Run) -> None:
    """The tiles have the numbers of the tables."""
    page = page_of(finished)
    assert '<dd id="n-examples">60</dd>' in page
    assert '<span id="n-questions">120</span>' in page
    assert f'<span id="n-traces">{finished.traces().collect().height}</span>' in page
    assert "All 120 questions of the run are in this page." in page
    assert 'id="unfinished"' not in page
    for picture in ("From questions to examples", "Lengths asked", "Kinds", "Agreement", "Exact match", "evidence"):
        assert picture in page
    assert {question["id"] for question in data_of(page)["questions"]} == set(
        finished.questions().collect()["question_id"].to_list()
    )


def test_lengths_without_contexts_are_drawn(finished: Run) -> None:
    """What was asked for and not made is seen, and how many of how many."""
    facts = gather(ReportTables(finished))
    made = len(facts.contexts[LENGTHS[0]])
    facts.asked = {LENGTHS[0]: made + 2, 2**20: 5}
    (drawn,) = [picture for picture in draw(facts) if picture.title == "Lengths asked and reached"]
    assert f"{made} of {made + 2}" in drawn.svg
    assert "0 of 5" in drawn.svg


def test_the_page_says_what_was_spent(finished: Run) -> None:
    """As the live view does, over all parts; nothing where engines counted nothing."""
    facts = gather(ReportTables(finished))
    nothing = ReportRows(questions=[], contexts={})
    assert 'id="costs"' not in render_report(facts, nothing)
    first, *others = facts.stages
    spent = Spent(requests=1, prompt_tokens=1_000_000, cached_tokens=500_000, completion_tokens=100_000)
    facts.stages = [first._replace(state=msgspec.structs.replace(first.state, spent={"reader": spent})), *others]
    facts.prices = {"reader": {"input": 2.0, "output": 10.0}}
    assert '<span id="costs">50% of the prompts cached, 3.00 spent</span>' in render_report(facts, nothing)


def test_evidence_stands_in_its_context(finished: Run) -> None:
    """What is shown around a quote, and the quote, is a stretch of the context's text."""
    texts = dict(finished.contexts().select("context_id", "text").collect().iter_rows())
    for question in data_of(page_of(finished))["questions"]:
        for quote in question["evidence"]:
            assert quote["found"]
            assert quote["before"] + quote["quote"] + quote["after"] in texts[question["context"]]


def test_traces_stand_in_groups(finished: Run) -> None:
    """All traces of a question are there by group, the chosen one is that of the example, invalid ones come last."""
    chosen = dict(finished.examples().select("question_id", "trace_id").collect().iter_rows())
    traces = {row["trace_id"]: row["sample"] for row in finished.traces().collect().to_dicts()}
    for question in data_of(page_of(finished))["questions"]:
        groups = [trace["group"] for trace in question["traces"]]
        assert len(groups) == (0 if question["fate"] == "check" else SAMPLES)
        assert groups == sorted(groups, key=lambda group: (group is None, group))
        own = [trace["sample"] for trace in question["traces"] if trace["chosen"]]
        assert own == ([traces[chosen[question["id"]]]] if question["id"] in chosen else [])


def test_hostile_text_is_data(tmp_path: Path) -> None:
    """No element and no attribute comes of a document, and the texts arrive as they are."""
    plain = elements(page_of(Run.open(str(write_report_run(tmp_path / "plain", questions=20)))))
    hostile = page_of(Run.open(str(write_report_run(tmp_path / "hostile", questions=20, planted=HOSTILE))))
    found = elements(hostile)
    assert found.names["script"] == 2
    assert found.names["img"] == 0
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert found.names == plain.names
    assert any(HOSTILE.strip() in question["question"] for question in data_of(hostile)["questions"])
    raw = hostile.partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(raw)


def test_hostile_names_are_text_in_pictures(finished: Run) -> None:
    """Kinds and reasons come from models and recipes: no formula, no markup."""
    facts = gather(ReportTables(finished))
    odd = "$\\frac{<b>}$\x00</svg> 橋 جسر"
    facts.questions = [question._replace(kind=odd, reason=odd, fate="check") for question in facts.questions]
    for picture in draw(facts):
        names = elements(picture.svg + picture.wide).names
        assert not names["b"]
        assert names["svg"] == (2 if picture.wide else 1)
        assert "\x00" not in picture.svg


def test_the_page_asks_nothing_of_the_network(finished: Run) -> None:
    """There is no address in it, and its policy allows its own script only."""
    page = page_of(finished)
    outside = page.replace(json.dumps(data_of(page)), "")
    assert "http://" not in outside
    assert "https://" not in outside
    found = elements(page)
    fetching = {"src", "href", "action", "data", "poster", "srcset"}
    assert all((value or "").startswith("#") for name, value in found.attributes if name in fetching)
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    policy = next(
        value or "" for name, value in found.attributes if name == "content" and "default-src" in (value or "")
    )
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "until", ["documents", "context_plan", "contexts", "questions", "traces", "verdicts", "examples"]
)
def test_an_unfinished_run_says_so(tmp_path: Path, until: str) -> None:
    """Whatever stage is the last one that is finished, there is a page of what is there."""
    run = Run.open(str(write_report_run(tmp_path / "run", questions=40, until=until)))
    page = page_of(run)
    said = page.partition('<div class="note" id="unfinished">')[2].partition("</div>")[0]
    assert "<b>This run is not finished,</b>" in said
    left = [stage.replace("_", " ") for stage in STAGES[STAGES.index(until) + 1 : -1]]
    unplanned = left[left.index("context plan") + 1 :] if "context plan" in left else []
    expected = [f"1 of 1 part of {name}" for name in left if name not in unplanned]
    if unplanned:
        expected.append(f"all of {', '.join(unplanned)}: how many parts they have, the plan of the contexts will say")
    assert re.findall("<li>(.*)</li>", said) == [*expected, "the dataset"]
    assert page.index('id="unfinished"') < page.index('<p class="answer">')
    waiting = gather(ReportTables(run)).fates["waiting"].total()
    assert waiting == (32 if until in {"questions", "traces", "verdicts"} else 0)
    shown = data_of(page)["questions"]
    assert len(shown) == (40 if until in {"questions", "traces", "verdicts", "examples"} else 0)
    assert ('<section id="browser"' in page) == bool(shown)


def state(stage: str, parts: int | None, missing: Sequence[int] = ()) -> StageState:
    built = 0 if parts is None or stage == "dataset" else parts - len(missing)
    more: dict[str, Any] = {"rows": 0, "accepted": None, "rejections": {}, "took": {}, "spent": {}}
    return StageState(stage=stage, built=built, parts=parts, missing=tuple(missing), **more)


def test_what_is_missing_is_said_with_numbers() -> None:
    """Which parts of which stage, where some are there; all of a stage where none is; what no plan counts yet."""
    states = [state("documents", 2, [1]), state("traces", 4, [0, 3]), state("verdicts", 3, [0, 1, 2])]
    assert missing_said([*states, state("examples", 40, range(20)), state("dataset", 1)]) == [
        "1 of 2 parts of documents: part 1",
        "2 of 4 parts of traces: parts 0, 3",
        "3 of 3 parts of verdicts",
        "20 of 40 parts of examples: parts 0, 1, 2, 3, 4, 5, 6, 7, …",
        "the dataset",
    ]
    unplanned = [state("context_plan", 1, [0]), state("contexts", None), state("questions", None)]
    assert missing_said([*unplanned, state("dataset", None)]) == [
        "1 of 1 part of context plan",
        "all of contexts, questions: how many parts they have, the plan of the contexts will say",
        "the dataset",
    ]


def test_what_the_dataset_lacks_is_said_first(tmp_path: Path) -> None:
    """Also of a run that is finished, and as text, whatever stands in the file."""
    folder = write_report_run(tmp_path / "run", questions=20)
    current = json.loads((folder / "published/current.json").read_bytes())
    current["lacking"] = ["7 of 1,000 examples are missing", "<script>alert(1)</script>"]
    (folder / "published/current.json").write_text(json.dumps(current), encoding="utf-8")
    page = page_of(Run.open(str(folder)))
    assert page.index("<li>7 of 1,000 examples are missing</li>") < page.index('<p class="answer">')
    assert "&lt;script&gt;alert(1)" in page
    assert 'id="unfinished"' not in page


def test_an_empty_run_says_so(tmp_path: Path) -> None:
    """A run that was planned and has no context is finished and has nothing to show."""
    page = page_of(Run.open(str(write_report_run(tmp_path / "run", questions=0))))
    assert "Nothing to show:" in page
    assert 'id="browser"' not in page


def test_a_run_that_was_only_begun_says_so(tmp_path: Path) -> None:
    """There is run.json and no table at all."""
    folder = write_report_run(tmp_path / "run", questions=20)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    page = page_of(Run.open(str(folder)))
    assert "Nothing to show yet:" in page
    assert 'id="unfinished"' in page


def test_questions_without_evidence(tmp_path: Path) -> None:
    """They are shown, and no picture of evidence is drawn."""
    page = page_of(Run.open(str(write_report_run(tmp_path / "run", questions=20, evidence=False))))
    assert all(question["evidence"] == [] for question in data_of(page)["questions"])
    assert "Place of the evidence" not in page


def test_a_run_that_was_moved(tmp_path: Path) -> None:
    """The page is the same, byte for byte, and names no place."""
    folder = write_report_run(tmp_path / "run", questions=20)
    before = page_of(Run.open(str(folder)))
    moved = tmp_path / "elsewhere [*] é"
    shutil.move(folder, moved)
    assert page_of(Run.open(str(moved))) == before
    assert str(tmp_path) not in before


def test_a_remote_run(tmp_path: Path) -> None:
    """On object storage it is the same page."""
    folder = write_report_run(tmp_path / "run", questions=20)
    store = fsspec.filesystem("memory")
    store.put(str(folder), "/reported/run", recursive=True)
    try:
        assert page_of(Run.open("memory://reported/run")) == page_of(Run.open(str(folder)))
    finally:
        store.rm("/reported", recursive=True)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    """The error says which file, and what to do."""
    folder = write_report_run(tmp_path / "run", questions=20)
    broken = next((folder / "verdicts").rglob("part-*.parquet"))
    broken.write_bytes(b"nothing")
    with pytest.raises(StorageError, match=r"part-00000.parquet: is damaged .*; delete it and build again"):
        write_report(Run.open(str(folder)))
    assert not (folder / "report.html").exists()


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`longhop report DIR` prints where it lies; without a run it says so."""
    folder = write_report_run(tmp_path / "run", questions=20)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(folder)])
    assert (ended.value.code, capsys.readouterr().out.strip()) == (0, str(folder / "report.html"))
    assert (folder / "report.html").exists()
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / "none")])
    assert ended.value.code == 1
    assert "no run here" in capsys.readouterr().err


def fates(number: int) -> list[Fate]:
    """Questions of which nearly all are of one kind."""
    return [
        Fate(
            question_id=f"{index:05}",
            part=0,
            kind="rare" if index % 50 == 0 else "bridge",
            target_tokens=LENGTHS[index % 4],
            fate="example" if index % 3 else "check",
            reason="example" if index % 3 else "evidence",
            detail="",
            votes=None,
        )
        for index in range(number)
    ]


def test_the_sample_has_all_that_is_rare() -> None:
    """Each stratum is there, as evenly as it has rows; the order in which questions come does not matter."""
    every = fates(2_000)

    def stratum(question: Fate) -> tuple[int, str, str]:
        return question.target_tokens, question.kind, question.fate

    shown = sampled(every, 120)
    assert len(shown) == len({question.question_id for question in shown}) == 120
    sizes, shares = Counter(map(stratum, every)), Counter(map(stratum, shown))
    assert shares.keys() == sizes.keys()
    assert all(shares[key] in {sizes[key], *range(min(shares.values()), max(shares.values()) + 1)} for key in sizes)
    full = [shares[key] for key in sizes if shares[key] < sizes[key]]
    assert max(full) - min(full) <= 1
    mixed = every.copy()
    random.Random(1).shuffle(mixed)
    assert sampled(mixed, 120) == shown
    assert len(sampled(every, 5_000)) == 2_000


def test_a_sample_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are too long for a page are left out, and the page says how many of how many it holds."""
    run = Run.open(str(write_report_run(tmp_path / "run", questions=40, planted="<&>" * 400)))
    monkeypatch.setattr(report_rows, "_BYTES", 150_000)
    page = page_of(run)
    assert len(page.partition('id="data">')[2].partition("</script>")[0]) < 151_000
    shown = len(data_of(page)["questions"])
    assert 0 < shown < 40
    assert f"{shown} of 40 questions are in this page" in page
    assert '<dd id="n-examples">20</dd>' in page


def test_long_texts_are_shortened() -> None:
    """Beginning and end stay, and what was left out is told; short texts stay as they are."""
    text = "a" * 500 + "b" * 500
    short = shortened(text, 100)
    assert short.startswith("a" * 75 + "\n")
    assert short.endswith("\n" + "b" * 25)
    assert "900 characters left out" in short
    assert shortened("short", 5) == "short"


def test_numbers_read_well() -> None:
    """Large ones are short; lengths are written as in recipes."""
    assert [large(number) for number in (0, 940, 9_999, 12_345, 4_100_000, 2.5e9)] == [
        "0", "940", "9,999", "12.3K", "4.1M", "2.5B",
    ]  # fmt: skip
    assert [length_of(tokens) for tokens in (2048, 131_072, 1_048_576, 1000)] == ["2k", "128k", "1m", "1,000"]


def test_all_fates_have_names() -> None:
    """The page shows a title for each."""
    assert set(FATES) == {"example", "check", "choice", "dataset", "waiting"}
