"""Rules about the Hugging Face Hub: uploads of checkpoints and states, and states that come from there."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case
from fork_wrapper.rules.rule import Hit, rule

PARTS = 2
"""Of a repository's name: ORGANISATION/NAME."""


@rule(
    "upload-all",
    "note",
    phase="never",
    when="huggingface_repo_id",
    why="Every checkpoint is uploaded when it is written, with its header: that holds the whole configuration, paths "
    "of this machine included. An upload that fails is a line in the log.",
    fix="unset huggingface_repo_id, unless that is meant; the token is that of HF_TOKEN",
    source="library/train_util.py:5892-5893, library/train_util.py:6049-6050, library/huggingface_util.py:23-69",
)
def upload_all(case: Case) -> Iterator[Hit]:
    if case.get("huggingface_repo_id") is not None:
        what = f"every checkpoint is uploaded to {case.get('huggingface_repo_id')}, its configuration included"
        yield Hit(what=what, at=case.at("huggingface_repo_id"))


@rule(
    "upload-no-path",
    "warning",
    phase="never",
    when="huggingface_repo_id without huggingface_path_in_repo",
    why="A file is uploaded under no name then, which fails each time, with a line in the log.",
    fix='set huggingface_path_in_repo = "checkpoints", or another folder of the repository',
    source="library/huggingface_util.py:32, library/huggingface_util.py:55-64",
)
def upload_no_path(case: Case) -> Iterator[Hit]:
    if case.get("huggingface_repo_id") is not None and case.get("huggingface_path_in_repo") is None:
        what = "no checkpoint is uploaded: huggingface_path_in_repo is not set"
        yield Hit(what=what, at=case.at("huggingface_repo_id"))


@rule(
    "upload-repo-type",
    "warning",
    phase="never",
    when="huggingface_repo_type is none of model, dataset, space",
    why="The Hub knows no other; every upload fails, with a line in the log.",
    fix="unset huggingface_repo_type",
    source="library/huggingface_util.py:30-44",
)
def upload_repo_type(case: Case) -> Iterator[Hit]:
    kind = case.get("huggingface_repo_type")
    if case.get("huggingface_repo_id") is not None and kind not in {None, "model", "dataset", "space"}:
        yield Hit(what=f'huggingface_repo_type cannot be "{kind}"', at=case.at("huggingface_repo_type"))


@rule(
    "upload-visibility",
    "warning",
    phase="never",
    when="huggingface_repo_visibility is neither public nor private",
    why="Anything but public makes a private repository.",
    fix='set huggingface_repo_visibility = "public" or "private"',
    source="library/huggingface_util.py:33-37",
)
def upload_visibility(case: Case) -> Iterator[Hit]:
    seen = case.get("huggingface_repo_visibility")
    if case.get("huggingface_repo_id") is not None and seen not in {None, "public", "private"}:
        what = f'huggingface_repo_visibility = "{seen}" makes a private repository'
        yield Hit(what=what, at=case.at("huggingface_repo_visibility"))


@rule(
    "resume-hub-name",
    "error",
    phase="model",
    when="resume_from_huggingface with a resume that is not ORGANISATION/NAME/FOLDER",
    why="Its first two parts are taken for the name of a repository. kft makes resume a path of this machine, so that "
    "no state can be fetched.",
    fix="download the state, unset resume_from_huggingface, and set resume to the folder",
    source="library/train_util.py:4781-4801",
)
def resume_hub_name(case: Case) -> Iterator[Hit]:
    name = case.get("resume") or ""
    parts = name.split("/")
    if case.get("resume_from_huggingface") and name and (len(parts) < PARTS or not parts[0] or ":" in parts[0]):
        yield Hit(what=f"resume_from_huggingface cannot fetch {name}", at=case.at("resume_from_huggingface"))
