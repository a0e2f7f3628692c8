"""Whether documents under their licences may be published in a dataset under its own.

    >>> objection("CC-BY-NC-4.0", "cc-by-4.0")
    'allows no commercial use, and cc-by-4.0 does'
    >>> objection("MIT OR Apache-2.0", "cc-by-4.0")

A dataset of longhop holds the texts of its documents, cleaned, cut and put together. So what forbids copies or changes
cannot be in it; what asks for its own licence, or forbids trade, asks that of the dataset too; and of what nobody knows
the licence, nobody knows whether it may be passed on. This is a check of names, no legal advice: whoever has asked the
owners says so, and is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from longhop.sources.metadata import license_of

__all__ = ["objection"]

_FREE = (
    r"cc0.*|public-?domain.*|pd|pddl.*|unlicense|0bsd|wtfpl|mit.*|apache.*|bsd.*|isc|zlib|bsl-1\.0|psf-.*|python-2\.0.*|"
    r"cc-by-\d.*|cc-by|odc-by.*|cdla-permissive.*|artistic-2\.0|ms-pl|postgresql|ncsa|blueoak.*|upl-.*|afl-.*|ofl.*"
)
_ALIKE = (
    r"(cc-by-sa|cc-by-nc-sa|gfdl|agpl|lgpl|gpl|odbl|cdla-sharing|mpl|epl|eupl|osl|cddl|cecill|fdl)(?:[-.\d+ ].*|\d.*)?"
)
_FORBIDS = re.compile(
    r"all[-\s]rights|proprietary|non-?exclusive-?distrib|no-?redistribut|copyright(ed)?$", re.IGNORECASE
)
_OR, _AND = r"-or-(?!later)|\|\|?|/", r"-and-|-with-[^()]*|&|,"


def objection(licence: str | None, dataset: str) -> str | None:
    """Why a document under `licence` may not be published under `dataset`; None where it may.

    Args:
        licence: Licence of the document, as an SPDX expression, a name of the Hub, or other words; None where unknown.
        dataset: Licence of the dataset: `other` where each document keeps its own.
    """
    stated = licence or ""
    said = _plain((license_of(stated) or "") if "://" in stated and not _FORBIDS.search(stated) else stated)
    if not stated.strip():
        return "has no licence given"
    if "(" in said:  # every licence of a nested expression: too strict for some, too lax for none
        return _of_all(re.split(rf"{_AND}|{_OR}", said), dataset)
    objections = [_of_all(re.split(_AND, choice), dataset) for choice in re.split(_OR, said)]
    return None if None in objections else objections[0]


def _of_all(licences: Iterable[str], dataset: str) -> str | None:
    """Of licences that all apply, as `mit and bsd-3-clause`."""
    named = [_plain(one.strip("()- ")) for one in licences if one.strip("()- ")]
    found = (_of_one(one, _plain(dataset)) for one in named or [""])
    return next((why for why in found if why), None)


def _of_one(licence: str, dataset: str) -> str | None:
    if re.search(r"(^|-)nd(-|$)|no-?deriv", licence):
        return "allows no changes, and contexts cut and join texts"
    if _FORBIDS.search(licence):
        return "allows no copies to others"
    if re.search(r"(^|-)nc(-|$)|non-?commercial|research-only", licence) and not _is_open(dataset):
        if not re.search(r"(^|-)nc(-|$)", dataset):
            return f"allows no commercial use, and {dataset} does"
        if not re.search(r"(^|-)sa(-|$)", licence):
            return None
    if match := re.fullmatch(_ALIKE, licence):
        return None if _is_open(dataset) or dataset.startswith(match[1]) else f"asks for {match[1]}, not {dataset}"
    if re.fullmatch(_FREE, licence) or re.fullmatch(r"cc-by-nc.*", licence):
        return None
    return "is a licence that longhop does not know"


def _is_open(dataset: str) -> bool:
    """Whether each part of the dataset keeps its own licence."""
    return dataset == "other"


def _plain(name: str) -> str:
    words = re.sub(r"[\s_]+", "-", name.strip().lower())
    words = re.sub(r"^(creative-commons|cc)-?(attribution|by)", "cc-by", words)
    words = re.sub(r"-(non-?commercial)", "-nc", words)
    words = re.sub(r"-share-?alike", "-sa", words)
    words = re.sub(r"-no-?deriv(ative)?s?", "-nd", words)
    return re.sub(r"^the-|-licen[cs]e(?=-|$)|-only$|-or-later$", "", words)
