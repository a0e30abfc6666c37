"""What an archive of a stranger could do beyond training: listed, and nothing of it done unasked."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from fork_wrapper.errors import InputError
from fork_wrapper.files import canonical_json, pretty_json
from fork_wrapper.formats.source import open_source
from fork_wrapper.machine.settings import Settings
from fork_wrapper.repeat.comparison_text import item_lines
from fork_wrapper.repeat.original import original_of
from fork_wrapper.repeat.reproduce import Reproduction, job_of, reproduction
from fork_wrapper.run.render import dataset_text, sorted_tree
from fork_wrapper.sdscripts.reach import BESIDE_IMAGES, REACHES
from tests.builders.archives import LATER, Archived, archived, furnish, header
from tests.builders.damage import damaged

HARMFUL: dict[str, Any] = {
    "optimizer_type": "evil.Optimizer",
    "lr_scheduler_type": "evil.Schedule",
    "dataset_class": "evil.Data",
    "pretrained_model_name_or_path": "stranger/model",
    "vae": "/home/ana/stranger.ckpt",
    "resume": "/home/ana/state",
    "resume_from_huggingface": True,
    "log_with": "wandb",
    "wandb_run_name": "x",
    "log_tracker_config": "/home/ana/trackers.toml",
    "huggingface_repo_id": "stranger/loot",
    "huggingface_path_in_repo": "x",
    "huggingface_repo_type": "model",
    "huggingface_repo_visibility": "public",
    "async_upload": True,
    "save_state_to_huggingface": True,
    "tokenizer_cache_dir": "/home/ana/tokenizers",
    "console_log_file": "/home/ana/.bashrc",
    "log_prefix": "../../",
    "log_tracker_name": "/home/ana/x",
    "offload_optimizer_nvme_path": "/home/ana/x",
    "offload_param_nvme_path": "/home/ana/x",
    "metadata_thumbnail": "/home/ana/.ssh/id_rsa",
}
HARMLESS: dict[str, Any] = {
    "optimizer_type": "AdamW8bit",
    "log_with": "tensorboard",
    "log_prefix": "try-",
    "log_tracker_name": "finetuning",
    "metadata_thumbnail": "data:image/png;base64,",
    "resume_from_huggingface": False,
    "optimizer_args": ["weight_decay=0.1", "betas=.9,.99"],
}


@pytest.fixture
def machine(settings: Settings) -> Settings:
    """A machine with everything that a run needs, in small."""
    furnish(settings)
    return settings


def found(path: Path, settings: Settings) -> Reproduction:
    """What there is to know of a reproduction."""
    return reproduction(original_of(open_source(str(path), settings), settings), settings, rehearse=False)


def asking(one: Archived, settings: Settings) -> set[str]:
    """The options that need trust."""
    return {risk.key.removeprefix("training.") for risk in found(one.sidecar, settings).asking()}


def test_every_reach_is_asked_about(machine: Settings, tmp_path: Path) -> None:
    """One by one, so that none hides behind another; and all at once."""
    assert len(HARMFUL) == len(REACHES) == 23
    assert HARMFUL.keys() == {reach.option for reach in REACHES}
    one = archived("humanoid_05", machine, tmp_path / "all", more=HARMFUL)
    assert asking(one, machine) == HARMFUL.keys()
    for number, reach in enumerate(REACHES):
        alone = {reach.option: HARMFUL[reach.option]}
        one = archived("humanoid_05", machine, tmp_path / str(number), more=alone)
        assert asking(one, machine) == ({reach.option} if not reach.beside else set())
        if reach.beside:
            both = {**alone, reach.beside: HARMFUL[reach.beside]}
            one = archived("humanoid_05", machine, tmp_path / f"{number}b", more=both)
            assert asking(one, machine) == both.keys()


def test_the_usual_is_not_asked_about(machine: Settings, tmp_path: Path) -> None:
    """Nor what the shipped experiments say, and what lies in kft's cache or in the run's own folder."""
    assert asking(archived("humanoid_05", machine, tmp_path / "a", more=HARMLESS), machine) == set()
    own = {
        "tokenizer_cache_dir": (machine.cache / "tokenizers").as_posix(),
        "console_log_file": (machine.outputs / "humanoid_05" / "20260102-030405" / "console.log").as_posix(),
    }
    one = archived("humanoid_05", machine, tmp_path / "b", more=own)
    assert asking(one, machine) == set()
    job = job_of(found(one.sidecar, machine), machine, ())
    assert job.resolved.training["console_log_file"] == "{run}/console.log"
    climbing = {"console_log_file": f"{machine.outputs.as_posix()}/humanoid_05/20260102-030405/../../../.bashrc"}
    assert asking(archived("humanoid_05", machine, tmp_path / "c", more=climbing), machine) == {"console_log_file"}


def test_caches_beside_the_images_are_told(machine: Settings, tmp_path: Path) -> None:
    """The user has these images: no question."""
    assert len(BESIDE_IMAGES) == 3
    one = found(archived("humanoid_05", machine, tmp_path / "a", more={"cache_latents_to_disk": True}).sidecar, machine)
    assert [(risk.key, risk.asks) for risk in one.risks] == [("training.cache_latents_to_disk", False)]
    assert one.asking() == ()


def test_names_that_nobody_knows(machine: Settings, tmp_path: Path) -> None:
    """Options of other scripts, too: they reach the namespace of the trainer all the same."""
    one = archived("humanoid_05", machine, tmp_path / "a", more={"network_module": "networks.lora", "brand_new": 1})
    risks = {risk.key: risk.what for risk in found(one.sidecar, machine).asking()}
    assert risks.keys() == {"network_module", "brand_new"}
    assert "an option of " in risks["network_module"]
    assert "no option of the sd-scripts" in risks["brand_new"]


def test_paths_on_other_machines(machine: Settings, tmp_path: Path) -> None:
    """Windows asks them for the file, and tells them who asks."""
    one = archived("humanoid_05", machine, tmp_path / "a", more={"in_json": "\\\\stranger\\share\\x.json"})
    original = original_of(open_source(str(one.sidecar), machine), machine)
    trusted = reproduction(original, machine, rehearse=False, trust=True)
    assert [risk.key for risk in trusted.asking()] == ["training.in_json"]


def test_another_machine_is_not_asked_before_it_is_trusted(machine: Settings, tmp_path: Path) -> None:
    """Windows tells it who asks as soon as somebody looks; a --map leads elsewhere."""
    one = archived("humanoid_05", machine, tmp_path / "a", more={"vae": "\\/stranger/share/x.safetensors"})
    original = original_of(open_source(str(one.sidecar), machine), machine)
    with pytest.raises(InputError) as caught:
        reproduction(original, machine, rehearse=False)
    assert [finding.what.split()[0] for finding in caught.value.findings] == ["training.vae"]
    mapped = [("\\/stranger/share", tmp_path.as_posix())]
    assert reproduction(original, machine, rehearse=False, maps=mapped).asking() == ()


def test_a_text_that_the_archive_does_not_hold(machine: Settings, tmp_path: Path) -> None:
    """What lies where it says would go into the record: only the project's own prompts do so unasked."""
    secret = tmp_path / "id_rsa"
    secret.write_text("secret\n", encoding="utf-8")
    one = archived("humanoid_05", machine, tmp_path / "a", more={"sample_prompts": secret.as_posix()})
    original = original_of(open_source(str(one.checkpoint), machine), machine)
    assert [risk.key for risk in reproduction(original, machine, rehearse=False).asking()] == [
        "training.sample_prompts"
    ]
    itself = [(secret.as_posix(), secret.as_posix())]
    assert reproduction(original, machine, rehearse=False, maps=itself).asking() == ()
    own = archived("humanoid_05", machine, tmp_path / "b")
    assert found(own.checkpoint, machine).asking() == ()


@pytest.mark.parametrize("name", ["record.json", "train.toml", "humanoid_05.safetensors", "train.log"])
def test_a_log_that_would_overwrite_the_archive(machine: Settings, tmp_path: Path, name: str) -> None:
    """In the run's own folder lies what kft keeps; and none belongs into the cache."""
    folder = machine.outputs / "humanoid_05" / "20260102-030405"
    for number, place in enumerate((folder / name, machine.cache / "console.log")):
        one = archived("humanoid_05", machine, tmp_path / str(number), more={"console_log_file": place.as_posix()})
        assert asking(one, machine) == {"console_log_file"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("pretrained_model_name_or_path", "stranger/x.safetensors"), ("vae", "here"), ("log_tracker_name", "C:x")],
)
def test_values_that_look_harmless(
    machine: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    """The trainer runs in another folder, where a relative path is a name on the Hub; Windows has drives."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert asking(archived("humanoid_05", machine, tmp_path / "a", more={option: value}), machine) == {option}


def test_a_value_makes_no_lines(machine: Settings, tmp_path: Path) -> None:
    """A line of the list is kft's word."""
    one = archived("humanoid_05", machine, tmp_path / "a", more={"log_prefix": "../\nall is well"})
    lines = list(item_lines(found(one.sidecar, machine)))
    assert any("\\nall is well" in line for line in lines)
    assert not any("\n" in line for line in lines)


def test_secrets_and_managed_options_are_refused(machine: Settings, tmp_path: Path) -> None:
    """They are never taken from an archive, trusted or not."""
    for key, value in (("wandb_api_key", "x"), ("config_file", "/x.toml"), ("output_config", True)):
        one = archived("humanoid_05", machine, tmp_path / key, more={key: value})
        for path in (one.sidecar, one.checkpoint):
            with pytest.raises(InputError) as caught:
                found(path, machine)
            assert key in caught.value.findings[0].what


def test_the_archive_s_command_and_environment_are_never_used(machine: Settings, tmp_path: Path) -> None:
    """The launch is rendered from this machine's settings."""
    one = archived("humanoid_05", machine, tmp_path / "a")
    launch = {"argv": ["/bin/evil"], "env": {"LD_PRELOAD": "evil.so"}, "cwd": "/", "trainer": "sd-scripts"}
    job = job_of(found(one.change(launch=launch), machine), machine, ())
    assert job.trainer.script == machine.sd_scripts / "sdxl_train.py"
    assert "LD_PRELOAD" not in job.trainer.env


@pytest.mark.parametrize("name", ["../../evil", "a/b", "", "record", ".."])
def test_a_name_that_leads_elsewhere(machine: Settings, tmp_path: Path, name: str) -> None:
    """The name becomes a folder and files: it must be one."""
    one = archived("humanoid_05", machine, tmp_path / "a")
    experiment = {**json.loads(one.sidecar.read_text(encoding="utf-8"))["experiment"], "name": name}
    with pytest.raises(InputError) as caught:
        found(one.change(experiment=experiment), machine)
    said = "cannot be the name of an experiment" if name == "record" else "damaged: experiment.name"
    assert said in caught.value.findings[0].what


def test_values_and_texts_that_disagree(machine: Settings, tmp_path: Path) -> None:
    """One of the two did not train; each wrong key is named."""
    one = archived("humanoid_05", machine, tmp_path / "a")
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    with pytest.raises(InputError) as caught:
        found(one.change(training={**raw["training"], "seed": 7, "lowram": True}), machine)
    assert caught.value.title == "changed.json contradicts itself"
    assert [finding.what.split()[0] for finding in caught.value.findings] == ["training.lowram", "training.seed"]


def test_an_identity_that_says_something_else(machine: Settings, tmp_path: Path) -> None:
    """What would go into the new checkpoints' headers is compared like everything else."""
    one = archived("humanoid_05", machine, tmp_path / "a")
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    identity = json.loads(raw["training"]["metadata_kft_config"])
    identity["training"]["seed"] = 8
    lie = canonical_json(identity)
    text = raw["toml"]["train"].replace(json.dumps(raw["training"]["metadata_kft_config"]), json.dumps(lie))
    assert text != raw["toml"]["train"]
    path = one.change(training={**raw["training"], "metadata_kft_config": lie}, toml={**raw["toml"], "train": text})
    again = found(path, machine)
    job = job_of(again, machine, ())
    assert job.rendered is not None
    with pytest.raises(InputError) as caught:
        job.rendered(one.rendered.run, LATER)
    assert '"seed":8' in caught.value.findings[0].what


def test_damage_anywhere_is_an_error_in_words(machine: Settings, tmp_path: Path) -> None:
    """Of sidecars and headers: a part that is gone or of another shape is told, or does not matter."""
    one = archived("humanoid_05", machine, tmp_path / "a")
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    identity = json.loads(raw["training"]["metadata_kft_config"])
    chance, path = random.Random(1), tmp_path / "damaged.safetensors"
    told: list[InputError] = []
    for turn in range(120):
        broken = damaged(identity if turn % 2 else raw, chance)
        if turn % 2:
            meta = {**header(one.rendered.training), "modelspec.kft_config": canonical_json(broken)}
            save_file({"weight": np.zeros(1)}, str(path), metadata=meta)
        else:
            path.with_suffix(".json").write_text(pretty_json(broken), encoding="utf-8")
        try:
            again = found(path if turn % 2 else path.with_suffix(".json"), machine)
            job = job_of(again, machine, ())
            assert job.rendered is not None
            job.rendered(one.rendered.run, LATER)
        except InputError as error:
            told.append(error)
    assert 20 < len(told) < 120
    assert all(error.findings for error in told)


def test_damage(machine: Settings, tmp_path: Path) -> None:
    """A header or record whose parts are of other shapes is an error in words."""
    one = archived("humanoid_05", machine, tmp_path / "a")
    raw = json.loads(one.sidecar.read_text(encoding="utf-8"))
    dataset = sorted_tree({"datasets": [{"resolution": "big", "subsets": []}]})
    for sections in (
        {"training": {**raw["training"], "metadata_kft_config": "{"}},
        {"toml": {**raw["toml"], "dataset": dataset_text(dataset)}, "dataset": dataset},
        {"toml": {"train": "=", "dataset": ""}},
    ):
        with pytest.raises(InputError):
            found(one.change(**sections), machine)
    data = {"sha256": "0" * 64, "folders": [{"files": 3}], "bytes": 1}
    again = found(one.change(provenance={**raw["provenance"], "dataset": data}), machine)
    assert {item.name: item.verdict for item in again.items}["dataset"] == "different"
