"""The command: exit codes, what it says where, and what it writes."""

import importlib.metadata
import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from longhop.__main__ import main as start
from longhop.cli import main
from tests.integration.corpus import write_corpus, write_recipe


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def test_build_check_status_and_show(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All end with 0 and say what there is."""
    code, out, _ = run(capsys, "check", recipe)
    assert (code, "8 to read as book" in out, "good to build" in out) == (0, True, True)
    code, out, _ = run(capsys, "build", recipe, "--out", tmp_path / "run")
    assert code == 0
    assert "questions" in out
    code, out, _ = run(capsys, "status", tmp_path / "run")
    assert code == 0
    assert "single_document" in out
    code, _, err = run(capsys, "show", tmp_path / "run", "nosuch")
    assert code == 1
    assert err.startswith(f"{tmp_path / 'run'}: no question begins with")


def test_a_bad_recipe_ends_with_2_and_all_its_problems(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, values and what is expected, on stderr."""
    code, out, err = run(capsys, "build", recipe, "--set", "traces.samples=no", "--set", "nosuch.key=1")
    assert (code, out) == (2, "")
    assert "traces.samples" in err
    assert "nosuch" in err


def test_what_fails_at_the_hub_is_said_once(
    recipe: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The Hub's client tells of each try in its log; the command says in one sentence what it came to."""

    def unreachable(*_: object, **__: object) -> str:
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s [Retry 1/5].")
        raise OSError("no connection")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    code, out, err = run(capsys, "build", recipe, "--set", "tokenizer=org/model")
    assert (code, out) == (1, "")
    assert err.startswith("tokenizer org/model: ")
    assert err.count("\n") == 1
    assert "Retrying" not in caplog.text


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The one of the installed package, whatever stands behind."""
    for arguments in (["--version"], ["--version", "build"]):
        code, out, err = run(capsys, *arguments)
        assert (code, out, err) == (0, f"longhop {importlib.metadata.version('longhop')}\n", "")


def test_bad_arguments_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command, a missing argument, a number out of range."""
    for arguments in (["bild"], ["build"], ["build", "x.yaml", "--workers", "0"]):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert err.strip()


def test_a_build_that_fails_ends_with_1_and_the_reason_last(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One reason, no stack trace, whatever the workers."""
    for workers in (1, 2):
        code, _, err = run(
            capsys,
            "build",
            recipe,
            "--out",
            tmp_path / "run",
            "--workers",
            workers,
            "--set",
            "contexts.lengths.500=900",
        )
        assert code == 1
        assert "Traceback" not in err
        assert "contexts.reuse" in err.strip().splitlines()[-1]


def test_a_missing_recipe_and_an_empty_source_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their paths."""
    code, _, err = run(capsys, "build", tmp_path / "nowhere.yaml")
    assert code == 2
    assert "nowhere.yaml" in err
    (tmp_path / "books").mkdir()
    code, _, err = run(capsys, "check", write_recipe(tmp_path))
    assert code == 1
    assert "no readable document" in err


def test_status_of_a_folder_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Says how to make one."""
    code, _, err = run(capsys, "status", tmp_path)
    assert code == 1
    assert "longhop build RECIPE" in err


def test_a_reader_of_the_progress_that_goes_away_ends_nothing(recipe: Path, tmp_path: Path) -> None:
    """`longhop build … | head -1`: no word about it, and the dataset is built."""
    command = [sys.executable, "-c", "from longhop.cli import main; main()", "build", str(recipe)]
    command += ["--out", str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("documents")
        process.stdout.close()
        assert process.stderr.read() == ""
    assert (tmp_path / "run" / "dataset" / "README.md").exists()


def test_init_quotes_what_yaml_would_read_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Commas, colons, braces and a hash in the name of a folder."""
    write_corpus(tmp_path / "a, b: c #1{x}")
    own = tmp_path / "own.yaml"
    assert run(capsys, "init", own, "--sources", tmp_path / "a, b: c #1{x}")[0] == 0
    assert run(capsys, "check", own)[0] == 0


def test_init_writes_what_check_accepts_and_build_builds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder, and with folders of one's own; nothing is overwritten."""
    monkeypatch.chdir(tmp_path)
    assert run(capsys, "init")[0] == 0
    assert run(capsys, "check", "recipe.yaml")[0] == 0
    code, out, _ = run(capsys, "build", "recipe.yaml")
    assert code == 0
    assert "runs/recipe" in out
    code, _, err = run(capsys, "init")
    assert code == 1
    assert "is there already" in err
    write_corpus(tmp_path / "own")
    assert run(capsys, "init", "own.yaml", "--sources", tmp_path / "own" / "books")[0] == 0
    assert run(capsys, "check", "own.yaml")[0] == 0
    code, _, err = run(capsys, "init", "third.yaml", "--sources", tmp_path / "nosuch")
    assert code == 1
    assert "nosuch" in err


def test_init_makes_a_source_of_each_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folders of several kinds in one: each is a source of its own; a repository with documents stays one."""
    for name in ("all/README.md", "all/novels/a.epub", "all/novels/b.txt", "all/proofs/c.pdf", "all/tools/d/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("repository/pyproject.toml", "repository/docs/a.md", "repository/src/a.py", "repository/src/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    own = tmp_path / "own.yaml"
    assert run(capsys, "init", own, "--sources", tmp_path / "all", "--sources", tmp_path / "repository")[0] == 0
    sources = yaml.safe_load(own.read_text(encoding="utf-8"))["sources"]
    assert [(source["kind"], Path(source["path"]).name) for source in sources] == [
        ("book", "novels"),
        ("paper", "proofs"),
        ("code", "tools"),
        ("code", "repository"),
    ]


def test_arguments_that_are_wrong_point_at_the_help_of_their_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Two folders behind one `--sources` are seen in `longhop init --help`; no such command, in `longhop --help`."""
    code, _, err = run(capsys, "init", "own.yaml", "--sources", "a", "b")
    assert (code, "(see longhop init --help)" in err) == (2, True)
    code, _, err = run(capsys, "nosuch")
    assert (code, "(see longhop --help)" in err) == (2, True)


def test_an_interrupt_while_the_command_is_imported_is_one_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imports take seconds; then, too: exit code 130 and one sentence."""

    class Interrupted(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "longhop.cli", Interrupted("longhop.cli"))
    with pytest.raises(SystemExit) as ended:
        start()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted; run the same command again to continue\n"


def test_what_takes_long_to_import_is_imported_when_asked_for() -> None:
    """The entry point itself is there at once."""
    code = "import sys, longhop.__main__; assert not {'polars', 'sklearn', 'typer'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - our own command


def test_an_interrupt_waits_for_a_line_that_is_logged() -> None:
    """In the middle of it, it would leave the lock of all logging taken; it comes when the line is out."""
    script = """
import logging, os, signal, sys, threading, time
from longhop import cli
class Slow(logging.Handler):
    def emit(self, record):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        print("out", flush=True)
cli._end_on_signals()
log = logging.getLogger("x")
log.addHandler(Slow())
try:
    log.warning("line")
    time.sleep(5)
except KeyboardInterrupt:
    other = threading.Thread(target=logging.getLogger("y").isEnabledFor, args=(10,), daemon=True)
    other.start()
    other.join(5)
    print("interrupted", other.is_alive())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split("\n") == ["out", "interrupted False", ""]
