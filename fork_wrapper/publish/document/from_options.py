"""Answers that the configuration gives: options, keys of the dataset config, and what follows from them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fork_wrapper.check.rules.rates import block_rates, blocks_in_words
from fork_wrapper.compare import canonical
from fork_wrapper.compare.units import value_of
from fork_wrapper.compare.values import IMPLIED, Value, names_a_run
from fork_wrapper.experiment.resolve import MODEL_OPTIONS, PATH_OPTIONS, is_hub_name
from fork_wrapper.publish.document.answers import Answer, Answering, Asked, Kind, joined, weakest
from fork_wrapper.publish.document.fields import Words
from fork_wrapper.publish.document.folder import regularising
from fork_wrapper.sdscripts.meaning import kind_of
from fork_wrapper.sdscripts.options import dataset_keys, options
from fork_wrapper.sdscripts.sizes import trained

if TYPE_CHECKING:
    from fork_wrapper.check.rules.case import Level

LISTED_ELSEWHERE = frozenset(["noise_offset", "caption_dropout_rate", "loss_type", "huber_schedule", "is_reg"])
"""Of the group of regularisation, what has a field of its own."""

AUGMENTING = frozenset(["color_aug", "random_crop", "face_crop_aug_range", "shuffle_caption", "token_warmup_step"])
"""Keys of the dataset config that regularise too; `flip_aug` has a field of its own."""

PLACES = PATH_OPTIONS | MODEL_OPTIONS
"""Options and keys whose value is a place on a machine."""


def option(name: str) -> Answering:
    """How an option is answered."""

    def answer(asked: Asked) -> Answer | None:
        value = asked.understood.options.get(name)
        return None if value is None else of_value(value, asked.words)

    return answer


def key(name: str) -> Answering:
    """How a key of the dataset config is answered: by the value of every data set or subset, once where all agree."""

    def answer(asked: Asked) -> Answer | None:
        return joined((of_value(value, asked.words, name) for value in values(asked, name)), "; ")

    return answer


def caption_files(asked: Asked) -> Answer | None:
    """How the files of captions end, or what the metadata file is called that holds them."""
    reg = regularising(asked.understood.case.dataset)
    levels = [level for level in asked.understood.case.subsets if level.path not in reg]
    keys = {level.path: "metadata_file" if "metadata_file" in level.own else "caption_extension" for level in levels}
    found = ((value_of(asked.understood, level, keys[level.path]), keys[level.path]) for level in levels)
    return joined((of_value(value, asked.words, name) for value, name in found), "; ")


def values(asked: Asked, name: str) -> Iterator[Value]:
    """The values in force of a key, of every level to which it belongs; of subsets for regularisation but `is_reg`."""
    case, reg = asked.understood.case, regularising(asked.understood.case.dataset)
    levels: tuple[Level, ...] = case.subsets if "subset" in dataset_keys()[name].levels else case.datasets
    yield from (value_of(asked.understood, level, name) for level in levels if level.path not in reg)


def of_value(value: Value, words: Words, name: str = "") -> Answer:
    """A value with its origin; what nobody says is sd-scripts' default."""
    if value.raw is None:
        return Answer(text=words("absent"), kind="default")
    text = canonical.shown_size(value.raw) if name == "resolution" else canonical.shown(value.raw)
    if value.path.rpartition(".")[2] in PLACES:
        text = last_part(text)
    return _says(value, text)


def last_part(text: str) -> str:
    """A file or folder without the folders that belong to a machine; a name on the Hub as it is."""
    return text if is_hub_name(text) else text.replace("\\", "/").rstrip("/").rpartition("/")[2] or text


def kind(value: Value) -> Kind:
    """The origin of a value: where a configuration says it and nobody recorded whose it is, that it is archived."""
    if not value.said:
        return "default"
    return value.origin.kind if value.origin else "archived"


def base_model(asked: Asked) -> Answer | None:
    """The name of the file; its path belongs to a machine."""
    value = asked.understood.options.get("pretrained_model_name_or_path")
    return None if value is None or value.raw is None else of_value(value, asked.words)


def output_format(asked: Asked) -> Answer | None:
    """Kind of file, and precision of the weights."""
    parts = [asked.understood.options[name] for name in ("save_model_as", "save_precision")]
    return joined(of_value(part, asked.words) for part in parts if part.raw is not None)


def text_encoder(asked: Asked) -> Answer:
    """Which text encoders learn (sdxl_train.py:286-319)."""
    value, (one, two) = asked.understood.options["train_text_encoder"], _shares(asked)
    which = "both" if one and two else "first" if one else "second" if two else "none"
    return _says(value, asked.words(f"encoders.{which}"), _by_rates(asked, kind(value)))


def text_encoder_share(asked: Asked) -> Answer:
    """Steps in which each learns: all or none, for sdxl_train.py has no option that ends it early."""
    one, two = _shares(asked)
    by_rates = _by_rates(asked, kind(asked.understood.options["train_text_encoder"]))
    return Answer(text=f"{100 * one} % / {100 * two} %", kind=weakest([by_rates, "computed"]))


def _shares(asked: Asked) -> tuple[int, int]:
    rates = trained(asked.understood.case.get)
    return int(bool(rates.text_encoder_1)), int(bool(rates.text_encoder_2))


def _by_rates(asked: Asked, switch: Kind) -> Kind:
    """Rates of 0 freeze too: whoever said them decided as well."""
    said = [asked.understood.options[f"learning_rate_te{number}"] for number in (1, 2)]
    return weakest([switch, *(kind(value) for value in said if value.said and switch != "default")])


def unet_rate(asked: Asked) -> Answer:
    """The learning rate of the U-Net: that of its blocks, where block_lr says any; 0 freezes it whatever they say."""
    options_, blocks = asked.understood.options, block_rates(asked.understood.case)
    if blocks is None or not options_["learning_rate"].raw:
        return _rate(options_["learning_rate"], asked)
    return _says(options_["block_lr"], blocks_in_words(blocks, asked.words("frozen")))


def text_rate(number: int) -> Answering:
    """How the learning rate of a text encoder is answered; one that is not trained has none."""

    def answer(asked: Asked) -> Answer:
        switch, value = (asked.understood.options[name] for name in ("train_text_encoder", f"learning_rate_te{number}"))
        if not asked.understood.case.get("train_text_encoder"):
            return _says(switch, asked.words("frozen"))
        if value.said:
            return _rate(value, asked)
        rate = asked.understood.options["learning_rate"]
        return _says(rate, canonical.shown(value.raw), weakest([kind(rate), "computed"]))

    return answer


def _rate(value: Value, asked: Asked) -> Answer:
    """A learning rate; 0 freezes."""
    found = of_value(value, asked.words)
    return found if value.raw else replace(found, text=f"{found.text} ({asked.words('frozen')})")


def _says(value: Value, text: str, kind_: Kind | None = None) -> Answer:
    """What a value comes to, in words, by whom the value is; its origin, or another one."""
    by = value.origin.by if value.said and value.origin else ""
    return Answer(text=text, kind=kind_ or kind(value), by=by)


def samples_when(asked: Asked) -> Answer | None:
    """When samples are drawn: an interval in epochs makes the one in steps void (library/train_util.py:4462-4472)."""
    for unit in ("epochs", "steps"):
        value = asked.understood.options[f"sample_every_n_{unit}"]
        if value.raw:
            return _says(value, asked.words.numbered(f"every.{unit}", value.raw))
    return Answer(text=asked.words("never"), kind="default")


def regularisation_images(asked: Asked) -> Answer:
    """Folders with images for regularisation, and how often each is repeated; where nobody says any, there are none."""
    case, reg = asked.understood.case, regularising(asked.understood.case.dataset)
    found = [level for level in case.subsets if level.path in reg]
    if not found:
        return Answer(text=asked.words("no_regularisation"), kind="default")
    said = [(str(one.own.get("image_dir", "")), value_of(asked.understood, one, "is_reg")) for one in found]
    names = [last_part(path) for path, _ in said]
    text = ", ".join(f"{name} x {one.get('num_repeats')}" for name, one in zip(names, found, strict=True))
    return _says(said[-1][1], text, weakest(kind(value) for _, value in said))


def other_regularisation(asked: Asked) -> Answer:
    """Whatever else is switched on against overfitting; where nothing is said, nothing is."""
    parts = [*_regularising_options(asked), *_regularising_keys(asked)]
    found = joined([Answer(text=f"{name} = {one.text}", kind=one.kind, by=one.by) for name, one in parts])
    return found or Answer(text=asked.words("nothing"), kind="default")


def _regularising_options(asked: Asked) -> Iterator[tuple[str, Answer]]:
    for name, value in asked.understood.options.items():
        bare = name.rpartition(".")[2]
        grouped = kind_of(name.partition(".")[0]).group == "regularisation" or bare == "weight_decay"
        if grouped and value.said and value.raw and bare not in LISTED_ELSEWHERE and not _is_usual(name, value):
            yield bare, of_value(value, asked.words)


def _is_usual(name: str, value: Value) -> bool:
    """Whether it is said and changes nothing: what the trainer takes anyway, as forms write it into their files."""
    found = options().get(name)
    return bool(value.raw == IMPLIED.get(name, found.default if found else None))


def _regularising_keys(asked: Asked) -> Iterator[tuple[str, Answer]]:
    for name in dataset_keys():
        if name in AUGMENTING or (
            kind_of(name, dataset=True).group == "regularisation" and name not in LISTED_ELSEWHERE
        ):
            said = [value for value in values(asked, name) if value.said and value.raw]
            if (found := joined((of_value(value, asked.words) for value in said), "; ")) is not None:
                yield name, found


def set_options(asked: Asked) -> dict[str, Answer]:
    """Every option and dataset key that the configuration sets, by name, in the order of every list."""
    found: dict[str, tuple[Any, Answer]] = {}
    for name, value in asked.understood.options.items():
        if value.said and not names_a_run(name):
            found[name] = (kind_of(name.partition(".")[0]), of_value(value, asked.words))
    for name in dataset_keys():
        said = [value for value in values(asked, name) if value.said]
        answer = joined((of_value(value, asked.words, name) for value in said), "; ")
        if answer is not None:
            found[name] = (kind_of(name, dataset=True), answer)
    return {name: answer for name, (_, answer) in found.items()}


ANSWERS: dict[str, Answering] = {
    "base_model": base_model,
    "output_format": output_format,
    "caption_files": caption_files,
    "regularisation_images": regularisation_images,
    "learning_rate": unet_rate,
    "learning_rate_te1": text_rate(1),
    "learning_rate_te2": text_rate(2),
    "text_encoder": text_encoder,
    "text_encoder_share": text_encoder_share,
    "other_regularisation": other_regularisation,
    "samples_when": samples_when,
}
"""By field."""
