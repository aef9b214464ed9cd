"""``python -m tui`` is ``tickertape``."""

from tui.cli.main import main

if __name__ == "__main__":
    main()
