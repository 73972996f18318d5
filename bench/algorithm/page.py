"""The page of results, in Markdown: sentences that stay, and tables made of the figures."""

from __future__ import annotations

from bench import pages
from bench.algorithm.contestants import OURS
from bench.algorithm.overhead import WARM
from bench.algorithm.results import Case, Results
from bench.pages import Verdict
from bench.results import Spread

MEMORY_MB = 150
OVERHEAD = 0.5

_VERBS = {"fetch": "Fetched", "store": "Stored"}


def verdicts(results: Results) -> list[Verdict]:
    found = []
    for case in results.runs:
        other = results.best_other(case, whole=False)
        ratio = results.ratio(case, other, whole=False)
        what = f"{results.of(case).words} {_VERBS[case.verb].lower()}, beside the best of the others: {other}"
        found.append(Verdict(what, "≥ 1.00 ×", f"{ratio:.2f} ×", ratio >= 1))
    if results.runs:
        peak = max(results.peak_mb(case, OURS) for case in results.runs)
        found.append(
            Verdict("most memory of all these", f"< {MEMORY_MB} MB", f"{peak:.0f} MB", peak < MEMORY_MB)
        )
    for overhead in results.overheads:
        what = f"a task that does nothing, beside {overhead.other}"
        expected, measured = f"≤ {OVERHEAD:.0%} of its time", f"{overhead.ratio:.0%}"
        found.append(Verdict(what, expected, measured, overhead.ratio <= OVERHEAD))
    return found


def render(results: Results) -> str:
    """The whole page. Its plot is the one that bench.algorithm.plots draws."""
    parts = [_head(results), pages.expected(verdicts(results)), _picture()]
    parts += [_case(results, case) for case in results.runs]
    parts += [_starts(results), _overheads(results), _method(results)]
    return "\n\n".join(parts) + "\n"


def _head(results: Results) -> str:
    return f"""# How fast the algorithm runner is, beside what else moves objects and runs tasks

Measured on {results.date} by `{results.command}`, in one run, on one machine, all against one
`rclone serve s3` on loopback.

Figures are medians over the rounds ({results.rounds}), the least and the greatest in brackets. Every ratio is
written so that more than 1 speaks for Longshore. A MB is 1,000,000 bytes."""


def _picture() -> str:
    return """## Objects fetched and stored

![Seconds of each, the start of the program apart](results/transfers.svg)

*Transfer* is without the start of a program: ours and boto3 run in a process that has moved one object of
one byte before, and the time of the call counts; of a command, the least time that it takes for one object
of one byte is taken off. *Whole process* is from its creation to its end, with nothing taken off, for all.
Processor time and memory are those of the whole process, the memory the most of any round."""


def _case(results: Results, case: Case) -> str:
    objects = results.of(case)
    rows = []
    for name in results.runs[case]:
        transfer, whole = results.transfer(case, name), results.whole(case, name)
        ours = name == OURS
        rows.append(
            [
                f"**{name}**" if ours else name,
                pages.seconds(transfer),
                f"{objects.megabytes / transfer.median:,.0f}",
                "" if ours else f"{results.ratio(case, name, whole=False):.2f} ×",
                pages.seconds(whole),
                "" if ours else f"{results.ratio(case, name, whole=True):.2f} ×",
                f"{results.cpu_seconds(case, name):.2f}",
                f"{results.peak_mb(case, name):.0f}",
            ]
        )
    head = ["Who", "Transfer, s", "MB/s", "Ratio", "Whole process, s", "Ratio", "CPU, s", "Memory, MB"]
    return f"### {_VERBS[case.verb]}: {objects.words}\n\n{pages.table(head, rows, right=range(1, 8))}"


def _starts(results: Results) -> str:
    rows = []
    for name, start in results.starts.items():
        row = [name, pages.seconds(Spread.of(start.nothing))]
        rows.append(row + [pages.seconds(Spread.of(start.tiny[verb])) for verb in ("fetch", "store")])
    head = ["Who", "Doing nothing, s", "Fetching one byte, s", "Storing one byte, s"]
    return f"""### What the start of a command takes

Doing nothing is `aws --version` and `rclone version`. What is taken off above is the one byte, which is
more: it is the more generous to the command.

{pages.table(head, rows, right=range(1, 4))}"""


def _overheads(results: Results) -> str:
    rows = []
    for overhead in results.overheads:
        ours, other = Spread.of(overhead.ours_ms), Spread.of(overhead.other_ms)
        ratio = f"{other.median / ours.median:.1f} ×"
        rows.append([overhead.other, str(len(overhead.other_ms)), _ms(other), _ms(ours), ratio])
    head = ["Beside", "Tasks of each", "Its, ms", "Longshore, ms", "Ratio"]
    text = f"""## A task that does nothing

What a task costs beside its program and its data: `POST /invocations` with no input, the program `true`,
no output, until the answer is there. Both servers run side by side, get their tasks in turns, one at a
time, each with a prefix of its own, and store a result file in the same S3 each time. The first
{WARM} are thrown away. Ours answers through nginx and gunicorn."""
    if rows:
        text += f"\n\n{pages.table(head, rows, right=range(1, 5))}"
    for reason in results.not_measured:
        text += f"\n\nNot measured: {reason}."
    return text


def _method(results: Results) -> str:
    machine = pages.table(["", ""], [[name, said] for name, said in results.machine.items()])
    return f"""## How it was measured, and what it does not say

- Ours is `fetch()` and `store()` of the runner, in a new process each time, with as many connections as
  the runner takes where nothing is set.
- They take turns, transfer by transfer, and the one that is first is another each round.
- Sources, targets and the server's objects are files on one disk. The sources are in the kernel's cache.
  After each transfer every byte that was moved is compared by SHA-256, what was moved is emptied, and
  the disk is synced. One wrong byte, or one failed command, stops the run. No file is removed during the
  run: ext4 makes files many times slower where others have just been removed.
- Ours and rclone check the MD5 of what they move, the others what their defaults say: of what is fetched
  from this server, nothing. rclone and `aws s3 cp --recursive` list the bucket, too: ours and boto3 know
  the names.
- The server is the one of the tests, with one difference: it keeps the ETags of its objects, as S3 does,
  and knew them all before the first transfer. Without that it reads a whole object for each part of it.
- The server has the same cores as its clients, and no network lies between. So the figures compare
  clients; they are not what S3 gives.
- boto3 moves one object after the other: *managed* by download_file and upload_file, which move a large one
  in parts at once; *plain* by one get_object or put_object an object.
- The AWS CLI, version 1 as PyPI has it, is tried as it comes and with more requests at once; rclone as it
  comes, with 16 of everything at once, and without its HEAD requests.
- sagemaker-shim is installed from PyPI, in its newest release for the Python named, and started by its own
  command on a free port. What Grand Challenge ships is the same code in one binary.
- Every single figure is in [algorithm.json](algorithm.json).

{machine}"""


def _ms(spread: Spread) -> str:
    return pages.spread(spread, ".1f")
