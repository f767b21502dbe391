"""What to trade, when, how much and until when: pure functions of candles and values.

No clock, no I/O, no exchange: what these functions say of a candle they say of it for ever.
"""
