"""The commands: `nija` and `python -m bot`. Without a sub-command the daemon runs.

Every failure that the user can fix is one line on stderr and an exit status: 1 a check found a problem, 2 the configuration is
wrong, 3 another NIJA on this host already trades one of these accounts, 4 a command was accepted but not executed yet.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from bot import __version__
from bot.commands import operator_commands, research_commands, result_commands, views
from bot.commands.options import Broker, reporting_errors
from bot.commands.show import complain, quiet_pipe
from bot.domain.ids import AccountKey
from bot.runtime.stopping import Stopping
from bot.settings.load import (
    ConfigError,
    playful_environment,
    usable_data_dir,
    usable_state_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bot.settings.load import Settings
    from bot.store.reader import Books


#: Words for which other programs have a command, and what to use here.
_ELSEWHERE: Final = {
    "start": "./start.sh starts NIJA",
    "stop": "Ctrl-C stops NIJA, or systemctl stop nija where it is a service",
    "restart": "stop NIJA with Ctrl-C and run ./start.sh, or systemctl restart nija where it is a service",
    "buy": "NIJA enters by its strategy only",
    "close": "`nija sell SYMBOL` sells one position, `nija flatten` all",
    "balance": "`nija status` shows the money",
    "positions": "`nija status` shows them",
    "log": "tail -f nija.log shows it",
    "logs": "tail -f nija.log shows them",
    "config": "`nija settings` shows what is in force",
    "cancel": "`nija orders --cancel` cancels your pending commands",
}


@contextmanager
def one_line_usage() -> Iterator[None]:
    """Print a wrong command line as one line, like every other mistake, instead of the usage, a hint and an error."""
    try:
        yield
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "nija"
        message = " ".join(error.format_message().replace("Value error, ", "").split())
        end = "" if message.endswith((".", "?")) else "."
        complain(f"{message}{end} See `{path} --help`.")
        raise typer.Exit(error.exit_code) from None


class Commands(TyperGroup):
    """All commands; each ends quietly if the reader of its output goes away early."""

    def make_context(self, info_name: Any, args: Any, *more: Any, **named: Any) -> Any:
        asked = [*args[1:2], "--help"] if args[:1] == ["help"] else args
        with one_line_usage():
            return super().make_context(info_name, asked, *more, **named)

    def invoke(self, ctx: Any) -> object:
        with quiet_pipe(), one_line_usage():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: Any) -> Any:
        if (instead := _ELSEWHERE.get(args[0])) is not None and args[0] not in self.commands:
            complain(f"There is no command '{args[0]}': {instead}.")
            raise typer.Exit(2)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the form that click asks for
        """List each command with its whole first paragraph: wrapped, not cut."""
        rows = [(name, " ".join((one.help or "").split("\n\n")[0].split())) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="nija",
    cls=Commands,
    help="Trades every exchange you have funded, each in its own thread. Without a command: run.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(views.app)
app.add_typer(operator_commands.app)
app.add_typer(result_commands.app)
app.add_typer(research_commands.app)


def show_version(wanted: bool) -> None:
    """`--version`, whatever else is on the command line."""
    if wanted:
        typer.echo(f"nija {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def without_command(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - done by its callback
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        run(context)


@app.command()
def run(context: typer.Context) -> None:
    """Trade until stopped (Ctrl-C or SIGTERM)."""
    from bot.runtime.hostlock import holding_folder

    stopping = context.obj if isinstance(context.obj, Stopping) else Stopping()
    try:
        with reporting_errors() as settings:
            usable_state_folder()
            with holding_folder(usable_data_dir(settings)):
                from bot.runtime.daemon import run as trade

                status = trade(settings, stopping.asked)
    finally:
        stopping.begun()
    raise typer.Exit(status)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def sandbox(context: typer.Context) -> None:
    """Run the local exchanges without NIJA."""
    command = [sys.executable, "-m", "bot.sandbox", *context.args]
    try:
        status = subprocess.call(command, env=playful_environment())  # noqa: S603 - our own interpreter
    except KeyboardInterrupt:
        status = 0
    raise typer.Exit(status)


@app.command()
def recover(
    broker: Broker = None,
    forget_account: Annotated[
        bool, typer.Option("--forget-account", help="give up the positions of an account whose keys are gone")
    ] = False,
    backup: Annotated[bool, typer.Option("--backup", help="restore the newest backups of the databases")] = False,
    yes: operator_commands.Yes = False,
) -> None:
    """Set damaged databases aside (they are kept); the next start rebuilds them from the exchanges."""
    from bot.commands.which import books_of, meant
    from bot.store.recovery import set_aside_damaged

    with reporting_errors() as settings:
        url = settings.operation.database_url
        if url is not None and forget_account is False:
            complain("DATABASE_URL names a database server: restore it with its own tools")
            raise typer.Exit(1)
        data_dir = settings.operation.data_dir
        books = books_of(settings)
        key = meant(broker, settings, books)
        if backup:
            done = _put_back(data_dir, key)
        elif forget_account:
            done = _forget(settings, books, key, yes=yes)
        else:
            done = set_aside_damaged(data_dir, key) or ["nothing to recover: every database is intact"]
        for line in done:
            typer.echo(line)


def _put_back(data_dir: Path, key: AccountKey | None) -> list[str]:
    from bot.runtime.backups import FOLDER
    from bot.runtime.heartbeat_file import running_daemon
    from bot.store.recovery import put_backups_back

    if running_daemon(data_dir) is not None:
        complain("NIJA is running: stop it first, then restore the backup")
        raise typer.Exit(1)
    done = put_backups_back(data_dir, data_dir / FOLDER, key)
    if not done:
        of = "" if key is None else f" of {key}"
        complain(f"there is no backup{of} in {data_dir / FOLDER}: nothing was changed")
        raise typer.Exit(1)
    return done


def _forget(settings: Settings, books: Books, key: AccountKey | None, *, yes: bool) -> list[str]:
    from bot.commands.orders import not_traded
    from bot.runtime.heartbeat_file import at_work
    from bot.store.recovery import at_stake, forget_accounts

    if busy := [one.label for one in at_work(settings.operation.data_dir) if key in (None, one)]:
        complain(f"NIJA is trading {', '.join(busy)}: name the exchange whose keys are gone, or stop NIJA first")
        raise typer.Exit(1)
    among = [one.seen for one in not_traded(settings, books, key)]
    held = at_stake(books, key, among)
    if not held:
        return ["nothing to forget: no account holds a position"]
    operator_commands.needs_yes("recover --forget-account gives positions up", yes=yes)
    for line in held:
        typer.echo(line)
    if not yes:
        typer.confirm("Give these positions up? NIJA sells nothing and will not look after them", abort=True)
    return forget_accounts(books, key, among)


@app.command(name="notify-test")
def notify_test() -> None:
    """Send a test message to every address of NOTIFY_URLS."""
    from bot.telemetry.notify import notify_test as send

    with reporting_errors() as settings:
        if not settings.operation.notify_urls:
            raise ConfigError(["NOTIFY_URLS is not set: it must be Apprise addresses, such as ntfys://ntfy.sh/topic"])
        status = send(settings)
    raise typer.Exit(status)


@app.command()
def version() -> None:
    """Show the version."""
    typer.echo(f"nija {__version__}")


def main() -> None:
    """The console script."""
    app(prog_name="nija")
