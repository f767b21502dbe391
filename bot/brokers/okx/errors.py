"""What each of OKX's codes means: one table from codes to our words, and one remedy for each thing an owner can mend.

Codes only, never texts (OKX words them anew). Source: OKX v5 API guide, "Error Code" (REST). An order is refused by its
row's `sCode`; a code outside the table is a refusal when it speaks of trading (51000-59999), else the fate is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bot.brokers.answers import safe_text
from bot.brokers.base import BrokerError
from bot.domain.clock import SECOND
from bot.domain.outcome import Meaning

VENUE = "okx"
#: OKX counts its limits in windows of two seconds.
WINDOW_MS = 2 * SECOND

#: What the owner can do, by the name of the trouble. The README's table says the same.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "missing": "{missing} is empty or holds signs that cannot be sent: copy it anew from OKX > API (printable ASCII only)",
        "malformed": "OKX_API_KEY is not a key at all: copy it anew from OKX > API",
        "key": "OKX_API_KEY is unknown at {host}: it was deleted or mistyped, or it belongs to another OKX site - set OKX_API_URL "
        "to https://www.okx.com (www.okx.com), https://eea.okx.com (my.okx.com) or https://us.okx.com (app.okx.com)",
        "secret": "OKX_API_SECRET does not belong to OKX_API_KEY: copy the secret key anew, or make a new key on OKX > API",
        "passphrase": "OKX_PASSPHRASE is not this key's passphrase (it is the one you gave when you made the key, not your login "
        "password; quote it in .env when it holds $ # or spaces): correct it, or make a new key",
        "demo": "the key and OKX_USE_TESTNET do not match: a key made inside Demo Trading needs OKX_USE_TESTNET=true, a real one "
        "OKX_USE_TESTNET=false",
        "region": "this account trades at another OKX site: set OKX_API_URL to https://www.okx.com (www.okx.com), "
        "https://eea.okx.com (my.okx.com) or https://us.okx.com (app.okx.com)",
        "ip": "this key works from other IP addresses only: add this computer's address to it on OKX > API > Edit",
        "needs_ip": "OKX wants a key that is bound to an IP address for this: add this computer's address on OKX > API > Edit",
        "clock": "set this computer's clock (switch on NTP): it differs from OKX's by {seconds} s",
        "read_only": "this key may only read: switch on 'Trade' for it on OKX > API > Edit",
        "no_read": "this key may not read: switch on 'Read' for it on OKX > API > Edit",
        "withdraw": "this key may withdraw money: switch off 'Withdraw' for it on OKX > API > Edit, or set ALLOW_WITHDRAW_KEYS=true",
        "unlisted": "OKX did not say what this key may do, so it is not used: make a new key on OKX > API",
        "mode": "the account is in Spot mode, which has no swaps: switch to Futures mode on OKX > Trade > Settings > Account mode, "
        "or set OKX_TRADE_SWAPS=false",
        "mode_unset": "the account has no account mode yet: choose Spot mode (or Futures mode, for swaps) once on OKX > Trade > "
        "Settings > Account mode",
        "margin": "this account mode does not take isolated swaps: use cross margin, or switch the mode on OKX > Trade > Settings > "
        "Account mode",
        "position_mode": "the position mode changed while NIJA ran (one-way or hedge, OKX > Trade > Settings > Position mode): NIJA "
        "reads it anew when it connects again",
        "no_usdt": "there is no USDT, USDC or USD in the trading account{elsewhere}: buy some, or move it on OKX > Assets > Transfer "
        "from Funding to Trading",
        "no_usdt_pairs": "OKX offers this account no USDT pairs (some regions have none): trade USDC or USD pairs, and hold that "
        "quote in the trading account",
        "frozen": "OKX froze this API or account: see the messages on okx.com or ask its support",
        "account": "log in to okx.com: the account needs your attention there (identity, agreement, or a restriction of your region)",
        "blocked": "OKX refuses calls from this IP address or region: run NIJA where your OKX account may trade",
        "throttled": "OKX wants fewer calls: nothing to do, NIJA goes on by itself; another program may use this key",
        "maintenance": "OKX is in maintenance: nothing to do, NIJA asks again by itself",
        "unreachable": "OKX cannot be reached or does not answer: check the network, and OKX_API_URL if you set it; "
        "NIJA tries again by itself",
        "tls": "OKX's certificate is not trusted: check this computer's clock, its root certificates and NIJA_CA_FILE",
        "in_use": "another program on this host is using this key right now: stop it, or make a new API key for NIJA alone",
        "unfunded": "deposit USDT at OKX; NIJA starts trading by itself",
    }
)


class Row(NamedTuple):
    """One code of OKX: what it means, and the name of its remedy ("" for none)."""

    code: str
    meaning: Meaning
    remedy: str = ""


def _rows(meaning: Meaning, *codes: str, remedy: str = "") -> tuple[Row, ...]:
    return tuple(Row(code, meaning, remedy) for code in codes)


#: UNKNOWN: an order may have been carried out (a read has only failed).
ROWS: tuple[Row, ...] = (
    # general
    *_rows(Meaning.UNKNOWN, "50001", remedy="maintenance"),
    *_rows(Meaning.UNKNOWN, "50004", "50013", "50026", "51054", "51149"),
    *_rows(Meaning.REJECTED, "50000", "50002", "50006", "50014", "50015", "50016", "50024", "50025", "50039", "50115"),
    *_rows(Meaning.UNSUPPORTED, "50005", "50038", "50053"),
    *_rows(Meaning.PERMISSION, "50007", "50009", "50012", "50027", "50028", "50029", remedy="frozen"),
    *_rows(Meaning.RATE_LIMITED, "50011", "50061", "50040", "51113", remedy="throttled"),
    *_rows(Meaning.PERMISSION, "50030", "50120", remedy="read_only"),
    *_rows(Meaning.PERMISSION, "50035", remedy="needs_ip"),
    *_rows(Meaning.BUSY, "50036", "50037", "50042"),
    *_rows(Meaning.PERMISSION, "50051", "50052", "50059", "50060", "51155", remedy="account"),
    *_rows(Meaning.PERMISSION, "50067", remedy="region"),
    *_rows(Meaning.UNKNOWN, "50071", "51011", "51016", "51065", "51068"),  # an earlier request with our id lives
    *_rows(Meaning.UNSUPPORTED, "50072", remedy="margin"),
    # the key
    *_rows(Meaning.PERMISSION, "50100", remedy="frozen"),
    *_rows(Meaning.CREDENTIALS, "50101", remedy="demo"),
    *_rows(Meaning.CLOCK, "50102", "50112", remedy="clock"),
    *_rows(Meaning.CREDENTIALS, "50103", "50111", remedy="malformed"),
    *_rows(Meaning.CREDENTIALS, "50104", "50105", remedy="passphrase"),
    *_rows(Meaning.CREDENTIALS, "50106", "50113", remedy="secret"),
    *_rows(Meaning.CLOCK, "50107", remedy="clock"),
    *_rows(Meaning.CREDENTIALS, "50108", "50109", "50114", "50119", remedy="key"),
    *_rows(Meaning.PERMISSION, "50110", remedy="ip"),
    *_rows(Meaning.PERMISSION, "50121", remedy="blocked"),
    # orders
    *_rows(Meaning.UNSUPPORTED, "51010", remedy="mode"),
    *_rows(Meaning.PERMISSION, "51009", "51024", remedy="account"),
    *_rows(Meaning.FUNDS, "51008", "51119", "51127", "51131", "51502", "51736", "59200", "59201"),
    *_rows(Meaning.TOO_SMALL, "51007", "51020", "51120"),
    *_rows(Meaning.MARKET_CLOSED, "51021", "51022", "51027", "51028", "51029", "51030"),
    *_rows(Meaning.GONE, "51400", "51401", "51402", "51405", "51410", "51503", "51509", "51510", "51603"),
    *_rows(Meaning.UNSUPPORTED, "51133", "51139", "51281", "51506"),
    *_rows(Meaning.BUSY, "51115"),
)
#: Refusals of an order for the stops and targets it carries (split targets, reduce-only orders).
_ATTACHMENT = frozenset({*(str(code) for code in range(51076, 51101)), "51333"})
#: Statuses by which OKX's edge turns an address or a region away.
_SHUT_OUT = frozenset({403, 405, 451})
TABLE: Mapping[str, Row] = MappingProxyType({row.code: row for row in ROWS})


def meaning_of(code: str) -> Row:
    """The table's row for a code; of the others those of trading refuse, and nobody knows about the rest."""
    if code in TABLE:
        return TABLE[code]
    refuses = len(code) == 5 and code.isascii() and code.isdigit() and code > "51"
    return Row(code, Meaning.REJECTED if refuses else Meaning.UNKNOWN)


def explain(codes: Iterable[tuple[str, str]], host: str = "this address") -> BrokerError:
    """The error that an answer's codes (with their texts) amount to: when in doubt among several, UNKNOWN."""
    found = [(meaning_of(code), text) for code, text in codes]
    row, text = next((each for each in found if each[0].meaning is Meaning.UNKNOWN), found[0])
    pause = WINDOW_MS if row.meaning is Meaning.RATE_LIMITED else 0
    return failure(row.meaning, f"{row.code} {text}", _hint(row, text), pause, host=host)


def _hint(row: Row, text: str) -> str:
    """The row's remedy. 51000 only names the parameter it dislikes; a wrong `posSide` is the owner's position mode."""
    return "position_mode" if row.code == "51000" and "posSide" in text else row.remedy


def refuses_attachment(reason: str) -> bool:
    """Whether an order was refused for the stop attached to it: codes of attached stops, or a parameter of that name."""
    code = code_of(reason)
    return code in _ATTACHMENT or (code == "51000" and "attachAlgo" in reason)


def finds_deadline_wrong(reason: str) -> bool:
    """Whether an order was refused for its expTime: in the past, or passed before OKX came to it."""
    return code_of(reason) in {"50036", "50037"}


def failure(meaning: Meaning, text: object, remedy: str = "", retry_after_ms: int = 0, **facts: str) -> BrokerError:
    """A `BrokerError` of this venue with the named remedy filled in."""
    facts = {"seconds": "30 or more", "host": "this address", "missing": "a credential", "elsewhere": "", **facts}
    line = REMEDIES[remedy].format(**facts) if remedy else ""
    return BrokerError(VENUE, meaning, safe_text(text), remedy=line, retry_after_ms=retry_after_ms)


def of_transport(error: Exception, *, sent: bool) -> BrokerError:
    """What a broken connection or an unreadable answer means: certain only when no byte of the request left."""
    if not sent:
        remedy = "tls" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "unreachable"
        return failure(Meaning.BUSY, f"not sent: {type(error).__name__}: {error}", remedy)
    return failure(Meaning.UNKNOWN, f"no usable answer: {type(error).__name__}: {error}", "unreachable")


def of_status(status: int, reason: str) -> BrokerError:
    """A status other than 2xx without OKX's own code comes from its edge, or from something in between, which may have passed
    the request on. It says nothing of our key: OKX itself names what is wrong with a key by a code."""
    text = f"HTTP {status} {reason}"
    if status == 429:
        return failure(Meaning.RATE_LIMITED, text, "throttled", WINDOW_MS)
    return failure(Meaning.UNKNOWN, text, "blocked" if status in _SHUT_OUT else "unreachable")


def code_of(text: str) -> str:
    """The code that a failure's text begins with; "" when it has none."""
    code = text.partition(" ")[0]
    return code if len(code) == 5 and code.isascii() and code.isdigit() else ""
