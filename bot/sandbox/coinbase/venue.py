"""Opens Coinbase: its products, default account, certificate and the endpoints of its wire."""

from __future__ import annotations

from decimal import Decimal

from bot.sandbox.coinbase.account import AccountEndpoints
from bot.sandbox.coinbase.auth import Authenticator
from bot.sandbox.coinbase.books import SharedBooks
from bot.sandbox.coinbase.consumer import ConsumerEndpoints
from bot.sandbox.coinbase.history import HistoryEndpoints
from bot.sandbox.coinbase.ids import CoinbaseIds
from bot.sandbox.coinbase.limits import Limits
from bot.sandbox.coinbase.portfolios import Portfolios
from bot.sandbox.coinbase.products import Listing, Product, fee_table, product_of, tick_of
from bot.sandbox.coinbase.public import PublicEndpoints
from bot.sandbox.coinbase.refusals import refuse
from bot.sandbox.coinbase.switches import CoinbaseSwitches, defaults
from bot.sandbox.coinbase.tls import certificates
from bot.sandbox.coinbase.trading import TradingEndpoints
from bot.sandbox.coinbase.wire import CoinbaseWire, skewed_wall_ms
from bot.sandbox.core.credentials import MAIN, Keyring
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.state import State
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import sure
from bot.sandbox.core.venue import Setting, Tally, Venue, budget_clock
from bot.sandbox.market import Jump, Market, default_pairs

NAME = "coinbase"
HOSTS = ("localhost", "127.0.0.1", "::1")
MORE = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "DOGE-USDT", "ADA-USDT", "LTC-USDT", "LINK-USDT")
TWINS = ("BTC", "ETH", "SOL")
STABLE = "USDT-USD"
CANCEL_ONLY = "DOT-USD"
NEW = "AVAX-USD"
NEW_SINCE_MS = 2 * 3_600_000
DEFAULT_TIER = 3
MONEY = {"USD": Decimal(3000), "USDC": Decimal(2000)}


def open_venue(setting: Setting) -> Venue:
    """Coinbase, opened from the setting's state."""
    names = symbols(setting.pairs)
    ticks = {name: tick_of(name) for name in names}
    market = Market(setting.seed, setting.start_ms, names, setting.candles, ticks, setting.spread)
    state = State(NAME, setting.journal, _base_volume(setting.fee_tier))
    market.restore(Jump(row[0], row[1], Decimal(row[2])) for row in setting.journal.get(f"{NAME}/jumps") or [])
    listing = Listing(products(market, setting.start_ms))
    switches = CoinbaseSwitches(defaults(listing.by_id, lockstep=setting.clock.lockstep))
    if CANCEL_ONLY in listing.by_id:
        switches.set(f"product_flag.{CANCEL_ONLY}", "cancel_only")
    ids = CoinbaseIds(setting.dice)
    books = SharedBooks(market, {product.id: product.book for product in listing.by_id.values()})
    exchange = Exchange(
        clock=setting.clock,
        market=books,
        instruments={product.id: product.instrument() for product in listing.by_id.values()},
        fees=fee_table(),
        state=state,
        ids=ids,
        seed=setting.seed,
    )
    switches.listen("rules", lambda symbol, text: exchange.instruments.update({symbol: listing.change(symbol, text)}))
    faults = Faults(NAME, setting.dice, setting.clock.wall_ms)
    exchange.habits.hidden_seconds = lambda: _late(faults, switches)
    exchange.habits.clears_after_ms = lambda: switches.number("hold_release_ms")
    return _assemble(setting, exchange, books, listing, switches, faults, ids)


def _assemble(
    setting: Setting,
    exchange: Exchange,
    books: SharedBooks,
    listing: Listing,
    switches: Switches,
    faults: Faults,
    ids: CoinbaseIds,
) -> Venue:
    keyring, tally = Keyring(exchange.state), Tally()
    portfolios = Portfolios(exchange.state, setting.dice)
    ca_file, server_file = certificates(exchange.state, setting.beside, HOSTS)
    budget_ms = budget_clock(setting.clock)
    account = AccountEndpoints(exchange, listing, switches, faults, portfolios)

    def wall_ms() -> int:
        return skewed_wall_ms(exchange, faults)

    wire = CoinbaseWire(
        exchange=exchange,
        faults=faults,
        switches=switches,
        tally=tally,
        authenticator=Authenticator(keyring, switches, wall_ms),
        limits=Limits(switches, budget_ms),
        public=PublicEndpoints(books, listing, switches, faults),
        account=account,
        history=HistoryEndpoints(exchange, listing, switches, portfolios),
        trading=TradingEndpoints(exchange, listing, switches, faults, portfolios, ids, wall_ms),
        consumer=ConsumerEndpoints(exchange, listing, account),
        main=lambda: sure(keyring.main()),
        ca_file=ca_file,
        dice=setting.dice,
        budget_ms=budget_ms,
    )
    venue = Venue(
        NAME,
        exchange,
        wire,
        faults,
        switches,
        keyring,
        tally,
        MONEY,
        refusal=lambda request, text: refuse(request, text, switches.word("refusal_code_in")),
        tls_files=(server_file, server_file),
    )
    if keyring.main() is None:
        venue.open_account(MAIN)
        exchange.commit()
    return venue


def symbols(pairs: int | None) -> list[str]:
    """The markets of the tradable products, and of some that a careful trader avoids."""
    tradable = [*default_pairs()[NAME], *MORE]
    wanted = tradable[: pairs if pairs is not None else len(default_pairs()[NAME])]
    return [*wanted, STABLE, CANCEL_ONLY, NEW]


def products(market: Market, start_ms: int) -> list[Product]:
    """One product per market, and USDC twins of some."""
    own = [product_of(s, s, _listed(market, s, start_ms), s == NEW) for s in market.symbols]
    twins = [
        product_of(f"{p.base}-USDC", p.id, p.listed_ms, new=False) for p in own if p.quote == "USD" and p.base in TWINS
    ]
    return [*own, *twins]


def _listed(market: Market, symbol: str, start_ms: int) -> int:
    return start_ms - NEW_SINCE_MS if symbol == NEW else market.listed_ms(symbol)


def _base_volume(fee_tier: int | None) -> Decimal:
    return fee_table().tiers[DEFAULT_TIER if fee_tier is None else fee_tier].volume


def _late(faults: Faults, switches: Switches) -> float:
    """How long a fill stays hidden, in real seconds: as long as a fault says, or while the order is pending."""
    fault = faults.take(FaultKind.LATE_FILL)
    late = 0.0 if fault is None else fault.seconds if fault.seconds is not None else 5.0
    lagging = 0.001 if switches.number("fills_lag_ms") else 0.0
    return max(late, lagging, switches.number("pending_ms") / 1000)
