"""The upload: a dataset folder becomes one commit of a repository on the Hugging Face Hub.

    >>> push(Path("runs/sample/dataset"), "org/name", private=True)
    '…/datasets/org/name/commit/0a1b2c…'

The real client does the work; `HF_ENDPOINT` and `HF_TOKEN` are read from the environment by it, and no token is ever
part of a message.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is that of the client the library uses
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
)

from longhop.errors import PublishError

__all__ = ["push"]

_REASONS = {
    401: "the Hub knows no such token; log in with `hf auth login` or set HF_TOKEN",
    403: "the token may not write there; make one with write access to this repository",
    404: "the Hub has no such owner or repository, or the token may not see it",
}


def push(folder: Path, repo: str, *, private: bool = True, revision: str | None = None) -> str:
    """Upload a dataset folder in one commit; the repository is made where it does not exist.

    Args:
        folder: The dataset folder of a run.
        repo: `owner/name`; a name alone goes under the owner of the token.
        private: Whether a repository that is made is private; an existing public one is refused then.
        revision: Branch to commit to; the main one where None.

    Returns:
        Address of the commit.

    Raises:
        PublishError: Nothing to upload, no access, or no connection.
    """
    if not (folder / "README.md").is_file():
        raise PublishError(f"{folder}: no dataset here; build the run to its end first")
    if get_token() is None:
        raise PublishError(f"{repo}: no token; log in with `hf auth login` or set HF_TOKEN")
    api = HfApi(library_name="longhop")
    try:
        made = api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True).repo_id
        # `exist_ok` takes a repository as it is: what is meant to be private must not go to one that all can read.
        if private and api.dataset_info(made).private is False:
            raise PublishError(f"{made}: is public; push with --public (`private=False`) if that is meant")
        if revision is not None:
            api.create_branch(made, repo_type="dataset", branch=revision, exist_ok=True)
        commit = api.upload_folder(
            repo_id=made,
            repo_type="dataset",
            folder_path=folder,
            revision=revision,
            commit_message="Dataset built with longhop",
        )
    except HFValidationError as error:
        raise PublishError(f"{repo!r} is no name of a repository; expected owner/name ({error})") from error
    except ValueError as error:  # the client has no class of its own for a card that the Hub refuses
        said = " ".join(str(error).split())
        refused = said.startswith("Invalid metadata")
        what = "the Hub refuses the card" if refused else f"what answers at {api.endpoint} is no Hub"
        raise PublishError(f"{repo}: {what}: {said}") from error
    except (HfHubHTTPError, HTTPError, OSError, RuntimeError) as error:
        # The client wraps what befalls a large file into a RuntimeError that says no more than the file's name.
        cause = error.__cause__ if isinstance(error, RuntimeError) else error
        if isinstance(cause, HfHubHTTPError):
            raise PublishError(f"{repo}: {_said(cause)}") from error
        if isinstance(cause, (HTTPError, OSError)):
            raise PublishError(f"{repo}: the Hub at {api.endpoint} cannot be reached: {cause}") from error
        raise
    return str(commit.commit_url)


def _said(error: HfHubHTTPError) -> str:
    status = error.response.status_code if error.response is not None else 0
    return _REASONS.get(status, f"the Hub answered {status}: {error.server_message or 'no reason given'}")
