"""A Python that trains on a made-up GPU: started in the place of the trainer's Python, by `real_runs`.

It is the Python of the tests, but for two things: asked about itself (`-c`), it has torch, xformers and the rest for
CUDA; and `-m accelerate.commands.launch` starts the script at once, unless ACCELERATE=real is in the environment.
"""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

PACKAGES = {"torch": "2.8.0+cu128", "torchvision": "0.23.0+cu128", "xformers": "0.0.32.post2", "bitsandbytes": "0.45.3"}


def about_itself(question: str) -> None:
    """The answer of this Python, with the packages of one that has a GPU."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        exec(question, {"__name__": "__main__"})  # kft's own question
    answer = json.loads(heard.getvalue())
    cuda = {"torch_cuda": "12.8", "xformers_cuda": "12.8", "xformers_runtime": None}
    packages = {**dict.fromkeys(needed(), "1.0"), **answer["packages"], **PACKAGES}
    sys.stdout.write(json.dumps({**answer, **cuda, "executable": os.environ["MADE_UP_PYTHON"], "packages": packages}))


def needed() -> list[str]:
    """What any training needs, for tests where the trainer's packages are not installed."""
    sys.path.append(str(Path(__file__).resolve().parents[3]))
    from fork_wrapper.sdscripts.packages import ALWAYS  # noqa: PLC0415

    return [*ALWAYS, "tensorboard"]


def main(arguments: list[str]) -> None:
    """Answer, or become the Python of the tests."""
    if arguments[:1] == ["-c"] and "torch_cuda" in arguments[1]:
        about_itself(arguments[1])
        return
    if arguments[:2] == ["-m", "accelerate.commands.launch"] and os.environ.get("ACCELERATE") != "real":
        script = next(index for index, word in enumerate(arguments) if word.endswith(".py"))
        arguments = arguments[script:]
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
