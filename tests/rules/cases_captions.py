"""Caption files, and what is done to their text."""

from tests.rules.casebook import Entry
from tests.rules.cases_dataset import SUBSET
from tests.rules.furnishing import both, image, text

SHUFFLE = {f"{SUBSET}.shuffle_caption": True}
TAGGED = "shuffle_caption, token_warmup_step or caption_tag_dropout_rate"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="caption-missing",
        trips={"dataset.general.caption_extension": ".caption"},
        spares={"dataset.general.caption_extension": "txt"},
        what="4 of 4 images have no .caption caption",
        program="goes on",
    ),
    Entry(
        rule="caption-missing",
        trips={},
        spares={f"{SUBSET}.class_tokens": "a square"},
        what="1 of 5 images has no .txt caption",
        program="goes on",
        trips_files=image("e.png"),
        spares_files=image("e.png"),
    ),
    Entry(
        rule="caption-empty-file",
        trips={},
        spares={},
        what="caption files without a line: a.txt",
        program="dies",
        says="caption file is empty",
        trips_files=text("a.txt", ""),
        spares_files=text("a.txt", "\n"),
    ),
    Entry(
        rule="caption-encoding",
        trips={},
        spares={},
        what="caption files that are no UTF-8: a.txt",
        program="dies",
        says="UnicodeDecodeError",
        trips_files=text("a.txt", "año".encode("latin-1")),
        spares_files=text("a.txt", "año"),
    ),
    Entry(
        rule="caption-foreign",
        trips={},
        spares={},
        what="1 of 5 images takes the caption of another name: one_of_a_kind_1.png from FOLDER/one.txt",
        program="goes on",
        trips_files=both(image("one_of_a_kind_1.png"), text("one.txt")),
        spares_files=both(image("one_5_9_20_20.png"), text("one.txt")),
    ),
    Entry(
        rule="caption-dropout-all",
        trips={f"{SUBSET}.caption_dropout_rate": 1},
        spares={f"{SUBSET}.caption_dropout_rate": 0.99},
        what="caption_dropout_rate = 1 drops every caption",
        program="goes on",
    ),
    Entry(
        rule="caption-dropout-all",
        trips={f"{SUBSET}.caption_tag_dropout_rate": 1.5},
        spares={f"{SUBSET}.caption_tag_dropout_rate": 0.5},
        what="caption_tag_dropout_rate = 1.5 drops every tag",
        program="goes on",
    ),
    Entry(
        rule="caption-dropout-all",
        trips={f"{SUBSET}.caption_dropout_every_n_epochs": 1},
        spares={f"{SUBSET}.caption_dropout_every_n_epochs": 2},
        what="caption_dropout_every_n_epochs = 1 drops every caption",
        program="goes on",
    ),
    *(
        Entry(
            rule="caption-value-negative",
            trips={f"{SUBSET}.{key}": value},
            spares={f"{SUBSET}.{key}": 0},
            what=f"{key} = {value} means nothing below 0",
            program="goes on",
        )
        for key, value in (("caption_dropout_rate", -0.1), ("keep_tokens", -1), ("token_warmup_step", -1))
    ),
    *(
        Entry(
            rule="caption-option-idle",
            trips={f"{SUBSET}.{key}": value},
            spares=SHUFFLE | {f"{SUBSET}.{key}": value},
            what=f"{key} = {said} has no effect without {TAGGED}",
            program="goes on",
        )
        for key, value, said in (
            ("keep_tokens", 1, "1"),
            ("keep_tokens_separator", "|||", '"|||"'),
            ("caption_separator", ";", '";"'),
        )
    ),
    Entry(
        rule="keep-tokens-both",
        trips=SHUFFLE | {f"{SUBSET}.keep_tokens": 1, f"{SUBSET}.keep_tokens_separator": "|||"},
        spares=SHUFFLE | {f"{SUBSET}.keep_tokens": 1},
        what="keep_tokens = 1 counts only where the separator is not",
        program="goes on",
    ),
    Entry(
        rule="caption-separator-empty",
        trips=SHUFFLE | {f"{SUBSET}.caption_separator": ""},
        spares=SHUFFLE | {f"{SUBSET}.caption_separator": "", f"{SUBSET}.caption_dropout_rate": 1.0},
        what='caption_separator = "" splits no caption',
        program="dies",
        says="empty separator",
    ),
    Entry(
        rule="caption-separator-replaced",
        trips=SHUFFLE | {f"{SUBSET}.caption_separator": ";"},
        spares=SHUFFLE | {f"{SUBSET}.caption_separator": ", "},
        what='caption_separator = ";" becomes a comma',
        program="goes on",
    ),
    Entry(
        rule="token-warmup-min-idle",
        trips={f"{SUBSET}.token_warmup_min": 3},
        spares={f"{SUBSET}.token_warmup_min": 3, f"{SUBSET}.token_warmup_step": 1},
        what="token_warmup_min = 3 has no effect",
        program="goes on",
    ),
    Entry(
        rule="token-warmup-endless",
        trips={f"{SUBSET}.token_warmup_step": 3},
        spares={f"{SUBSET}.token_warmup_step": 2},
        what="token_warmup_step = 3 is beyond the last step 2",
        program="goes on",
    ),
)
