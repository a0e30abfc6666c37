"""What a run reads, compared: the base model, images and captions, other files, the prompts, the seed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dataset_tools.errors import DatasetError
from dataset_tools.scan.fingerprint import fingerprint
from dataset_tools.scan.hashing import HashCache
from dataset_tools.sets.sample_set import sample_set_folder
from fork_wrapper.compare.comparison import file_changes
from fork_wrapper.experiment.resolve import MODEL_OPTIONS, PATH_OPTIONS, is_hub_name
from fork_wrapper.experiment.subsets import parts
from fork_wrapper.machine.provenance import base_model
from fork_wrapper.machine.settings import Settings
from fork_wrapper.rehearsal.miniature_folder import base_model as miniature_model
from fork_wrapper.rehearsal.miniature_folder import miniature_folder
from fork_wrapper.repeat.compared import MISSING, Item, Repetition, compared_hashes, gone, short, unknown
from fork_wrapper.repeat.places import PROMPTS, is_model
from fork_wrapper.text import counted


def base_item(one: Repetition, settings: Settings, cache: HashCache) -> Item:
    """The bytes of the base model; of a name on the Hub, and of a miniature not yet built, nobody knows them."""
    sha256 = (one.original.provenance.get("base_model") or {}).get("sha256")
    recorded = short(sha256)
    name = str(one.places.training.get("pretrained_model_name_or_path", ""))
    if one.anew:
        return unknown("base-model", recorded, "the miniature stands in for it")
    if not name:
        return Item(name="base-model", verdict="different", recorded=recorded, found=MISSING, why="the file names none")
    ours = one.rehearsed and name == miniature_model(miniature_folder(settings.cache)).as_posix()
    if not is_model(Path(name)):
        if ours:
            return unknown("base-model", recorded, "the miniature is built when the rehearsal starts")
        if is_hub_name(name):
            return unknown("base-model", recorded, f"{name} is a name on the Hugging Face Hub")
        return gone("base-model", recorded, (name,))
    return compared_hashes("base-model", sha256, base_model(name, cache)["sha256"])


def dataset_item(
    one: Repetition, settings: Settings, cache: HashCache, tell: Callable[[int, int], None] | None
) -> Item:
    """Images and captions by their manifest; what changed is named."""
    recorded = one.original.provenance.get("dataset")
    says = _set(recorded)
    folders = [
        str(subset["image_dir"])
        for data in one.places.dataset.get("datasets", [])
        for subset in data.get("subsets", [])
        if "image_dir" in subset
    ]
    if lost := tuple(path for path in folders if not Path(path).is_dir()):
        if one.anew or (one.rehearsed and set(lost) == {sample_set_folder(settings.cache).as_posix()}):
            return unknown("dataset", says, "the sample set stands in for it, and is drawn when the rehearsal starts")
        return gone("dataset", says, lost)
    if recorded is None:
        return unknown("dataset", None, f"nothing to compare {counted(len(folders), 'folder')} with")
    try:
        found = fingerprint(list(parts(one.places.training, one.places.dataset)), cache, tell).to_json()
    except (DatasetError, OSError) as error:
        return unknown("dataset", says, f"it cannot be read: {error}")
    item = replace(
        compared_hashes("dataset", recorded.get("sha256"), found["sha256"]), recorded=says, found=_set(found)
    )
    return _named(item, recorded, found)


def _named(item: Item, recorded: Mapping[str, Any], found: Mapping[str, Any]) -> Item:
    """A data set with what changed in it, as far as the archive lists its files."""
    if item.verdict == "same":
        return item
    if recorded.get("folders") is None:
        return replace(item, why="the archive lists no files: what changed cannot be named")
    changes = file_changes(recorded, found)
    if changes is None:
        return replace(item, why="the archive's manifest is damaged: what changed cannot be named")
    return replace(item, names=tuple(changes.parts()))


def _set(recorded: Any) -> str | None:
    """A data set in one line; its digest alone decides."""
    if not isinstance(recorded, Mapping) or not recorded.get("sha256"):
        return None
    return f"{short(recorded['sha256'])}, {counted(recorded.get('images') or 0, 'image')}"


def other_files_items(one: Repetition) -> Iterator[Item]:
    """Files beside the base model, the images and the prompts: no archive has their hashes."""
    paths = {
        key: str(value)
        for key, value in one.places.training.items()
        if key in PATH_OPTIONS | MODEL_OPTIONS and value and f"training.{key}" != PROMPTS
        if key not in ("pretrained_model_name_or_path", "console_log_file", "tokenizer_cache_dir")
    }
    for data in one.places.dataset.get("datasets", []):
        for subset in data.get("subsets", []):
            paths |= {key: str(subset[key]) for key in ("conditioning_data_dir",) if key in subset}
    if one.anew:  # a rehearsal takes neither another VAE nor a state
        paths = {key: path for key, path in paths.items() if key not in ("vae", "resume")}
    if not paths:
        return
    lost = tuple(
        f"{key}: {path}" for key, path in sorted(paths.items()) if not (Path(path).exists() or is_hub_name(path))
    )
    if lost:
        yield gone("files", None, lost)
        return
    named = tuple(f"{key}: {path}" for key, path in sorted(paths.items()))
    why = "an archive has no hashes of these"
    yield Item(name="files", verdict="unknown", recorded=None, found="there", why=why, names=(("named", named),))


def seed_item(one: Repetition) -> Item:
    """Whether there is one: it goes with the values, and cannot be another."""
    seed = one.places.training.get("seed")
    if seed is None:
        why = "none was set: order, noise and dropout were drawn by chance, and will be again"
        return Item(name="seed", verdict="unknown", recorded="not set", found="not set", why=why)
    return Item(name="seed", verdict="same", recorded=str(seed), found=str(seed))


def prompts_items(one: Repetition) -> Iterator[Item]:
    """The sample prompts, where there are any."""
    if "sample_prompts" not in one.places.training:
        return
    text = one.original.prompts
    lines = None if text is None else counted(len(text.splitlines()), "line")
    if text is not None:
        yield Item(name="sample-prompts", verdict="same", recorded=lines, found=lines, why="the archive's own text")
        return
    why = "none are drawn; --map OLD=NEW says where they are" if one.places.files else "as they are there now"
    yield unknown("sample-prompts", None, why)
