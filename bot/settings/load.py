"""Reads `.env` and the environment into one frozen Settings; the only place that reads either.

The variables themselves are in bot.settings.variables. An unusable value is a ConfigError with one line for each variable, never
replaced by a default. No error, warning or repr shows a secret. This also decides whose money is traded (resolve_mode), because
that depends only on these settings.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Final, get_args

from dotenv.parser import Binding, parse_stream
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from bot.settings.foreign import refusals
from bot.settings.hints import cut, emptied, fractions, mode_emptied, repeated, unknown
from bot.settings.variables import (
    CoinbaseSettings,
    Group,
    KrakenSettings,
    LimitSettings,
    OkxSettings,
    OperationSettings,
    RuleSettings,
    SandboxSettings,
    TradingSettings,
    TrendSettings,
)

HOME: Final = "NIJA_HOME"
"""The only variable of ours that `.env` cannot contain, because it says where `.env` is."""
VENUES: Final = ("kraken", "okx", "coinbase")
"""The exchanges, in the order used everywhere."""
_PASSING: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""Why a folder cannot be written now, but perhaps later."""
_PLACES: Final = frozenset({"NIJA_DATA_DIR", "DATABASE_URL"})
"""The variables that say where NIJA's data is."""


class ConfigError(Exception):
    """The configuration cannot be used (exit status 2); `lines` says why, one for each variable, without secrets.

    `usable` is the rest of it, for commands to a NIJA that is running with earlier settings; None if its data cannot be found.
    """

    def __init__(self, lines: Sequence[str], usable: Settings | None = None) -> None:
        super().__init__("\n".join(lines))
        self.lines: tuple[str, ...] = tuple(lines)
        self.usable = usable


class Settings(BaseModel):
    """All of the owner's settings, read once.

    Relative paths are relative to `home`; `warnings` are lines for the log. `sources` says where each variable was set: `.env` or
    environment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kraken: KrakenSettings = KrakenSettings()
    okx: OkxSettings = OkxSettings()
    coinbase: CoinbaseSettings = CoinbaseSettings()
    trading: TradingSettings = TradingSettings()
    rule: RuleSettings = RuleSettings()
    trend: TrendSettings = TrendSettings()
    limits: LimitSettings = LimitSettings()
    operation: OperationSettings = OperationSettings()
    sandbox: SandboxSettings = SandboxSettings()
    home: Path = Path()
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, str] = {}

    def groups(self) -> Iterator[Group]:
        for name in GROUPS:
            yield getattr(self, name)

    def secrets(self) -> frozenset[str]:
        """Every secret value that is set; the log must never show these."""
        held = (value for group in self.groups() for _, value in group)
        flat = (item for value in held for item in (value if isinstance(value, tuple) else (value,)))
        return frozenset(item.get_secret_value() for item in flat if isinstance(item, SecretStr))


GROUPS: Final[Mapping[str, type[Group]]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Group)
}
VARIABLES: Final[tuple[str, ...]] = tuple(name for group in GROUPS.values() for name in group.variables())
"""Every variable that NIJA knows, in the order of `.env.example`."""


# --- whose money


class Mode(StrEnum):
    """What the daemon trades with: play money at the local exchanges, or the owner's money at the real ones."""

    SANDBOX = "sandbox"
    LIVE = "live"


class CredentialSet(BaseModel):
    """Which credential variables of a venue are set, by name only."""

    model_config = ConfigDict(frozen=True)

    venue: str
    given: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def incomplete(self) -> bool:
        """Partly set; a venue without any credentials is neither complete nor incomplete."""
        return bool(self.given and self.missing)

    def line(self) -> str:
        """A line for the owner about an incomplete set."""
        verb = "are" if len(self.missing) > 1 else "is"
        return (
            f"{' and '.join(self.missing)} {verb} not set, though {' and '.join(self.given)} "
            f"{'are' if len(self.given) > 1 else 'is'}: {self.venue.upper()} cannot be traded"
        )


def credential_sets(settings: Settings) -> tuple[CredentialSet, ...]:
    """One per venue, in the order of VENUES."""
    return tuple(_credential_set(venue, getattr(settings, venue)) for venue in VENUES)


def _credential_set(venue: str, group: Group) -> CredentialSet:
    is_set = {group.variable(field): getattr(group, field) is not None for field in group.credential_fields}
    return CredentialSet(
        venue=venue,
        given=tuple(name for name, given in is_set.items() if given),
        missing=tuple(name for name, given in is_set.items() if not given),
    )


def resolve_mode(settings: Settings) -> Mode:
    """Whether play money or the owner's money is traded.

    Once any credential is set, play money must be requested explicitly: without a complete set this raises ConfigError, and never
    falls back to the sandbox.
    """
    asked = settings.trading.trading_mode
    sets = credential_sets(settings)
    if asked == "paper":
        raise ConfigError(['TRADING_MODE is "paper", which does not exist: it must be auto, live or sandbox'])
    if asked == "sandbox" or (asked == "auto" and not any(found.given for found in sets)):
        return Mode.SANDBOX
    if not any(found.complete for found in sets):
        raise ConfigError(_no_complete_set(asked, sets))
    return Mode.LIVE


def _no_complete_set(asked: str, sets: Sequence[CredentialSet]) -> list[str]:
    begun = [found.line() for found in sets if found.incomplete]
    wanted = ", or ".join(" and ".join(found.given + found.missing) for found in sets)
    return begun or [f'TRADING_MODE is "{asked}" and no credentials are set: it needs {wanted}']


# --- reading


def load_settings(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read `.env` in `folder` (default: home_folder()) and the environment, which takes precedence even if empty.

    Raises ConfigError with one line for every variable with an unusable value.
    """
    home = (folder or home_folder()).resolve()
    bindings, broken = _read_env_file(home / ".env")
    in_file = {name: (binding.value or "").strip() for name, binding in bindings}
    outside = os.environ if environ is None else environ
    held = {**in_file, **{name: _bare(text) for name, text in outside.items()}}
    groups, lines = _build_groups({name: text for name, text in held.items() if text}, home)
    lost = [name for name in VARIABLES if in_file.get(name) and name in outside and not _bare(outside[name])]
    lines = broken or [*refusals(in_file, outside, VARIABLES), *mode_emptied(lost, in_file), *lines]
    sources = {name: ".env" if name not in outside else "environment" for name in (*VARIABLES, HOME) if held.get(name)}
    warnings = (
        *repeated((name, _line(binding)) for name, binding in bindings),
        *cut((name, _line(binding), binding.original.string) for name, binding in bindings),
        *unknown(in_file, outside, VARIABLES, HOME),
        *map(emptied, lost),
        *fractions(groups.values(), sources),
    )
    settings = Settings.model_validate({**groups, "home": home, "warnings": warnings, "sources": sources})
    if lines := lines or _check_together(settings):
        raise ConfigError(lines, None if _PLACES.intersection(line.split()[0] for line in lines) else settings)
    return settings


def home_folder() -> Path:
    """The folder of `.env`, `data` and `nija.log`: $NIJA_HOME, else the checkout that this code runs from, else the current folder.

    Raises `ConfigError` for a NIJA_HOME that is not a folder.
    """
    if chosen := os.environ.get(HOME, ""):
        if not Path(chosen).is_dir():
            raise ConfigError([f'{HOME} is "{chosen}": it must be an existing folder'])
        return Path(chosen)
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def state_folder() -> Path:
    """The folder for locks and nonce floors, shared by every installation of this user on this host.

    `$XDG_STATE_HOME/nija`, by default `~/.local/state/nija`.
    """
    return (_xdg_state_home() or Path.home() / ".local" / "state") / "nija"


def _xdg_state_home() -> Path | None:
    """XDG_STATE_HOME, if it is absolute. The XDG Base Directory Specification says to ignore a relative path."""
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    return given if given.is_absolute() else None


def usable_state_folder() -> Path:
    """`state_folder`, created if necessary; raises `ConfigError` if it cannot be written."""
    name = "HOME" if _xdg_state_home() is None else "XDG_STATE_HOME"
    try:
        return _writable(state_folder())
    except (OSError, RuntimeError) as error:
        held = os.environ.get(name)
        why = error.strerror if isinstance(error, OSError) else "this user has no home"
        shown = "is not set" if held is None else f'is "{held}"'
        rule = f"NIJA keeps locks and nonces under it and cannot write there ({why}): it must be a writable folder"
        raise ConfigError([f"{name} {shown}: {rule}, or set XDG_STATE_HOME to one"]) from None


def usable_data_dir(settings: Settings) -> Path:
    """The data folder, created if necessary; raises `ConfigError` if it cannot be, or can never hold a file, such as /proc. One
    on a full or read-only disk is accepted: the daemon waits until it can be written."""
    folder = settings.operation.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            [f'NIJA_DATA_DIR is "{folder}": it must be a folder that can be created ({error.strerror})']
        ) from None
    try:
        _probe(folder)
    except OSError as error:
        if error.errno not in _PASSING:
            raise ConfigError(
                [f'NIJA_DATA_DIR is "{folder}": it must be a folder that can hold files ({error.strerror})']
            ) from None
    return folder


def _writable(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _probe(folder)
    return folder


def _probe(folder: Path) -> None:
    """Create and remove a file; raises OSError."""
    descriptor, probe = tempfile.mkstemp(dir=folder, prefix=".probe-")
    os.close(descriptor)
    Path(probe).unlink()


def service_manager_socket() -> tuple[str, bool]:
    """The socket of a service manager such as systemd, "" without one, and whether it expects signs of life from this process."""
    watched = os.environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    return os.environ.get("NOTIFY_SOCKET", ""), watched and "WATCHDOG_USEC" in os.environ


def playful_environment() -> dict[str, str]:
    """The environment for a child process that does not trade: without our variables, and so without any keys."""
    return {name: text for name, text in os.environ.items() if name not in VARIABLES}


def _read_env_file(path: Path) -> tuple[list[tuple[str, Binding]], list[str]]:
    """The NAME=value lines as written, and a complaint about the first line that is none. Nothing is interpolated, because a `$`
    may be part of a passphrase."""
    if not path.exists():
        return [], []
    try:
        bindings = list(parse_stream(StringIO(path.read_text(encoding="utf-8-sig"))))
    except OSError as error:
        raise ConfigError([f".env cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise ConfigError([".env cannot be read: it is not UTF-8 text"]) from None
    rule = "it must be NAME=value (with a value of several lines in double quotes)"
    broken = [f".env line {_line(one)} cannot be understood: {rule}" for one in bindings if _malformed(one)]
    return [(one.key, one) for one in bindings if one.key is not None and not _malformed(one)], broken[:1]


def _line(binding: Binding) -> int:
    """The line number of a binding; the parser counts empty lines before it as part of it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _malformed(binding: Binding) -> bool:
    if binding.key is None:
        return binding.error
    named = re.fullmatch(r"[A-Za-z_]\w*", binding.key, re.ASCII)
    return binding.error or binding.value is None or not named


def _bare(text: str) -> str:
    """Remove surrounding white space and one pair of quotes, which container tools leave in place."""
    text = text.strip()
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if quoted else text


def _build_groups(values: Mapping[str, str], home: Path) -> tuple[dict[str, Group], list[str]]:
    groups: dict[str, Group] = {}
    lines: list[str] = []
    for place, group in GROUPS.items():
        given = {field: values[name] for name, field in group.variables().items() if name in values}
        odd = [field for field, text in given.items() if _has_other_digits(group, field, text)]
        lines += [_error_line(group, field, given.pop(field)) for field in odd]
        try:
            groups[place] = group.model_validate(given, context={"home": home})
        except ValidationError as error:
            wrong = _error_fields(given, error)
            lines += [_error_line(group, field, given.pop(field)) for field in wrong]
            groups[place] = group.model_validate(given, context={"home": home})
    return groups, lines


def _error_fields(given: Mapping[str, str], error: ValidationError) -> list[str]:
    wrong = error.errors(include_input=False, include_context=False, include_url=False)
    # Pydantic also reports defaults that depend on an unusable value; nobody set those.
    return [field for field in dict.fromkeys(str(item["loc"][0]) for item in wrong) if field in given]


def _error_line(group: type[Group], field: str, text: str) -> str:
    return f"{group.variable(field)} {_shown(group, field, text)}: it must be {group.model_fields[field].description}"


def _has_other_digits(group: type[Group], field: str, text: str) -> bool:
    """Whether a number has digits of another script, such as Arabic ones: Python would accept them, and few can read them."""
    return not text.isascii() and _is_number(group.model_fields[field].annotation)


def _is_number(kind: object) -> bool:
    return kind is int or kind is Decimal or any(map(_is_number, get_args(kind)))


def _shown(group: type[Group], field: str, text: str) -> str:
    secret = "SecretStr" in repr(group.model_fields[field].annotation)
    if secret or re.search(r"PRIVATE KEY|://[^/]*@", text):
        return f"has {len(text)} characters that do not fit"
    return f'is "{text[:80].encode("unicode_escape").decode()}"'


def _check_together(settings: Settings) -> list[str]:
    least, most = settings.rule.min_position_pct, settings.rule.max_position_pct
    return [f'MIN_POSITION_PCT is "{least}": it must be at most MAX_POSITION_PCT ({most})'] if least > most else []
