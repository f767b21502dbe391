"""Opens OKX: its instruments, default account and the endpoints of its wire."""

from __future__ import annotations

from decimal import Decimal

from bot.sandbox.core.credentials import MAIN, Keyring
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.state import State
from bot.sandbox.core.values import sure
from bot.sandbox.core.venue import Setting, Tally, Venue, budget_clock
from bot.sandbox.market import Jump, Market, default_pairs
from bot.sandbox.okx import switches
from bot.sandbox.okx.account import AccountEndpoints
from bot.sandbox.okx.algos import AlgoEndpoints
from bot.sandbox.okx.archive import Archive
from bot.sandbox.okx.auth import Authenticator
from bot.sandbox.okx.books import Books
from bot.sandbox.okx.floor import Floor
from bot.sandbox.okx.ids import OkxIds
from bot.sandbox.okx.limits import Limits
from bot.sandbox.okx.listing import CONTRACTS, FIRST_CODE, OTHERS, Listed, Listing, fee_table, spot, swap
from bot.sandbox.okx.profile import ProfileEndpoints
from bot.sandbox.okx.public import PublicEndpoints
from bot.sandbox.okx.settings import Settings
from bot.sandbox.okx.switches import OkxSwitches
from bot.sandbox.okx.tickets import TicketReader
from bot.sandbox.okx.trading import TradingEndpoints
from bot.sandbox.okx.wire import Endpoints, OkxWire, skewed_wall_ms

NAME = "okx"
MORE = ("BTC-USDC", "ETH-USDC", "SOL-USDC")
STABLE = "USDC-USDT"
SUSPENDED = "DOT-USDT"
NEW = "AVAX-USDT"
NEW_SINCE_MS = 2 * 3_600_000
MONEY = {"USDT": Decimal(5000)}


def open_venue(setting: Setting) -> Venue:
    """OKX, opened from the setting's state."""
    market = Market(setting.seed, setting.start_ms, symbols(setting.pairs), setting.candles, spread=setting.spread)
    state = State(NAME, setting.journal, fee_table().tiers[setting.fee_tier or 0].volume)
    market.restore(Jump(row[0], row[1], Decimal(row[2])) for row in setting.journal.get(f"{NAME}/jumps") or [])
    listing = _listing(market, setting.start_ms)
    knobs = OkxSwitches(switches.defaults(listing.by_symbol))
    floor = Floor(market, knobs)
    if SUSPENDED in listing.by_symbol:
        knobs.set(f"state.{SUSPENDED}", "suspend")
    exchange = Exchange(
        clock=setting.clock,
        market=floor,
        instruments={listed.symbol: listed.instrument() for listed in listing.by_symbol.values()},
        fees=fee_table(),
        state=state,
        ids=OkxIds(state, setting.dice),
        seed=setting.seed,
    )
    exchange.habits.funding = floor
    exchange.habits.cuts_triggered = lambda: knobs.word("algo_short_of_coins") == "reduce"
    knobs.listen("rules", lambda symbol, text: exchange.instruments.update({symbol: listing.change(symbol, text)}))
    faults = Faults(NAME, setting.dice, setting.clock.wall_ms)
    exchange.habits.hidden_seconds = lambda: _late(faults)
    return _assemble(setting, exchange, listing, knobs, faults, floor)


def _assemble(
    setting: Setting, exchange: Exchange, listing: Listing, knobs: OkxSwitches, faults: Faults, floor: Floor
) -> Venue:
    keyring, tally, settings = Keyring(exchange.state), Tally(), Settings(exchange.state)
    public = PublicEndpoints(floor, listing, knobs, faults)
    tickets = TicketReader(exchange, listing, public, knobs, settings)
    wire = OkxWire(
        exchange=exchange,
        switches=knobs,
        faults=faults,
        tally=tally,
        authenticator=Authenticator(keyring, knobs),
        limits=Limits(knobs, budget_clock(setting.clock)),
        endpoints=Endpoints(
            public=public,
            archive=Archive(floor, listing, knobs),
            account=AccountEndpoints(exchange, listing, faults, knobs),
            profile=ProfileEndpoints(exchange, listing, public, tickets, knobs, settings),
            books=Books(exchange, listing, knobs),
            trading=TradingEndpoints(
                exchange, listing, tickets, knobs, faults, lambda: skewed_wall_ms(exchange, faults)
            ),
            algos=AlgoEndpoints(exchange, listing, tickets, knobs, faults),
        ),
        main=lambda: sure(keyring.main()),
        dice=setting.dice,
    )
    venue = Venue(NAME, exchange, wire, faults, knobs, keyring, tally, MONEY)
    if keyring.main() is None:
        venue.open_account(MAIN)
        exchange.commit()
    return venue


def symbols(pairs: int | None) -> list[str]:
    """The pairs that trade: the most traded ones (all, or a given number), and some that a careful trader avoids."""
    tradable = [*default_pairs()[NAME], *MORE]
    return [*tradable[:pairs], STABLE, SUSPENDED, NEW, *(f"{base}-USDT" for base in OTHERS)]


def _listing(market: Market, start_ms: int) -> Listing:
    """All pairs, a swap for each coin with a contract, and the swaps of underlyings without a pair."""
    rows: list[Listed] = []
    for symbol in market.symbols:
        if symbol.split("-")[0] in OTHERS:
            continue
        listed_ms = start_ms - NEW_SINCE_MS if symbol == NEW else market.listed_ms(symbol)
        rows.append(spot(symbol, market.tick(symbol), listed_ms, FIRST_CODE + len(rows)))
    for symbol in market.symbols:
        base, quote = symbol.split("-")
        if quote == "USDT" and base in {*CONTRACTS, *OTHERS}:
            rows.append(swap(symbol, market.tick(symbol), market.listed_ms(symbol), FIRST_CODE + len(rows)))
    return Listing(rows)


def _late(faults: Faults) -> float:
    fault = faults.take(FaultKind.LATE_FILL)
    return 0.0 if fault is None else fault.seconds if fault.seconds is not None else 5.0
