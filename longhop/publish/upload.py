"""The upload: a dataset folder becomes one commit of a repository on the Hugging Face Hub.

    >>> push(Path("runs/sample/dataset"), "org/name", private=True)
    '…/datasets/org/name/commit/0a1b2c…'

Each round asks what is there, sends what is missing, and commits on top of that state; so whatever befalls a push, also
kill -9, the next round or the next push goes on from what has arrived. Files are sent by the real client: through its
Xet storage, which sends pieces that it has not, or, where `HF_HUB_DISABLE_XET` is set, as whole objects. `HF_ENDPOINT`
and `HF_TOKEN` are read from the environment by it, and no token is ever part of a message.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import (  # type: ignore[attr-defined] # HTTPError is that of the client the library uses
    HfHubHTTPError,
    HTTPError,
)
from huggingface_hub.hf_api import RepoFile

from longhop.errors import PublishError
from longhop.publish.access import check_branch, check_name, check_token, may_write
from longhop.publish.audit import check_folder
from longhop.publish.changes import (
    LISTING,
    Change,
    FileSum,
    compare,
    inventory,
    listing,
    parse_listing,
    sum_of,
    sum_of_bytes,
)
from longhop.publish.hub import PatientHub, cause_of, passes, patient
from longhop.publish.refusals import refusal

__all__ = ["push"]

_ROUNDS = 8
_SHOWN = 8
_MOVED_ON = frozenset({409, 412})
"""Of a commit: somebody else has made one since."""
log = logging.getLogger("longhop")


class _There(NamedTuple):
    """A state of the repository."""

    commit: str
    files: dict[str, FileSum]
    listed: dict[str, FileSum] | None
    """What the last push put there; None where there was none."""


def push(
    folder: Path,
    repo: str,
    *,
    private: bool = True,
    revision: str | None = None,
    overwrite: bool = False,
    licenses_checked: bool = False,
) -> str:
    """Upload a dataset folder in one commit; the repository is made where it does not exist.

    What is there already is not sent again; where nothing has changed, no commit is made. Files of an earlier push that
    the dataset has no longer go in the same commit.

    Args:
        folder: The dataset folder of a run.
        repo: `owner/name`; a name alone goes under the owner of the token.
        private: Whether a repository that is made is private; an existing public one is refused then.
        revision: Branch to commit to, made where it does not exist; the main one where None.
        overwrite: Replace also what others put there or changed, where it stands in the way.
        licenses_checked: Push whatever the licences of the documents say.

    Returns:
        Address of the commit that holds the dataset.

    Raises:
        PublishError: Nothing to upload, files that are not what the card says, licences that forbid it, no access,
            other content in the repository, or no connection.
    """
    check_name(repo)
    if revision is not None:
        check_branch(revision)
    check_token(repo)
    check_folder(folder, licenses_checked=licenses_checked)
    paths = inventory(folder)
    api = HfApi(library_name="longhop")
    try:
        with patient(api) as hub:
            made = _repository(hub, repo, private=private, revision=revision)
            upload = _Upload(hub, made, revision or "main", paths, overwrite=overwrite)
            return upload.run()
    except (HfHubHTTPError, HTTPError, OSError, RuntimeError, ValueError) as error:
        # What a signed address or a header holds stands in the causes, not in the sentence.
        raise PublishError(f"{repo}: {refusal(cause_of(error), api.endpoint)}") from None


def _repository(hub: PatientHub, repo: str, *, private: bool, revision: str | None) -> str:
    """The repository's whole name; it is there afterwards, with its branch."""
    who = hub.ask(hub.api.whoami, tries=3)  # the first call: a Hub that is not there is no reason to wait for minutes
    made = repo if "/" in repo else f"{who.get('name')}/{repo}"
    may_write(made, who)
    hub.ask(lambda: hub.api.create_repo(made, repo_type="dataset", private=private, exist_ok=True))
    # `exist_ok` takes a repository as it is: what is meant to be private must not go to one that all can read.
    if private and hub.ask(lambda: hub.api.dataset_info(made)).private is False:
        raise PublishError(f"{made}: is public; push with --public (`private=False`) if that is meant")
    if revision is not None:
        branch = revision
        hub.ask(lambda: hub.api.create_branch(made, repo_type="dataset", branch=branch, exist_ok=True))
    return made


class _Upload:
    """A dataset folder on its way into a branch."""

    def __init__(self, hub: PatientHub, repo: str, branch: str, paths: Mapping[str, Path], *, overwrite: bool) -> None:
        self._hub, self._api = hub, hub.api
        self._repo, self._branch, self._paths, self._overwrite = repo, branch, paths, overwrite
        self._sums = {name: sum_of(path) for name, path in paths.items()}
        self._listing = listing(self._sums)
        self._additions: dict[str, CommitOperationAdd] = {}

    def run(self) -> str:
        """Rounds of asking, sending and committing, until the branch holds the dataset."""
        for tried in range(1, _ROUNDS + 1):
            there = self._hub.ask(self._look)
            change = self._changes(there)
            sent = [*change.send, *([] if self._same_listing(there) else [LISTING])]
            if not sent and not change.delete:
                log.info("%-12s %s holds this dataset already", "push", self._repo)
                return self._address(there.commit)
            self._send(sent)
            try:
                commit = self._commit(there, sent, change.delete)
            except Exception as error:
                cause = cause_of(error)
                moved = isinstance(cause, HfHubHTTPError) and cause.response.status_code in _MOVED_ON
                if tried == _ROUNDS or not (moved or passes(error)):
                    raise
                # The commit may have been made, though nobody said so; the next round sees it.
                self._hub.pause(error, tried)
                continue
            self._verify(commit, set(change.kept), change.delete)
            return self._address(commit)
        raise AssertionError("the last round ends otherwise")

    def _look(self) -> _There:
        commit = self._api.dataset_info(self._repo, revision=self._branch).sha
        if commit is None:
            raise ValueError(f"{self._repo} has no commit")
        files = self._tree(commit)
        listed = None
        if LISTING in files:
            listed = parse_listing(self._read(LISTING, commit))
        elif set(files) == {"README.md"} and "README.md" in self._paths and not self._body("README.md", commit):
            listed = dict(files)  # made on the Hub's page, with a licence and nothing else: nobody's work
        return _There(commit, files, listed)

    def _tree(self, commit: str) -> dict[str, FileSum]:
        found = self._api.list_repo_tree(self._repo, recursive=True, revision=commit, repo_type="dataset")
        return {
            entry.path: FileSum(size=entry.lfs.size, sha256=entry.lfs.sha256)
            if entry.lfs is not None
            else FileSum(size=entry.size, blob=entry.blob_id)
            for entry in found
            if isinstance(entry, RepoFile) and entry.path != ".gitattributes"
        }

    def _read(self, name: str, commit: str) -> bytes:
        path = self._api.hf_hub_download(self._repo, name, revision=commit, repo_type="dataset")
        return Path(path).read_bytes()

    def _body(self, name: str, commit: str) -> str:
        """What a card says beside its head."""
        text = self._read(name, commit).decode("utf-8", "replace").strip()
        head, end = (text[3:].partition("\n---")[::2]) if text.startswith("---") else ("", text)
        return end.strip() if head or not text else text

    def _changes(self, there: _There) -> Change:
        change = compare(self._sums, there.files, there.listed, overwrite=self._overwrite)
        if change.in_the_way and not self._overwrite:
            shown = ", ".join(change.in_the_way[:_SHOWN])
            more = f" and {len(change.in_the_way) - _SHOWN} more" if len(change.in_the_way) > _SHOWN else ""
            what = "that longhop did not put there" if there.listed is None else "that others put there or changed"
            raise PublishError(
                f"{self._repo}: has files {what}: {shown}{more}; push to another repository, or with --overwrite "
                "(`overwrite=True`) to replace those of the dataset's names and keep the others"
            )
        for name in change.kept if there.listed is not None else ():
            if name in self._paths:
                log.info("%-12s %s was changed on the Hub and not here; it is kept there", "push", name)
        return change

    def _same_listing(self, there: _There) -> bool:
        known = there.files.get(LISTING)
        return known is not None and known.same(sum_of_bytes(self._listing))

    def _addition(self, name: str) -> CommitOperationAdd:
        """What sends a file; kept over the rounds, since it knows what has arrived."""
        if name not in self._additions:
            content = self._listing if name == LISTING else str(self._paths[name])
            addition = CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
            if name in self._sums:
                addition.upload_info.sha256 = bytes.fromhex(self._sums[name].sha256 or "")
            self._additions[name] = addition
        return self._additions[name]

    def _send(self, names: list[str]) -> None:
        additions = [self._addition(name) for name in names]
        size = sum(addition.upload_info.size for addition in additions)
        log.info("%-12s %s files, %.1f MB to %s", "push", f"{len(names):,}", size / 1e6, self._repo)
        self._hub.ask(
            lambda: self._api.preupload_lfs_files(
                self._repo, additions, repo_type="dataset", revision=self._branch, free_memory=False
            )
        )

    def _commit(self, there: _There, names: list[str], gone: list[str]) -> str:
        made = self._api.create_commit(
            self._repo,
            [
                *(CommitOperationDelete(path_in_repo=name, is_folder=False) for name in gone),
                *(self._addition(name) for name in names),
            ],
            commit_message="Dataset built with longhop",
            repo_type="dataset",
            revision=self._branch,
            parent_commit=there.commit,
        )
        return str(made.oid)

    def _verify(self, commit: str, kept: set[str], gone: list[str]) -> None:
        """Whether the Hub's own listing of the commit has what was sent."""
        there = self._hub.ask(lambda: self._tree(commit))
        wanted = {**self._sums, LISTING: sum_of_bytes(self._listing)}
        wrong = [
            name
            for name, mine in wanted.items()
            if name not in kept and (name not in there or not mine.same(there[name]))
        ]
        wrong += [name for name in gone if name in there]
        if wrong:
            raise PublishError(
                f"{self._repo}: commit {commit} was made, but {', '.join(sorted(wrong)[:_SHOWN])} did not arrive as "
                "sent (were they changed meanwhile, or does a .gitignore there leave them out?); push again"
            )

    def _address(self, commit: str) -> str:
        return f"{self._api.endpoint}/datasets/{self._repo}/commit/{commit}"
