"""An nvidia-smi that answers from a file: {"gpus": [{field: value}], "apps": [{field: value}]}, in MADE_UP_MACHINE."""

import json
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """One line for each GPU or process, with the fields that were asked for."""
    machine = json.loads(Path(os.environ["MADE_UP_MACHINE"]).read_text(encoding="utf-8"))
    for word in arguments:
        for question, answer in (("--query-gpu=", "gpus"), ("--query-compute-apps=", "apps")):
            if word.startswith(question):
                fields = word[len(question) :].split(",")
                for row in machine[answer]:
                    sys.stdout.write(", ".join(str(row.get(field, "[N/A]")) for field in fields) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
