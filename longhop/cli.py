"""The `longhop` command.

    longhop build data/recipes/sample.yaml --workers 2
    longhop status runs/sample

Exit codes: 0 built, 1 failed (the reason is the last line on stderr), 2 bad recipe or arguments, 130 interrupted.
"""

from __future__ import annotations

import importlib.metadata
import logging
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from longhop import starter
from longhop.builder import Builder
from longhop.checking import check_recipe
from longhop.engines import REFUSALS
from longhop.errors import BuildError, LonghopError, PublishError, RecipeError
from longhop.estimate import Rates
from longhop.funnel import funnel
from longhop.live import following, funnel_table, running_table, stage_table
from longhop.publish.access import check_branch, check_name
from longhop.recipe import Recipe, parse_tokens
from longhop.run import Run
from longhop.view import question_page
from longhop.watch import Watch

__all__ = ["app", "main"]

app = typer.Typer(
    name="longhop",
    help="Builds long-context multi-hop question-answering datasets out of books, papers and code.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _host_and_port(scheduler: str | None) -> str | None:
    if scheduler is not None and not re.fullmatch(r"[^\s:]+(:\d{1,5})?", scheduler):
        raise typer.BadParameter(f"got {scheduler}, expected HOST:PORT, such as localhost:8082")
    return scheduler


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"longhop {importlib.metadata.version('longhop')}")
        raise typer.Exit


@app.callback(help=app.info.help)
def _longhop(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None: ...


RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
RunPath = Annotated[str, typer.Argument(metavar="DIR", help="The folder of a run.")]
Out = Annotated[str | None, typer.Option("--out", help="Folder of the run, or an fsspec URL; runs/NAME by default.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the recipe: traces.samples=4.")
]

Work = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="Folder on a local disk for what engines answer; OUT/.work by default."),
]


@app.command()
def build(
    recipe: RecipePath,
    out: Out = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    overrides: Overrides = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="A central Luigi scheduler.", callback=_host_and_port)
    ] = None,
    work: Work = None,
    *,
    refresh: Annotated[bool, typer.Option("--refresh", help="List the sources anew, to add what is new.")] = False,
    retry_rejected: Annotated[
        str | None,
        typer.Option(metavar="[REASON]", help=f"Ask again what engines refused: {', '.join(REFUSALS)}; or all of it."),
    ] = None,
) -> None:
    """Build the dataset of a recipe; run again, it continues."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("longhop").setLevel(logging.INFO)
    logging.raiseExceptions = False  # a reader of the progress lines that has gone is no reason to end, nor to speak
    _end_on_signals()
    builder = Builder(Recipe.load(recipe, overrides or ()), out, work)
    with following(builder.out, workers):
        run = builder.build(workers, refresh=refresh, retry_rejected=retry_rejected, scheduler=scheduler)
    _summary(run)


@app.command()
def check(recipe: RecipePath, out: Out = None, overrides: Overrides = None) -> None:
    """Look at sources, tokenizer, prompts, engines, disk and Hub, and say all that is wrong; build nothing."""
    found = Recipe.load(recipe, overrides or ())
    report = check_recipe(found, Builder(found, out).out)
    error, report.problems = report.error, []  # those are said on stderr
    _console().print(report)
    if error is not None:
        raise error
    _console().print(f"{recipe}: good to build", soft_wrap=True)


@app.command()
def estimate(
    recipe: RecipePath,
    out: Out = None,
    based_on: Annotated[
        str | None, typer.Option("--from", metavar="DIR", help="A run to measure by; OUT by default, if it has one.")
    ] = None,
    prefill_rate: Annotated[
        list[str] | None,
        typer.Option(metavar="[ROLE=]N", help="Prompt tokens a second, of all servers of an engine together."),
    ] = None,
    decode_rate: Annotated[
        list[str] | None,
        typer.Option(metavar="[ROLE=]N", help="Generated tokens a second, of all servers of an engine together."),
    ] = None,
    assume: Annotated[
        list[str] | None, typer.Option(metavar="NAME=N", help="Another assumption: accepted=0.3, trace_tokens=4000.")
    ] = None,
    overrides: Overrides = None,
    work: Work = None,
) -> None:
    """Say what a build will take: requests, tokens, hours, money and disk; send nothing."""
    prefill, decode = _numbers("--prefill-rate", prefill_rate), _numbers("--decode-rate", decode_rate)
    rates = {
        role: Rates(prefill=prefill.get(role, prefill.get("")), decode=decode.get(role, decode.get("")))
        for role in (*prefill, *decode)
    }
    builder = Builder(Recipe.load(recipe, overrides or ()), out, work)
    assumed = _numbers("--assume", assume, bare=False)
    try:
        made = builder.estimate(based_on, rates, assumed)
    except BuildError as error:  # a name or a value among the arguments
        raise typer.BadParameter(str(error)) from error
    _console().print(made)


@app.command()
def preview(
    recipe: RecipePath,
    out: Out = None,
    length: Annotated[
        str | None, typer.Option(metavar="TOKENS", help="Take a context of this length, such as 8k; else the shortest.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Take one that has most of documents of this kind.")
    ] = None,
    number: Annotated[int, typer.Option(min=1, help="Which of those that fit.")] = 1,
    overrides: Overrides = None,
    work: Work = None,
) -> None:
    """Take one context through all stages and show it; a build asks for none of it again."""
    _end_on_signals()
    console = _console()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    builder = Builder(Recipe.load(recipe, overrides or ()), out, work)
    shown = builder.preview(_tokens(length), kind, number, say=typer.echo)
    typer.echo("")
    console.print(shown)


@app.command()
def status(run: RunPath) -> None:
    """Say how far a run is, what was kept, what was left out and why, and what runs now."""
    opened = Run.open(run)
    _print(stage_table(opened.states(), f"{opened.name} in {run}"))
    _lacking(opened)
    checked = funnel(opened.questions())
    if checked:
        typer.echo("")
        _print(funnel_table(checked))
    view = Watch(run).look()
    if view is not None and view.running:
        typer.echo("")
        _print(running_table(view, _console().width))
        typer.echo(view.line())
    elif view is not None and view.costs():
        typer.echo(f"\n{', '.join(view.costs())}")


@app.command()
def show(
    run: RunPath,
    question: Annotated[str, typer.Argument(metavar="QUESTION_ID", help="Id of a question, or its beginning.")],
) -> None:
    """Show one question: evidence in place, checks, traces by answer group, and the choice."""
    width = min(120, Console().width if sys.stdout.isatty() else 100)
    for line in question_page(Run.open(run), question, width):
        typer.echo(line)


@app.command()
def report(run: RunPath) -> None:
    """Write report.html again: what a run made so far, in figures and question by question."""
    typer.echo(Run.open(run).report())


@app.command()
def dataset(run: RunPath) -> None:
    """Write the dataset of the parts that are finished, when a build cannot come to its end.

    The card, `longhop status` and `longhop push` say what is missing; the next build that comes to its end replaces it.
    """
    opened = Run.open(run)
    where = opened.write_dataset()
    _lacking(opened)
    typer.echo(f"dataset: {where} (its README.md is the card; longhop push {run} REPO uploads it)")


@app.command()
def push(
    run: RunPath,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="owner/name on the Hugging Face Hub.")],
    *,
    private: Annotated[bool, typer.Option("--private/--public", help="Who may see a repository that is made.")] = True,
    revision: Annotated[
        str | None, typer.Option(help="Branch to commit to, made where it does not exist; main by default.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace also what others put there or changed, if it is in the way.")
    ] = False,
    licenses_checked: Annotated[
        bool,
        typer.Option("--licenses-checked", help="Push whatever the documents' licences say: you have the right to."),
    ] = False,
) -> None:
    """Upload the dataset of a run to the Hugging Face Hub, in one commit; run again, it sends what is missing."""
    try:
        check_name(repo)
        if revision is not None:
            check_branch(revision)
    except PublishError as error:
        raise typer.BadParameter(str(error)) from error
    opened = Run.open(run)
    _lacking(opened)
    url = opened.push_to_hub(
        repo, private=private, revision=revision, overwrite=overwrite, licenses_checked=licenses_checked or None
    )
    typer.echo(url)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The recipe to write.")] = Path("recipe.yaml"),
    sources: Annotated[
        list[Path] | None,
        typer.Option("--sources", metavar="DIR", help="A folder of books, papers or code; once for each."),
    ] = None,
) -> None:
    """Write a commented recipe to start from; it asks nothing and overwrites nothing."""
    for written in starter.write(path, sources or []):
        typer.echo(f"wrote {written}")
    typer.echo(f"next: longhop check {path}, then longhop build {path}")


_LATER_SECONDS = 0.02
_terminated: list[int] = []


def _end_on_signals() -> None:
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored, as behind nohup
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C ends a build, and SIGTERM in the same way, so that its workers end, too.

    A little later, while a line is logged: an exception there may leave the lock of all logging taken, and whoever logs
    something in another thread waits for it for ever.
    """
    while frame is not None:
        if frame.f_code.co_filename == logging.__file__:
            again = threading.Timer(_LATER_SECONDS, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    if number == signal.SIGTERM:
        _terminated.append(number)
    raise KeyboardInterrupt


def _interrupted() -> int:
    again = "run the same command again to continue"
    if _terminated:
        return _failed(f"terminated; {again}", 128 + _terminated[-1])
    return _failed(f"interrupted; {again}", 130)


def _summary(run: Run) -> None:
    _print(stage_table(run.states(), f"{run.name} in {run.folder.url}"))
    view = Watch(run.folder.url).look()
    if view is not None and view.costs():
        typer.echo(", ".join(view.costs()))
    _lacking(run)
    where = run.folder.url_of("dataset")
    typer.echo(f"dataset: {where} (its README.md is the card)")
    typer.echo(f"look at: {run.folder.url_of('report.html')}")


def _lacking(run: Run) -> None:
    for said in run.lacking():
        typer.echo(f"dataset: {said}")


def _console() -> Console:
    """Of the terminal's width; where there is none, plain text of 100 columns, or as `COLUMNS` says."""
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 100
    return Console(width=width, highlight=False, markup=False, emoji=False)


def _tokens(given: str | None) -> int | None:
    try:
        return parse_tokens(int(given) if given.isdecimal() else given) if given is not None else None
    except ValueError as error:
        raise typer.BadParameter(f"--length: got {given}, expected {error}") from error


def _numbers(option: str, given: Sequence[str] | None, *, bare: bool = True) -> dict[str, float]:
    """`8000` and `writer=8000` as numbers by name; a rate is above 0."""
    found = {}
    for each in given or ():
        name, _, number = each.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or (bare and value <= 0) or (not bare and not name):
            expected = "a number above 0, such as 8000 or reader=8000" if bare else "NAME=NUMBER"
            raise typer.BadParameter(f"{option}: got {each}, expected {expected}")
        found[name] = value
    return found


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else 140
    Console(width=width, highlight=False, markup=False).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    # Each try to reach the Hub is a line of its own there; what it came to is said by us.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        code = app(
            args=_with_reasons(sys.argv[1:] if arguments is None else arguments),
            prog_name="longhop",
            standalone_mode=False,
        )
        if code == 130:  # Typer's own word for a KeyboardInterrupt, said without a word
            code = _interrupted()
    except typer.Exit as exit_:
        code = exit_.exit_code
    except RecipeError as error:
        code = _failed(str(error), 2)
    except LonghopError as error:
        code = _failed(str(error), 1)
    except (KeyboardInterrupt, typer.Abort):
        code = _interrupted()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if not _is_usage_error(error):
            raise
        said = str(error.format_message())  # type: ignore[attr-defined]
        command = getattr(getattr(error, "ctx", None), "command_path", "longhop")
        code = _failed(said if said.startswith("Usage:") else f"{said} (see {command} --help)", 2)
    sys.exit(code or 0)


def _with_reasons(arguments: Sequence[str]) -> list[str]:
    """The arguments, with `all` where `--retry-rejected` stands without a reason, which Typer does not know."""
    given = []
    for place, argument in enumerate(arguments):
        after = arguments[place + 1] if place + 1 < len(arguments) else ""
        bare = argument == "--retry-rejected" and after not in ("all", *REFUSALS)
        given.append(f"{argument}=all" if bare else argument)
    return given


def _is_usage_error(error: Exception) -> bool:
    """Typer brings its own copy of click or uses the installed one; both know their errors by this method."""
    return hasattr(error, "format_message")


def _failed(message: str, code: int) -> int:
    sys.stdout.flush()
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(message, style="red" if console.is_terminal else "")
    return code
