"""What pyproject.toml cannot say: the experiments lie at the top level, and travel inside the package.

`kft init` of an installed kft finds them there; which files they are is said in pyproject.toml.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["fork_wrapper*", "dataset_tools*"]), "fork_wrapper.examples"],
    package_dir={"fork_wrapper.examples": "experiments"},
)
