"""Finds the accounts with credentials and builds a broker for each: the only place that knows which venues exist.

Builds brokers, and examines accounts for the operator's checks; it does not trade.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from bot.brokers.base import BaseBroker, BrokerError, Connection, OrderProbe
from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.coinbase.errors import REMEDIES as COINBASE
from bot.brokers.kraken import KrakenBroker, KrakenConfig, Tier
from bot.brokers.kraken.errors import REMEDIES as KRAKEN
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.brokers.okx.errors import REMEDIES as OKX
from bot.domain.clock import Clock
from bot.domain.ids import Account, AccountKey, ClientIds
from bot.domain.instrument import DOLLARS, Balance, Instrument
from bot.domain.log import Log
from bot.domain.money import ZERO
from bot.domain.outcome import ErrorMeaning
from bot.domain.position import Position, closing_price
from bot.engine.probe import probe_orders
from bot.engine.universe import MarketCriteria, eligible, spendable
from bot.runtime.trading_environment import ExchangeAccess, TradingEnvironment

__all__ = ["BrokerManager", "CoinbaseBroker", "Examination", "KrakenBroker", "OKXBroker"]

Builder = Callable[[ExchangeAccess, Path, bool, Clock, Log], BaseBroker]


@dataclass(frozen=True, slots=True)
class Examination:
    """The result of checking one account. `balance_usd` is its quote cash, `useful_usd` the part in currencies that some market
    here is paid in (`spendable`), `elsewhere` the money that no order can use now; `positions_usd` is what NIJA's own `positions`
    add to the equity. `problem` is empty when all is well.
    """

    key: AccountKey
    connected: bool
    problem: str = ""
    remedy: str = ""
    meaning: ErrorMeaning | None = None
    connection: Connection | None = None
    balances: Mapping[str, Balance] = field(default_factory=dict)
    elsewhere: str = ""
    shapes: Sequence[OrderProbe] = ()
    spendable: frozenset[str] = DOLLARS
    positions: Sequence[Position] = ()
    positions_usd: Decimal = ZERO

    @property
    def foreign(self) -> dict[str, Decimal]:
        """Coins in the account that belong to no position of NIJA, and so not to the equity."""
        ours: dict[str, Decimal] = {}
        for one in self.positions:
            ours[one.base] = ours.get(one.base, ZERO) + one.qty
        found = {
            asset: held.total - ours.get(asset, ZERO) for asset, held in self.balances.items() if asset not in DOLLARS
        }
        return {asset: amount for asset, amount in found.items() if amount > 0}

    @property
    def balance_usd(self) -> Decimal:
        return self._sum(DOLLARS)

    @property
    def useful_usd(self) -> Decimal:
        return self._sum(DOLLARS & self.spendable)

    def _sum(self, assets: frozenset[str]) -> Decimal:
        return sum((held.total for asset, held in self.balances.items() if asset in assets), ZERO)


class BrokerManager:
    """Builds the brokers of one trading environment."""

    def __init__(
        self, env: TradingEnvironment, state_dir: Path, *, allow_withdraw: bool, log_for: Callable[[str], Log]
    ) -> None:
        self._clock = env.clock
        self._accesses = {str(access.key): access for access in env.accesses.values()}
        self._state_dir = state_dir
        self._allow_withdraw = allow_withdraw
        self._log_for = log_for

    @property
    def venues(self) -> tuple[str, ...]:
        """The keys of the accounts that can be traded here: credentials are complete and a broker exists."""
        return tuple(key for key, access in self._accesses.items() if access.venue in BUILDERS)

    @property
    def unbuilt(self) -> tuple[str, ...]:
        """The keys of accounts with credentials that this version has no broker for."""
        return tuple(key for key, access in self._accesses.items() if access.venue not in BUILDERS)

    def build(self, key: AccountKey | str, clock: Clock | None = None) -> BaseBroker:
        """A new, unconnected broker, on the environment's clock or on another with the same time.

        Raises `BrokerError` when its files cannot be used.
        """
        access = self._accesses[str(key)]
        log = self._log_for(str(key))
        try:
            return BUILDERS[access.venue](access, self._state_dir, self._allow_withdraw, clock or self._clock, log)
        except OSError as error:
            missing = error.filename or "a file or socket that NIJA needs"
            remedy = _OF_SYSTEM.get(error.errno or 0, "check that it exists, its disk and its permissions")
            text = f"{missing} cannot be used ({error.strerror or error})"
            raise BrokerError(
                access.venue, ErrorMeaning.BUSY, text, remedy=f"{remedy}; nothing is sent until then"
            ) from error

    def examine(
        self,
        key: AccountKey | str,
        *,
        prove: bool = False,
        positions_of: Callable[[Account], Sequence[Position]] = lambda _: (),
    ) -> Examination:
        """Connect to one account and read its balances; a failure is a result, not an exception.

        With `prove`, the exchange also judges our exact orders, without money. `positions_of` gives NIJA's positions there.
        """
        try:
            with closing(self.build(key)) as broker:
                return self._examined(broker, positions_of, prove=prove)
        except BrokerError as error:
            failed = self._accesses[str(key)].key
            return Examination(failed, connected=False, problem=error.text, remedy=error.remedy, meaning=error.meaning)

    def _examined(
        self, broker: BaseBroker, positions_of: Callable[[Account], Sequence[Position]], *, prove: bool
    ) -> Examination:
        connection = broker.connect()
        positions = positions_of(connection.account)
        broker.keep_listed({one.symbol for one in positions})
        broker.keep_readable({one.base for one in positions}.__contains__)
        instruments, balances = broker.instruments(), broker.balances()
        return Examination(
            connection.account.key,
            connected=True,
            connection=connection,
            balances=balances,
            elsewhere=broker.elsewhere(balances),
            shapes=self._prove(broker, instruments) if prove else (),
            spendable=spendable(instruments.values(), MarketCriteria(most=1, swaps=broker.capabilities().short)),
            positions=positions,
            positions_usd=_worth(broker, instruments, positions),
        )

    def _prove(self, broker: BaseBroker, instruments: Mapping[str, Instrument]) -> Sequence[OrderProbe]:
        fit = {symbol for symbol, one in instruments.items() if eligible(one, MarketCriteria(most=1))}
        tickers = broker.tickers(fit)
        if not tickers:
            return ()
        best = max(tickers, key=lambda symbol: tickers[symbol].turnover)
        ids = ClientIds("chk", self._clock.wall_ms, random.Random())  # noqa: S311 - a name, not a secret
        return probe_orders(broker, self._clock, ids, instruments[best], tickers[best])

    def examine_all(self) -> list[Examination]:
        """Examine all accounts in parallel, so that a slow one does not delay the others."""
        keys = self.venues
        if not keys:
            return []
        with ThreadPoolExecutor(max_workers=len(keys), thread_name_prefix="examine") as pool:
            return list(pool.map(self.examine, keys))


def _worth(broker: BaseBroker, instruments: Mapping[str, Instrument], positions: Sequence[Position]) -> Decimal:
    """The current value of positions: for coins their price, for swaps their unrealised result; raises `BrokerError`."""
    quoted = {one.symbol for one in positions if one.symbol in instruments}
    tickers = broker.tickers(quoted) if quoted else {}
    total = ZERO
    for one in positions:
        price, swap = closing_price(one, tickers), one.symbol in instruments and instruments[one.symbol].shortable
        total += one.unrealised(price) if swap else one.value(price)
    return total


def _kraken(access: ExchangeAccess, state_dir: Path, allow_withdraw: bool, clock: Clock, log: Log) -> BaseBroker:
    config = KrakenConfig(
        api_key=access.api_key,
        api_secret=access.api_secret,
        state_dir=state_dir,
        api_url=access.rest,
        mode=access.mode,
        environment=access.environment,
        account_name=access.name,
        allow_withdraw=allow_withdraw,
        tier=Tier(access.tier),
        ca_file=access.ca_file,
    )
    return KrakenBroker(config, clock, log)


def _okx(access: ExchangeAccess, state_dir: Path, allow_withdraw: bool, clock: Clock, log: Log) -> BaseBroker:
    config = OkxConfig(
        api_key=access.api_key,
        api_secret=access.api_secret,
        passphrase=access.passphrase or "",
        state_dir=state_dir,
        api_url=access.rest,
        mode=access.mode,
        environment=access.environment,
        account_name=access.name,
        demo=access.mode == "demo",
        swaps=access.swaps,
        non_crypto=access.non_crypto,
        allow_withdraw=allow_withdraw,
        ca_file=access.ca_file,
    )
    return OKXBroker(config, clock, log)


def _coinbase(access: ExchangeAccess, state_dir: Path, allow_withdraw: bool, clock: Clock, log: Log) -> BaseBroker:
    config = CoinbaseConfig(
        api_key=access.api_key,
        api_secret=access.api_secret,
        state_dir=state_dir,
        api_url=access.rest,
        mode=access.mode,
        environment=access.environment,
        account_name=access.name,
        allow_withdraw=allow_withdraw,
        ca_file=access.ca_file,
    )
    return CoinbaseBroker(config, clock, log)


#: What the owner can do when the system runs out of a resource, by errno.
_OF_SYSTEM: Mapping[int, str] = {
    errno.EMFILE: "allow this process more open files (`ulimit -n`, LimitNOFILE= of the service)",
    errno.ENFILE: "this computer has too many open files: end other programs",
    errno.ENOMEM: "this computer has too little free memory: end other programs",
    errno.ENOSPC: "free some space on this disk",
}
#: What the owner can do about each named problem of a venue.
REMEDIES: Mapping[str, Mapping[str, str]] = {"kraken": KRAKEN, "okx": OKX, "coinbase": COINBASE}
BUILDERS: Mapping[str, Builder] = {"kraken": _kraken, "okx": _okx, "coinbase": _coinbase}
