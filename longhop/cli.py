"""The `longhop` command.

    longhop build data/recipes/sample.yaml --workers 2
    longhop status runs/sample

Exit codes: 0 built, 1 failed (the reason is the last line on stderr), 2 bad recipe or arguments, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from longhop import starter
from longhop.builder import Builder
from longhop.engines import REFUSALS
from longhop.errors import LonghopError, RecipeError
from longhop.funnel import funnel
from longhop.live import following, funnel_table, reasons, running_table, stage_table
from longhop.recipe import Recipe
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


RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.")]
RunPath = Annotated[str, typer.Argument(metavar="DIR", help="The folder of a run.")]
Out = Annotated[str | None, typer.Option("--out", help="Folder of the run, or an fsspec URL; runs/NAME by default.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the recipe: traces.samples=4.")
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
    work: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder on a local disk for what engines answer; OUT/.work by default."),
    ] = None,
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
    signal.signal(signal.SIGTERM, _terminate)
    builder = Builder(Recipe.load(recipe, overrides or ()), out, work)
    with following(builder.out, workers):
        run = builder.build(workers, refresh=refresh, retry_rejected=retry_rejected, scheduler=scheduler)
    _summary(run)


@app.command()
def check(recipe: RecipePath, overrides: Overrides = None) -> None:
    """Validate a recipe, its sources, tokenizer, prompts and engines; build nothing."""
    found = Recipe.load(recipe, overrides or ())
    report = Builder(found).check()
    console = Console()
    for source in report.sources:
        left = sum(source.left_out.values())
        out = f", {left} left out ({reasons(source.left_out)})" if left else ""
        console.print(
            f"source    {source.name}: {source.items} to read as {source.kind}, {source.size / 1024:,.0f} KiB{out}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    lengths = ", ".join(f"{count} of {length:,} tokens" for length, count in sorted(found.contexts.lengths.items()))
    console.print(f"tokenizer {report.tokenizer}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"contexts  {lengths}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"prompts   {', '.join(report.prompts)}", markup=False, highlight=False, soft_wrap=True)
    engines = ", ".join(f"{role} {model}" for role, model in report.engines.items())
    console.print(f"engines   {engines}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{recipe}: good to build", markup=False, highlight=False, soft_wrap=True)


@app.command()
def status(run: RunPath) -> None:
    """Say how far a run is, what was kept, what was left out and why, and what runs now."""
    opened = Run.open(run)
    _print(stage_table(opened.states(), f"{opened.name} in {run}"))
    checked = funnel(opened.questions())
    if checked:
        typer.echo("")
        _print(funnel_table(checked))
    view = Watch(run).look()
    if view is not None and view.running:
        typer.echo("")
        _print(running_table(view))
        typer.echo(view.line())


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
def push(
    run: RunPath,
    repo: Annotated[str, typer.Argument(metavar="REPO", help="owner/name on the Hugging Face Hub.")],
    *,
    private: Annotated[bool, typer.Option("--private/--public", help="Who may see a repository that is made.")] = True,
    revision: Annotated[str | None, typer.Option(help="Branch to commit to.")] = None,
) -> None:
    """Upload the dataset of a run to the Hugging Face Hub."""
    typer.echo(Run.open(run).push_to_hub(repo, private=private, revision=revision))


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The recipe to write.")] = Path("recipe.yaml"),
    sources: Annotated[
        list[Path] | None, typer.Option("--sources", metavar="DIR", help="Folders of books, papers or code.")
    ] = None,
) -> None:
    """Write a commented recipe to start from; it asks nothing and overwrites nothing."""
    for written in starter.write(path, sources or []):
        typer.echo(f"wrote {written}")
    typer.echo(f"next: longhop check {path}, then longhop build {path}")


_terminated: list[int] = []


def _terminate(number: int, _frame: object) -> None:
    """SIGTERM ends a build in the same way as Ctrl-C does, so that its workers end, too."""
    _terminated.append(number)
    raise KeyboardInterrupt


def _interrupted() -> int:
    again = "run the same command again to continue"
    if _terminated:
        return _failed(f"terminated; {again}", 128 + _terminated[-1])
    return _failed(f"interrupted; {again}", 130)


def _summary(run: Run) -> None:
    _print(stage_table(run.states(), f"{run.name} in {run.folder.url}"))
    where = run.folder.url_of("dataset")
    typer.echo(f"dataset: {where} (its README.md is the card)")


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else 140
    Console(width=width, highlight=False, markup=False).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    try:
        code = app(args=_with_reasons(sys.argv[1:] if arguments is None else arguments), standalone_mode=False)
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
        code = _failed(said if said.startswith("Usage:") else f"{said} (see longhop --help)", 2)
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
