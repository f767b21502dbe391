"""Mistakes in `.env`: what each is answered with, in one line, and whether NIJA starts at all (exit status 2: it does not)."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.commands.cli import app
from bot.settings.load import VARIABLES
from tests.sandbox_fixture import ROOT

SECRET = base64.b64encode(b"hunter22" * 8).decode()
KRAKEN = f"KRAKEN_API_KEY=key-of-kraken\nKRAKEN_API_SECRET={SECRET}\n"
OKX = "OKX_API_KEY=key-of-okx\nOKX_API_SECRET=0KX53CR37\n"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIKbO5Zl\nqGkjG8Y2oQ==\n-----END EC PRIVATE KEY-----"

#: What `.env` holds, and the one line that it is refused with.
REFUSED = {
    # -- keys
    "half a set": ("KRAKEN_API_KEY=key", "KRAKEN_API_SECRET is not set, though KRAKEN_API_KEY is: KRAKEN cannot be traded"),
    "two of three": (OKX, "OKX_PASSPHRASE is not set, though OKX_API_KEY and OKX_API_SECRET are: OKX cannot be traded"),
    "an empty passphrase": (f'{OKX}OKX_PASSPHRASE=""', "OKX_PASSPHRASE is not set, though"),
    "a placeholder": ("KRAKEN_API_KEY=key\nKRAKEN_API_SECRET=<your secret here>", "KRAKEN_API_SECRET has 18 characters"),
    "a key with a blank": (f"KRAKEN_API_KEY=hunter22 twice\nKRAKEN_API_SECRET={SECRET}", "KRAKEN_API_KEY has 14 char"),
    "the body of a PEM": (f"COINBASE_API_KEY=k\nCOINBASE_API_SECRET={'MHcC' * 9}", "COINBASE_API_SECRET has 36 char"),
    "a PEM without quotes": (f"COINBASE_API_KEY=k\nCOINBASE_API_SECRET={PEM}", ".env line 3 cannot be understood"),
    "live without keys": ("TRADING_MODE=live", 'TRADING_MODE is "live" and no credentials are set: it needs KRAKEN_API_KEY'),
    # -- numbers
    "a negative number": ("MAX_OPEN_POSITIONS=-5", 'MAX_OPEN_POSITIONS is "-5": it must be a whole number, 0 to 1000'),
    "a sign for percent": ("MAX_DAILY_LOSS_PCT=5%", 'MAX_DAILY_LOSS_PCT is "5%": it must be a percentage above 0, up to 100'),
    "a percentage over 100": ("MAX_EXPOSURE_PCT=150", 'MAX_EXPOSURE_PCT is "150": it must be a percentage'),
    "a sign for dollars": ("MAX_ORDER_USD=$50", 'MAX_ORDER_USD is "$50": it must be an amount of US dollars above 0'),
    "a comma for thousands": ("MAX_ORDER_USD=1,000", 'MAX_ORDER_USD is "1,000": it must be an amount'),
    "a decimal comma": ("MIN_REWARD_TO_COST=1,5", 'MIN_REWARD_TO_COST is "1,5": it must be a number, 0 to 100'),
    "not a number": ("MIN_BALANCE_USD=NaN", 'MIN_BALANCE_USD is "NaN": it must be an amount of US dollars, 0 or more'),
    "a word for a number": ("MAX_PAIRS=all", 'MAX_PAIRS is "all": it must be a whole number, 1 to 1000'),
    "digits of another script": ("CYCLE_SECONDS=\u0663", r'CYCLE_SECONDS is "\u0663": it must be seconds, 1 to 86400'),
    "the same for a whole number": ("MAX_PAIRS=\uff11", r'MAX_PAIRS is "\uff11": it must be a whole number, 1 to 1000'),
    "the same where none is the default": ("MAX_ORDER_USD=\u0663", r'MAX_ORDER_USD is "\u0663": it must be an amount'),
    "a unit": ("CYCLE_SECONDS=5 min", 'CYCLE_SECONDS is "5 min": it must be seconds, 1 to 86400'),
    "the least over the most": ("MIN_POSITION_PCT=20", 'MIN_POSITION_PCT is "20": it must be at most MAX_POSITION_PCT (10)'),
    # -- words
    "another timeframe": ("TIMEFRAME=2m", 'TIMEFRAME is "2m": it must be 5m, 15m, 30m, 1h, 4h or 1d'),
    "another log level": ("LOG_LEVEL=verbose", 'LOG_LEVEL is "verbose": it must be DEBUG, INFO, WARNING or ERROR'),
    "another mode": ("TRADING_MODE=paper", 'TRADING_MODE is "paper", which does not exist'),
    "neither true nor false": ("OKX_USE_TESTNET=maybe", 'OKX_USE_TESTNET is "maybe": it must be true or false'),
    "pairs with a slash": ("PAIRS_ALLOW=BTC/USD;ETH/USD", 'PAIRS_ALLOW is "BTC/USD;ETH/USD": it must be pairs as BASE-QUOTE'),
    "no strategy": ("STRATEGY=apex", 'STRATEGY is "apex": it must be module:Class or file.py:Class'),
    "a strategy that is not there": ("STRATEGY=mine.py:Mine", "STRATEGY: mine.py:Mine: there is no file "),
    "no address": ("KRAKEN_API_URL=api.kraken.com", 'KRAKEN_API_URL is "api.kraken.com": it must be an address such as https'),
    "no service": ("NOTIFY_URLS=foo", "NOTIFY_URLS has 3 characters that do not fit: it must be Apprise addresses"),
    "no database": ("DATABASE_URL=mysql://u:hunter22@h/n", "DATABASE_URL has 22 characters that do not fit"),
    "a file that is not there": ("NEWS_CALENDAR=none.csv", 'NEWS_CALENDAR is "none.csv": it must be a readable CSV or ICS file'),
    "no folder": ("NIJA_DATA_DIR=/proc/none", 'NIJA_DATA_DIR is "/proc/none": it must be a folder that can be created'),
    "no folder for files": ("NIJA_DATA_DIR=/proc", 'NIJA_DATA_DIR is "/proc": it must be a folder that can hold files'),
    # -- names that mean "do not trade"
    "a dry run": (f"{KRAKEN}DRY_RUN=true", "DRY_RUN (in .env) is not a variable of NIJA and would not keep it from trading"),
    "paper trading": (f"{KRAKEN}PAPER_TRADING=yes", "PAPER_TRADING (in .env) is not a variable of NIJA and would not"),
    "not live": (f"{KRAKEN}LIVE=false", "LIVE (in .env) is not a variable of NIJA and would not keep it from trading"),
    "another sandbox": (f"{KRAKEN}SANDBOX=1", "SANDBOX (in .env) is not a variable of NIJA and would not keep it from"),
    # -- the file
    "no closing quote": ('OKX_PASSPHRASE="hunter22', ".env line 1 cannot be understood: it must be NAME=value"),
    "garbage": ("MAX_PAIRS=3\nhunter22", ".env line 2 cannot be understood: it must be NAME=value"),
    "another encoding": (b"\xff\xfeM\x00A\x00X\x00", ".env cannot be read: it is not UTF-8 text"),
}  # fmt: skip

#: What `.env` holds that NIJA starts with, and the one line of warning about it.
WARNED = {
    "a fraction for percent": ("MAX_DAILY_LOSS_PCT=0.05", "MAX_DAILY_LOSS_PCT is 0.05, which means 0.05 percent: write 5 if"),
    "half of all, as a fraction": ("MAX_EXPOSURE_PCT=0.5", "MAX_EXPOSURE_PCT is 0.5, which means 0.5 percent: write 50"),
    "set twice": ("MAX_ORDER_USD=50\nMAX_ORDER_USD=5000", "MAX_ORDER_USD is set 2 times in .env (lines 1, 2): the last one counts"),
    "lower case": ("max_pairs=3", "max_pairs is not a variable of NIJA and is not used: did you mean MAX_PAIRS?"),
    "keys in lower case": ("kraken_api_key=hunter22", "kraken_api_key is not a variable of NIJA and is not used: did you mean"),
    "a near name": ("MAX_POSITIONS=3", "MAX_POSITIONS is not a variable of NIJA and is not used: did you mean"),
    "a far name": ("DJANGO_SECRET=hunter22", "DJANGO_SECRET is not a variable of NIJA and is not used"),
    "a passphrase that is cut": (f"{OKX}OKX_PASSPHRASE=pa$$ #x", 'OKX_PASSPHRASE ends before the " #" in line 3 of .env'),
    "one set of two": (f"{KRAKEN}OKX_API_KEY=k", "OKX_API_SECRET and OKX_PASSPHRASE are not set, though OKX_API_KEY is"),
}  # fmt: skip

#: What looks like a mistake and is none.
FINE = {
    "blanks, comments, export, quotes": "\ufeff# mine\r\nexport MAX_PAIRS = \"3\"  # three\r\n\nTRADING_MODE='Live'\n" + KRAKEN,
    "a quoted passphrase": OKX + "OKX_PASSPHRASE='pa$$ #x'",
    "a hash inside": OKX + "OKX_PASSPHRASE=pa$$#x",
    "small and meant so": "MAX_SPREAD_PCT=0.3\nMAX_PRICE_JUMP_PCT=0.8\nMIN_POSITION_PCT=0.5",
    "a PEM in quotes": f'COINBASE_API_KEY=k\nCOINBASE_API_SECRET="{PEM}"',
}  # fmt: skip


def start(folder: Path, content: str | bytes, *words: str) -> Result:
    """What a command says with this `.env`, and nothing of the kind in its environment."""
    file = folder / ".env"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(0o600)
    clean = dict.fromkeys(VARIABLES)
    return CliRunner().invoke(app, words, env={**clean, "NIJA_HOME": str(folder), "XDG_STATE_HOME": str(folder)})


@pytest.mark.parametrize("mistake", REFUSED)
def test_what_cannot_be_meant_is_refused_in_one_line(tmp_path: Path, mistake: str) -> None:
    content, line = REFUSED[mistake]
    for command in ([], ["settings"]):
        ended = start(tmp_path, content, *command)
        if mistake in ("no folder", "no folder for files") and command:
            continue  # a look makes no folder and no file, so it does not know
        assert ended.exit_code == 2, ended.output
        (complaint,) = ended.stderr.splitlines()
        assert complaint.startswith(f"nija: {line}")
        assert "hunter22" not in complaint
        assert ended.stdout == ""
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("mistake", WARNED)
def test_what_may_not_be_meant_is_asked_about_in_one_line(tmp_path: Path, mistake: str) -> None:
    content, line = WARNED[mistake]
    ended = start(tmp_path, content, "settings")
    assert ended.exit_code == 0, ended.output
    (complaint,) = ended.stderr.splitlines()
    assert complaint.startswith(f"nija: {line}")
    assert "hunter22" not in ended.output


@pytest.mark.parametrize("content", FINE)
def test_what_is_no_mistake_is_not_told(tmp_path: Path, content: str) -> None:
    ended = start(tmp_path, FINE[content], "settings")
    assert (ended.exit_code, ended.stderr) == (0, "")


def test_the_settings_say_where_they_come_from_and_show_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text(f"{KRAKEN}MAX_PAIRS=4\nMAX_OPEN_POSITIONS=3\nPAIRS_DENY=doge,SHIB-USD\n")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    ended = CliRunner().invoke(app, ["settings", "--json"], env={"NIJA_HOME": str(tmp_path), "MAX_PAIRS": "7"})
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(ended.stdout)}
    assert rows["NIJA_HOME"] == (str(tmp_path), "environment")
    assert rows["KRAKEN_API_SECRET"] == ("***", ".env")
    assert rows["MAX_PAIRS"] == ("7", "environment")
    assert rows["MAX_OPEN_POSITIONS"] == ("3", ".env")
    assert rows["PAIRS_DENY"] == ("DOGE,SHIB-USD", ".env")
    assert rows["MAX_DRAWDOWN_PCT"] == ("20", "default")
    assert rows["MAX_ORDER_USD"] == ("", "default")
    assert set(VARIABLES) <= rows.keys()
    assert SECRET not in ended.output
    text = CliRunner().invoke(app, ["settings"], env={"NIJA_HOME": str(tmp_path), "MAX_PAIRS": "7"}).stdout
    assert re.search(r"^MAX_PAIRS +7 +environment$", text, re.MULTILINE)
    assert SECRET not in text


def test_another_folders_env_is_not_nijas(tmp_path: Path) -> None:
    """The command of a checkout belongs to the checkout, wherever it is called, and says so."""
    (tmp_path / ".env").write_text("DJANGO_SECRET=x\nMAX_PAIRS=3\n")
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("nija")), "settings", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {row["name"]: row for row in json.loads(ended.stdout)}
    assert rows["NIJA_HOME"] == {"name": "NIJA_HOME", "value": str(ROOT), "source": "default"}
    assert "DJANGO" not in ended.stderr
    assert rows["MAX_PAIRS"]["value"] != "3"
