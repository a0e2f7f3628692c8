"""Calls to the Hugging Face Hub that wait out what passes: the real client, with more patience and fewer words.

    >>> with patient(HfApi(library_name="longhop")) as hub:
    ...     hub.ask(lambda: hub.api.dataset_info("org/name")).sha
    '0a1b2c…'

The client repeats some calls by itself and others never; it waits for an answer for ever; and it sends an object
again when only the answer was lost. Here every call is repeated (429 with Retry-After, 5xx, dropped connections,
silence), and an object whose answer was lost is not sent again before the Hub has said whether it has it.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from huggingface_hub import HfApi, constants, set_client_factory
from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is that of the client the library uses
    HfHubHTTPError,
    HTTPError,
)
from huggingface_hub.utils import _http
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from longhop.errors import PublishError

__all__ = ["PatientHub", "cause_of", "passes", "patient"]

T = TypeVar("T")

SILENCE = 120.0
"""Seconds without a word after which a call has failed."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds before the first repetition; before each further one twice as many, up to so many."""
TRIES = 8
"""Tries without any progress."""
_LONGEST_ASKED = 900.0
"""Seconds that the Hub may ask to wait."""
_PASSING = frozenset({408, 425, 429})
_PERMANENT = frozenset({"UnsupportedProtocol", "TooManyRedirects", "InvalidURL", "DecodingError"})
_REFUSED = re.compile(r"client error \(4(?!08|25|29)\d\d")
"""What Xet storage, which has one error for all that befalls it, says of a refusal."""
_LOGGERS = ("huggingface_hub.utils._http", "httpx", "httpx2")
log = logging.getLogger("longhop")
_one = threading.Lock()


class UnansweredError(ConnectionError):
    """Whether an object has arrived nobody knows but the Hub. The client does not repeat what raises this."""


class PatientHub:
    """A client of the Hub whose calls are repeated while what befalls them passes."""

    def __init__(self, api: HfApi) -> None:
        self.api = api
        self.arrived = 0
        """Objects, and parts of them, that the Hub has said to have."""

    def ask(self, call: Callable[[], T], tries: int = TRIES) -> T:
        """The result of a call, repeated until it is none that passes; it must bear to be repeated.

        Raises:
            PublishError: The Hub asks to wait for longer than anybody would.
            Exception: What the last try raised.
        """
        failed, arrived = 0, self.arrived
        while True:
            try:
                return call()
            except Exception as error:
                failed = 1 if self.arrived > arrived else failed + 1
                arrived = self.arrived
                if failed >= tries or not passes(error):
                    raise
                self.pause(error, failed)

    def pause(self, error: Exception, failed: int) -> None:
        """Wait before the next try, as long as the Hub asks for."""
        seconds = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failed - 1))
        asked = _asked(cause_of(error))
        if asked is not None and asked > _LONGEST_ASKED:
            raise PublishError(f"the Hub asks to wait for {asked / 60:.0f} minutes; push again after that") from None
        seconds = max(seconds, asked or 0.0)
        log.info("%-12s the Hub %s; again in %.0f s", "push", _befell(cause_of(error)), seconds)
        time.sleep(seconds)


@contextmanager
def patient(api: HfApi) -> Iterator[PatientHub]:
    """The client, patient within the block; one block at a time, since a process shares the client's sessions."""
    hub = PatientHub(api)
    with _one:
        made = _http._GLOBAL_CLIENT_FACTORY  # noqa: SLF001 - a user's own, with their proxy and certificates; no getter
        set_client_factory(lambda: _patient_client(made(), hub))
        hidden = _HideQueries()
        # In a log, a bar is a thousand lines; what a user has set goes before.
        quiet = constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not sys.stderr.isatty()
        quiet = quiet and not are_progress_bars_disabled()
        if quiet:
            disable_progress_bars()
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(hidden)
        try:
            yield hub
        finally:
            set_client_factory(made)
            if quiet:
                enable_progress_bars()
            for name in _LOGGERS:
                logging.getLogger(name).removeFilter(hidden)


def _patient_client(client: Any, hub: PatientHub) -> Any:
    """The client's HTTP client with a limit to silence, which does not send an object again unasked."""
    if client.timeout.read is None:
        client.timeout = SILENCE
    request = client.request

    def request_once(method: str, url: Any, **rest: Any) -> Any:
        # Of an object in parts only the part is sent again, and of that the client takes care.
        whole = method.upper() == "PUT" and "partNumber=" not in str(url)
        try:
            response = request(method=method, url=url, **rest)
        except HTTPError as error:
            if whole:
                raise UnansweredError(f"{type(error).__name__}: {error}") from error
            raise
        if whole and response.status_code >= 500:
            raise UnansweredError(f"answered {response.status_code}")
        if method.upper() == "PUT" and response.is_success:
            hub.arrived += 1
        return response

    client.request = request_once
    return client


def cause_of(error: BaseException) -> BaseException:
    """What befell the call; the client wraps what befalls a file into a RuntimeError that has only its name."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ is not None else error


def passes(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    cause = cause_of(error)
    if isinstance(cause, HfHubHTTPError):
        status: int = cause.response.status_code
        return status in _PASSING or status >= 500
    if isinstance(cause, HTTPError):
        return type(cause).__name__ not in _PERMANENT
    return isinstance(cause, ConnectionError | TimeoutError) and not _REFUSED.search(str(cause))


def _befell(error: BaseException) -> str:
    if isinstance(error, HfHubHTTPError):
        return f"answered {error.response.status_code}"
    return f"did not answer ({type(error).__name__})"


def _asked(error: BaseException) -> float | None:
    """Seconds that the Hub asks to wait: a number or a date."""
    said = error.response.headers.get("Retry-After") if isinstance(error, HfHubHTTPError) else None
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


class _HideQueries(logging.Filter):
    """Takes the query, which may sign an address, and the name and password out of addresses in the client's words."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        record.msg, record.args = re.sub(r"(https?://)(?:[^\s/@]*@)?([^\s?'\"]*)(\?[^\s'\"]*)?", _shown, said), ()
        return True


def _shown(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{'?…' if found[3] else ''}"
