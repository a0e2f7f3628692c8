"""What the Hub refuses, in sentences that say what to do.

    >>> refusal(error, "https://huggingface.co")
    'the token may not write there; make one with write access to this repository'

The words are the Hub's own where it gives some. Addresses of objects, which are signed, and tokens never stand in them.
"""

from __future__ import annotations

import re

from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

__all__ = ["refusal", "without_login"]

_REASONS = {
    401: "the Hub knows no such token; log in with `hf auth login` or set HF_TOKEN",
    403: "the token may not write there; make one with write access to this repository",
    404: "the Hub has no such owner or repository, or the token may not see it",
    413: "the Hub takes no file or commit of this size",
    429: "the Hub takes no more calls for now; push again later, what has arrived is kept",
}
_QUOTA = re.compile(
    r"storage (?:limit|quota)|quota|out of storage|storage.{0,40}exceed|exceed.{0,40}storage", re.IGNORECASE
)
_NO_XET = "where this Hub has no Xet storage, set HF_HUB_DISABLE_XET=1"


def refusal(error: BaseException, endpoint: str) -> str:
    """A sentence about an error of the client.

    Args:
        error: What befell the call.
        endpoint: Address of the Hub.
    """
    if isinstance(error, HfHubHTTPError):
        return _refused(error)
    where = without_login(endpoint)
    said = _plain(str(error))
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        if said.startswith("Invalid metadata"):
            return f"the Hub refuses the card: {said}"
        if _QUOTA.search(said):
            return f"the owner's storage on the Hub is full: {said}; make room there, or push to another owner"
        if said.startswith("LFS batch API"):
            return f"the Hub refuses a file: {said}"
        return f"what answers at {where} is no Hub: {said}"
    if type(error).__name__.startswith("Xet") or isinstance(error, RuntimeError) or "xet-write-token" in said:
        return f"files could not be sent: {said}; {_NO_XET}"
    return f"the Hub at {where} cannot be reached: {said}; push again, what has arrived is kept"


def _refused(error: HfHubHTTPError) -> str:
    status = error.response.status_code if error.response is not None else 0
    own = _plain(error.server_message or "")
    if _QUOTA.search(own):
        return f"the owner's storage on the Hub is full: {own}; make room there, or push to another owner"
    if isinstance(error, RevisionNotFoundError):
        return "the Hub has no such revision; push without --revision, or with the name of a branch"
    if status in _REASONS:
        return _REASONS[status] + (f" ({own})" if own and status in (403, 413) else "")
    later = "; push again later, what has arrived is kept" if status >= 500 else ""
    return f"the Hub answered {status}: {own or 'no reason given'}{later}"


def without_login(address: str) -> str:
    """An address without a name and password in it."""
    return re.sub(r"(https?://)[^\s/@]*@", r"\1", address)


def _plain(text: str) -> str:
    """On one line, without tokens and without the queries of addresses, which may be signed."""
    flat = " ".join(text.split())
    flat = re.sub(r"\bhf_[A-Za-z0-9]{8,}\b", "hf_…", without_login(flat))
    return re.sub(r"(https?://[^\s?'\"]+)\?[^\s'\"]*", r"\1?…", flat)[:600]
