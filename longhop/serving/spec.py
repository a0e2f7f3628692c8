"""What to serve: a model, on which GPUs, with which arguments; and the command lines that this comes to.

>>> spec = ServerSpec(model="org/model", replicas=2, gpus=(0, 1, 2, 3), args=("--tensor-parallel-size", "2"))
>>> spec.check()
>>> spec.gpus_of(1)
(2, 3)
>>> spec.command_line(port=8000)
['vllm', 'serve', 'org/model', '--host', '127.0.0.1', '--port', '8000', …]
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import yaml

from longhop.errors import EngineError

__all__ = ["ServerSpec", "check_together", "search_path"]

_OURS = {
    "port": "longhop chooses a free one for each replica",
    "uds": "longhop speaks to its servers by an address",
    "ssl-keyfile": "longhop speaks plain HTTP to its own servers, which only this machine reaches",
    "ssl-certfile": "longhop speaks plain HTTP to its own servers, which only this machine reaches",
    "headless": "a server without an address answers nothing",
}
_SHORT = {"tp": "tensor-parallel-size", "pp": "pipeline-parallel-size", "dp": "data-parallel-size"}
_PARALLEL = tuple(_SHORT.values())
_SHARE = 0.9
"""What vLLM takes of a GPU unless told otherwise: 0.9 to 0.92."""


class ServerSpec(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Servers of one model on this machine; specs of one `key` are served by the same ones."""

    model: str
    revision: str | None = None
    args: tuple[str, ...] = ()
    """Arguments of `vllm serve`; what longhop adds it adds unless it stands here."""
    command: tuple[str, ...] = ("vllm", "serve")
    replicas: int = 1
    gpus: tuple[int, ...] = ()
    """Split evenly over the replicas, in order; empty: what the machine has."""
    max_model_len: int | None = None
    """Tokens of prompt and answer together; None: what the model has."""
    exclusive: bool = False
    """Does not stand beside servers of other specs."""
    served: str = ""
    """Name that requests ask for; empty: `model`."""

    @cached_property
    def key(self) -> str:
        """Hash of what makes two roles share their servers."""
        parts = (self.model, self.revision, self.args, self.command, self.served)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]

    @cached_property
    def options(self) -> Mapping[str, str]:
        """Options in `args` by their long names, with their first value; those of a `--config` file too."""
        return dict(_options(self.args))

    @property
    def served_name(self) -> str:
        """Name that the servers know the model by."""
        return self.options.get("served-model-name") or self.served or self.model

    @property
    def host(self) -> str:
        """Where the servers are reached."""
        given = self.options.get("host", "127.0.0.1")
        return "127.0.0.1" if given in {"0.0.0.0", "::", ""} else given  # noqa: S104 - the recipe's choice

    def gpus_of(self, replica: int) -> tuple[int, ...]:
        """The GPUs of one replica."""
        each = len(self.gpus) // self.replicas
        return self.gpus[replica * each : (replica + 1) * each]

    def share_of_gpus(self) -> dict[int, float]:
        """How much of each GPU the replicas take, where 1 is all of it."""
        share = float(self.options.get("gpu-memory-utilization", _SHARE))
        return {gpu: round(share * self.gpus.count(gpu), 6) for gpu in self.gpus}

    def command_line(self, port: int) -> list[str]:
        """What starts a replica."""
        line = [*self.command, self.model]
        if "host" not in self.options:
            line += ["--host", "127.0.0.1"]
        line += ["--port", str(port)]
        if "served-model-name" not in self.options:
            line += ["--served-model-name", self.served_name]
        if self.revision is not None and "revision" not in self.options:
            line += ["--revision", self.revision]
        if self.max_model_len is not None and "max-model-len" not in self.options:
            line += ["--max-model-len", str(self.max_model_len)]
        if not {"enable-prefix-caching", "no-enable-prefix-caching"} & set(self.options):
            line += ["--enable-prefix-caching"]
        return [*line, *self.args]

    def environment(self, base: Mapping[str, str], replica: int) -> dict[str, str]:
        """Variables of a replica's process, from those of the client."""
        more = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1", "PATH": search_path(base)}
        if self.gpus:
            # By bus, as nvidia-smi numbers them; CUDA's own default puts the fastest first.
            more |= {
                "CUDA_VISIBLE_DEVICES": ",".join(map(str, self.gpus_of(replica))),
                "CUDA_DEVICE_ORDER": base.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
            }
        return {**base, **more}

    def check(self, environment: Mapping[str, str] | None = None) -> None:
        """Find what can be found wrong without starting anything.

        Raises:
            EngineError: The command is not installed, or GPUs, replicas and arguments do not fit together.
        """
        if self.model.startswith(("/", "./", "../", "~")) and not Path(self.model).is_dir():
            raise EngineError(f"{self._said}: there is no such folder; correct the engine's `model`")
        for name, why in _OURS.items():
            if name in self.options:
                raise EngineError(f"{self._said}: `args` has --{name}, but {why}; take it out")
        self._check_gpus()
        if environment is not None and shutil.which(self.command[0], path=search_path(environment)) is None:
            remedy = (
                'install it with `pip install "longhop[vllm]"`, or name another in the engine\'s `command`'
                if self.command[0] == "vllm"
                else "correct the engine's `command`"
            )
            raise EngineError(f"{self._said}: the command `{self.command[0]}` was not found; {remedy}")

    @property
    def _said(self) -> str:
        return f"vLLM for {self.model}"

    def _check_gpus(self) -> None:
        if not self.gpus:
            return
        each, left = divmod(len(self.gpus), self.replicas)
        if left or not each:
            raise EngineError(
                f"{self._said}: {_count(len(self.gpus), 'GPU')} cannot be split evenly over "
                f"{_count(self.replicas, 'replica')}; change `gpus` or `replicas`"
            )
        for name in ("gpu-memory-utilization", *_PARALLEL):
            value = self.options.get(name, "1")
            try:
                float(value)
            except ValueError:
                raise EngineError(f"{self._said}: `args` has --{name} {value}, expected a number") from None
        needed = prod(int(float(self.options.get(name, "1"))) for name in _PARALLEL)
        if needed != each:
            raise EngineError(
                f"{self._said}: each replica has {_count(each, 'GPU')} and its `args` use {needed}; "
                f'set args: ["--tensor-parallel-size", "{each}"], or change `gpus` or `replicas`'
            )
        for gpu, share in self.share_of_gpus().items():
            if share > 1:
                raise EngineError(
                    f"{self._said}: GPU {gpu} is given to {_count(self.gpus.count(gpu), 'replica')}, which take "
                    f"{share:.0%} of its memory together; give each its own, or set --gpu-memory-utilization in `args`"
                )


def check_together(specs: Sequence[ServerSpec]) -> None:
    """Find GPUs that servers of several specs would hold at a time; exclusive ones never stand beside others.

    Raises:
        EngineError: It names the GPU and the models.
    """
    beside = {spec.key: spec for spec in specs if not spec.exclusive}
    held: dict[int, list[tuple[ServerSpec, float]]] = {}
    for spec in beside.values():
        for gpu, share in spec.share_of_gpus().items():
            held.setdefault(gpu, []).append((spec, share))
    for gpu, holders in held.items():
        if sum(share for _, share in holders) > 1:
            names = " and ".join(spec.served_name for spec, _ in holders)
            raise EngineError(
                f"GPU {gpu} is held by the vLLM servers of {names}, which take more than all of its memory together; "
                "give them other `gpus`, or set `exclusive: true` on one, or --gpu-memory-utilization in `args`"
            )


def search_path(environment: Mapping[str, str]) -> str:
    """Where commands are looked for: also beside the Python that runs longhop, whose environment need not be active."""
    return f"{environment.get('PATH', '')}:{Path(sys.executable).parent}".lstrip(":")


def _options(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    for place, arg in enumerate(args):
        if not arg.startswith("-") or arg.lstrip("-")[:1].isdigit():  # a value, perhaps a negative one
            continue
        name, _, value = arg.lstrip("-").partition("=")
        name = _SHORT.get(name, name).replace("_", "-")
        if not value and place + 1 < len(args) and not args[place + 1].startswith("--"):
            value = args[place + 1]
        if name == "config":
            yield from _options_of_file(value)
        yield name, value


def _options_of_file(path: str) -> Iterator[tuple[str, str]]:
    try:
        found: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):  # vLLM says better what is wrong with it
        return
    if isinstance(found, dict):
        for name, value in found.items():
            yield str(name).replace("_", "-"), str(value[0] if isinstance(value, list) and value else value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
