"""Rules about what is done to captions while training: dropout, tags, separators, warm-up."""

from collections.abc import Iterator

from fork_wrapper.rules.case import Case, SubsetCase
from fork_wrapper.rules.reading import caches_texts, once, read, said
from fork_wrapper.rules.rule import Hit, rule

RATES = ("caption_dropout_rate", "caption_tag_dropout_rate")
COUNTS = ("caption_dropout_every_n_epochs", "keep_tokens", "token_warmup_step", "token_warmup_min")
"""Keys that mean nothing below 0."""

TAGGED = "shuffle_caption, token_warmup_step or caption_tag_dropout_rate"
"""What makes sd-scripts take captions apart (library/train_util.py:867)."""


def is_tagged(subset: SubsetCase) -> bool:
    """Whether captions are taken apart at their separators."""
    counts = (subset.get("token_warmup_step"), subset.get("caption_tag_dropout_rate"))
    return bool(subset.get("shuffle_caption")) or any(count > 0 for count in counts)


def _subsets(case: Case) -> Iterator[SubsetCase]:
    """Those whose captions are worked on: cached text encoder outputs are of the texts as they are."""
    for dataset in case.datasets if not caches_texts(case) else ():
        yield from read(dataset)


@rule(
    "caption-dropout-all",
    "warning",
    phase="never",
    when="a dropout rate of 1 or more, or caption_dropout_every_n_epochs = 1",
    why="Every caption, or every tag that is not kept, is then dropped at every step.",
    fix="set a rate between 0 and 1, or more epochs",
    source="library/train_util.py:829-836, library/train_util.py:901-908, sdxl_train.py:628",
)
def caption_dropout_all(case: Case) -> Iterator[Hit]:
    for subset in _subsets(case):
        for key in RATES:
            if subset.get(key) >= 1:
                whom = "caption" if key == "caption_dropout_rate" else "tag"
                yield Hit(what=f"{said(subset, key)} drops every {whom}", at=subset.at(key))
        if subset.get(COUNTS[0]) == 1:
            yield Hit(what=f"{said(subset, COUNTS[0])} drops every caption", at=subset.at(COUNTS[0]))


@rule(
    "caption-value-negative",
    "warning",
    phase="never",
    when="a number about captions below 0",
    why="It has no effect; token_warmup_min alone then counts tags from the end.",
    fix="remove it, or set it to 0 or more",
    source="library/train_util.py:829-836, library/train_util.py:886-903",
)
def caption_value_negative(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, key)} means nothing below 0", at=subset.at(key))
        for subset in _subsets(case)
        for key in (*RATES, *COUNTS)
        if subset.get(key) < 0
    )


@rule(
    "caption-option-idle",
    "warning",
    phase="never",
    when=f"keep_tokens, keep_tokens_separator or caption_separator without {TAGGED}",
    why="Only these take captions apart. Without them a keep_tokens_separator also stays in the text.",
    fix="set shuffle_caption = true, or remove it",
    source="library/train_util.py:867-888",
)
def caption_option_idle(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, key)} has no effect without {TAGGED}", at=subset.at(key))
        for subset in _subsets(case)
        if not is_tagged(subset)
        for key in _idle(subset)
    )


def _idle(subset: SubsetCase) -> Iterator[str]:
    if subset.get("keep_tokens") > 0:
        yield "keep_tokens"
    if subset.get("keep_tokens_separator"):
        yield "keep_tokens_separator"
    needed = subset.get("secondary_separator") or "metadata_file" in subset.own
    if subset.get("caption_separator") != "," and not needed:
        yield "caption_separator"


@rule(
    "keep-tokens-both",
    "note",
    phase="never",
    when="keep_tokens and keep_tokens_separator",
    why="Where the separator stands in a caption, keep_tokens is not looked at.",
    fix="remove one of the two",
    source="library/train_util.py:871-888",
)
def keep_tokens_both(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, 'keep_tokens')} counts only where the separator is not", at=subset.at("keep_tokens"))
        for subset in _subsets(case)
        if is_tagged(subset) and subset.get("keep_tokens") > 0 and subset.get("keep_tokens_separator")
    )


@rule(
    "caption-separator-empty",
    "error",
    phase="step",
    when=f"caption_separator is empty, with {TAGGED}",
    why="No text can be split at nothing: the first caption that is not dropped ends the training.",
    fix='set caption_separator = ","',
    source="library/train_util.py:879-884",
)
def caption_separator_empty(case: Case) -> Iterator[Hit]:
    for subset in _subsets(case):
        dropped = subset.get("caption_dropout_rate") >= 1 or subset.get("caption_dropout_every_n_epochs") == 1
        if is_tagged(subset) and subset.get("caption_separator") == "" and not dropped:
            yield Hit(what='caption_separator = "" splits no caption', at=subset.at("caption_separator"))


@rule(
    "caption-separator-replaced",
    "note",
    phase="never",
    when=f"caption_separator is not a comma, with {TAGGED}",
    why="Tags are split at it and put together again with commas.",
    fix="expect commas in what the text encoders read",
    source="library/train_util.py:879-884, library/train_util.py:915",
)
def caption_separator_replaced(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, 'caption_separator')} becomes a comma", at=subset.at("caption_separator"))
        for subset in _subsets(case)
        if is_tagged(subset) and subset.get("caption_separator").strip() not in {"", ","}
    )


@rule(
    "token-warmup-min-idle",
    "warning",
    phase="never",
    when="token_warmup_min without token_warmup_step",
    why="The number of tags only grows from it where there are steps for that.",
    fix="set token_warmup_step, or remove it",
    source="library/train_util.py:890-899",
)
def token_warmup_min_idle(case: Case) -> Iterator[Hit]:
    yield from once(
        Hit(what=f"{said(subset, 'token_warmup_min')} has no effect", at=subset.at("token_warmup_min"))
        for subset in _subsets(case)
        if subset.get("token_warmup_min") > 1 and subset.get("token_warmup_step") <= 0
    )


@rule(
    "token-warmup-endless",
    "warning",
    phase="never",
    when="token_warmup_step beyond max_train_steps",
    why="The training ends before any caption has all its tags.",
    fix="set fewer steps, or a fraction of all steps such as 0.2",
    source="library/train_util.py:890-899",
)
def token_warmup_endless(case: Case) -> Iterator[Hit]:
    steps = case.get("max_train_steps") if case.get("max_train_epochs") is None else None
    yield from once(
        Hit(what=f"{said(subset, 'token_warmup_step')} is beyond the last step {steps}", at=at)
        for subset in _subsets(case)
        if steps is not None and subset.get("token_warmup_step") > steps >= 1
        for at in [subset.at("token_warmup_step")]
    )
