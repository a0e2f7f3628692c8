"""Runs the front task in this process, and says why where it fails.

    >>> run_build("recipe.yaml", "runs/sample", workers=2)
    []

Luigi answers true or false; the reasons stand with its scheduler, which hears of every failure, also of a worker
process that was killed, and of those on other machines.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import luigi
import luigi.rpc
import luigi.scheduler
import luigi.task_status
import luigi.worker

from longhop import errors
from longhop.errors import BuildError
from longhop.progress import Pulse
from longhop.recipe import Recipe
from longhop.serving import keep
from longhop.storage import RunFolder
from longhop.watch import Watch

from .base import RunTask, broken, forget_manifests, log
from .build import Build

RETRIES = 2
"""How often what is missing is built again where the reason may have passed."""
_WAIT_SECONDS = 2
_TELL_SECONDS = 5.0
_fronts: set[int] = set()
"""Processes that run a front task: a worker process, forked from one, is none."""


def run_build(
    recipe: str,
    out: str,
    workers: int = 1,
    *,
    refresh: bool = False,
    retry_rejected: str | None = None,
    scheduler: tuple[str, int] | None = None,
) -> list[str]:
    """Build a recipe into a folder.

    Args:
        recipe: The recipe's file.
        out: Folder of the run.
        workers: Processes on this machine.
        refresh: List the sources anew.
        retry_rejected: Ask again what engines refused: `all`, or for this reason.
        scheduler: Host and port of a central scheduler; one in this process where None.

    Returns:
        Why it failed: the first line of each says the kind of error and what it said. Empty where all is built.

    Raises:
        BuildError: The central scheduler does not answer.
    """
    where: dict[str, Any] = {"local_scheduler": True}
    if scheduler is not None:
        _reach(*scheduler)
        where = {"scheduler_host": scheduler[0], "scheduler_port": scheduler[1]}
    _fronts.add(os.getpid())
    started = datetime.now(UTC).isoformat(timespec="microseconds")
    task = Build(recipe=recipe, out=out, refresh=refresh, retry_rejected=retry_rejected, started=started)
    waiting, retries = False, 0
    while True:
        broken.clear()
        forget_manifests()  # of an earlier build of this process
        luigis = _Luigis()
        with _quiet(), _servers_kept(recipe, out), _told(luigis, task, out, workers, central=scheduler is not None):
            result = luigi.build([task], luigis, workers=workers, log_level="CRITICAL", detailed_summary=True, **where)
            if result.status in (luigi.LuigiStatusCode.SUCCESS, luigi.LuigiStatusCode.SUCCESS_WITH_RETRY):
                return []
            if result.status != luigi.LuigiStatusCode.NOT_RUN or scheduler is None:
                reasons = luigis.reasons() or [f"BuildError: not all parts are built: {result.one_line_summary}"]
                if retries == RETRIES or not all(map(_may_pass, reasons)):
                    return reasons
                retries += 1
                log.warning("%s; what is missing is built again", reasons[0].splitlines()[0])
                time.sleep(_WAIT_SECONDS * retries)
                continue
        # A worker goes home when nothing is left that it could begin, although parts that others build now will free
        # more. Luigi's own `keep_alive` would wait for parts that have failed, too, for a quarter of an hour.
        if not waiting:
            log.info("other workers of %s:%s build parts of this run; taking part as parts come free", *scheduler)
        waiting = True
        time.sleep(_WAIT_SECONDS)


def _may_pass(reason: str) -> bool:
    """Whether building again may help: storage did not answer, a process was killed, or nobody knows what it was.

    What else longhop raises on purpose it would raise again.
    """
    name = reason.partition(":")[0]
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    return kind is None or kind is errors.UnreachableError


@contextmanager
def _servers_kept(recipe: str, out: str) -> Iterator[None]:
    """Servers that tasks start stay from one task to the next, as long as this build runs."""
    if not any(config.kind == "vllm" for config in Recipe.load(recipe).engines.values()):
        yield
        return
    with keep(RunFolder(out).work):
        yield


@contextmanager
def _told(luigis: _Luigis, task: Build, out: str, workers: int, *, central: bool) -> Iterator[None]:
    """Show at the front task, on a central scheduler's page, how far all of it is."""
    if not central:
        yield
        return
    watch = Watch(out, workers)

    def tell() -> None:
        view = watch.look()
        if view is not None:
            built, parts = view.parts
            scheduler: Any = luigi.rpc.RemoteScheduler(luigis.url)  # one of its own: another thread uses the worker's
            scheduler.set_task_status_message(task.task_id, view.page())
            scheduler.set_task_progress_percentage(task.task_id, round(100 * built / parts) if parts else 0)

    with Pulse() as pulse:
        pulse.every(_TELL_SECONDS, tell)
        yield


class _Luigis:
    """Makes Luigi's scheduler and worker, and keeps them, since only they know why a task failed."""

    scheduler: Any
    worker: Any
    url: str

    def create_local_scheduler(self) -> Any:
        self.scheduler = luigi.scheduler.Scheduler(prune_on_get_work=True, record_task_history=False)
        return self.scheduler

    def create_remote_scheduler(self, url: str) -> Any:
        self.url = url
        self.scheduler = luigi.rpc.RemoteScheduler(url)
        return self.scheduler

    def create_worker(self, scheduler: Any, worker_processes: int, assistant: bool = False) -> Any:
        in_thread = threading.current_thread() is not threading.main_thread()  # there, no signal handler can be set
        more = {"no_install_shutdown_handler": True} if in_thread else {}
        self.worker = luigi.worker.Worker(
            scheduler=scheduler, worker_processes=worker_processes, assistant=assistant, **more
        )
        return self.worker

    def reasons(self) -> list[str]:
        """What stopped tasks while they were planned, and what those that failed said, each once."""
        history = list(self.worker._add_task_history)  # noqa: SLF001 - as Luigi's own summary of a run does
        failed = [task.task_id for task, status, _ in history if status == luigi.task_status.FAILED]
        said = [RunTask.reason(error) for error in broken]
        said += [self._said(task_id) for task_id in dict.fromkeys(failed)]
        if not any(said):  # on another machine then
            said = [self._said(task_id) for task_id in dict.fromkeys(task.task_id for task, _, _ in history)]
        return list(dict.fromkeys(reason for reason in said if reason))

    def _said(self, task_id: str) -> str:
        error = self.scheduler.fetch_error(task_id)["error"]
        return str(json.loads(error) or "") if error else ""


def _reach(host: str, port: int) -> None:
    """Luigi tries for minutes to reach a scheduler that is not there."""
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError as error:
        raise BuildError(f"no scheduler answers at {host}:{port} ({error}); start one there with `luigid`") from error


@RunTask.event_handler(luigi.Event.START)  # type: ignore[untyped-decorator]
def _leave_signals_to_the_front(_: RunTask) -> None:
    """Ctrl-C reaches all processes; the front ends the workers, which else would each print where they were."""
    if _fronts and os.getpid() not in _fronts:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _quiet() -> Iterator[None]:
    """Luigi's own lines say much and tell little; the tasks say what was built."""
    logger = logging.getLogger("luigi-interface")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
