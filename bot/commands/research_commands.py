"""The research commands with their options: `nija download`, `nija data check`, `nija backtest`, `nija check-strategy`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.options import configured, reporting_errors
from bot.commands.show import complain
from bot.settings.load import VENUES
from bot.settings.symbols import pair

MaxHoles = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="the largest share of missing candles; default 0.05")
]
Pairs = Annotated[str, typer.Option(help="markets, such as BTC-USD,ETH-USD; default: all")]
Timeframe = Annotated[str | None, typer.Option(help="default: the strategy's")]


def listed(pairs: str) -> tuple[str, ...]:
    """The markets in the value of an option."""
    return tuple(word.strip() for word in pairs.split(",") if word.strip())


def fraction(text: str) -> float:
    """A share of the price, which is easily taken for a percentage."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 0.1:
        raise typer.BadParameter(f"'{text}' is not a fraction from 0 to 0.1: write 0.0026 for 0.26 %.")
    return value


def _market(word: str) -> str:
    try:
        return pair(word.replace("/", "-"))
    except ValueError:
        complain(f'--pairs: "{word}" is not a market: write it as BASE-QUOTE, such as BTC-USD')
        raise typer.Exit(2) from None


Fee = Annotated[
    float | None,
    typer.Option(parser=fraction, metavar="FRACTION", help="taker fee per side, such as 0.0026; default 0.001"),
]
Spread = Annotated[
    float | None, typer.Option(parser=fraction, metavar="FRACTION", help="ask - bid, as a fraction; default 0.0002")
]

app = typer.Typer()
candles = typer.Typer(help="Candles for research.")
app.add_typer(candles, name="data")


@candles.command()
def check(
    folder: Annotated[Path, typer.Argument(help="candle files of NIJA, or a data folder of freqtrade")],
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    max_holes: MaxHoles = None,
) -> None:
    """Check candle files for holes, flat candles, jumps and duplicates, with one verdict for each."""
    from bot.commands.research import check_data

    check_data(folder, max_holes, as_json=as_json)


@app.command()
def download(
    broker: Annotated[str, typer.Option(help=f"one of {', '.join(VENUES)}", metavar="NAME")],
    pairs: Annotated[str, typer.Option(help="markets, such as BTC-USD,ETH-USD or BTC-USDT-SWAP")],
    since: Annotated[str, typer.Option(help="the first candle, such as 2025-04-01")],
    until: Annotated[str | None, typer.Option(help="leave out candles from then on; default: now")] = None,
    timeframe: Timeframe = None,
    out: Annotated[Path, typer.Option(help="the folder for the files")] = Path("candles"),
    files: Annotated[
        Path | None, typer.Option("--import", help="a zip of Kraken's past candles, or a folder with all of them")
    ] = None,
    real: Annotated[bool, typer.Option("--real", help="real candles even if NIJA trades play money")] = False,
) -> None:
    """Fetch past candles and funding rates from an exchange. Continues where it was interrupted."""
    _one_of("broker", broker, VENUES)
    wanted = tuple(dict.fromkeys(_market(word) for word in listed(pairs)))
    if not wanted:
        complain("--pairs names no market: BTC-USD,ETH-USD is needed")
        raise typer.Exit(2)
    with reporting_errors() as settings:
        from bot.commands.download import Options, run

        status = run(settings, Options(broker, wanted, since, until, timeframe, out, files, real))
    raise typer.Exit(status)


@app.command()
def backtest(
    data: Annotated[Path, typer.Option(help="candle files of NIJA, or a data folder of freqtrade")],
    pairs: Pairs = "",
    since: Annotated[str | None, typer.Option(help="the first candle to decide on, such as 2025-04-01")] = None,
    until: Annotated[str | None, typer.Option(help="leave out candles from then on")] = None,
    timeframe: Timeframe = None,
    broker: Annotated[str | None, typer.Option(help=f"on the terms of {', '.join(VENUES)}", metavar="NAME")] = None,
    fee: Fee = None,
    spread: Spread = None,
    lot: Annotated[float | None, typer.Option(min=1e-18, help="step of a size; default 1e-8")] = None,
    tick: Annotated[float | None, typer.Option(min=0, help="step of a price; default: none")] = None,
    min_qty: Annotated[float | None, typer.Option(min=0, help="smallest size; default: none")] = None,
    min_cost: Annotated[float | None, typer.Option(min=0, help="smallest value; default: none")] = None,
    equity: Annotated[float, typer.Option(min=1, help="equity at the start")] = 10_000.0,
    slots: Annotated[int | None, typer.Option(min=1, help="positions at one time; default: yours")] = None,
    limits: Annotated[str, typer.Option(help="account: your limits; none: only the strategy")] = "account",
    shorts: Annotated[bool, typer.Option("--shorts", help="also sell short")] = False,
    strategy: Annotated[str | None, typer.Option(help="module:Class or file.py:Class; default: yours")] = None,
    param: Annotated[list[str] | None, typer.Option(help="name=value of a strategy parameter; may be repeated")] = None,
    detail: Annotated[str | None, typer.Option(help="walk finer candles, such as 1m")] = None,
    max_holes: MaxHoles = None,
    as_json: Annotated[Path | None, typer.Option("--json", help="write everything to this file, for programs")] = None,
    report: Annotated[Path | None, typer.Option(help="write a page for a browser, such as report.html")] = None,
) -> None:
    """Test a strategy on past candles, at your fees and limits."""
    from bot.commands.backtest import Wanted
    from bot.commands.backtest import backtest as run

    market = {"lot": lot, "tick": tick, "min_qty": min_qty, "min_cost": min_cost}
    wanted = Wanted(
        *(data, listed(pairs), since, until, timeframe, _one_of("broker", broker, VENUES), fee, spread),
        {name: value for name, value in market.items() if value is not None},
        *(equity, slots, _one_of("limits", limits, ("account", "none")) or "account", shorts, strategy),
        *(tuple(param or ()), detail, max_holes, as_json, report),
    )
    with configured() as settings:
        run(settings, wanted)


@app.command()
def optimize(
    data: Annotated[Path, typer.Option(help="candle files of NIJA, or a data folder of freqtrade")],
    pairs: Pairs = "",
    since: Annotated[str | None, typer.Option(help="the first candle to decide on, as 2025-04-01")] = None,
    until: Annotated[str | None, typer.Option(help="candles from then on are left out")] = None,
    timeframe: Timeframe = None,
    broker: Annotated[str | None, typer.Option(help=f"on the terms of {', '.join(VENUES)}", metavar="NAME")] = None,
    fee: Fee = None,
    spread: Spread = None,
    equity: Annotated[float, typer.Option(min=1, help="what each fold begins with")] = 10_000.0,
    slots: Annotated[int | None, typer.Option(min=1, help="positions at one time; default: yours")] = None,
    limits: Annotated[str, typer.Option(help="account: yours; none: the rule alone")] = "account",
    shorts: Annotated[bool, typer.Option("--shorts", help="sell short, too")] = False,
    strategy: Annotated[str | None, typer.Option(help="module:Class or file.py:Class; default: yours")] = None,
    param: Annotated[list[str] | None, typer.Option(help="name=value that is not searched; may be repeated")] = None,
    detail: Annotated[str | None, typer.Option(help="walk finer candles, as 1m")] = None,
    max_holes: MaxHoles = None,
    trials: Annotated[int, typer.Option(min=1, help="how many to try in each fold, by all workers together")] = 1_000,
    jobs: Annotated[int | None, typer.Option(min=1, help="worker processes; default: one for each core")] = None,
    storage: Annotated[str | None, typer.Option(help="postgresql://… shared by machines; default: a file")] = None,
    study: Annotated[str | None, typer.Option(help="a name of its own; default: one made of what is asked")] = None,
    folds: Annotated[int, typer.Option(min=0, max=50, help="walk-forward steps; 0: search everything")] = 4,
    objective: Annotated[str, typer.Option(help="sharpe, sortino, calmar, return or r (the sum in R)")] = "sharpe",
    seed: Annotated[int, typer.Option(min=0, help="with --jobs 1 the same seed finds the same")] = 0,
    write: Annotated[bool, typer.Option("--write", help="write what holds to the file that live reads")] = False,
    force: Annotated[bool, typer.Option("--force", help="write it even if it fails")] = False,
    as_json: Annotated[Path | None, typer.Option("--json", help="write all of it there, for programs")] = None,
) -> None:
    """Search the parameters that a strategy declares, and try them on candles that the search has not seen."""
    import os

    from bot.commands.backtest import Wanted
    from bot.commands.optimize import optimize as run
    from bot.commands.optimize_plan import Asked

    terms = Wanted(
        *(data, listed(pairs), since, until, timeframe, _one_of("broker", broker, VENUES), fee, spread),
        *(None, equity, slots, _one_of("limits", limits, ("account", "none")) or "account", shorts, strategy),
        *(tuple(param or ()), detail, max_holes),
    )
    _one_of("objective", objective, ("sharpe", "sortino", "calmar", "return", "r"))
    asked = Asked(
        terms, trials, jobs or os.cpu_count() or 1, storage, study, folds, objective, seed, write, force, as_json
    )
    with configured() as settings:
        run(settings, asked)


def _one_of(option: str, word: str | None, known: Sequence[str]) -> str | None:
    if word is not None and word not in known:
        complain(f"--{option} {word}: one of {', '.join(known)} is needed")
        raise typer.Exit(2)
    return word


@app.command(name="check-strategy")
def check_strategy(
    strategy: Annotated[str, typer.Argument(help="module:Class or file.py:Class")],
    data: Annotated[Path, typer.Option(help="candle files of NIJA, or a data folder of freqtrade")],
    pairs: Pairs = "",
    timeframe: Timeframe = None,
    max_holes: MaxHoles = None,
) -> None:
    """Check whether a strategy's results can be believed: it must not see later candles, nor depend on where they begin."""
    from bot.commands.research import check_strategy as check

    with configured() as settings:
        check(settings, strategy, data, listed(pairs), timeframe, max_holes)
