"""The setup of an OKX account: modes, leverage, fees, and the sizes that follow from them."""

from __future__ import annotations

from decimal import Decimal

from bot.sandbox.core.credentials import MAIN, Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.instrument import plain
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Leg
from bot.sandbox.okx import auth
from bot.sandbox.okx.errors import OkxError, Row, refused
from bot.sandbox.okx.listing import GROUPS, MAX_LEVERAGE, Listed, Listing
from bot.sandbox.okx.public import KINDS, PublicEndpoints
from bot.sandbox.okx.settings import Settings
from bot.sandbox.okx.tickets import TicketReader
from bot.sandbox.okx.words import Words

MODES = ("cross", "isolated")


class ProfileEndpoints:
    """Answers requests about an account's settings and changes them."""

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        public: PublicEndpoints,
        tickets: TicketReader,
        switches: Switches,
        settings: Settings,
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._public = public
        self._tickets = tickets
        self._switches = switches
        self._settings = settings

    # ---- settings ----

    def config(self, who: Credential, _: Words) -> list[Row]:
        own = self._settings.of(who.account)
        return [
            {
                "acctLv": own.level, "acctStpMode": "cancel_maker", "autoLoan": False, "ctIsoMode": "automatic",
                "enableSpotBorrow": False, "feeType": own.fee_type, "greeksType": "PA",
                "ip": "127.0.0.1" if who.ip_bound else "", "kycLv": "2", "label": "sandbox", "level": "Lv1",
                "levelTmp": "", "liquidationGear": "-1", "mainUid": own.uid, "mgnIsoMode": "automatic", "opAuth": "0",
                "perm": auth.permissions(who), "posMode": own.position_mode, "roleType": "0", "settleCcy": "USDT",
                "settleCcyList": ["USDT"], "spotBorrowAutoRepay": False, "spotOffsetType": "", "spotRoleType": "0",
                "spotTraderInsts": [], "stgyType": "0", "traderInsts": [], "type": "0" if who.account == MAIN else "1",
                "uid": own.uid,
            }
        ]  # fmt: skip

    def set_position_mode(self, who: Credential, words: Words) -> list[Row]:
        mode = words.one_of("posMode", ("long_short_mode", "net_mode"))
        own = self._settings.of(who.account)
        if mode == "long_short_mode" and own.is_portfolio:
            raise OkxError("51041")
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
        if level == "4" and self._settings.of(who.account).hedged:
            raise OkxError("51041")
        self._settings.of(who.account).level = level
        self._settings.note(who.account)
        return [{"acctLv": level}]

    def activate_feature(self, who: Credential, words: Words) -> list[Row]:
        """Activates trading of USDC pairs, the only feature, for the account and its sub-accounts."""
        feature = words.one_of("feature", ("1",))
        if self._switches.on("usdc_activation_missing"):
            raise OkxError("51773")
        self._settings.of(who.account)
        self._settings.activate_usdc()
        return [{"feature": feature}]

    def set_leverage(self, who: Credential, words: Words) -> list[Row]:
        """Sets the leverage, from 1 to the instrument's maximum; an open position and its margin are adjusted."""
        mode = words.one_of("mgnMode", MODES)
        listed = self._derivative(words)
        words.need("lever")
        leverage = words.amount("lever") or ZERO
        if leverage > MAX_LEVERAGE or leverage < 1:
            raise OkxError("59102")
        own = self._settings.of(who.account)
        if own.level == "1":
            raise OkxError("51010")
        if own.is_portfolio and mode == "cross":
            raise OkxError("51039")
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
        """Fee rates; negative, as the account pays them."""
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
        """Maximum sizes. Spot: base that can be bought and quote that a sale can bring; swaps: contracts."""
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
        paid = [self._tickets.paid_in(words, listed) or listed.quote for listed in found]
        prices = [words.amount("px") or last(listed.symbol, self._exchange.now) for listed in found]
        return [(listed, account.free(quote), px) for listed, quote, px in zip(found, paid, prices, strict=True)]

    def instruments(self, who: Credential, words: Words) -> list[Row]:
        """The instruments that this account may trade."""
        if words.get("instType") == "SWAP" and self._settings.of(who.account).level == "1":
            return []
        return self._public.instruments(words)
