"""Whether a dataset could be pushed to the Hub: asked before a build, and nothing is written there.

    >>> check_access("org/name", private=True)
    'org/name as me, an owner of org; the repository will be made'

The Hub says of a token whose it is and what it may do. `HF_ENDPOINT` and `HF_TOKEN` are read by the client itself, and
no token is ever part of a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is that of the client the library uses
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils._validators import validate_repo_id

from longhop.errors import PublishError
from longhop.publish.refusals import without_login

__all__ = ["check_access", "check_branch", "check_name", "check_token", "may_write"]

_LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


def check_access(repo: str, *, private: bool = True) -> str:
    """Whether the token of this machine may make or write a dataset repository; gives what was found, in words.

    Raises:
        PublishError: There is no token, the Hub does not know it, it may only read, the owner is none of its owner's
            names, the name is none, a public repository is there already, or the Hub cannot be reached.
    """
    api = HfApi(library_name="longhop")
    hub = f"the Hub at {without_login(api.endpoint)}"
    try:
        check_name(repo)
        check_token(repo)
        said = may_write(repo, api.whoami())
        return f"{repo} as {said}; {_repository(api, repo, private=private)}"
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise PublishError(f"dataset.hub: {repo}: the Hub knows no such token; {_LOG_IN}") from error
        raise PublishError(f"dataset.hub: {repo}: {hub} answered {status}") from error
    except (HTTPError, OSError, ValueError) as error:
        raise PublishError(f"dataset.hub: {repo}: {hub} cannot be reached: {error}") from error
    except PublishError as error:
        raise PublishError(f"dataset.hub: {error}") from error


def check_name(repo: str) -> None:
    """Refuse what cannot be the name of a repository, without asking the Hub.

    Raises:
        PublishError: It is none.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise PublishError(f"{repo!r} is no name of a repository; expected owner/name ({error})") from error


def check_token(repo: str) -> None:
    """Refuse to go on without a token, without asking the Hub.

    Raises:
        PublishError: There is none.
    """
    if get_token() is None:
        raise PublishError(f"{repo}: no token; {_LOG_IN}")


def check_branch(name: str) -> None:
    """Refuse what cannot be the name of a branch, without asking the Hub.

    Raises:
        PublishError: It is none, by the rules of git, or it names a commit or a pull request.
    """
    if (
        not re.fullmatch(r"(?![-/.])(?!refs/)[^\s~^:?*\[\\\x00-\x1f\x7f]+(?<![/.])", name)
        or re.search(r"\.\.|//|/\.|@\{|\.lock(/|$)", name)
        or re.fullmatch(r"[0-9a-f]{40}|@", name)
    ):
        raise PublishError(f"{name!r} is no name of a branch to push to; expected one such as main or v1")


def may_write(repo: str, who: Mapping[str, Any]) -> str:
    """As whom a token may write a repository, in words.

    Args:
        repo: `owner/name`.
        who: What the Hub says of the token.

    Raises:
        PublishError: It may not.
    """
    owner, name = repo.partition("/")[0], str(who.get("name", ""))
    orgs = {str(org.get("name")): str(org.get("roleInOrg") or "member") for org in who.get("orgs") or ()}
    if owner != name and owner not in orgs:
        known = ", ".join([name, *orgs])
        raise PublishError(
            f"{repo}: {owner} is neither {name} nor an organisation of theirs; the owner is one of {known}"
        )
    if orgs.get(owner) == "read":
        raise PublishError(f"{repo}: {name} may only read in {owner}; ask its owner for the right to write")
    token = (who.get("auth") or {}).get("accessToken") or {}
    role = token.get("role")
    if role == "read":
        raise PublishError(f"{repo}: the token may only read; make one that may write, and {_LOG_IN}")
    if role == "fineGrained" and not _granted(repo, token.get("fineGrained") or {}):
        raise PublishError(f"{repo}: the token may not write there; give it `repo.write` for {owner} or for {repo}")
    return name if owner == name else f"{name}, {orgs[owner]} of {owner}"


def _granted(repo: str, rights: Mapping[str, Any]) -> bool:
    """Whether a fine-grained token may write a repository: by its own name, or by its owner's."""
    names = {repo, repo.partition("/")[0]}
    return any(
        (scope.get("entity") or {}).get("name") in names and "repo.write" in (scope.get("permissions") or ())
        for scope in rights.get("scoped") or ()
    )


def _repository(api: HfApi, repo: str, *, private: bool) -> str:
    try:
        info = api.dataset_info(repo)
    except RepositoryNotFoundError:
        return "the repository will be made"
    if private and info.private is False:
        raise PublishError(f"{repo}: is public; set dataset.private to false if that is meant")
    return "the repository is there"
