"""The single portfolio to which each account's keys are bound."""

from __future__ import annotations

from random import Random
from typing import Any

from bot.sandbox.coinbase.errors import denied, not_found
from bot.sandbox.coinbase.ids import fresh_uuid
from bot.sandbox.core.state import State


class Portfolios:
    """User and portfolio ids by account, created once and saved in the state."""

    def __init__(self, state: State, dice: Random) -> None:
        self._state = state
        self._dice = dice
        self._known: dict[str, dict[str, str]] = dict(state.wire("portfolio/"))

    def identity(self, account: str) -> dict[str, str]:
        """`user_id` and `retail_portfolio_id` of an account."""
        if account not in self._known:
            self._known[account] = {
                "user_id": fresh_uuid(self._dice),
                "retail_portfolio_id": fresh_uuid(self._dice),
            }
            self._state.remember(f"portfolio/{account}", self._known[account])
        return self._known[account]

    def uuid(self, account: str) -> str:
        return self.identity(account)["retail_portfolio_id"]

    def check(self, account: str, asked: object) -> None:
        """Checks that a request names the key's own portfolio or none."""
        if asked not in {None, "", self.uuid(account)}:
            raise denied("User does not have access to portfolio")

    def rows(self, account: str) -> dict[str, Any]:
        return {"portfolios": [self.row(account)]}

    def row(self, account: str) -> dict[str, Any]:
        return {"name": "Default", "uuid": self.uuid(account), "type": "DEFAULT", "deleted": False}

    def find(self, account: str, uuid: str) -> dict[str, Any]:
        if uuid != self.uuid(account):
            raise not_found("portfolio not found")
        return self.row(account)
