"""The Hugging Face Hub. Without a network each upload fails, with a line in the log."""

from tests.rules.casebook import Entry

REPO = {"training.huggingface_repo_id": "someone/model"}
UPLOAD = REPO | {"training.huggingface_path_in_repo": "checkpoints"}

ENTRIES: tuple[Entry, ...] = (
    Entry(
        rule="upload-all",
        trips=UPLOAD,
        spares={},
        what="every checkpoint is uploaded to someone/model, its configuration included",
        program="goes on",
    ),
    Entry(
        rule="upload-no-path",
        trips=REPO,
        spares=UPLOAD,
        what="no checkpoint is uploaded: huggingface_path_in_repo is not set",
        program="goes on",
    ),
    Entry(
        rule="upload-repo-type",
        trips=UPLOAD | {"training.huggingface_repo_type": "models"},
        spares=UPLOAD | {"training.huggingface_repo_type": "model"},
        what='huggingface_repo_type cannot be "models"',
        program="goes on",
    ),
    Entry(
        rule="upload-visibility",
        trips=UPLOAD | {"training.huggingface_repo_visibility": "Public"},
        spares=UPLOAD | {"training.huggingface_repo_visibility": "public"},
        what='huggingface_repo_visibility = "Public" makes a private repository',
        program="goes on",
    ),
    *(
        Entry(
            rule="resume-hub-name",
            trips={"training.resume_from_huggingface": True, "training.resume": name},
            spares={"training.resume_from_huggingface": True},
            what=f"resume_from_huggingface cannot fetch {name}",
            program="dies",
            says=says,
        )
        for name, says in (("/states/someone/model", "HFValidationError"), ("state", "IndexError"))
    ),
)
