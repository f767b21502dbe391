"""The values that a strategy keeps with a position, and its risk price; the numbers of older decisions get names.

For older positions, the first stop is the risk price, and no values are kept.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ORDERS = sa.table("orders", sa.column("id"), sa.column("decision", sa.Text()))
_FACTS = sa.table("facts", sa.column("name", sa.Text()), sa.column("value", sa.Text()))
_EVERYBODYS = {"candle_close", "stop", "close", "fee", "reason"}


def upgrade() -> None:
    op.add_column("positions", sa.Column("risk_price", sa.Text(), nullable=True))
    op.add_column("positions", sa.Column("kept", sa.Text(), nullable=True))
    _name_the_numbers()
    _name_the_sales()


def _name_the_numbers() -> None:
    """Convert the decision fields that belonged to one strategy."""
    rows = op.get_bind().execute(sa.select(_ORDERS).where(_ORDERS.c.decision.is_not(None))).all()
    for number, decision in rows:
        stored: dict[str, Any] = json.loads(decision)
        facts = {name: float(value) for name, value in stored.items() if name not in _EVERYBODYS}
        now = {name: value for name, value in stored.items() if name in _EVERYBODYS} | {"facts": facts}
        text = json.dumps(now, separators=(",", ":"))
        op.execute(_ORDERS.update().where(_ORDERS.c.id == number).values(decision=text))


def _name_the_sales() -> None:
    """Rename the state of sales beyond the stop: now every sale of a whole position is stored, under its reason's name."""
    old = _FACTS.c.name.like("through:%")
    name = sa.literal("exit:") + sa.func.substr(_FACTS.c.name, len("through:") + 1)
    op.execute(_FACTS.update().where(old).values(name=name, value=_FACTS.c.value + sa.literal(" stop")))
