"""An OKX account's assets: balances of its trading and funding accounts, and positions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import plain
from bot.sandbox.core.positions import Position
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Leg
from bot.sandbox.core.views import View
from bot.sandbox.okx.errors import OkxError, Row, bad, refused
from bot.sandbox.okx.listing import Listing
from bot.sandbox.okx.public import KINDS
from bot.sandbox.okx.words import Words

DOLLARS = frozenset({"USD", "USDT", "USDC"})
MODES = ("cross", "isolated")
STALE_SECONDS = 10.0


class AccountEndpoints:
    """Answers an account's requests about its money."""

    def __init__(self, exchange: Exchange, listing: Listing, faults: Faults, switches: Switches) -> None:
        self._exchange = exchange
        self._listing = listing
        self._faults = faults
        self._switches = switches

    # ---- money ----

    def balance(self, who: Credential, words: Words) -> list[Row]:
        wanted = words.names("ccy")
        if len(wanted) > 20:
            raise refused("50025", "ccy", 20)
        upl = sum((self._upl(p) for p in self._exchange.positions.of(who.account)), ZERO)
        details = [
            self._coin(who, name, total, held, upl if name == "USDT" else ZERO)
            for name, (total, held) in self._balances(who).items()
            if total and (not wanted or name in wanted)
        ]
        equity = plain(sum((Decimal(row["eqUsd"]) for row in details), ZERO))
        blank = (
            "adjEq", "availEq", "borrowFroz", "delta", "deltaLever", "deltaNeutralStatus", "imr", "mgnRatio", "mmr",
            "notionalUsd", "notionalUsdForBorrow", "notionalUsdForFutures", "notionalUsdForOption",
            "notionalUsdForSwap", "ordFroz", "upl",
        )  # fmt: skip
        isolated = sum((p.margin for p in self._exchange.positions.of(who.account) if p.isolated), ZERO)
        totals = {"details": details, "isoEq": plain(isolated), "totalEq": equity, "uTime": str(self._exchange.now)}
        return [{**dict.fromkeys(blank, ""), **totals}]

    def _coin(self, who: Credential, name: str, total: Decimal, held: Decimal, upl: Decimal) -> Row:
        price = self._price(name)
        equity = total + upl
        used = sum((p.margin for p in self._exchange.positions.of(who.account)), ZERO) if name == "USDT" else ZERO
        blank = (
            "accAvgPx", "autoLendAmt", "autoLendMtAmt", "autoLendStatus", "borrowFroz", "clSpotInUseAmt",
            "colBorrAutoConversion", "crossLiab", "interest", "isoLiab", "liab", "maxLoan", "maxSpotInUse",
            "mgnRatio", "openAvgPx", "spotBal", "spotInUseAmt", "spotUpl", "spotUplRatio",
            "totalPnl", "totalPnlRatio", "uplLiab",
        )  # fmt: skip
        zero = ("fixedBal", "imr", "isoEq", "isoUpl", "mmr", "notionalLever", "rewardBal", "smtSyncEq",
                "spotCopyTradingEq", "spotIsoBal", "stgyEq", "twap")  # fmt: skip
        return {
            **dict.fromkeys(blank, ""),
            **dict.fromkeys(zero, "0"),
            "availBal": plain(total - held),
            "availEq": plain(max(ZERO, total - held + min(ZERO, upl))),
            "cashBal": plain(total),
            "ccy": name,
            "coinUsdPrice": plain(price),
            "collateralEnabled": False,
            "collateralRestrict": False,
            "disEq": plain(equity * price),
            "eq": plain(equity),
            "eqUsd": plain(equity * price),
            "frozenBal": plain(held),
            "ordFrozen": plain(max(ZERO, held - used)),
            "uTime": str(self._exchange.now),
            "upl": plain(upl),
        }

    def asset_balances(self, who: Credential, words: Words) -> list[Row]:
        """The funding account, which cannot trade; deposits to `main.funding` go there."""
        wanted = words.names("ccy")
        pocket = View(self._exchange, f"{who.account}.funding").balances()
        return [
            {"availBal": plain(total - held), "bal": plain(total), "ccy": name, "frozenBal": plain(held)}
            for name, (total, held) in pocket.items()
            if total and (not wanted or name in wanted)
        ]

    def savings(self, who: Credential, words: Words) -> list[Row]:
        """Simple Earn, which is in neither account; deposits to `main.earn` go there. Demo trading has none."""
        if self._switches.on("demo_account"):
            raise OkxError("50038")
        wanted = words.names("ccy")
        pocket = View(self._exchange, f"{who.account}.earn").balances()
        blank = dict.fromkeys(("earnings", "loanAmt", "pendingAmt", "redemptAmt"), "0")
        return [
            {**blank, "amt": plain(total), "ccy": name, "rate": "0.01"}
            for name, (total, _) in pocket.items()
            if total and (not wanted or name in wanted)
        ]

    def transfer(self, who: Credential, words: Words) -> list[Row]:
        """Moves money between the funding account (6) and the trading account (18)."""
        pockets = {"6": f"{who.account}.funding", "18": who.account}
        source = words.one_of("from", tuple(pockets))
        target = words.one_of("to", tuple(pockets))
        name, amount = words.need("ccy"), words.amount("amt") or ZERO
        if source == target:
            raise bad("to")
        if self._exchange.state.account(pockets[source]).free(name) < amount:
            raise OkxError("58350", "Insufficient balance")
        self._exchange.deposit(pockets[source], name, -amount)
        self._exchange.deposit(pockets[target], name, amount)
        row = {"amt": plain(amount), "ccy": name, "clientId": words.get("clientId", ""), "from": source, "to": target}
        return [{**row, "transId": str(self._exchange.now)}]

    def currencies(self, _: Credential, words: Words) -> list[Row]:
        wanted = words.names("ccy")
        return [_currency(name) for name in self._listing.coins() if not wanted or name in wanted]

    # ---- positions ----

    def positions(self, who: Credential, words: Words) -> list[Row]:
        kind, wanted = words.get("instType", ""), words.names("instId")
        if kind and kind not in KINDS:
            raise bad("instType")
        return [
            self._position(position)
            for position in self._exchange.positions.of(who.account)
            if kind in {"", "SWAP"}
            and (not wanted or position.symbol in wanted)
            and words.get("posId", str(position.number)) == str(position.number)
        ]

    def _position(self, p: Position) -> Row:
        listed = self._listing.by_symbol[p.symbol]
        mark = self._exchange.market.last(p.symbol, self._exchange.now)
        upl, size = self._upl(p), listed.size(p.qty)
        notional = abs(p.qty) * mark
        maintenance = notional * self._exchange.margin.maintenance
        liquidation = self._exchange.margin.liquidation_price(p)
        blank = (
            "baseBal", "baseBorrowed", "baseInterest", "bizRefId", "bizRefType", "clSpotInUseAmt", "deltaBS", "deltaPA",
            "gammaBS", "gammaPA", "hedgedPos", "interest", "liab", "liabCcy", "maxSpotInUseAmt", "optVal",
            "pendingCloseOrdLiabVal", "posCcy", "quoteBal", "quoteBorrowed", "quoteInterest", "spotInUseAmt",
            "spotInUseCcy", "thetaBS", "thetaPA", "usdPx", "vegaBS", "vegaPA",
        )  # fmt: skip
        return {
            **dict.fromkeys(blank, ""),
            "adl": "1",
            "availPos": listed.size(abs(p.qty)) if p.leg is not Leg.NET else "",
            "avgPx": plain(p.entry.quantize(Decimal("1e-10"))),
            "bePx": plain((p.entry - (p.pnl + p.fees + p.funding) / p.qty).quantize(Decimal("1e-10"))),
            "cTime": str(p.opened_ms),
            "ccy": listed.quote,
            "closeOrderAlgo": [],
            "fee": plain(p.fees),
            "fundingFee": plain(p.funding),
            "idxPx": listed.price(mark),
            "imr": "" if p.isolated else plain(p.margin),
            "instId": p.symbol,
            "instType": "SWAP",
            "last": listed.price(mark),
            "lever": plain(p.leverage),
            "liqPenalty": "0",
            "liqPx": "" if liquidation is None else plain(liquidation.quantize(listed.tick)),
            "margin": plain(p.margin) if p.isolated else "",
            "markPx": listed.price(mark),
            "mgnMode": "isolated" if p.isolated else "cross",
            "mgnRatio": plain(((p.margin + upl) / maintenance).quantize(Decimal("0.0001"))),
            "mmr": plain(maintenance),
            "nonSettleAvgPx": "",
            "notionalUsd": plain(notional),
            "pTime": str(self._exchange.now),
            "pnl": plain(p.pnl),
            "pos": size if p.leg is Leg.NET else listed.size(abs(p.qty)),
            "posId": str(p.number),
            "posSide": p.leg.value,
            "realizedPnl": plain(p.pnl + p.fees + p.funding),
            "settledPnl": "",
            "tradeId": p.last_fill.rpartition(":")[2],
            "uTime": str(p.changed_ms),
            "upl": plain(upl),
            "uplLastPx": plain(upl),
            "uplRatio": plain((upl / p.margin).quantize(Decimal("1e-10"))) if p.margin else "0",
            "uplRatioLastPx": plain((upl / p.margin).quantize(Decimal("1e-10"))) if p.margin else "0",
        }

    def _upl(self, position: Position) -> Decimal:
        return position.upl(self._exchange.market.last(position.symbol, self._exchange.now))

    # ---- parts ----

    def _balances(self, who: Credential) -> dict[str, tuple[Decimal, Decimal]]:
        fault = self._faults.take(FaultKind.STALE_BALANCE, "GET", "/api/v5/account/balance")
        stale = 0.0 if fault is None else fault.seconds if fault.seconds is not None else STALE_SECONDS
        return View(self._exchange, who.account, stale).balances()

    def _price(self, name: str) -> Decimal:
        if name in DOLLARS:
            return Decimal(1)
        symbol = f"{name}-USDT"
        known = symbol in self._exchange.instruments
        return self._exchange.market.last(symbol, self._exchange.now) if known else ZERO


def _currency(name: str) -> dict[str, Any]:
    return {
        "ccy": name, "name": name, "chain": f"{name}-Sandbox", "canDep": False, "canWd": False, "canInternal": False,
        "mainNet": True, "minWd": "0", "maxWd": "0", "minFee": "0", "maxFee": "0", "wdTickSz": "8", "minDep": "0",
        "logoLink": "", "ctAddr": "", "fee": "0", "needTag": False,
    }  # fmt: skip
