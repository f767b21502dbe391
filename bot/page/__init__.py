"""Report pages: one HTML file with everything in it, from a backtest or from the ledger.

Owns how results look in a browser. What they are comes from `bot.backtest` and from the ledger.
"""
