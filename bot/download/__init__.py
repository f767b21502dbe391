"""Past candles, from an exchange into files.

Owns what is still missing, what has been read so far, and the files. Exchanges are asked through `History`.
"""
