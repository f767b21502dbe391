"""The configuration: what is accepted, what is refused and in which words, and that no secret is ever shown."""

from __future__ import annotations

import base64
import errno
import os
import re
import traceback
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.settings.load import (
    GROUPS,
    VARIABLES,
    ConfigError,
    Mode,
    Settings,
    credential_sets,
    load_settings,
    resolve_mode,
    usable_data_dir,
    usable_state_folder,
)
from bot.settings.variables import KrakenSettings

ROOT = Path(__file__).resolve().parents[2]
KRAKEN = {"KRAKEN_API_KEY": "kraken-key-1234", "KRAKEN_API_SECRET": base64.b64encode(b"k" * 64).decode()}
OKX = {"OKX_API_KEY": "okx-key", "OKX_API_SECRET": "0KX53CR37", "OKX_PASSPHRASE": "pa$s#word ${HOME}"}
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIKbO5Zl\nqGkjG8Y2oQ==\n-----END EC PRIVATE KEY-----\n"


def load(folder: Path, environ: dict[str, str] | None = None, env_file: str | None = None) -> Settings:
    if env_file is not None:
        (folder / ".env").write_text(env_file, encoding="utf-8")
    return load_settings(folder, environ or {})


def refused(folder: Path, environ: dict[str, str] | None = None, env_file: str | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ, env_file)
    return caught.value.lines


# --- values


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.trading.timeframe == "5m"
    assert settings.limits.max_order_usd is None
    assert settings.operation.data_dir == tmp_path / "data"
    assert settings.okx.ws_public_url == "wss://ws.okx.com/ws/v5/public"
    assert settings.secrets() == frozenset()
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("MAX_PAIRS", "  25 ", 25),
        ("MAX_PAIRS", '"25"', 25),
        ("MIN_BALANCE_USD", "0.10", Decimal("0.10")),
        ("TIMEFRAME", "4h", "4h"),
        ("TRADING_MODE", "LIVE", "live"),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("OKX_USE_TESTNET", "yes", True),
        ("KRAKEN_TIER", "Pro", "pro"),
        ("MULTI_BROKER_INDEPENDENT", "0", False),
        ("PAIRS_ALLOW", "btc-usd, ETH-USDT ,BTC-USDT-SWAP", ("BTC-USD", "ETH-USDT", "BTC-USDT-SWAP")),
        ("PAIRS_DENY", "doge,SHIB-USD", ("DOGE", "SHIB-USD")),
        ("KRAKEN_API_URL", "http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("SANDBOX_SPEED", "0.1", Decimal("0.1")),
        ("MAX_ORDER_USD", "12.34", Decimal("12.34")),
        ("NIJA_DATA_DIR", "/var/lib/nija", Path("/var/lib/nija")),
    ],
)
def test_a_value_is_read_as_what_it_is(tmp_path: Path, variable: str, text: str, expected: object) -> None:
    settings = load(tmp_path, {variable: text})
    place, field = next((p, g.variables()[variable]) for p, g in GROUPS.items() if variable in g.variables())
    found = getattr(getattr(settings, place), field)
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, Path)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MAX_PAIRS", "many"),
        ("MAX_PAIRS", "0"),
        ("MAX_PAIRS", "2.5"),
        ("MAX_OPEN_POSITIONS", "-1"),
        ("MAX_EXPOSURE_PCT", "0"),
        ("MAX_EXPOSURE_PCT", "101"),
        ("MAX_DAILY_LOSS_PCT", "5%"),
        ("MIN_BALANCE_USD", "NaN"),
        ("MIN_BALANCE_USD", "-1"),
        ("MAX_ORDER_USD", "0"),
        ("TIMEFRAME", "1m"),
        ("TIMEFRAME", "3m"),
        ("TRADING_MODE", "demo"),
        ("OKX_USE_TESTNET", "perhaps"),
        ("KRAKEN_TIER", "gold"),
        ("PAIRS_ALLOW", "BTCUSD"),
        ("PAIRS_DENY", "BTC/USD"),
        ("KRAKEN_API_URL", "api.kraken.com"),
        ("KRAKEN_WS_URL", "https://ws.kraken.com"),
        ("STRATEGY", "ApexStrategy"),
        ("SANDBOX_SPEED", "601"),
        ("SANDBOX_SPEED", "0"),
        ("SANDBOX_FEE_TIER", "10"),
        ("LOG_FORMAT", "xml"),
        ("NIJA_CA_FILE", "no-such-file.pem"),
        ("NEWS_CALENDAR", "no-such-file.csv"),
    ],
)
def test_an_unusable_value_is_one_line_that_names_it(tmp_path: Path, variable: str, text: str) -> None:
    (line,) = refused(tmp_path, {variable: text})
    assert line.startswith(f'{variable} is "{text}": it must be ')


def test_every_unusable_value_has_its_line(tmp_path: Path) -> None:
    lines = refused(tmp_path, {"MAX_PAIRS": "x", "TIMEFRAME": "y", "SANDBOX_SEED": "z"})
    assert [line.split()[0] for line in lines] == ["TIMEFRAME", "MAX_PAIRS", "SANDBOX_SEED"]


def test_sizes_must_fit_each_other(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, {"MIN_POSITION_PCT": "20"})
    assert "MIN_POSITION_PCT" in line
    assert "MAX_POSITION_PCT (10)" in line


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.limits.max_open_positions = 6


def test_demo_trading_has_sockets_of_its_own_unless_they_are_given(tmp_path: Path) -> None:
    settings = load(tmp_path, {"OKX_USE_TESTNET": "true", "OKX_WS_PUBLIC_URL": "wss://wseeapap.okx.com/x"})
    assert settings.okx.ws_private_url == "wss://wspap.okx.com/ws/v5/private"
    assert settings.okx.ws_public_url == "wss://wseeapap.okx.com/x"


# --- .env


def test_the_environment_wins_over_the_file_even_when_it_is_empty(tmp_path: Path) -> None:
    text = "MAX_PAIRS=3\nMAX_OPEN_POSITIONS=4\nKRAKEN_API_KEY=abcd\n"
    settings = load(tmp_path, {"MAX_PAIRS": "7", "KRAKEN_API_KEY": ""}, text)
    assert settings.trading.max_pairs == 7
    assert settings.limits.max_open_positions == 4
    assert settings.kraken.api_key is None


def test_an_empty_value_is_not_set(tmp_path: Path) -> None:
    settings = load(tmp_path, env_file='MAX_PAIRS=\nOKX_PASSPHRASE=""\nTIMEFRAME=   \n')
    assert settings.trading.max_pairs == 10
    assert settings.okx.passphrase is None


def test_nothing_in_a_value_is_interpreted(tmp_path: Path) -> None:
    text = "".join(f"{name}='{value}'\n" for name, value in OKX.items())
    settings = load(tmp_path, env_file=text)
    assert settings.okx.passphrase == SecretStr(OKX["OKX_PASSPHRASE"])


def test_comments_exports_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    text = "\ufeff# mine\n\nexport MAX_PAIRS=3 # three\r\nMAX_OPEN_POSITIONS = 2\n"
    settings = load(tmp_path, env_file=text)
    assert (settings.trading.max_pairs, settings.limits.max_open_positions) == (3, 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("MAX_PAIRS=3\nhunter22\n", 2),
        ("=hunter22\n", 1),
        ('A=1\nB=2\nOKX_PASSPHRASE="hunter22\n', 3),
        ("COINBASE_API_SECRET=-----BEGIN EC PRIVATE KEY-----\nhunter22/+xx==\n", 2),
    ],
)
def test_a_malformed_line_is_named_and_not_shown(tmp_path: Path, text: str, line: int) -> None:
    (complaint,) = refused(tmp_path, env_file=text)
    assert f".env line {line} " in complaint
    assert "hunter22" not in complaint


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (line,) = refused(tmp_path)
    assert ".env cannot be read" in line
    other = tmp_path / "other"
    other.mkdir()
    (other / ".env").write_bytes(b"MAX_PAIRS=\xff\xfe3\n")
    assert "not UTF-8" in refused(other)[0]


def test_home_is_the_checkout_wherever_we_are_unless_nija_home_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("MAX_PAIRS=3\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={"TRADING_MODE": "sandbox"}).home == ROOT
    monkeypatch.setenv("NIJA_HOME", str(tmp_path))
    settings = load_settings(environ={"NIJA_HOME": str(tmp_path)})
    assert (settings.home, settings.trading.max_pairs, settings.warnings) == (tmp_path.resolve(), 3, ())
    monkeypatch.setenv("NIJA_HOME", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="NIJA_HOME"):
        load_settings(environ={})


def test_a_relative_state_folder_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder would be another one from another working directory, and so would the locks in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert usable_state_folder() == tmp_path / ".local" / "state" / "nija"


@pytest.mark.parametrize("given", [{"HOME": "/proc/nowhere"}, {"XDG_STATE_HOME": "/proc/nowhere"}])
def test_a_home_that_takes_no_file_is_named_with_what_it_holds(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        usable_state_folder()
    (line,) = raised.value.lines
    assert line.startswith(f'{next(iter(given))} is "/proc/nowhere"')
    assert "set XDG_STATE_HOME" in line


# --- secrets


@pytest.mark.parametrize("text", [PEM, PEM.replace("\n", "\\n"), f'"{PEM}"', PEM.strip(), PEM.replace("\n", "\\r\\n")])
def test_a_coinbase_key_may_have_real_or_escaped_line_breaks(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, {"COINBASE_API_SECRET": text}).coinbase.api_secret == SecretStr(PEM)


def test_a_coinbase_key_may_stand_in_the_file_either_way(tmp_path: Path) -> None:
    for text in (f'"{PEM}"', '"' + PEM.replace("\n", "\\n") + '"', PEM.replace("\n", "\\n")):
        settings = load(tmp_path, env_file=f"COINBASE_API_SECRET={text}\nMAX_PAIRS=4\n")
        assert settings.coinbase.api_secret == SecretStr(PEM)
        assert settings.trading.max_pairs == 4


def test_a_coinbase_key_may_be_ed25519(tmp_path: Path) -> None:
    key = base64.b64encode(bytes(range(64))).decode()
    assert load(tmp_path, {"COINBASE_API_SECRET": key}).coinbase.api_secret == SecretStr(key)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("KRAKEN_API_SECRET", "hunter22 is not base64"),
        ("KRAKEN_API_KEY", "hunter22 twice"),
        ("COINBASE_API_SECRET", "hunter22"),
        ("COINBASE_API_SECRET", PEM[:50] + "hunter22"),
        ("DATABASE_URL", "mysql://nija:hunter22@db/nija"),
        ("OKX_API_URL", "https://nija:hunter22@www.okx.com"),
    ],
)
def test_an_unusable_secret_is_named_and_not_shown(tmp_path: Path, variable: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {variable: text})
    (line,) = caught.value.lines
    assert line.startswith(f"{variable} has {len(text)} characters")
    assert "hunter22" not in "".join(traceback.format_exception(caught.value))


def test_a_key_in_the_wrong_place_is_not_shown(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, {"MAX_PAIRS": PEM})
    assert "MHcCAQEE" not in line


def test_no_form_of_the_settings_shows_a_secret(tmp_path: Path) -> None:
    secret = {
        **KRAKEN,
        **OKX,
        "COINBASE_API_SECRET": PEM,
        "DATABASE_URL": "postgresql://nija:hunter22@db/nija",
        "NOTIFY_URLS": "tgram://123456:telegram-token, mailto://me:mail-password@example.org",
    }
    settings = load(tmp_path, secret)
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()} {list(settings.groups())}"
    for part in (*KRAKEN.values(), *OKX.values(), "MHcCAQEE", "hunter22", "telegram-token", "mail-password"):
        assert part not in shown
        assert any(part in known for known in settings.secrets())


# --- typing errors


def test_typing_errors_are_told_with_what_was_meant(tmp_path: Path) -> None:
    settings = load(tmp_path, {"KRAKEN_API_KEYS": "x", "MAX_MEMORY": "x"}, "MAX_OPEN_POSITION=3\nMIN_FOO=1\n")
    warnings = "\n".join(settings.warnings)
    assert "KRAKEN_API_KEYS is not a variable of NIJA and is not used: did you mean KRAKEN_API_KEY?" in warnings
    assert "did you mean MAX_OPEN_POSITIONS?" in warnings
    assert "MIN_FOO" in warnings
    assert "MAX_MEMORY" not in warnings


def test_other_programs_variables_are_not_ours(tmp_path: Path) -> None:
    foreign = {"PATH": "/bin", "HOME": "/root", "LANG": "C", "MAX_JOBS": "3", "LOG_DIR": "/x", "COMPOSE_FILE": "y"}
    assert load(tmp_path, foreign).warnings == ()


def test_every_unknown_name_in_the_file_is_told(tmp_path: Path) -> None:
    names = ("POSTGRES_PASSWORD", "STOP_LOSS_PCT", "DAILY_LOSS_LIMIT", "max_pairs", "X")
    warnings = load(tmp_path, env_file="".join(f"{name}=hunter22\n" for name in names)).warnings
    assert sorted(line.split()[0] for line in warnings) == sorted(names)
    assert "did you mean MAX_PAIRS?" in "".join(warnings)
    assert "hunter22" not in "".join(warnings)


def test_what_the_file_sets_twice_is_told_with_its_lines(tmp_path: Path) -> None:
    settings = load(tmp_path, env_file="MAX_ORDER_USD=50\nMAX_PAIRS=3\n\nexport MAX_ORDER_USD=5000\n")
    (line,) = settings.warnings
    assert line.startswith("MAX_ORDER_USD is set 2 times in .env (lines 1, 4): the last one counts")
    assert settings.limits.max_order_usd == 5000


def test_what_an_empty_variable_takes_from_the_file_is_told(tmp_path: Path) -> None:
    settings = load(tmp_path, {"MAX_ORDER_USD": "", "MAX_PAIRS": ""}, "MAX_ORDER_USD=50\n")
    assert settings.limits.max_order_usd is None
    (line,) = settings.warnings
    assert line.startswith("MAX_ORDER_USD is empty in the environment, which overrides .env")


def test_an_empty_variable_does_not_undo_the_wish_for_play_money(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, {"TRADING_MODE": " "}, "TRADING_MODE=sandbox\n")
    assert line.startswith('TRADING_MODE is empty in the environment, which overrides "sandbox" in .env')
    assert load(tmp_path, {"TRADING_MODE": ""}, "").trading.trading_mode == "auto"


# --- names that mean "do not trade" elsewhere

NOT_TRADING = (
    *("DRY_RUN", "DRYRUN", "PAPER", "PAPER_TRADING", "PAPERTRADING", "LIVE", "LIVE_TRADING", "TESTNET", "SANDBOX"),
    *("SIMULATE", "SIMULATION", "DEMO", "DEMO_MODE", "OKX_TESTNET", "OKX_DEMO", "KRAKEN_SANDBOX", "COINBASE_SANDBOX"),
    *("TRADING_ENABLED", "ENABLE_TRADING", "READ_ONLY", "READONLY", "NO_TRADING", "NIJA_DRY_RUN", "USE_TESTNET"),
    *("KILL_SWITCH", "EMERGENCY_STOP", "REAL_MONEY", "dry_run", "Paper_Mode", "TRADING_LIVE", "NIJA_LIVE", "DRY"),
    *("KRAKEN_ENABLED", "DISABLE_OKX", "STOP_TRADING", "TRADE_ENABLED", "trading_mode", "TradingMode", "NIJA_MODE"),
    *("ALLOW_LIVE_TRADING", "TRADING_PAUSED", "MOCK_TRADING", "PAPER_OR_LIVE_TRADING", "NIJA_ENABLED", "OKX_FLAG"),
    *("IS_DRY_RUN", "BOT_DRY_RUN", "BLOCK_TRADING", "SUSPEND_TRADING", "KRAKEN_ENVIRONMENT", "SKIP_KRAKEN"),
    *("DO_NOT_TRADE", "DONT_TRADE"),
)
ONLY_IN_THE_FILE = (
    *("IS_SANDBOX", "TEST_MODE", "MOCK", "PAUSED", "AUTO_TRADE", "BOT_ENABLED_TRADING", "CLOSE_ONLY", "PRODUCTION"),
    *("NO_ORDERS", "ENABLE_NIJA", "NO_NEW_ENTRIES", "GO_LIVE", "IS_LIVE", "LIVE_ORDERS", "SIM", "REAL_TRADING"),
    *("MODE", "RUN_MODE", "ENVIRONMENT", "ENABLED", "ACTIVE", "FREEZE", "SAFE_MODE", "SHADOW_MODE", "EXECUTE_ORDERS"),
    *("NO_NEW_POSITIONS", "LIVE_CAPITAL_VERIFIED", "FLATTEN", "PANIC", "ALERTS_ONLY", "LIQUIDATE_ONLY", "NON_LIVE"),
    *("EXCHANGES", "ENABLED_EXCHANGES", "DISABLED_BROKERS", "TRADE_EXCHANGES", "KRAKEN", "COINBASE_TRADING", "STANDBY"),
    *(
        "INITIAL_STATE",
        "TRADING_STATE",
        "BOT_STATUS",
        "RUN_BOT",
        "DEACTIVATED",
        "REQUIRE_CONFIRMATION",
        "MANUAL_TRADING",
    ),
    *("MANUAL_APPROVAL", "ASK_BEFORE_TRADE", "DEV_MODE", "PREVIEW_ONLY", "ACTIVE_BROKERS", "KRAKEN_INACTIVE"),
)


@pytest.mark.parametrize("name", [*NOT_TRADING, *ONLY_IN_THE_FILE])
@pytest.mark.parametrize("text", ["true", "0", "", "hunter22"])
def test_a_name_that_means_do_not_trade_is_refused_in_the_file(tmp_path: Path, name: str, text: str) -> None:
    (line,) = refused(tmp_path, {}, f"{name}={text}\n")
    assert line.startswith(f"{name} (in .env) is not a variable of NIJA")
    assert any(instead in line for instead in ("TRADING_MODE=", "OKX_USE_TESTNET=", "MAX_OPEN_POSITIONS="))
    assert "hunter22" not in line


@pytest.mark.parametrize("name", NOT_TRADING)
def test_a_name_that_clearly_means_it_is_refused_in_the_environment(tmp_path: Path, name: str) -> None:
    (line,) = refused(tmp_path, {name: "false"})
    assert line.startswith(f"{name} (in the environment) is not a variable of NIJA")


@pytest.mark.parametrize(
    "name",
    [
        *("LC_PAPER", "PAPERSIZE", "IS_SANDBOX", "NO_SANDBOX", "ELECTRON_NO_SANDBOX", "FLATPAK_SANDBOX_DIR", "TEST"),
        *("QTWEBENGINE_DISABLE_SANDBOX", "GEMINI_SANDBOX", "SANDBOX_RUNTIME", "npm_config_dry_run", "LIVE_RELOAD"),
        *("PRODUCTION", "NODE_ENV", "TEST_MODE", "PYTEST_CURRENT_TEST", "DEMO_HOME", "MODE", "ENABLED", "TRADING", "_"),
        *(
            "TRADE",
            "STOP",
            "PAUSE",
            "ACTIVE",
            "BOT_TOKEN",
            "TRADING_ACCOUNT",
            "KRAKEN_API",
            "ENVIRONMENT",
            "ENV",
            "FREEZE",
        ),
        *("OKX_DEMO_API_KEY", "READONLY_REPLICA", "LIVE_SERVER_PORT", "KUBERNETES_SERVICE_HOST", "DRY_RUN_LOG", ""),
    ],
)
def test_other_programs_names_are_left_alone(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, {name: "true"}).trading.trading_mode == "auto"


def test_our_own_names_are_no_refusals(tmp_path: Path) -> None:
    mine = {"OKX_USE_TESTNET": "true", "SANDBOX_SEED": "3", "TRADING_MODE": "sandbox", "SANDBOX_PAIRS": "2"}
    assert load(tmp_path, mine).okx.use_testnet
    assert load(tmp_path, {}, "".join(f"{name}={text}\n" for name, text in mine.items())).warnings == ()


@pytest.mark.parametrize(
    "name",
    ["TAKE_PROFIT", "STOP_LOSS_PCT", "TRADE_SIZE", "ENABLE_SHORTS", "LOG_ON", "KRAKEN_OTP", "ACCOUNT", "NODE_ENV"],
)
def test_what_says_nothing_of_it_is_only_told_of(tmp_path: Path, name: str) -> None:
    (line,) = load(tmp_path, {}, f"{name}=1\n").warnings
    assert line.startswith(f"{name} is not a variable of NIJA and is not used")


# --- whose money


def mode(folder: Path, environ: dict[str, str]) -> Mode:
    return resolve_mode(load(folder, environ))


def test_play_money_only_when_no_credential_is_set(tmp_path: Path) -> None:
    assert mode(tmp_path, {}) is Mode.SANDBOX
    assert mode(tmp_path, KRAKEN) is Mode.LIVE
    assert mode(tmp_path, {**KRAKEN, "TRADING_MODE": "sandbox"}) is Mode.SANDBOX
    assert mode(tmp_path, {**OKX, "TRADING_MODE": "live"}) is Mode.LIVE


@given(st.sets(st.sampled_from(sorted({*KRAKEN, *OKX, "COINBASE_API_KEY"})), min_size=1))
def test_a_credential_never_leads_to_play_money(names: set[str]) -> None:
    every = {**KRAKEN, **OKX, "COINBASE_API_KEY": "organizations/o/apiKeys/k"}
    settings = load(Path("/nonexistent"), {name: every[name] for name in names})
    complete = names >= set(KRAKEN) or names >= set(OKX)
    assert complete == any(found.complete for found in credential_sets(settings))
    if complete:
        assert resolve_mode(settings) is Mode.LIVE
    else:
        with pytest.raises(ConfigError) as caught:
            resolve_mode(settings)
        assert len(caught.value.lines) == sum(found.incomplete for found in credential_sets(settings))


def test_an_incomplete_set_is_named_with_what_is_missing(tmp_path: Path) -> None:
    settings = load(tmp_path, {**KRAKEN, "OKX_API_KEY": "k", "OKX_API_SECRET": "s"})
    assert resolve_mode(settings) is Mode.LIVE
    kraken, okx, coinbase = credential_sets(settings)
    assert (kraken.complete, okx.incomplete, coinbase.incomplete) == (True, True, False)
    assert okx.line() == "OKX_PASSPHRASE is not set, though OKX_API_KEY and OKX_API_SECRET are: OKX cannot be traded"


@pytest.mark.parametrize("asked", ["paper", "live"])
def test_what_cannot_be_done_is_refused_and_says_why(tmp_path: Path, asked: str) -> None:
    with pytest.raises(ConfigError, match=f'TRADING_MODE is "{asked}"'):
        mode(tmp_path, {"TRADING_MODE": asked})


# --- the example, and the tests themselves


def test_the_example_documents_every_variable_with_its_default(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    documented = re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE)
    assert [name for name, _ in documented] == list(VARIABLES)
    plain = load(tmp_path)
    uncommented = re.sub(r"^#([A-Z][A-Z0-9_]+=)", r"\1", text, flags=re.MULTILINE)
    for written in (uncommented, text):
        assert list(load(tmp_path, env_file=written).groups()) == list(plain.groups())
        assert load(tmp_path, env_file=written).warnings == ()


def test_every_variable_says_what_it_must_hold() -> None:
    for group in GROUPS.values():
        for field in group.model_fields.values():
            assert field.description


def test_a_group_made_by_hand_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAKEN_API_URL", "http://elsewhere")
    assert KrakenSettings().api_url == "https://api.kraken.com"


def test_no_test_can_reach_the_owners_money() -> None:
    assert os.environ["TRADING_MODE"] == "sandbox"
    assert not any(os.environ[name] for name in VARIABLES if name.startswith(("KRAKEN_", "OKX_", "COINBASE_")))


@pytest.mark.parametrize("why", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_data_folder_on_a_disk_that_may_recover_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(why, "no")

    monkeypatch.setattr("bot.settings.load.tempfile.mkstemp", refuse)
    settings = load(tmp_path)
    assert usable_data_dir(settings) == settings.operation.data_dir


def test_a_data_folder_is_left_empty_by_the_check(tmp_path: Path) -> None:
    assert list(usable_data_dir(load(tmp_path)).iterdir()) == []


def test_kraken_s_own_names_of_coins_are_understood(tmp_path: Path) -> None:
    trading = load(tmp_path, {"PAIRS_DENY": "xbt, XDG-USD, XBT-USDT-SWAP", "PAIRS_ALLOW": "ETH-XBT"}).trading
    assert trading.pairs_deny == ("BTC", "DOGE-USD", "BTC-USDT-SWAP")
    assert trading.pairs_allow == ("ETH-BTC",)
