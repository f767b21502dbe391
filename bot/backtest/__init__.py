"""Backtests: the trader's own rule, gates, sizing and exits over past candles.

Owns reading candles, walking them and computing the results. An optional extra: the daemon does not import it.
"""
