"""`python -m fork_wrapper`: the same as `kft`."""

from fork_wrapper.cli import main

if __name__ == "__main__":
    main()
