"""OKX's account endpoints: balances, positions, settings, fees, sizes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.sandbox.core.credentials import MAIN, Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import plain
from bot.sandbox.core.positions import Position
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Leg
from bot.sandbox.core.views import View
from bot.sandbox.okx import auth
from bot.sandbox.okx.errors import OkxError, Row, bad, refused
from bot.sandbox.okx.listing import GROUPS, MAX_LEVERAGE, Listed, Listing
from bot.sandbox.okx.public import KINDS, PublicDesk
from bot.sandbox.okx.settings import Settings
from bot.sandbox.okx.words import Words

DOLLARS = frozenset({"USD", "USDT", "USDC"})
MODES = ("cross", "isolated")
STALE_SECONDS = 10.0


class AccountDesk:
    """Answers what an account asks about itself, and changes its settings."""

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        public: PublicDesk,
        switches: Switches,
        settings: Settings,
        faults: Faults,
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._public = public
        self._switches = switches
        self._settings = settings
        self._faults = faults

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
            "maxSpotInUseAmt", "mgnRatio", "openAvgPx", "spotBal", "spotInUseAmt", "spotUpl", "spotUplRatio",
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
        """The funding account, which is a pocket of its own: deposits to `main.funding` lie there."""
        wanted = words.names("ccy")
        pocket = View(self._exchange, f"{who.account}.funding").balances()
        return [
            {"availBal": plain(total - held), "bal": plain(total), "ccy": name, "frozenBal": plain(held)}
            for name, (total, held) in pocket.items()
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
            if kind in {"", "SWAP"} and (not wanted or position.symbol in wanted)
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

    # ---- settings ----

    def config(self, who: Credential, _: Words) -> list[Row]:
        own = self._settings.of(who.account)
        uid = str(44_705_892_343_619_584 + sum(map(ord, who.account)))
        return [
            {
                "acctLv": own.level, "acctStpMode": "cancel_maker", "autoLoan": False, "ctIsoMode": "automatic",
                "enableSpotBorrow": False, "feeType": own.fee_type, "greeksType": "PA",
                "ip": "127.0.0.1" if who.ip_bound else "", "kycLv": "2", "label": "sandbox", "level": "Lv1",
                "levelTmp": "", "liquidationGear": "-1", "mainUid": uid, "mgnIsoMode": "automatic", "opAuth": "0",
                "perm": auth.permissions(who), "posMode": own.position_mode, "roleType": "0", "settleCcy": "USDT",
                "settleCcyList": ["USDT"], "spotBorrowAutoRepay": False, "spotOffsetType": "", "spotRoleType": "0",
                "spotTraderInsts": [], "stgyType": "0", "traderInsts": [], "type": "0" if who.account == MAIN else "1",
                "uid": uid,
            }
        ]  # fmt: skip

    def set_position_mode(self, who: Credential, words: Words) -> list[Row]:
        mode = words.one_of("posMode", ("long_short_mode", "net_mode"))
        own = self._settings.of(who.account)
        if mode != own.position_mode and self._busy_with_swaps(who):
            raise OkxError("59000")
        own.position_mode = mode
        self._settings.note(who.account)
        return [{"posMode": mode}]

    def set_fee_type(self, who: Credential, words: Words) -> list[Row]:
        self._settings.of(who.account).fee_type = words.one_of("feeType", ("0", "1"))
        self._settings.note(who.account)
        return [{"feeType": words["feeType"]}]

    def set_level(self, who: Credential, words: Words) -> list[Row]:
        level = words.one_of("acctLv", ("1", "2", "3", "4"))
        if level == "1" and self._busy_with_swaps(who):
            raise OkxError("59000")
        self._settings.of(who.account).level = level
        self._settings.note(who.account)
        return [{"acctLv": level}]

    def set_leverage(self, who: Credential, words: Words) -> list[Row]:
        """Between 1 and the instrument's maximum; a position takes the new leverage, its margin with it."""
        mode = words.one_of("mgnMode", MODES)
        listed = self._derivative(words)
        words.need("lever")
        leverage = words.amount("lever") or ZERO
        if leverage > MAX_LEVERAGE or leverage < 1:
            raise OkxError("59102")
        own = self._settings.of(who.account)
        if own.level == "1":
            raise OkxError("51010")
        leg = self._leg(words, mode, hedged=own.hedged)
        if not self._exchange.margin.lever(who.account, listed.symbol, leg, mode == "isolated", leverage):
            raise OkxError("59108")
        own.lever(listed.symbol, mode, leg, plain(leverage))
        self._settings.note(who.account)
        shown = words.get("posSide", "net") if mode == "isolated" else "net"
        return [{"instId": listed.symbol, "lever": plain(leverage), "mgnMode": mode, "posSide": shown}]

    def leverage_info(self, who: Credential, words: Words) -> list[Row]:
        mode = words.one_of("mgnMode", MODES)
        own = self._settings.of(who.account)
        legs = (Leg.LONG, Leg.SHORT) if own.hedged else (Leg.NET,)
        rows = []
        for name in words.need("instId").split(","):
            listed = self._derivative(Words({"instId": name}))
            for leg in legs:
                lever = plain(own.leverage_of(listed.symbol, mode, leg))
                rows.append({"ccy": "", "instId": name, "lever": lever, "mgnMode": mode, "posSide": leg.value})
        return rows

    def _leg(self, words: Words, mode: str, *, hedged: bool) -> Leg:
        if not hedged or mode == "cross":
            return Leg.NET
        return Leg(words.one_of("posSide", ("long", "short")))

    def _derivative(self, words: Words) -> Listed:
        listed = self._listing.find(words.need("instId"))
        if not listed.is_swap:
            raise OkxError("51010")
        return listed

    def _busy_with_swaps(self, who: Credential) -> bool:
        orders = (o for o in self._exchange.state.open.values() if o.account == who.account)
        return bool(self._exchange.positions.of(who.account)) or any(o.leverage is not None for o in orders)

    # ---- fees and sizes ----

    def trade_fee(self, who: Credential, words: Words) -> list[Row]:
        """Rates are negative: what one pays."""
        kind = words.one_of("instType", KINDS)
        tier = self._exchange.tier(who.account)
        if kind not in {"SPOT", "MARGIN"}:
            swap = self._exchange.instruments[self._listing.of_kind("SWAP")[0].symbol].tier
            tier = swap if swap is not None else tier
        maker, taker = plain(-tier.maker), plain(-tier.taker)
        spot = kind in {"SPOT", "MARGIN"}
        return [
            {
                "category": "1", "delivery": "", "exercise": "",
                "feeGroup": [{"elpMaker": maker, "groupId": GROUPS.get(kind, "1"), "maker": maker, "taker": taker}],
                "fiat": [], "instType": kind, "level": "Lv1", "maker": maker if spot else "-0.0002",
                "makerU": "" if spot else maker, "makerUSDC": maker, "ruleType": "normal",
                "taker": taker if spot else "-0.0005", "takerU": "" if spot else taker, "takerUSDC": taker,
                "ts": str(self._exchange.now),
            }
        ]  # fmt: skip

    def max_size(self, who: Credential, words: Words) -> list[Row]:
        """Spot: base that can be bought, quote that can be got; swaps: contracts."""
        rows = []
        for listed, free, price in self._sized(who, words):
            if listed.is_swap:
                lever = self._settings.of(who.account).leverage_of(listed.symbol, words["tdMode"], Leg.NET)
                most = plain((free / price * lever / listed.ct_val).quantize(listed.lot))
                rows.append({"ccy": listed.quote, "instId": listed.symbol, "maxBuy": most, "maxSell": most})
            else:
                coins = self._exchange.state.account(who.account).free(listed.base)
                buy, sell = plain((free / price).quantize(listed.lot)), plain(coins * price)
                rows.append({"ccy": listed.base, "instId": listed.symbol, "maxBuy": buy, "maxSell": sell})
        return rows

    def max_avail_size(self, who: Credential, words: Words) -> list[Row]:
        rows = []
        for listed, free, _ in self._sized(who, words):
            sell = free if listed.is_swap else self._exchange.state.account(who.account).free(listed.base)
            rows.append({"availBuy": plain(free), "availSell": plain(sell), "instId": listed.symbol})
        return rows

    def _sized(self, who: Credential, words: Words) -> list[tuple[Listed, Decimal, Decimal]]:
        names = words.need("instId").split(",")
        words.one_of("tdMode", ("cash", *MODES))
        if len(names) > 5:
            raise refused("50025", "instId", 5)
        found = [self._listing.find(name) for name in names]
        if any(listed.is_swap for listed in found) and self._settings.of(who.account).level == "1":
            raise OkxError("51010")
        account = self._exchange.state.account(who.account)
        last = self._exchange.market.last
        return [(i, account.free(i.quote), words.amount("px") or last(i.symbol, self._exchange.now)) for i in found]

    def instruments(self, who: Credential, words: Words) -> list[Row]:
        """What this account may trade."""
        if words.get("instType") == "SWAP" and self._settings.of(who.account).level == "1":
            return []
        return self._public.instruments(words)

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
