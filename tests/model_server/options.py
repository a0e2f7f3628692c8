"""What a server is told: how it answers (`Script`), how fast it is (`Shape`), and what goes wrong (`Faults`).

>>> Faults.of(["429:0.05", "500:1:2", "death:20"]).faults[1]
Fault(kind='500', amount=1.0, attempts=2)

Each option is one of the command, too: `Shape(prefill_rate=8000)` is `--prefill-rate 8000`.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Iterable
from typing import Any, Literal, Self, TypeVar, cast, get_args

import msgspec

__all__ = ["Fault", "Faults", "Kind", "Script", "Shape", "add_arguments", "as_arguments", "from_arguments"]

Kind = Literal[
    "429",  # with Retry-After
    "500",
    "503",
    "reset",  # the connection is reset before any answer
    "hang",  # nothing comes until the client gives up
    "drip",  # the answer comes in small pieces over `drip_seconds`
    "dropped",  # the connection ends in the middle of the body
    "truncated",  # the body is complete for HTTP, its JSON is not
    "html",  # a page with status 200
    "empty",  # no choices
    "fewer",  # half of the choices, where more than one was asked for
    "equal",  # all choices are the first, as without a seed of their own
    "malformed",  # the contents of the choices end halfway, and say `stop`
    "cut",  # half of the prompt was read: usage says so
    "refused",  # the prompt is refused, at each attempt: PROBABILITY is over prompts
    "death",  # the process ends: `death:20` answers 20 requests and dies of the next
]


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How fast the server is. Times are seconds of the model, which `time_scale` shortens."""

    slots: int = 64
    """Sequences at a time; each of the n samples of a request is one."""
    prefill_rate: float = math.inf
    """Tokens a second, of all sequences together: prompts are prefilled one after the other."""
    decode_rate: float = math.inf
    """Tokens a second of each sequence."""
    overhead: float = 0.0
    """Seconds of each request that take no slot."""
    service_mean: float = 0.0
    """Above 0, a sequence takes a log-normal time of this mean instead, drawn from prompt and seed."""
    service_sigma: float = 1.0
    block_size: int = 16
    """Tokens in a block of the cache."""
    blocks: int = 262_144
    prefix_caching: bool = True
    max_model_len: int = 0
    """Tokens of prompt and answer; 0 for as many as the cache holds."""
    time_scale: float = 1.0
    """Real seconds in a second of the model."""

    def __post_init__(self) -> None:
        if self.window > self.blocks * self.block_size:
            raise ValueError(f"max_model_len {self.window} does not fit into {self.blocks} blocks of {self.block_size}")
        if min(self.slots, self.block_size, self.prefill_rate, self.decode_rate) <= 0 or self.time_scale < 0:
            raise ValueError("slots, block_size, and rates are above 0, time_scale is not below")

    @property
    def window(self) -> int:
        """Tokens of prompt and answer."""
        return self.max_model_len or self.blocks * self.block_size


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """How the server answers; an answer is a function of messages, model, and seed + choice index."""

    model: str = "simulated"
    key: str = ""
    """Bearer key that it asks for; empty for none."""
    answers: Literal["words", "lexical"] = "words"
    """`words`: some words, or JSON by the schema asked for. `lexical`: what the lexical engine answers to longhop's
    prompts, and words to others."""
    reasoning: Literal["reasoning_content", "reasoning", "think", "think_unopened", "none"] = "reasoning_content"
    """A field of the message, tags in the content, tags of which the template wrote the first, or none."""
    content_words: int = 12
    """Mean length of an answer in words."""
    reasoning_words: int = 36
    refuse_unknown: bool = False
    """400 to fields that the API does not have."""
    unsupported: tuple[str, ...] = ()
    """Fields that are answered with 400, as a hosted reasoning model does to `temperature`."""
    ignored: tuple[str, ...] = ()
    """Fields that are passed over, as some servers do with `n`, `seed` and `response_format`; `usage` leaves it out."""


class Fault(msgspec.Struct, frozen=True):
    """Something that goes wrong with a probability."""

    kind: Kind
    amount: float = 1.0
    """The probability; for `death` the number of requests before it."""
    attempts: float = 3
    """Only so many first attempts at the same body can fail of it, so that who asks again gets through."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `KIND:PROBABILITY` or `KIND:PROBABILITY:ATTEMPTS`; attempts may be `inf`.

        Raises:
            ValueError: It is not of that form.
        """
        kind, *numbers = text.split(":")
        if kind not in get_args(Kind) or not 1 <= len(numbers) <= 2:
            raise ValueError(f"{text}: expected KIND:PROBABILITY[:ATTEMPTS], KIND one of {', '.join(get_args(Kind))}")
        return cls(cast(Kind, kind), *map(float, numbers))

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount}:{self.attempts}"


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong. One attempt has one fault at most; their probabilities add up."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    retry_after: float = 1.0
    """What the header of a 429 says, in real seconds."""
    drip_seconds: float = 5.0
    """How long a body takes that comes in drips, in seconds of the model."""

    @classmethod
    def of(cls, texts: Iterable[str], **settings: Any) -> Self:
        """Faults out of their short forms.

        Raises:
            ValueError: A text is not of the form.
        """
        return cls(faults=tuple(map(Fault.of, texts)), **settings)

    def at(self, body: bytes, attempt: int) -> Kind | None:
        """What goes wrong at an attempt, counted from 1, at a body of that digest."""
        drawn = _share(b"fault", body, self.seed.to_bytes(8, "big"), attempt.to_bytes(8, "big"))
        for fault in self.faults:
            if fault.kind in ("refused", "death") or attempt > fault.attempts:
                continue
            drawn -= fault.amount
            if drawn < 0:
                return fault.kind
        return None

    def refuses(self, prompt: bytes) -> bool:
        """Whether a prompt of that digest is refused, today and tomorrow."""
        drawn = _share(b"refused", prompt, self.seed.to_bytes(8, "big"))
        return any(fault.kind == "refused" and drawn < fault.amount for fault in self.faults)

    def dies_after(self, requests: int) -> bool:
        """Whether the process has answered all that it will."""
        return any(fault.kind == "death" and requests >= fault.amount for fault in self.faults)


def _share(*parts: bytes) -> float:
    """A number from 0 to below 1 that looks random and is a function of the parts."""
    return int.from_bytes(hashlib.blake2b(b"\0".join(parts), digest_size=8).digest(), "big") / 2**64


# The command line

_Options = TypeVar("_Options", Script, Shape, Faults)
_SHORT = {"faults": "fault", "seed": "fault-seed"}
"""Options that are called otherwise on the command line."""


def add_arguments(parser: argparse.ArgumentParser, options: type[Script | Shape | Faults]) -> None:
    """Add an argument for each option; what is not given is absent."""
    for field in msgspec.structs.fields(options):
        several = isinstance(field.default, tuple)
        parser.add_argument(
            _flag(field.name),
            action="append" if several else "store",
            dest=field.name,
            default=argparse.SUPPRESS,
            metavar="KIND:PROBABILITY[:ATTEMPTS]" if options is Faults and several else "VALUE",
            help=f"default: {field.default}" if not several else "may be given several times",
        )


def from_arguments(given: argparse.Namespace, options: type[_Options]) -> _Options:
    """Options out of what was given.

    Raises:
        msgspec.ValidationError: A value is not of the type or not one of those that may be.
        ValueError: A fault is not of its form.
    """
    names = [field.name for field in msgspec.structs.fields(options)]
    values = {name: getattr(given, name) for name in names if hasattr(given, name)}
    if "faults" in values:
        values["faults"] = tuple(map(Fault.of, values["faults"]))
    return msgspec.convert(values, options, strict=False)


def as_arguments(options: Script | Shape | Faults) -> list[str]:
    """The arguments that give these options."""
    arguments = []
    for field in msgspec.structs.fields(type(options)):
        value = getattr(options, field.name)
        if value != field.default:
            values = value if isinstance(value, tuple) else [value]
            arguments += [f"{_flag(field.name)}={each}" for each in values]
    return arguments


def _flag(name: str) -> str:
    return f"--{_SHORT.get(name, name).replace('_', '-')}"
