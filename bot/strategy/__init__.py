"""What to trade, when, how much and until when: pure functions of candles and values.

No clock, no I/O, no exchange: the same candles always give the same result.
"""
