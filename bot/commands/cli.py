"""The commands: `nija` and `python -m bot`. Without a sub-command the daemon runs.

Every failure that its user can mend is one line on stderr and an exit status: 1 a check found a problem, 2 the
configuration is wrong, 3 another NIJA on this host already trades one of these accounts.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from bot import __version__
from bot.commands import result_commands, views
from bot.commands.options import AsJson, Broker, tell_unreadable, told
from bot.commands.show import quiet_pipe
from bot.domain.events import Verb
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


class Commands(TyperGroup):
    """All commands: a reader of theirs that goes away early ends them quietly."""

    def invoke(self, ctx: Any) -> object:
        with quiet_pipe():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the form that click asks for
        """Each with all of its first sentence: wrapped, not cut."""
        rows = [(name, " ".join((one.help or "").split("\n\n")[0].split())) for name, one in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="nija",
    cls=Commands,
    help="Trades every exchange you have funded, each in a thread of its own. Without a command: run.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(views.app)
app.add_typer(result_commands.app)


def show_version(wanted: bool) -> None:
    """`--version`, whatever else is said."""
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
    """Trade until told to stop (Ctrl-C or SIGTERM)."""
    from bot.runtime.hostlock import holding_folder

    stopping = context.obj if isinstance(context.obj, Stopping) else Stopping()
    try:
        with told() as settings:
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
def pause(broker: Broker = None) -> None:
    """No new entries; open positions run to their rule's end."""
    _order(Verb.PAUSE, broker)


@app.command()
def resume(broker: Broker = None) -> None:
    """Entries again, after a pause, a flatten or a drawdown; calls back a pause or flatten that still waits."""
    _order(Verb.RESUME, broker)


@app.command()
def flatten(
    broker: Broker = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask; needed where there is no terminal")] = False,
) -> None:
    """Sell everything that is ours and cancel our orders; entries stay paused until `nija resume`."""
    if not yes and not sys.stdin.isatty():
        typer.echo(
            "nija: flatten sells everything of NIJA's at the market: add --yes where nobody can be asked", err=True
        )
        raise typer.Exit(2)
    _order(Verb.FLATTEN, broker, patience=60.0, ask=not yes)


@app.command()
def orders(
    broker: Broker = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="call them back")] = False,
    as_json: AsJson = False,
) -> None:
    """Show your own orders (pause, resume, flatten) that NIJA has not carried out yet."""
    from bot.commands.orders import show_waiting
    from bot.commands.which import books_of, meant

    with told() as settings:
        books = books_of(settings)
        key = meant(broker, settings, books)
        show_waiting(books, key, cancel=cancel, as_json=as_json)
        if tell_unreadable(books, key):
            raise typer.Exit(1)


@app.command()
def recover(
    broker: Broker = None,
    forget_account: Annotated[
        bool, typer.Option("--forget-account", help="give up the positions of an account whose keys are gone")
    ] = False,
    backup: Annotated[bool, typer.Option("--backup", help="put the newest backups in the databases' place")] = False,
) -> None:
    """Set damaged databases aside (they are kept); the next start rebuilds them from the exchanges."""
    from bot.commands.orders import not_traded
    from bot.commands.which import books_of, meant
    from bot.runtime.backups import FOLDER
    from bot.runtime.heartbeat_file import at_work, running_daemon
    from bot.store.recovery import forget_accounts, put_backups_back, set_aside_damaged

    with told() as settings:
        url = settings.operation.database_url
        if url is not None and forget_account is False:
            typer.echo("nija: DATABASE_URL names a database server: restore it with its own tools", err=True)
            raise typer.Exit(1)
        data_dir = settings.operation.data_dir
        books = books_of(settings)
        key = meant(broker, settings, books)
        if backup:
            if running_daemon(data_dir) is not None:
                typer.echo("nija: NIJA is running: stop it first, then put the backup back", err=True)
                raise typer.Exit(1)
            done = put_backups_back(data_dir, data_dir / FOLDER, key) or ["there is no backup"]
        elif forget_account:
            if busy := [one.label for one in at_work(data_dir) if key in (None, one)]:
                typer.echo(
                    f"nija: NIJA trades {', '.join(busy)} now: name the exchange whose keys are gone, or stop NIJA first",
                    err=True,
                )
                raise typer.Exit(1)
            done = forget_accounts(books, key, [one.seen for one in not_traded(settings, books, key)])
        else:
            done = set_aside_damaged(data_dir, key)
        for line in done or ["nothing to recover: every database is sound"]:
            typer.echo(line)


@app.command(name="notify-test")
def notify_test() -> None:
    """Send a test message to every address of NOTIFY_URLS."""
    from bot.telemetry.notify import notify_test as send

    with told() as settings:
        if not settings.operation.notify_urls:
            raise ConfigError(["NOTIFY_URLS is not set: it must be Apprise addresses, such as ntfys://ntfy.sh/topic"])
        status = send(settings)
    raise typer.Exit(status)


@app.command()
def version() -> None:
    """Show the version."""
    typer.echo(f"nija {__version__}")


def _order(verb: Verb, broker: AccountKey | None, patience: float = 10.0, *, ask: bool = False) -> None:
    """Post a command, wait for its answers, and say what became of it."""
    from bot.commands.orders import addressees, carried_out, not_traded, worded
    from bot.commands.which import books_of, meant
    from bot.runtime.heartbeat_file import out_of_reach

    with told() as settings:
        if why := out_of_reach(settings.operation.data_dir):
            typer.echo(f"nija: {why}", err=True)
            raise typer.Exit(1)
        books = books_of(settings)
        key = meant(broker, settings, books)
        to = addressees(settings, books, key)
        for one in not_traded(settings, books, key):
            typer.echo(f"nija: {one.account.key.label}: {one.reason}: {one.remedy}", err=True)
        if not to:
            typer.echo("nija: no account has been traded yet: nothing to order", err=True)
            raise typer.Exit(1)
        if ask and not typer.confirm(f"Sell everything of NIJA's at {worded(to)} at the market?"):
            typer.echo("nothing was ordered")
            raise typer.Exit(1)
        done = carried_out(settings, books, verb, to, patience)
        for failed, reason in _failures(settings.operation.data_dir) if not done else ():
            if key in (None, failed):
                typer.echo(f"nija: {failed.label} failed in the running NIJA: {reason}", err=True)
        raise typer.Exit(1 if tell_unreadable(books, key) or not done else 0)


def _failures(data_dir: Path) -> list[tuple[AccountKey, str]]:
    """The brokers of the running daemon that cannot be ordered anything now, each with its reason."""
    from bot.domain.status import Status
    from bot.runtime.heartbeat_file import running_daemon

    brokers = running_daemon(data_dir) or {}
    return [(key, report.reason) for key, report in brokers.items() if report.status is Status.FAILED]


def main() -> None:
    """The console script."""
    app(prog_name="nija")
