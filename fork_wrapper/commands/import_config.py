"""`kft import-config`."""

import shlex
from datetime import datetime
from typing import Any

import click

from fork_wrapper.commands import output
from fork_wrapper.commands.flags import json_flag, setting_flags, settings_from
from fork_wrapper.formats.experiment_text import left_text, then_text
from fork_wrapper.formats.grouped_files import read_all
from fork_wrapper.formats.gui_keys import Version, spell_version, version, versions
from fork_wrapper.formats.importing import Import, plan_imports, to_json, write_import
from fork_wrapper.machine.settings import begin
from fork_wrapper.text import counted

EPILOG = """\b
Examples:
  kft import-config humanoid_04_20241103-181500.json --name humanoid_04
  kft import-config train.toml dataset.toml --name found_on_the_server
  kft import-config "accelerate launch sdxl_train.py --config_file old.toml" --print
"""


class GuiVersion(click.ParamType[Version]):
    """A version of the kohya_ss GUI, such as `v24.1.7` or `24.1.7`."""

    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Version:
        """Parse the version into numbers."""
        numbers = version(str(value))
        if not numbers or not str(value).lstrip("v").replace(".", "").isdecimal():
            self.fail(f"{value!r} is not a version of the GUI, as v24.1.7 is", param, ctx)
        if numbers > (newest := versions()[-2]):
            self.fail(f"the newest version that kft knows is {spell_version(newest)}: leave it out", param, ctx)
        return numbers


@click.command(
    name="import-config", epilog=EPILOG, short_help="Turn old configs of the GUI or sd-scripts into experiments."
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--name", help="Name of the experiment; by default what its checkpoints were called.")
@click.option("--gui-version", type=GuiVersion(), help="The kohya_ss GUI that saved the file, where kft cannot tell.")
@click.option("--images", type=click.IntRange(min=1), help="How many images it had, where they are not at hand.")
@click.option("--print", "only_print", is_flag=True, help="Print the experiment and write nothing.")
@json_flag
@setting_flags("experiments", "models", "datasets")
def command(
    files: tuple[str, ...],
    name: str | None,
    gui_version: Version | None,
    images: int | None,
    only_print: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Make experiments of kohya_ss GUI files, sd-scripts configs, command lines, sidecars or checkpoints.

    FILE is a JSON or TOML of the kohya_ss GUI (finetune or dreambooth tab), a --config_file or --dataset_config of
    sd-scripts, a script or a command line itself, a run's record, a sidecar, or a .safetensors checkpoint. Files of
    one run belong together: name them together. Values are written as they took effect, with origin "recovered";
    where the file shows something else, the experiment and the report say both.
    """
    settings = settings_from(flags)
    found = read_all(files, gui_version=gui_version, images=images)
    planned = plan_imports(found, settings, name, datetime.now().astimezone(), replace=only_print)
    for one in planned:
        if not only_print:
            write_import(one)
        _report(one)
    if not only_print and (todo := begin(settings.experiments)):
        output.say("  • ", ("note: ", "note"), todo)
    if as_json:
        output.print_json([to_json(one) for one in planned])
    else:
        tell = output.print_file if only_print else output.print_text
        tell("".join(one.text if only_print else f"{one.path}\n" for one in planned))


def _report(one: Import) -> None:
    fitted, found = one.fitted, one.fitted.found
    output.say((one.name, "title"), f": from {found.what}")
    for file in found.files:
        output.say((f"  {file.path}", "dim"))
    subsets = sum(len(dataset.get("subsets", ())) for dataset in fitted.dataset.get("datasets", ()))
    output.say(f"  {counted(len(fitted.training), 'option')}, {counted(subsets, 'subset')} of images")
    for note in found.notes:
        output.say("  • ", ("note: ", "note"), note)
    if found.then:
        output.say("  saved and effective then differ:")
    for changed in found.then:
        output.say("    ", then_text(changed))
    if found.left_out:
        output.say("  left out:")
    for item in found.left_out:
        output.say("    ", left_text(item))
    output.say(("  → ", "title"), f"kft check {shlex.quote(one.name)}")
