"""`python -m loadkit`."""

from loadkit.cli import main

if __name__ == "__main__":
    main()
