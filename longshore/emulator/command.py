"""`longshore emulate`: its options, what it says, and how it ends."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from longshore.errors import UserError

if TYPE_CHECKING:
    from longshore.emulator.emulator import Emulator


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4577,
    show_default=True,
    help="The port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder in which everything survives a restart. Without it, all is gone at the end.",
)
@click.option("--region", default="us-east-1", show_default=True, help="The region it plays.")
@click.option("--account", default="123456789012", show_default=True, help="The account it plays.")
def emulate(port: int, state: Path | None, region: str, account: str) -> None:
    """Emulate SageMaker on this machine: boto3, the AWS CLI and the SDKs run unchanged.

    Set what it prints in the shell where your client runs. Ctrl-C ends it, and every container with it.
    """
    if not (account.isdigit() and len(account) == 12):
        raise click.BadParameter("an account has 12 digits.", param_hint="--account")
    from rich.console import Console

    from longshore.aws import regions

    if region not in (known := regions()):  # of others moto keeps nothing, and fails
        raise click.BadParameter(f"it may be one of {', '.join(known)}.", param_hint="--region")

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    # What is written here by a signal is there whichever thread the kernel gave it to, and takes no lock: the
    # handler runs in the middle of whatever the main thread does.
    told_to_end, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    from longshore.emulator.emulator import Emulator
    from longshore.engines.choose import explain

    console = Console(highlight=False, soft_wrap=True)
    emulator = Emulator(port, account, region, state)
    try:
        address = emulator.platform.address
        console.print(f"[bold]SageMaker, account {account}, {region}:[/bold] {address}\n")
        for name, value in {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "longshore",
            "AWS_SECRET_ACCESS_KEY": "longshore",
            "AWS_DEFAULT_REGION": region,
        }.items():
            console.print(f"  export {name}={value}")
        console.print(f"\nA role that SageMaker may assume: {emulator.role}")
        console.print("In a browser, the same address shows what runs.")
        console.print(explain())
        console.print(
            f"State: {state}" if state else "Nothing is kept: for that, name a folder with --state."
        )
        if not emulator.same_user.works:
            console.print(
                "Other users of this machine can use this emulator, and run programs as you: this system does"
                " not tell who sends a request."
            )
        elif emulator.same_user.by_sudo:
            console.print(f"Root and {emulator.same_user.by_sudo} can use it, who started it by sudo.")
        if emulator.removed:
            console.print(f"Removed what a killed emulator had left: {', '.join(emulator.removed)}")
        console.print("ready")
        os.read(told_to_end, 1)
    finally:
        code = _close(emulator)
    # Python itself would wait for threads that still answer a request.
    sys.stdout.flush()
    os._exit(code)


def _close(emulator: Emulator) -> int:
    """Return the exit code."""
    try:
        emulator.close()
    except UserError as error:
        click.echo(f"longshore: {error}", err=True)
        return error.exit_code
    return 0
