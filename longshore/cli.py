"""The command `longshore`. Each command is imported when it is called, so that --help answers at once."""

from __future__ import annotations

import importlib
import sys

import click

from longshore import __version__
from longshore.errors import UserError

# name -> (module, the click command in it, its line in --help)
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "emulate": (
        "longshore.emulator.command",
        "emulate",
        "Emulate SageMaker on this machine: boto3, the AWS CLI and the SDKs run unchanged.",
    ),
    "check": (
        "longshore.check.command",
        "check",
        "Play SageMaker against an image, a project or a URL, and report rule by rule.",
    ),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without asking the commands themselves, whose imports take longer than all of this."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="longshore")
def cli() -> None:
    """Puts any algorithm on Amazon SageMaker."""


def main() -> int:
    """Run the command line; the exit code. A UserError becomes one message on stderr."""
    try:
        code = cli.main(standalone_mode=False)
    except UserError as error:
        click.echo(f"longshore: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("longshore: interrupted", err=True)
        return 130
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
