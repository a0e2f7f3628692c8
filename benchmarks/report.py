"""What a report costs: time and memory to write it, its size, and how long a browser takes to open it.

    python -m benchmarks.report --questions 10000

A run is made of tables: four questions a context, contexts of `--chars` characters, eight traces a question of
`--trace-chars` characters each. Told are the seconds, the seconds of the processor, and the peak memory of the process
that writes the report, imports included (goals: 20 s and 500 MB at 10,000 questions), the megabytes of the page (goal:
15), and, where Chromium is there, the seconds from opening the file to the list of its 1,000 questions (goal: 2), the
median of five.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

_WRITE = "import sys; from longhop import Run; print(Run.open(sys.argv[1]).report())"


def write(folder: Path) -> tuple[float, float, float]:
    """Seconds, seconds of the processor and peak megabytes of a process that writes the report."""
    began = time.perf_counter()
    # The peak of the largest child that has ended; there is no other.
    subprocess.run([sys.executable, "-c", _WRITE, str(folder)], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def open_page(file: Path) -> float | None:
    """Seconds until the list of questions stands in the page; None without a browser."""
    program = shutil.which("chromium")
    if program is None:
        return None
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the figures above need none

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(5):
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(file.as_uri())
            page.locator("#list li.entry").nth(0).wait_for()
            found.append(time.perf_counter() - began)
            page.close()
        browser.close()
    return statistics.median(found)


def main() -> None:
    """Make the run, write the report, open it, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--chars", type=int, default=60_000)
    parser.add_argument("--trace-chars", type=int, default=4_000)
    parser.add_argument("--made", type=Path, help="where such a run lies already")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.made or Path(temporary) / "run"
        if given.made is None:
            from tests.report_run import write_report_run  # noqa: PLC0415 - needs the path set above

            write_report_run(folder, given.questions, chars=given.chars, trace_chars=given.trace_chars)
        seconds, processor, megabytes = write(folder)
        page = folder / "report.html"
        figures = {
            "questions": given.questions,
            "seconds": round(seconds, 1),
            "processor_s": round(processor, 1),
            "peak_mb": round(megabytes),
            "page_mb": round(page.stat().st_size / 1e6, 1),
            "opens_in_s": None if (opened := open_page(page)) is None else round(opened, 2),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
