"""GPU memory and disks before a real run, and out of memory in one."""

from tests.real_runs import CARD, RealProject


def test_demo(real: RealProject) -> None:
    real.machine([CARD])
    for args in (
        ["check", "humanoid_05"],
        ["plan", "humanoid_05"],
        ["check", "humanoid_05_24gb"],
        ["plan", "humanoid_05_24gb"],
        ["run", "humanoid_05", "--allow", "gpu-memory"],
    ):
        done = real.kft(*args, TROUBLE="memory", DOUBLE="memory")
        print(done.returncode, done.stdout, done.stderr)
    assert 0
