"""The shape of the dataset config, who wins, and which subsets count."""

from tests.rules.casebook import Entry
from tests.rules.furnishing import both, captioned, empty, images, text

SUBSET = "dataset.datasets[0].subsets[0]"
SECOND = "dataset.datasets[0].subsets[1]"
OTHER = "dataset.datasets[1].subsets[0]"
MASKS = {"training.masked_loss": True, f"{SUBSET}.conditioning_data_dir": "FOLDER/masks"}
METADATA = {f"{SUBSET}.metadata_file": "FOLDER/images.json"}
DESCRIBED = text("images.json", '{"a.png": {"caption": "a square"}, "b.png": {"caption": "another"}}')
MASKED = images("masks", "abcd")
WITHOUT_CACHES_OR_BUCKETS = {"training.cache_latents": None, "dataset.general.enable_bucket": False}

ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="dataset-empty",
        trips={"dataset.datasets": None},
        spares={},
        what="the experiment names no training images",
        program="dies",
        says="datasets should not be an empty iterable",
    ),
    Entry(
        rule="no-data",
        trips={"dataset.datasets[0].subsets": None},
        spares={},
        what="the experiment names no training images",
        program="no data",
    ),
    Entry(
        rule="dataset-without-subsets",
        trips={"dataset.datasets[1].resolution": 64},
        spares={"dataset.datasets[1].resolution": 64, f"{OTHER}.image_dir": "FOLDER"},
        what="the data set has no subsets",
        program="goes on",
    ),
    Entry(
        rule="dataset-mixed",
        trips={f"{SECOND}.metadata_file": "FOLDER/images.json"},
        spares={"dataset.datasets[1].resolution": 64, f"{OTHER}.metadata_file": "FOLDER/images.json"}
        | {f"{OTHER}.image_dir": "FOLDER"},
        what="1 of 2 subsets has a metadata_file, in one data set",
        program="dies",
        says="cannot be mixed",
        trips_files=DESCRIBED,
        spares_files=DESCRIBED,
    ),
    *(
        Entry(
            rule="dataset-kind-key",
            trips=METADATA | {path: value},
            spares=METADATA | {"dataset.general.caption_extension": ".txt"},
            what=f"{path.rpartition('.')[2]} may not stand in a data set with a metadata_file: "
            "sd-scripts refuses it there",
            program="dies",
            says="extra keys not allowed",
            trips_files=DESCRIBED,
            spares_files=DESCRIBED,
        )
        for path, value in (
            (f"{SUBSET}.caption_extension", ".txt"),
            ("dataset.datasets[0].class_tokens", "a square"),
            (f"{SUBSET}.is_reg", True),
        )
    ),
    Entry(
        rule="dataset-kind-key",
        trips=MASKS | {f"{SUBSET}.alpha_mask": True},
        spares=MASKS | {f"{SUBSET}.flip_aug": True},
        what="alpha_mask may not stand in a data set with masks: sd-scripts refuses it there",
        program="dies",
        says="extra keys not allowed",
        trips_files=MASKED,
        spares_files=MASKED,
    ),
    Entry(
        rule="dataset-kind-key",
        trips={"dataset.datasets[1].resolution": 64, "dataset.datasets[1].caption_extension": ".txt"},
        spares={"dataset.datasets[1].resolution": 64, "dataset.datasets[1].flip_aug": True},
        what="caption_extension may not stand in a data set with a metadata_file: sd-scripts refuses it there",
        program="dies",
        says="extra keys not allowed",
    ),
    Entry(
        rule="image-dir-missing",
        trips={f"{SUBSET}.image_dir": None},
        spares={},
        what="a subset names no image_dir",
        program="dies",
        says="required key not provided",
    ),
    Entry(
        rule="batch-size",
        trips={"dataset.datasets[0].batch_size": 0},
        spares={"dataset.datasets[0].batch_size": 2},
        what="batch_size = 0 is no batch",
        program="dies",
        says="ZeroDivisionError",
    ),
    Entry(
        rule="batch-size",
        trips={"dataset.datasets[0].batch_size": None, "training.train_batch_size": -1},
        spares={"dataset.datasets[0].batch_size": 1, "training.train_batch_size": -1},
        what="train_batch_size = -1 is no batch",
        program="no data",
    ),
    Entry(
        rule="debug-dataset",
        trips={"training.debug_dataset": True},
        spares={"training.debug_dataset": False},
        what="debug_dataset never trains",
        program="dies",
        says="'NoneType' object has no attribute 'tokenize'",
    ),
    Entry(
        rule="dataset-class",
        trips={"training.dataset_class": "my.own.Images"},
        spares={},
        what='dataset_class = "my.own.Images" replaces everything under [dataset]',
        program="not asked",
    ),
    Entry(
        rule="dataset-class-name",
        trips={"training.dataset_class": "Images"},
        spares={},
        what='dataset_class = "Images" names no module',
        program="dies",
        says="Empty module name",
    ),
    *(
        Entry(
            rule="dataset-config-over-args",
            trips={f"training.{key}": "FOLDER"},
            spares={},
            what=f'{key} = "FOLDER" is ignored: images are named under [dataset]',
            program="goes on",
        )
        for key in ("train_data_dir", "in_json", "reg_data_dir")
    ),
    Entry(
        rule="training-value-beaten",
        trips={"training.train_batch_size": 4},
        spares={"training.train_batch_size": 4, "dataset.datasets[0].batch_size": 4},
        what="train_batch_size = 4 is beaten by dataset.datasets[0].batch_size = 1",
        program="goes on",
    ),
    Entry(
        rule="training-value-beaten",
        trips={"training.resolution": "128,128"},
        spares={"training.resolution": "64"},
        what='resolution = "128,128" is beaten by dataset.datasets[0].resolution = 64',
        program="goes on",
    ),
    Entry(
        rule="training-value-beaten",
        trips={"training.flip_aug": True, f"{SUBSET}.flip_aug": False},
        spares={"training.flip_aug": True, f"{SUBSET}.flip_aug": False, f"{SECOND}.image_dir": "FOLDER/more"},
        what=f"flip_aug = true is beaten by {SUBSET}.flip_aug = false",
        program="goes on",
        spares_files=both(captioned("more/a.png")),
    ),
    Entry(
        rule="caption-extention",
        trips={"training.caption_extention": ".cap"},
        spares={},
        what='caption_extention = ".cap" is not the extension that kft goes by',
        program="goes on",
    ),
    Entry(
        rule="dataset-key-idle",
        trips={"dataset.general.network_multiplier": 0.5},
        spares={"dataset.general.network_multiplier": 1.0},
        what="network_multiplier has no effect here",
        program="goes on",
    ),
    Entry(
        rule="dataset-key-idle",
        trips={"dataset.general.validation_seed": 1},
        spares={"dataset.general.validation_seed": 1, "dataset.general.validation_split": 0.5},
        what="validation_seed has no effect here",
        program="goes on",
    ),
    Entry(
        rule="dataset-key-idle",
        trips=METADATA | {"dataset.general.validation_split": 0.5},
        spares=METADATA | {"dataset.general.validation_split": 0.0},
        what="validation_split has no effect here",
        program="goes on",
        trips_files=DESCRIBED,
        spares_files=DESCRIBED,
    ),
    Entry(
        rule="dataset-key-idle",
        trips={f"{SUBSET}.custom_attributes": {"shape": "square"}},
        spares={f"{SUBSET}.custom_attributes": {}},
        what="custom_attributes has no effect here",
        program="goes on",
    ),
    Entry(
        rule="no-data",
        trips={f"{SUBSET}.num_repeats": 0},
        spares={f"{SUBSET}.num_repeats": 0, f"{SECOND}.image_dir": "FOLDER"},
        what="no image is left to train on: num_repeats is below 1 in every subset",
        program="no data",
    ),
    Entry(
        rule="no-data",
        trips={f"{SUBSET}.is_reg": True},
        spares={f"{SUBSET}.is_reg": False},
        what="no image is left to train on: every subset is a regularisation set",
        program="no data",
    ),
    Entry(
        rule="no-data",
        trips={"dataset.general.validation_split": 1.0},
        spares={"dataset.general.validation_split": 0.5},
        what="no image is left to train on: validation_split = 1.0 holds all of them back",
        program="no data",
    ),
    Entry(
        rule="subset-left-out",
        trips={f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.num_repeats": 0},
        spares={f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.num_repeats": 1},
        what=f"num_repeats = 0 leaves {SECOND} out",
        program="goes on",
        trips_files=empty("more"),
        spares_files=captioned("more/a.png"),
    ),
    Entry(
        rule="subset-duplicate",
        trips={f"{SECOND}.image_dir": "FOLDER"},
        spares={f"{OTHER}.image_dir": "FOLDER", "dataset.datasets[1].resolution": 64},
        what=f"{SECOND} names the same image_dir as {SUBSET} and is left out",
        program="goes on",
    ),
    Entry(
        rule="reg-weight",
        trips={f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.is_reg": True},
        spares={f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.is_reg": False},
        what="regularisation images are trained with the weight of all others",
        program="goes on",
        trips_files=captioned("more/a.png"),
        spares_files=captioned("more/a.png"),
    ),
    Entry(
        rule="reg-surplus",
        trips={f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.is_reg": True, f"{SECOND}.num_repeats": 5},
        spares={f"{SECOND}.image_dir": "FOLDER/more", f"{SECOND}.is_reg": True, f"{SECOND}.num_repeats": 4},
        what="5 regularisation images for 4 others, repeats counted: some are unused",
        program="goes on",
        trips_files=captioned("more/a.png"),
        spares_files=captioned("more/a.png"),
    ),
    Entry(
        rule="validation-split",
        trips={"dataset.general.validation_split": 0.5},
        spares={"dataset.general.validation_split": 0.0},
        what="validation_split = 0.5 holds images back, and nothing is ever validated",
        program="goes on",
    ),
)
