"""Rules about caches that earlier runs left beside the images: damaged, stale, or another image's."""

from collections.abc import Callable, Iterator

from dataset_tools.scan.survey import CacheFile
from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.reading import (
    Listed,
    by,
    caches_latents,
    listed,
    names_give_sizes,
    placed,
    seen_sizes,
    some,
)
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.text import counted

LATENT_ARRAYS = {"latents", "original_size", "crop_ltrb"}
"""What every file of latents is read for (library/strategy_base.py:587-593)."""

TEXT_ARRAYS = {"hidden_state1", "hidden_state2", "pool2"}
"""Likewise of text encoder outputs (library/strategy_sdxl.py:246-248)."""


def _is_old(file: CacheFile) -> bool:
    """Whether its name is the image's and nothing else (library/strategy_sd.py:153-156)."""
    return file.path.name == file.image.rpartition("/")[2].rpartition(".")[0] + ".npz"


def _latents(case: Case) -> Iterator[tuple[Listed, tuple[CacheFile, ...]]]:
    """The files of latents that sd-scripts opens: an old one, or the one with the size that it takes the image for."""
    for one in listed(case) if case.get("cache_latents_to_disk") else ():
        old = {file.image for file in one.survey.latents if _is_old(file)}
        sizes = seen_sizes(case, one.survey)
        files = [
            file
            for file in one.survey.latents
            if (_is_old(file) if file.image in old else _sized(sizes[file.image]) in file.path.name)
        ]
        yield one, tuple(files)


def _sized(size: tuple[int, int]) -> str:
    return f"_{size[0]:04d}x{size[1]:04d}_"


def _reused(case: Case) -> Iterator[tuple[Listed, tuple[CacheFile, ...]]]:
    """Those of them that are not made anew (library/strategy_base.py:448-472)."""
    for one, files in _latents(case):
        needed = {"latents"}
        needed |= {"latents_flipped"} if one.subset.get("flip_aug") else set()
        needed |= {"alpha_mask"} if one.subset.get("alpha_mask") and one.dataset.kind != "masked" else set()
        checked = set() if case.get("skip_cache_check") else needed
        yield one, tuple(file for file in files if file.arrays and checked <= file.arrays.keys())


def _texts(case: Case) -> Iterator[tuple[Listed, tuple[CacheFile, ...]]]:
    for one in listed(case) if case.get("cache_text_encoder_outputs_to_disk") else ():
        yield one, one.survey.text_encoder_outputs


def _reused_texts(case: Case) -> Iterator[tuple[Listed, tuple[CacheFile, ...]]]:
    for one, files in _texts(case):
        yield one, tuple(file for file in files if file.arrays.keys() >= TEXT_ARRAYS)


def _tell(
    files: Iterator[tuple[Listed, tuple[CacheFile, ...]]], what: str, test: Callable[[CacheFile], bool]
) -> Iterator[Hit]:
    """One hit for each folder that has files for which the test holds."""
    for one, all_files in files:
        found = [file.path for file in all_files if test(file)]
        if found:
            yield one.hit(f"{what}: {some(found)}")


@rule("latent-cache-broken")
def latent_cache_broken(case: Case) -> Iterator[Hit]:
    yield from _tell(_latents(case), "cached latents cannot be read", lambda file: not file.arrays)


@rule("latent-cache-incomplete")
def latent_cache_incomplete(case: Case) -> Iterator[Hit]:
    for one, files in _reused(case):
        needed = LATENT_ARRAYS | ({"latents_flipped"} if one.subset.get("flip_aug") else set())
        lacking = [file.path for file in files if not needed <= file.arrays.keys()]
        if lacking:
            yield one.hit(f"cached latents are incomplete: {some(lacking)}")


@rule("latent-cache-alpha")
def latent_cache_alpha(case: Case) -> Iterator[Hit]:
    for one, files in _reused(case):
        lacking = [file.path for file in files if "alpha_mask" not in file.arrays]
        if lacking and one.subset.get("alpha_mask") and one.dataset.kind != "masked":
            yield one.hit(f"cached latents lack their alpha masks: {some(lacking)}")


@rule("latent-cache-nan")
def latent_cache_nan(case: Case) -> Iterator[Hit]:
    yield from _tell(_reused(case), "cached latents hold NaN", lambda file: file.nan)


@rule("latent-cache-stale")
def latent_cache_stale(case: Case) -> Iterator[Hit]:
    for one, files in _reused(case):
        buckets = {name: place.bucket for name, place in placed(case, one)}
        older = [file.path for file in files if file.older]
        other = [
            f"{file.path.name} ({by((shape[2] * 8, shape[1] * 8))} for {by(buckets[file.image])})"
            for file in files
            for shape in [file.arrays.get("latents", ())]
            if len(shape) == 3 and file.image in buckets and not _is_of(shape, buckets[file.image])
        ]
        if other:
            yield one.hit(f"cached latents are of another size: {some(other)}")
        if older:
            yield one.hit(f"cached latents are older than their images: {some(older)}")


def _is_of(shape: tuple[int, ...], bucket: tuple[int, int]) -> bool:
    return shape[1:] == (bucket[1] // 8, bucket[0] // 8)


@rule("old-npz")
def old_npz(case: Case) -> Iterator[Hit]:
    yield from _tell(_latents(case), "files are taken for caches of latents", _is_old)


@rule("latent-cache-name")
def latent_cache_name(case: Case) -> Iterator[Hit]:
    for one in listed(case) if caches_latents(case) else ():
        if not names_give_sizes(one.survey):
            yield one.hit("a file called like the latents of an image has no size in its name")


@rule("image-squeezed")
def image_squeezed(case: Case) -> Iterator[Hit]:
    for one in listed(case):
        # what is cached on disk is not made anew: then it is stale
        cached = {file.image for file in one.survey.latents} if case.get("cache_latents_to_disk") else set()
        seen = seen_sizes(case, one.survey)
        wrong = [
            f"{name} ({by(size)} taken for {by(seen[name])})"
            for name, size in one.survey.sizes.items()
            if seen[name] != size and min(size) > 0 and name not in cached
        ]
        if wrong:
            yield one.hit(f"the names of cached latents give images a wrong size: {some(wrong)}")


@rule("te-cache-broken")
def te_cache_broken(case: Case) -> Iterator[Hit]:
    yield from _tell(_texts(case), "cached text encoder outputs cannot be read", lambda file: not file.arrays)


@rule("te-cache-nan")
def te_cache_nan(case: Case) -> Iterator[Hit]:
    yield from _tell(_reused_texts(case), "cached text encoder outputs hold NaN", lambda file: file.nan)


@rule("te-cache-stale")
def te_cache_stale(case: Case) -> Iterator[Hit]:
    tokens = 2 + (case.get("max_token_length") or 75)  # library/strategy_sdxl.py:137-147
    for one, files in _reused_texts(case):
        older = [file.path for file in files if file.older]
        lengths = [(file.path.name, file.arrays["hidden_state1"][0]) for file in files]
        other = [f"{name} ({counted(length, 'token')} for {tokens})" for name, length in lengths if length != tokens]
        if other:
            yield one.hit(f"cached text encoder outputs are of another length: {some(other)}")
        if older:
            yield one.hit(f"cached text encoder outputs are older than their captions: {some(older)}")


@rule("te-cache-shared")
def te_cache_shared(case: Case) -> Iterator[Hit]:
    first: dict[str, tuple[str, object]] = {}
    for one in listed(case) if case.get("cache_text_encoder_outputs_to_disk") else ():
        captions = one.scan.caption_extension, one.subset.get("class_tokens")
        path, known = first.setdefault(str(one.survey.folder), (one.subset.path, captions))
        if known != captions:
            yield one.hit(f"{one.subset.path} trains with the captions that {path} cached")
