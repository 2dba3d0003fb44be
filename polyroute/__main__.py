"""`python -m polyroute`: the same as the `polyroute` command."""

from polyroute.cli import main

if __name__ == "__main__":
    main(prog_name="polyroute")
