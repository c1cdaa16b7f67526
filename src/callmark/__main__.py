"""`python -m callmark` is the command."""

from callmark.main import cli

if __name__ == "__main__":
    cli()
