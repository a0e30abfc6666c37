"""Rules about what the base model is: its header says which tensors it holds, and what its makers wrote of it."""

from collections.abc import Iterator
from pathlib import Path

from fork_wrapper.check.rules.case import Case
from fork_wrapper.check.rules.rule import Hit, rule
from fork_wrapper.sdscripts.known_bases import SDXL
from fork_wrapper.sdscripts.model_kinds import (
    Model,
    differences,
    in_words,
    is_sdxl,
    kind_of,
    quantised,
    small_json,
    some_tensors,
    vae_differences,
    whole_numbers,
)
from fork_wrapper.sdscripts.safetensors_header import PICKLED, Header, read_header
from fork_wrapper.sdscripts.sdxl_tensors import CONV_IN, PARTS, PREFIXES
from fork_wrapper.text import shown

KEY = "pretrained_model_name_or_path"
PAGE = f"https://huggingface.co/{SDXL}"
_LOADER = "library/sdxl_model_util.py:146-164, library/sdxl_model_util.py:167-283"
AGAIN = "fetch it again, as a whole"
_WEIGHED = ("unet", "vae", "text_encoder", "text_encoder_2")
_COMPONENTS = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer_2", "scheduler")
_UNET = {"cross_attention_dim": 2048, "in_channels": 4, "block_out_channels": [320, 640, 1280]}
"""Of `unet/config.json`; what is not said is not judged (library/sdxl_model_util.py:22-68)."""


def whole_file(case: Case) -> Iterator[Header]:
    """The header of a base model that is a whole safetensors file."""
    if case.base and case.base.header and not case.base.header.problem:
        yield case.base.header


def hit(case: Case, what: str, todo: str = "") -> Hit:
    """A hit that is about the base model."""
    return Hit(what=what, at=case.at(KEY), where=str(case.get(KEY)), todo=todo)


@rule("base-damaged")
def base_damaged(case: Case) -> Iterator[Hit]:
    header = case.base.header if case.base else None
    if header and header.problem:
        seems = f": it is {header.seems}" if header.seems else ""
        yield hit(case, f"the base model is damaged or incomplete{seems}")


@rule("base-other")
def base_other(case: Case) -> Iterator[Hit]:
    for header in whole_file(case):
        if not is_sdxl(header):
            few = some_tensors(list(header.tensors)) or "no tensors"
            yield hit(case, f"the base model is {kind_of(header) or f'no SDXL checkpoint: it holds {few}'}")


@rule("base-incomplete")
def base_incomplete(case: Case) -> Iterator[Hit]:
    for header in whole_file(case):
        if is_sdxl(header) and not _inpainting(header):
            for part, prefix in ((PARTS[one], one) for one in PREFIXES):
                if what := _wrong(header, part, prefix):
                    yield hit(case, f"the base model cannot be loaded: {what}")
                    break
            else:
                if name := whole_numbers(header):
                    yield hit(case, f"the base model's weights are whole numbers, as of quantised ones: {name}")


def _wrong(header: Header, part: str, prefix: str) -> str:
    found = {how: [name for name in names if name.startswith(prefix)] for how, names in differences(header).items()}
    if name := next(filter(None, [quantised(header)]), "") if found["more"] or found["shape"] else "":
        return f"its weights are quantised ({shown(name[:80])})"
    if found["lacks"]:
        if not any(name.startswith(prefix) for name in header.tensors):
            return f"there is no {part}"
        return f"its {part} lacks {some_tensors(found['lacks'])}"
    if found["more"]:
        return f"its {part} has {some_tensors(found['more'])} besides"
    if found["shape"]:
        first = found["shape"][0]
        return f"its {part} has other shapes: {shown(first)} is {list(header.tensors[first].shape)}"
    return ""


def _inpainting(header: Header) -> bool:
    """Whether it is whole but for the channels that it reads."""
    wrong = differences(header)
    return wrong["shape"] == [CONV_IN] and not wrong["lacks"] and not wrong["more"]


@rule("base-inpainting")
def base_inpainting(case: Case) -> Iterator[Hit]:
    channels = [header.tensors[CONV_IN].shape[1] for header in whole_file(case) if _inpainting(header)]
    channels += [case.base.unet["in_channels"] for _ in [0] if case.base and _has_channels(case.base)]
    for count in channels if not case.training.get("train_inpainting") else ():
        kind = "for inpainting" if count == 9 else "of another kind"
        yield hit(case, f"the base model is one {kind}: its U-Net reads {count} channels, not 4")


def _has_channels(base: Model) -> bool:
    channels = base.unet.get("in_channels", 4)
    return type(channels) is int and channels != 4 and base.unet.get("cross_attention_dim", 2048) == 2048


@rule("base-folder")
def base_folder(case: Case) -> Iterator[Hit]:
    base = case.base
    if base is None or base.parts is None:
        if base and not base.header and (base.path / "model_index.json").exists():
            yield hit(case, "the base model is damaged or incomplete: model_index.json cannot be read", AGAIN)
        return
    lost = [name for name in _COMPONENTS if not _is_part(base.parts.get(name))]
    other = {name: base.unet[name] for name, value in _UNET.items() if base.unet.get(name, value) != value}
    gone = [name for name in _COMPONENTS if not (base.path / name).is_dir()]
    if lost:
        yield hit(case, f"the base model is {in_words(base)}: it has no {', no '.join(lost)}")
    elif gone:
        yield hit(case, f"the base model lacks the folder {gone[0]}", AGAIN)
    elif damaged := next(filter(None, (_without_weights(base.path / name) for name in _WEIGHED)), ""):
        yield hit(case, f"the base model is damaged or incomplete: {damaged}", AGAIN)
    elif other and not _has_channels(base):
        name, value = next(iter(other.items()))
        yield hit(
            case, f"the base model is no SDXL: {name} of its U-Net is {shown(str(value)[:40])}, not {_UNET[name]}"
        )


def _without_weights(part: Path) -> str:
    """Why diffusers finds no weights in a folder; empty where it does."""
    files = [*part.glob("*.safetensors"), *part.glob("*.bin")]
    if not files:
        return f"there are no weights in {part.name}"
    for path in files:
        header = read_header(path) if path.suffix == ".safetensors" else None
        if header and header.problem:
            return f"{part.name}/{shown(path.name)} is {header.seems or 'cut off'}"
    return ""


def _is_part(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(one, str) for one in entry)


@rule("base-pickle")
def base_pickle(case: Case) -> Iterator[Hit]:
    for key, what, path in _others(case):
        header = read_header(path)
        if header.problem and (not header.seems or header.seems in PICKLED):
            yield Hit(what=f"{what} is unpickled, which can run code in it", at=case.at(key), where=str(path))


@rule("base-suffix")
def base_suffix(case: Case) -> Iterator[Hit]:
    for key, what, path in _others(case):
        header = read_header(path)
        seems = header.seems if header.problem else "a safetensors file by another name"
        if seems and seems not in PICKLED:
            yield Hit(what=f"{what} cannot be unpickled: it is {seems}", at=case.at(key), where=str(path))


def _others(case: Case) -> Iterator[tuple[str, str, Path]]:
    """Key, what it is, and path of files whose suffix is not .safetensors."""
    for key, what in ((KEY, "the base model"), ("vae", "the VAE")):
        path = Path(str(case.get(key) or ""))
        if path.suffix.lower() != ".safetensors" and path.is_file():
            yield key, what, path


@rule("vae-other")
def vae_other(case: Case) -> Iterator[Hit]:
    if case.vae is None:
        return
    header = case.vae.header
    if header is None:
        what = _folder_of_vae(case.vae.path)
    elif header.problem:
        what = f"it is {header.seems}" if header.seems else header.problem
    elif not any(wrong := vae_differences(header).values()):
        what = ""
    elif kind_of(header) not in ("", "a VAE alone", "an SDXL checkpoint"):
        what = f"it is {kind_of(header)}"
    else:
        what = f"it lacks or differs in {some_tensors([name for names in wrong for name in names])}"
    if what:
        yield Hit(what=f"the VAE cannot be loaded: {what}", at=case.at("vae"), where=str(case.get("vae")))


def _folder_of_vae(folder: Path) -> str:
    """Why a folder in the Diffusers layout, or its part vae, is no VAE of SDXL; empty where it is one."""
    config = small_json(folder / "config.json") or small_json(folder / "vae" / "config.json")
    if config is None:
        return "neither the folder nor vae in it has a config.json"
    channels = config.get("latent_channels", 4)
    return "" if channels == 4 else f"its latents have {shown(str(channels)[:20])} channels, not 4"
