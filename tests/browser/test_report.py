"""The report in a real browser: what people see, press and must not fear.

make test-browser
"""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import HOSTILE, Opened, Report, opened, reported
from tests.report_run import SAMPLES, write_report_run

WIDTHS = (360, 412, 800, 1280)


@pytest.fixture
def look(browser: Browser, report: Report) -> Iterator[Opened]:
    """The report in a wide window."""
    found = opened(browser, report.url)
    yield found
    found.page.close()


def entries(page: Page) -> list[str]:
    """Ids of the questions that the list shows."""
    found: list[str] = page.eval_on_selector_all("#list li.entry", "items => items.map(item => item.dataset.id)")
    return found


def current(page: Page) -> int:
    """Place of the chosen question in the list."""
    place = page.evaluate(
        "[...document.querySelectorAll('#list li.entry')].findIndex(item => item.hasAttribute('aria-current'))"
    )
    assert isinstance(place, int)
    return place


def planted_in(report: Report) -> str:
    """The example in whose texts hostile text was planted."""
    found = report.run.examples().filter(pl.col("question").str.contains("planted")).collect()["question_id"]
    return str(found[-1])


def scrolls_sideways(page: Page) -> bool:
    """Whether the page, or what one reads in it, is wider than it shows."""
    return bool(
        page.evaluate(
            "['html', '#page', '#list'].map(name => document.querySelector(name))"
            ".some(element => element.scrollWidth > element.clientWidth)"
        )
    )


def test_the_counts_are_those_of_the_tables(look: Opened, report: Report) -> None:
    """Tiles, fates and the list."""
    questions = report.run.questions().collect()
    left_out = report.run.rejections().filter(pl.col("stage") == "dataset").collect().height
    examples = report.run.examples().collect().height - left_out
    expect(look.page.locator("#n-examples")).to_have_text(f"{examples:,}")
    expect(look.page.locator("#n-questions")).to_have_text(f"{questions.height:,}")
    expect(look.page.locator("#n-traces")).to_have_text(f"{report.run.traces().collect().height:,}")
    expect(look.page.locator("#count")).to_have_text(f"{questions.height} questions")
    assert sorted(entries(look.page)) == sorted(questions["question_id"].to_list())
    look.page.get_by_text("The same in numbers").click()
    rejected = questions.filter(~pl.col("accepted")).height
    expect(look.page.locator("#fates [data-fate=check] td")).to_have_text(f"{rejected}")
    expect(look.page.locator("#fates [data-fate=example] td")).to_have_text(f"{examples}")
    assert look.complaints == []


def test_filters_show_what_the_tables_have(look: Opened, report: Report) -> None:
    """Kind, length, outcome, agreement and words, alone and together; and what fits nothing."""
    page = look.page
    lengths = report.run.contexts().select("context_id", "target_tokens")
    questions = report.run.questions().join(lengths, on="context_id").collect()

    def ids(*conditions: pl.Expr) -> list[str]:
        return sorted(questions.filter(*conditions)["question_id"].to_list())

    page.select_option("#kind", "comparison")
    assert sorted(entries(page)) == ids(pl.col("kind") == "comparison")
    page.select_option("#length", "4096")
    both = ids(pl.col("kind") == "comparison", pl.col("target_tokens") == 4096)
    assert both
    assert sorted(entries(page)) == both
    expect(page.locator("#count")).to_have_text(f"{len(both)} question{'s' if len(both) != 1 else ''}")
    page.select_option("#kind", "")
    page.select_option("#length", "")

    page.select_option("#fate", "check")
    assert sorted(entries(page)) == ids(~pl.col("accepted"))
    page.select_option("#fate", "check/evidence")
    assert sorted(entries(page)) == ids(pl.col("rejected_by") == "evidence")
    page.select_option("#fate", "choice/tie")
    ties = report.run.rejections().filter(pl.col("reason") == "tie").collect()["item_id"].to_list()
    assert sorted(entries(page)) == sorted(ties)
    page.select_option("#fate", "")

    page.select_option("#votes", str(SAMPLES))
    groups = report.run.verdicts().filter(pl.col("valid")).group_by("question_id", "answer_group").len()
    unanimous = groups.filter(pl.col("len") == SAMPLES).collect()["question_id"].to_list()
    assert sorted(entries(page)) == sorted(unanimous)
    page.select_option("#votes", "none")
    assert sorted(entries(page)) == ids(~pl.col("accepted"))
    page.select_option("#votes", "")

    page.fill("#search", "41? ENTRY")
    said = questions.filter(pl.col("question").str.contains("41?", literal=True))["question_id"].to_list()
    assert len(said) == 2
    assert sorted(entries(page)) == sorted(said)
    page.fill("#search", "no such words anywhere")
    assert entries(page) == []
    expect(page.locator("#list")).to_contain_text("No question fits")
    expect(page.locator("#count")).to_have_text("0 questions")
    assert look.complaints == []


def test_a_question_shows_all_that_is_known(look: Opened, report: Report) -> None:
    """Evidence highlighted in its surroundings, titles, checks, all traces by group, and the chosen one."""
    row = report.run.examples().collect().to_dicts()[5]
    question = report.run.questions().filter(pl.col("question_id") == row["question_id"]).collect().to_dicts()[0]
    look.page.fill("#search", row["question_id"])
    page = look.page.locator("#page")
    expect(page.locator("h3")).to_have_text(question["question"])
    assert page.locator("blockquote mark").all_text_contents() == [quote["quote"] for quote in question["evidence"]]
    for box in page.locator(".passage").all():
        assert len(box.text_content() or "") > 150
    titles = {document["document_id"]: document["title"] for document in row["documents"]}
    for quote in question["evidence"]:
        expect(page).to_contain_text(titles[quote["document_id"]])
    assert page.locator(".checks li").count() == len(question["checks"])
    assert page.locator("details.trace").count() == SAMPLES
    chosen = page.locator("details.trace.chosen")
    expect(chosen).to_have_attribute("open", "")
    expect(chosen).to_contain_text(f"{row['trace_tokens']:,} tokens")
    verdicts = report.run.verdicts().filter(pl.col("question_id") == row["question_id"]).collect()
    assert page.locator("h5").count() == verdicts["answer_group"].n_unique()


def test_rejected_questions_say_why(look: Opened) -> None:
    """By a check, with its mark; by the choice, with the reason's words."""
    page = look.page
    page.select_option("#fate", "check/single_document")
    expect(page.locator("#page .badge").first).to_have_text("Rejected by a check: single document")
    expect(page.locator("#page .checks .failed")).to_contain_text("single document")
    expect(page.locator("#page")).to_contain_text("None were sampled")
    page.select_option("#fate", "choice/tie")
    expect(page.locator("#page .badge").first).to_have_text("Traces without a choice: tie")
    expect(page.locator("#page .why")).to_have_text("because of tie")


def test_planted_markup_stays_text(look: Opened, report: Report) -> None:
    """A script, an image, a comment, the end of a script: seen as letters, and none of it runs."""
    look.page.fill("#search", planted_in(report))
    heading = look.page.locator("#page h3")
    expect(heading).to_contain_text(
        "<script>window.planted=1</script><img src=x onerror=window.planted=2></script><!--"
    )
    expect(heading).to_contain_text("U+202E")
    expect(look.page.locator("#page blockquote mark").first).to_contain_text("<img src=x")
    look.page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    expect(look.page.locator("#page pre.reasoning").first).to_contain_text("</script>")
    expect(look.page.locator("#page .documents")).to_contain_text(HOSTILE.split()[0])
    assert look.page.evaluate("typeof window.planted") == "undefined"
    expect(heading).to_contain_text("<b class=planted>bold</b>")
    assert look.page.locator("img, .planted").count() == 0
    assert look.page.locator("script").count() == 2
    assert look.complaints == []


def test_no_request_leaves_the_page(look: Opened, report: Report) -> None:
    """It is one file, and nothing else is asked for, whatever one opens in it."""
    for _ in range(20):
        look.page.keyboard.press("j")
    look.page.keyboard.press("Enter")
    assert [url.partition("#")[0] for url in look.requests] == [report.url]


def test_the_policy_forbids_the_network(look: Opened) -> None:
    """Even a page that was made to ask for something gets nothing out."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        told = look.page.evaluate(
            """address => new Promise(done => {
                const told = [];
                document.addEventListener("securitypolicyviolation", event => {
                    told.push(event.effectiveDirective);
                    if (told.length >= 4) done(told.sort());
                });
                document.body.append(Object.assign(new Image(), {src: `${address}/image`}));
                document.body.append(Object.assign(document.createElement("script"), {src: `${address}/script`}));
                document.body.append(Object.assign(document.createElement("script"), {text: "window.planted = 1"}));
                fetch(`${address}/fetch`).catch(() => null);
            })""",
            address,
        )
        assert told == ["connect-src", "img-src", "script-src-elem", "script-src-elem"]
        assert look.page.evaluate("typeof window.planted") == "undefined"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == []


def test_the_keyboard_is_enough(look: Opened) -> None:
    """J and k move, / searches, Enter reads, Escape goes back."""
    page = look.page
    assert current(page) == 0
    for key in "jjjk":
        page.keyboard.press(key)
    assert current(page) == 2
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert current(page) == 0
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("jk/")
    expect(page.locator("#search")).to_have_value("jk/")
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_have_value("")
    assert len(entries(page)) == 160
    page.keyboard.press("Escape")
    expect(page.locator("#list")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    assert current(page) == 2
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()
    expect(page.locator("#page h3")).to_have_text(page.locator("#list .entry-text").nth(2).text_content() or "")
    page.keyboard.press("Escape")
    expect(page.locator("#list")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("entry 4")
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_focused()


def test_a_question_can_be_linked(look: Opened, report: Report, browser: Browser) -> None:
    """The address says what is read, and opens it again."""
    look.page.locator("#list li.entry").nth(7).click()
    address = look.page.url
    assert address == f"{report.url}#{entries(look.page)[7]}"
    again = opened(browser, address).page
    assert current(again) == 7
    again.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(browser: Browser, report: Report, width: int) -> None:
    """In no window, neither the list nor a question with words of 300 letters."""
    page = opened(browser, report.url, width, 780).page
    page.get_by_text("The same in numbers").click()
    assert not scrolls_sideways(page)
    page.fill("#search", planted_in(report))
    page.locator("#list li.entry").click()
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    expect(page.locator("#page h3")).to_be_visible()
    assert not scrolls_sideways(page)
    page.close()


def test_a_phone_shows_list_or_question(browser: Browser, report: Report) -> None:
    """A touch opens a question, a button leads back to the same place."""
    page = opened(browser, report.url, 360, 780).page
    expect(page.locator("#page")).to_be_hidden()
    page.locator("#list li.entry").nth(12).click()
    expect(page.locator("#page h3")).to_be_in_viewport()
    expect(page.locator("#list")).to_be_hidden()
    page.get_by_role("button", name="All questions").click()
    expect(page.locator("#list li.entry").nth(12)).to_be_in_viewport()
    expect(page.locator("#page")).to_be_hidden()
    page.close()


@pytest.mark.parametrize("dark", [False, True])
def test_letters_stand_out_in_light_and_dark(browser: Browser, report: Report, dark: bool) -> None:
    """The contrast of what is read, pictures included, is at least that of WCAG AA; dark is dark."""
    page = opened(browser, report.url, dark=dark).page
    measured = page.evaluate(
        """() => {
            const light = colour => {
                const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(value => {
                    const share = Number(value) / 255;
                    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
            };
            const paper = light(getComputedStyle(document.documentElement).backgroundColor);
            const ratio = value => (Math.max(value, paper) + 0.05) / (Math.min(value, paper) + 0.05);
            const of = (name, what) => ratio(light(getComputedStyle(document.querySelector(name))[what]));
            return [paper, of("h1", "color"), of("figcaption", "color"), of(".passage", "color"),
                    of(".eyebrow", "color"), of(".picture svg text", "fill")];
        }"""
    )
    assert (measured[0] < 0.05) == dark
    assert min(measured[1:]) >= 4.5
    page.close()


def test_nothing_moves_while_it_opens(browser: Browser, report: Report) -> None:
    """No layout shift, wide or narrow."""
    for width in (360, 1280):
        page = opened(browser, report.url, width).page
        shifted = page.evaluate(
            """() => new Promise(done => {
                let sum = 0;
                new PerformanceObserver(list => list.getEntries().forEach(entry => { sum += entry.value; }))
                    .observe({type: "layout-shift", buffered: true});
                requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 200)));
            })"""
        )
        assert shifted == 0
        page.close()


@pytest.mark.parametrize(("until", "questions"), [("traces", 20), ("contexts", 20), ("dataset", 0)])
def test_a_run_without_an_end_opens(browser: Browser, tmp_path: Path, until: str, questions: int) -> None:
    """Unfinished and empty runs: it says so, and no script fails."""
    found = opened(browser, reported(write_report_run(tmp_path / "run", questions=questions, until=until)).url)
    expect(found.page.locator("#unfinished")).to_have_count(0 if until == "dataset" else 1)
    expect(found.page.locator("#unfinished li")).to_have_text(
        {
            "traces": ["1 of 1 part of verdicts", "1 of 1 part of examples", "the dataset"],
            "contexts": [
                *(f"1 of 1 part of {name}" for name in ("questions", "traces", "verdicts", "examples")),
                "the dataset",
            ],
            "dataset": [],
        }[until]
    )
    expect(found.page.locator("#browser")).to_have_count(1 if until == "traces" else 0)
    if until == "traces":
        expect(found.page.locator("#page .badge").first).to_have_text("Rejected by a check: evidence")
        found.page.select_option("#fate", "waiting")
        expect(found.page.locator("#page .badge").first).to_have_text("Not finished yet")
        expect(found.page.locator("#page")).to_contain_text("Not scored yet")
    assert found.complaints == []
    found.page.close()


def test_questions_without_evidence_open(browser: Browser, tmp_path: Path) -> None:
    """They say that they have none."""
    found = opened(browser, reported(write_report_run(tmp_path / "run", questions=10, evidence=False)).url)
    expect(found.page.locator("#page")).to_contain_text("This question has no evidence.")
    assert found.complaints == []
    found.page.close()
