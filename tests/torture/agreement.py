"""Compares `nija ledger --json` with `GET /sandbox/ledger`, one line per difference; an empty list means agreement.

Both documents must be from a quiet moment: nothing in flight, or the daemon stopped.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

Doc = Mapping[str, Any]

#: Origins of our orders at a sandbox: sent through the API, or spawned by such an order.
OURS = frozenset({"api", "attached", "triggered"})
_STOPS = frozenset({"stop", "stop-limit", "bracket", "trailing-stop"})
_ALIVE = frozenset({"open", "partially_filled"})
_FAILURES = frozenset({"insufficient_funds", "reduce_only"})
_INSIGNIFICANT = "insignificant"


def differences(book: Doc, truth: Doc, taken: Mapping[str, Decimal] | None = None) -> list[str]:
    """The differences between one broker's book and its venue's true state, one line each. `taken` are coins, by asset, that
    the book has written off because they left the account without a sale that the venue showed.
    """
    return [
        *_orders(book, truth),
        *_fills(book, truth),
        *_once(book, truth),
        *_conserved(book, truth, taken or {}),
        *_stops(book, truth),
    ]


def too_naked(exposure: Mapping[str, Doc], bound_seconds: Decimal) -> list[str]:
    """Naked periods longer than `bound_seconds`; after entries there must be none.

    A period that has not ended is reported whatever its length.
    """
    found = []
    for symbol, one in exposure.items():
        for event in one["naked_events"]:
            if event["end"] is None:
                found.append(f"naked: {symbol} since {event['start']} because of {event['why']}")
                continue
            seconds = _seconds(event)
            bound = Decimal(0) if event["why"] == "entry" else bound_seconds
            if seconds > bound:
                found.append(f"naked: {symbol} for {seconds} s because of {event['why']} (allowed {bound} s)")
    return found


def _seconds(event: Doc) -> Decimal:
    """Real seconds of one naked period."""
    start, end = (datetime.fromisoformat(event[name]) for name in ("start", "end"))
    return Decimal(round((end - start).total_seconds() * 1000)) / 1000


def _ours(truth: Doc) -> list[Doc]:
    return [order for order in truth["orders"] if order["origin"] in OURS]


def _by_hand(book: Doc) -> set[str]:
    """Orders of the owner that sold coins of ours; the book has the part that was ours."""
    return {order["exchange_id"] for order in book["orders"] if order["purpose"] == "owner"}


def _orders(book: Doc, truth: Doc) -> list[str]:
    by_hand = _by_hand(book)
    believed = {one["exchange_id"]: one for one in book["orders"] if one["exchange_id"] and one["purpose"] != "owner"}
    manual = {order["id"] for order in truth["orders"] if order["origin"] not in OURS}
    real = {order["id"]: order for order in _ours(truth)}
    lines = [
        f"order {name} is at the exchange and not in the book: {real[name]}" for name in real.keys() - believed.keys()
    ]
    lines += [
        f"order {name} is in the book and not at the exchange: {believed[name]}"
        for name in believed.keys() - real.keys()
    ]
    lines += [f"order {name} is the owner's in the book and not at the exchange" for name in by_hand - manual]
    bearers = Counter(order["client_id"] for order in real.values())
    for name in real.keys() & believed.keys():
        if believed[name]["client_id"] is None and bearers[real[name]["client_id"]] > 1:
            # Attached stops may share a client id: in the book it belongs to the first.
            real[name] = {**real[name], "client_id": None}
        lines += _order(name, believed[name], real[name])
    lines += [
        f"order {order['client_id']} is still {order['status']}"
        for order in book["orders"]
        if order["status"] in ("intent", "submitted", "unknown")
    ]
    return lines


def _order(name: str, believed: Doc, real: Doc) -> list[str]:
    lines = [
        f"order {name} {field}: book {believed[field]}, exchange {real[field]}"
        for field in ("symbol", "side", "status", "client_id")
        if believed[field] != real[field] and not (field == "status" and _differently_said(believed, real))
    ]
    pairs = (("qty", "qty"), ("filled_qty", "filled"))
    lines += [
        f"order {name} {mine}: book {believed[mine]}, exchange {real[theirs]}"
        for mine, theirs in pairs
        if Decimal(believed[mine]) != Decimal(real[theirs])
    ]
    return lines


def _differently_said(believed: Doc, real: Doc) -> bool:
    return _failed(believed, real) or _filled_but_for_nothing(believed, real)


def _failed(believed: Doc, real: Doc) -> bool:
    """A stop that triggered when the coins were gone: cancelled in the exchange's core, reported to clients as failed."""
    return believed["status"] == "rejected" and real["status"] == "canceled" and real.get("reason") in _FAILURES


def _filled_but_for_nothing(believed: Doc, real: Doc) -> bool:
    """An order that ended a unit or two short: cancelled in the exchange's core, possibly reported to clients as filled."""
    return believed["status"] == "filled" and real["status"] == "canceled" and real.get("reason") == _INSIGNIFICANT


def _fills(book: Doc, truth: Doc) -> list[str]:
    ours = {order["id"] for order in _ours(truth)}
    by_hand = _by_hand(book)
    own = [fill for fill in book["fills"] if fill["exchange_order_id"] not in by_hand]
    believed = Counter(fill["exchange_fill_id"] for fill in own)
    real = {fill["id"]: fill for fill in truth["fills"] if fill["order_id"] in ours}
    lines = [f"fill {name} is booked {count} times" for name, count in believed.items() if count > 1]
    lines += [f"fill {name} is missing in the book: {real[name]}" for name in real.keys() - believed.keys()]
    lines += [f"fill {name} is in the book and not at the exchange" for name in believed.keys() - real.keys()]
    for fill in own:
        if fill["exchange_fill_id"] in real:
            lines += _fill(fill, real[fill["exchange_fill_id"]])
    return lines + _hand_sold([fill for fill in book["fills"] if fill["exchange_order_id"] in by_hand], truth)


def _hand_sold(fills: Iterable[Doc], truth: Doc) -> list[str]:
    """The book has no more of the owner's sales than there were, at their actual price."""
    real = {fill["id"]: fill for fill in truth["fills"]}
    found = [(fill, real.get(fill["exchange_fill_id"])) for fill in fills]
    return [
        f"fill {fill['exchange_fill_id']} of the owner is not as at the exchange: {known}"
        for fill, known in found
        if known is None
        or Decimal(fill["qty"]) > Decimal(known["qty"])
        or Decimal(fill["price"]) != Decimal(known["price"])
    ]


def _fill(believed: Doc, real: Doc) -> list[str]:
    name = believed["exchange_fill_id"]
    lines = [
        f"fill {name} {field}: book {believed[field]}, exchange {real[field]}"
        for field in ("qty", "price", "fee")
        if Decimal(believed[field]) != Decimal(real[field])
    ]
    pairs = (("symbol", "symbol"), ("side", "side"), ("fee_asset", "fee_asset"), ("exchange_order_id", "order_id"))
    lines += [
        f"fill {name} {mine}: book {believed[mine]}, exchange {real[theirs]}"
        for mine, theirs in pairs
        if believed[mine] != real[theirs]
    ]
    return lines


def _once(book: Doc, truth: Doc) -> list[str]:
    """One accepted order per client id, one live order per decision, one entry per symbol and candle, sent again for its rest only."""
    accepted = {order["id"] for order in _ours(truth)}
    sent = [order for order in book["orders"] if order["decision_key"] and order["exchange_id"] in accepted]
    lines = _repeated("decision key", (order["decision_key"] for order in sent))
    lines += _repeated(
        "client id", (one["client_id"] for one in _ours(truth) if one["client_id"] and one["origin"] == "api")
    )
    entries: dict[str, list[Doc]] = defaultdict(list)
    for order in sorted(sent, key=lambda one: _attempt(one["decision_key"])):
        if order["purpose"] == "entry":
            entries[_candle(order["decision_key"])].append(order)
    return lines + [line for name, orders in entries.items() for line in _sent_again(name, orders)]


def _sent_again(name: str, orders: Sequence[Doc]) -> list[str]:
    """Orders of one entry beyond what the ones before them left unfilled."""
    left, lines = Decimal(orders[0]["qty"]), []
    for order in orders:
        if Decimal(order["qty"]) > left:
            lines.append(f"entry of symbol and candle {name} was accepted for {order['qty']}, with {left} left")
        left -= Decimal(order["filled_qty"])
    return lines


def _attempt(key: str) -> int:
    return int(key.rpartition("/")[2])


def _candle(key: str) -> str:
    """A decision key without the number of its attempt."""
    return key.rpartition("/")[0]


def _repeated(what: str, names: Iterable[str]) -> list[str]:
    return [f"{what} {name} was accepted {count} times" for name, count in Counter(names).items() if count > 1]


def _conserved(book: Doc, truth: Doc, taken: Mapping[str, Decimal]) -> list[str]:
    """bought - sold - fees in coin - taken = position + dust, apart from what attached stops sold in excess."""
    coins: dict[str, Decimal] = defaultdict(Decimal)
    for fill in book["fills"]:
        coins[_base(fill)] += coins_moved(fill)
    held: dict[str, Decimal] = defaultdict(Decimal)
    for position in book["positions"]:
        if not position["symbol"].endswith("-SWAP"):
            held[_base(position)] += Decimal(position["qty"])
    for asset, amount in book["dust"].items():
        held[asset] += Decimal(amount)
    for asset, amount in taken.items():
        coins[asset] -= amount
    gross = sold_gross(truth)
    return [
        f"coins of {asset}: fills leave {coins[asset]}, position and dust are {held[asset]}"
        for asset in coins.keys() | held.keys()
        if not 0 <= held[asset] - coins[asset] <= gross.get(asset, 0)
    ]


def sold_gross(truth: Doc) -> dict[str, Decimal]:
    """Coins, by asset, that stops attached to entries sold beyond what the entries brought. They are created with the entry's
    size, which ignores a fee taken in the coin, so one that fires before it can be amended sells a little too much."""
    entry_of = {order["id"]: order.get("parent_id") for order in truth["orders"] if order["origin"] == "attached"}
    for order in truth["orders"]:
        if order.get("parent_id") in entry_of:
            entry_of[order["id"]] = entry_of[order["parent_id"]]
    left: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in truth["fills"]:
        left[_base(fill), entry_of.get(fill["order_id"], fill["order_id"])] += coins_moved(fill)
    found: dict[str, Decimal] = defaultdict(Decimal)
    for (asset, entry), qty in left.items():
        if qty < 0 and entry in entry_of.values():
            found[asset] -= qty
    return found


def _base(row: Doc) -> str:
    return str(row["symbol"].split("-")[0])


def coins_moved(fill: Doc) -> Decimal:
    """A fill's change of its base coins; zero for a contract."""
    if fill["symbol"].endswith("-SWAP"):
        return Decimal(0)
    fee = Decimal(fill["fee"]) if fill["fee_asset"] == _base(fill) else Decimal(0)
    return Decimal(fill["qty"]) * (1 if fill["side"] == "buy" else -1) - fee


def _stops(book: Doc, truth: Doc) -> list[str]:
    """Every open position is covered by resting stops of its size, and no other stops rest at the exchange."""
    resting = {
        order["id"]: Decimal(order["qty"]) - Decimal(order["filled"])
        for order in _ours(truth)
        if order["type"] in _STOPS and order["status"] in _ALIVE
    }
    believed = {stop["exchange_id"]: position for position in book["positions"] for stop in position["stops"]}
    lines = [f"stop {name} rests at the exchange for no position" for name in resting.keys() - believed.keys()]
    lines += [f"stop {name} is believed to rest and does not" for name in believed.keys() - resting.keys()]
    for position in book["positions"]:
        sizes = [resting.get(stop["exchange_id"], Decimal(0)) for stop in position["stops"]]
        short = abs(Decimal(position["qty"]) - sum(sizes, Decimal(0)))
        if short and short >= max((_step(size) for size in sizes), default=Decimal(0)):
            lines.append(f"position {position['symbol']} {position['qty']} is covered by stops of {sum(sizes)}")
    return lines


def _step(size: Decimal) -> Decimal:
    """One unit of the last digit: a fee taken in the coin leaves a rest below a lot, which no stop can cover."""
    exponent = size.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
