"""Whether a decision is worth its price: at the close that made it, and at what an order would pay now. Pure.

The strategy judges; here its word becomes a refusal with the number and the limit it was held against.
"""

from __future__ import annotations

from typing import NamedTuple

from bot.domain.instrument import Instrument, Ticker
from bot.engine.risk import Refusal
from bot.strategy import rule
from bot.strategy.base import Costs, Evaluation, Strategy
from bot.strategy.grid import rounded, towards
from bot.strategy.guarded import Guarded
from bot.strategy.rule import Why


class Objection(NamedTuple):
    """What speaks against a trade: the gate's name in the log, and the refusal."""

    gate: str
    refusal: Refusal


def on_grid(evaluation: Evaluation, instrument: Instrument) -> Evaluation:
    """The decision with its stop where the venue takes it: everything after is measured from that."""
    return evaluation._replace(stop=towards(evaluation.side, evaluation.stop, float(instrument.tick)))


def objection(strategy: Guarded, symbol: str, evaluation: Evaluation, ticker: Ticker, fee: float) -> Objection | None:
    """What speaks against the trade, first at the close, then at the ask (shorts: the bid), or None.

    `fee` is the taker fee as a fraction.
    """
    costs = Costs(fee, float(ticker.ask - ticker.bid))
    side, paid = ("ask", ticker.ask) if evaluation.side > 0 else ("bid", ticker.bid)
    for where, price in (("close", evaluation.close), (side, float(paid))):
        why = strategy.refusal(symbol, evaluation, price, costs)
        if why is None:
            return Objection(
                "rule", Refusal(f"the strategy at the {where} {_text(price)}", "no answer", "its own rule")
            )
        if why is not Why.ENTER:
            gate, name, value, bound = _explained(why, strategy.rule, evaluation, price, costs)
            return Objection(gate, Refusal(f"{name} at the {where} {_text(price)}", value, bound))
    return None


def _explained(
    why: Why, strategy: Strategy, evaluation: Evaluation, price: float, costs: Costs
) -> tuple[str, str, str, str]:
    """The gate, the limit's name, the number and its bound."""
    side, stop = evaluation.side, evaluation.out_at
    r = rule.risk(side, price, stop)
    match why:
        case Why.NO_STOP:
            return "stop", "the stop", _text(stop), f"{'below' if side > 0 else 'above'} the price"
        case Why.WIDE_STOP:
            return "risk", "R", f"{r / price:.2%}", f"{strategy.widest_r:.2%} of the price"
        case Why.MISSED:
            target = rule.first_target(evaluation.close, stop, strategy.legs)
            return "target", "the first target", _text(target), "beyond the price"
        case Why.COSTS:
            least = rule.needed(price, costs.fee, costs.spread, strategy.owner.min_reward_to_cost)
            return "costs", "MIN_REWARD_TO_COST", f"R {_text(r)}", f"{_text(least)} to pay fees and spread"
    return "rule", "the strategy", why.name.lower(), "its own rule"


def _text(value: float) -> str:
    return f"{rounded(value):.8g}"
