"""Opens Kraken: its pairs, default account and the endpoints of its wire."""

from __future__ import annotations

from decimal import Decimal

from bot.sandbox.core.credentials import MAIN, Keyring
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.state import State
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import sure
from bot.sandbox.core.venue import Setting, Tally, Venue, budget_clock
from bot.sandbox.kraken import switches
from bot.sandbox.kraken.account import AccountEndpoints
from bot.sandbox.kraken.auth import Authenticator
from bot.sandbox.kraken.crumbs import Crumbs
from bot.sandbox.kraken.earn import AutoEarn
from bot.sandbox.kraken.ids import KrakenIds
from bot.sandbox.kraken.limits import Limits
from bot.sandbox.kraken.pairs import Listing, fee_table, pair_of
from bot.sandbox.kraken.public import PublicEndpoints
from bot.sandbox.kraken.switches import KrakenSwitches
from bot.sandbox.kraken.trading import TradingEndpoints
from bot.sandbox.kraken.wire import KrakenWire, skewed_wall_ms
from bot.sandbox.market import Jump, Market, default_pairs

NAME = "kraken"
MORE = (
    "ETH-USDT",
    "LINK-USD",
    "SOL-USDT",
    "AVAX-USD",
    "DOT-USD",
    "XRP-USDT",
    "DOGE-USDT",
    "ADA-USDT",
    "LTC-USDT",
    "LINK-USDT",
)
STABLE = ("USDT-USD", "USDC-USD")
CANCEL_ONLY = "DOT-USDT"
NEW = "AVAX-USDT"
NEW_SINCE_MS = 2 * 3_600_000
DEFAULT_TIER = 4
MONEY = {"USD": Decimal(3000), "USDT": Decimal(2000)}


def open_venue(setting: Setting) -> Venue:
    """Kraken, opened from the setting's state."""
    market = Market(setting.seed, setting.start_ms, symbols(setting.pairs), setting.candles, spread=setting.spread)
    state = State(NAME, setting.journal, _base_volume(setting.fee_tier))
    market.restore(Jump(row[0], row[1], Decimal(row[2])) for row in setting.journal.get(f"{NAME}/jumps") or [])
    listing = Listing(pair_of(s, market.tick(s), _listed(market, s, setting.start_ms)) for s in market.symbols)
    knobs = KrakenSwitches(switches.defaults(market.symbols))
    if CANCEL_ONLY in market.symbols:
        knobs.set(f"pair_status.{CANCEL_ONLY}", "cancel_only")
    exchange = Exchange(
        clock=setting.clock,
        market=market,
        instruments={pair.symbol: pair.instrument() for pair in listing.by_symbol.values()},
        fees=fee_table(),
        state=state,
        ids=KrakenIds(setting.dice),
        seed=setting.seed,
    )
    knobs.listen("rules", lambda symbol, text: exchange.instruments.update({symbol: listing.change(symbol, text)}))
    knobs.listen("wallet_decimals", lambda _, number: exchange.instruments.update(listing.keep(int(number))))
    knobs.listen("maker_rebate", lambda _, word: _pay_makers(exchange, word))
    exchange.habits.finish = Crumbs(knobs)
    faults = Faults(NAME, setting.dice, setting.clock.wall_ms)
    exchange.habits.hidden_seconds = lambda: _late(faults)
    return _assemble(setting, exchange, listing, knobs, faults, market)


def _assemble(
    setting: Setting, exchange: Exchange, listing: Listing, knobs: Switches, faults: Faults, market: Market
) -> Venue:
    keyring, tally = Keyring(exchange.state), Tally()
    limits, earn = Limits(knobs, budget_clock(setting.clock)), AutoEarn(exchange, knobs)
    wire = KrakenWire(
        exchange=exchange,
        faults=faults,
        tally=tally,
        authenticator=Authenticator(keyring, knobs),
        limits=limits,
        public=PublicEndpoints(market, listing, knobs, faults),
        account=AccountEndpoints(exchange, listing, knobs, faults, earn),
        trading=TradingEndpoints(
            exchange, listing, knobs, faults, limits, earn, lambda: skewed_wall_ms(exchange, faults)
        ),
        earn=earn,
        main=lambda: sure(keyring.main()),
        dice=setting.dice,
    )
    venue = Venue(NAME, exchange, wire, faults, knobs, keyring, tally, MONEY)
    if keyring.main() is None:
        venue.open_account(MAIN)
        exchange.commit()
    return venue


def symbols(pairs: int | None) -> list[str]:
    """The tradable pairs, and some that a careful trader avoids."""
    tradable = [*default_pairs()[NAME], *MORE]
    wanted = tradable[: pairs if pairs is not None else len(default_pairs()[NAME])]
    return [*wanted, *STABLE, CANCEL_ONLY, NEW]


def _listed(market: Market, symbol: str, start_ms: int) -> int:
    return start_ms - NEW_SINCE_MS if symbol == NEW else market.listed_ms(symbol)


def _base_volume(fee_tier: int | None) -> Decimal:
    return fee_table().tiers[DEFAULT_TIER if fee_tier is None else fee_tier].volume


def _pay_makers(exchange: Exchange, word: str) -> None:
    exchange.habits.fees = fee_table(rebate=word == str(True))


def _late(faults: Faults) -> float:
    fault = faults.take(FaultKind.LATE_FILL)
    return 0.0 if fault is None else fault.seconds if fault.seconds is not None else 5.0
