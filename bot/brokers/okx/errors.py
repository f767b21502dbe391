"""What OKX's codes mean: one table from codes to our meanings, and one remedy for each problem the owner can fix.

Codes are compared, not texts, because OKX rewords those. Only for 51000 ("Parameter sz error") the text counts too, for the
parameter it names. Source: OKX v5 API guide, "Error Code" (REST). A code outside the table is UNKNOWN and `unheard`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bot.brokers.base import BrokerError
from bot.brokers.common.failures import Failures, mildest, usual_remedies
from bot.domain.outcome import ErrorMeaning

VENUE = "okx"

#: What the owner can do, by the name of the problem. docs/operations.md lists the same texts.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        **usual_remedies("OKX", "OKX_API_URL"),
        "missing": "{missing} is empty or has characters that cannot be sent: copy it again from OKX > API (only printable "
        "ASCII)",
        "malformed": "OKX_API_KEY is not a valid key: copy it again from OKX > API",
        "key": "OKX_API_KEY is unknown at {host}: it was deleted or mistyped, or it belongs to another OKX site - set "
        "OKX_API_URL to https://www.okx.com (www.okx.com), https://eea.okx.com (my.okx.com) or https://us.okx.com (app.okx.com)",
        "secret": "OKX_API_SECRET does not belong to OKX_API_KEY: copy the secret key again, or create a new key on OKX > API",
        "passphrase": "OKX_PASSPHRASE is not this key's passphrase (the one you chose when you created the key, not your login "
        "password; quote it in .env if it contains $ # or spaces): correct it, or create a new key",
        "demo": "the key and OKX_USE_TESTNET do not match: a key created inside Demo Trading needs OKX_USE_TESTNET=true, a real "
        "one OKX_USE_TESTNET=false",
        "region": "this account trades at another OKX site: set OKX_API_URL to https://www.okx.com (www.okx.com), "
        "https://eea.okx.com (my.okx.com) or https://us.okx.com (app.okx.com)",
        "ip": "this key works from other IP addresses only: add this computer's address to it on OKX > API > Edit",
        "needs_ip": "OKX requires a key bound to an IP address for this: add this computer's address on OKX > API > Edit",
        "read_only": "this key may only read: switch on 'Trade' for it on OKX > API > Edit",
        "no_read": "this key may not read: switch on 'Read' for it on OKX > API > Edit",
        "withdraw": "this key may withdraw money: switch off 'Withdraw' for it on OKX > API > Edit, or set "
        "ALLOW_WITHDRAW_KEYS=true",
        "unlisted": "OKX did not say what this key may do, so it is not used: create a new key on OKX > API",
        "mode": "the account is in Spot mode, which has no swaps: switch to Futures mode on OKX > Trade > Settings > Account "
        "mode, or set OKX_TRADE_SWAPS=false",
        "mode_unset": "the account has no account mode yet: choose Spot mode (or Futures mode, for swaps) once on OKX > Trade > "
        "Settings > Account mode",
        "portfolio": "the account is in Portfolio margin mode, where swaps cannot be limited to 1x and orders cannot be "
        "reduce-only: switch to Futures mode on OKX > Trade > Settings > Account mode, or set OKX_TRADE_SWAPS=false",
        "margin": "this account mode has no isolated swaps: use cross margin, or switch the mode on OKX > Trade > Settings > "
        "Account mode",
        "account_mode": "the account mode changed while NIJA was running (OKX > Trade > Settings > Account mode): NIJA reads it "
        "again and continues",
        "position_mode": "the position mode changed while NIJA was running (one-way or hedge, OKX > Trade > Settings > Position "
        "mode): NIJA reads it again when it reconnects",
        "no_usdt": "there is no {quotes} in the trading account{elsewhere}: buy some, redeem it from Simple Earn, or "
        "move it on OKX > Assets > Transfer from Funding to Trading",
        "unpayable": "OKX offers this account no pair that is paid in {held}: convert it to {quotes} on OKX > Assets > Convert",
        "no_usdt_pairs": "OKX offers this account no USDT pairs (some regions have none): hold {quotes} in the trading account",
        "activate": "trading of USDC pairs is not activated yet: open one of them once on okx.com or in the app and accept the "
        "terms, then run `nija resume`",
        "identity": "OKX requires a higher level of identity verification for this: complete it on okx.com > Profile > "
        "Verification, then run `nija resume`",
        "barred": "OKX bars this account from this market (settings, region or product): NIJA leaves it out; if you can change "
        "that on okx.com, do so and run `nija resume`",
        "frozen": "OKX froze this API or account: see the messages on okx.com or ask its support",
        "account": "log in to okx.com: the account needs your attention there (identity, agreement, or a restriction of your "
        "region)",
        "blocked": "OKX refuses calls from this IP address or region: run NIJA where your OKX account may trade",
        "throttled": "OKX wants fewer calls: nothing to do, NIJA slows down; another program may be using this key",
        "maintenance": "OKX is in maintenance: nothing to do, NIJA keeps retrying",
        "unfunded": "deposit USDT or USDC at OKX (USD where it pays for USDC pairs); NIJA then starts trading",
    }
)

#: Default values for the fields in remedies.
_FACTS: Mapping[str, str] = MappingProxyType(
    {
        "seconds": "30 or more",
        "host": "this address",
        "missing": "a credential",
        "elsewhere": "",
        "quotes": "USDT or USDC",
        "held": "this currency",
    }
)
failure = Failures(VENUE, "OKX", REMEDIES, _FACTS)


class Row(NamedTuple):
    """One OKX code: what it means, and the name of its remedy ("" for none)."""

    code: str
    meaning: ErrorMeaning
    remedy: str = ""


def _rows(meaning: ErrorMeaning, *codes: str, remedy: str = "") -> tuple[Row, ...]:
    return tuple(Row(code, meaning, remedy) for code in codes)


#: UNKNOWN: a request may have been carried out (a query merely failed).
ROWS: tuple[Row, ...] = (
    # general
    *_rows(ErrorMeaning.UNKNOWN, "50001", remedy="maintenance"),
    *_rows(ErrorMeaning.UNKNOWN, "50004", "50013", "50026", "51054", "51149"),
    *_rows(ErrorMeaning.REJECTED, "50000", "50002", "50006", "50014", "50015", "50016", "50024", "50025", "50039"),
    *_rows(ErrorMeaning.PERMISSION, "50007", "50009", "50012", "50027", "50028", "50029", remedy="frozen"),
    *_rows(ErrorMeaning.RATE_LIMITED, "50011", "50040", "50061", "51113", remedy="throttled"),
    *_rows(ErrorMeaning.BUSY, "50017", "50018", "50019", "50020", "50021", "50022", "50023"),  # frozen for a while
    *_rows(ErrorMeaning.RESTRICTED, "50032", "50033", "50051", "50052", "50062", remedy="barred"),
    *_rows(ErrorMeaning.PERMISSION, "50035", remedy="needs_ip"),
    *_rows(ErrorMeaning.BUSY, "50036", "50037", "50042"),
    *_rows(ErrorMeaning.PERMISSION, "50059", "50060", remedy="account"),
    *_rows(ErrorMeaning.PERMISSION, "50067", remedy="region"),
    *_rows(ErrorMeaning.UNKNOWN, "50071", "51011", "51016", "51065", "51068"),  # an earlier order with our id
    # the endpoint, the method or the account's mode: says nothing about the order
    *_rows(ErrorMeaning.NO_WAY, "50005", "50038", "50053", "50115", "51773"),
    *_rows(ErrorMeaning.NO_WAY, "50030", remedy="read_only"),
    *_rows(ErrorMeaning.PERMISSION, "50120", remedy="read_only"),
    *_rows(ErrorMeaning.BUSY, "50072", remedy="margin"),
    *_rows(ErrorMeaning.BUSY, "51010", remedy="mode"),
    *_rows(ErrorMeaning.BUSY, "51039", "51041", "51205", remedy="portfolio"),
    *_rows(ErrorMeaning.BUSY, "59000", "59100", "59101", "59107"),  # the leverage, while positions or orders are open
    # the key
    *_rows(ErrorMeaning.PERMISSION, "50100", remedy="frozen"),
    *_rows(ErrorMeaning.CREDENTIALS, "50101", remedy="demo"),
    *_rows(ErrorMeaning.CLOCK, "50102", "50107", "50112", remedy="clock"),
    *_rows(ErrorMeaning.CREDENTIALS, "50103", "50111", remedy="malformed"),
    *_rows(ErrorMeaning.CREDENTIALS, "50104", "50105", remedy="passphrase"),
    *_rows(ErrorMeaning.CREDENTIALS, "50106", "50113", remedy="secret"),
    *_rows(ErrorMeaning.CREDENTIALS, "50108", "50109", "50114", "50119", remedy="key"),
    *_rows(ErrorMeaning.PERMISSION, "50110", remedy="ip"),
    *_rows(ErrorMeaning.PERMISSION, "50121", remedy="blocked"),
    # the account and the market
    *_rows(ErrorMeaning.PERMISSION, "51009", "51024", remedy="account"),
    *_rows(ErrorMeaning.RESTRICTED, "51155", "54072", remedy="barred"),
    *_rows(ErrorMeaning.RESTRICTED, "54109", remedy="activate"),
    *_rows(ErrorMeaning.RESTRICTED, "59113", remedy="identity"),
    *_rows(ErrorMeaning.MARKET_CLOSED, "51001", "51021", "51022", "51027", "51028", "51029", "51030", "51087"),
    *_rows(ErrorMeaning.MARKET_CLOSED, "51110", "51124", "51507"),  # an auction
    *_rows(
        ErrorMeaning.MARKET_CLOSED, "54012", "54031", "54094"
    ),  # a thin book, the platform's open interest, cooling off
    *_rows(ErrorMeaning.BUSY, "51115", "51290"),
    *_rows(ErrorMeaning.BUSY, "51025", "51102", "51103", "51174"),  # too many open orders
    # the order
    *_rows(
        ErrorMeaning.REJECTED, "51000", "51002", "51003", "51015", "51019", "51111", "51121", "51150", "51511", "54085"
    ),
    *_rows(ErrorMeaning.REJECTED, "51257", "51311", "51327", "51328", "51329", "51330", "51331", "51332"),
    *_rows(ErrorMeaning.REJECTED, "51004", "51005", "51101", "51104", "51105", "51106", "51107", "51185"),  # too large
    *_rows(ErrorMeaning.REJECTED, "51201", "51202", "51203", "51207", "51275", "59102", "59104", "59105"),
    *_rows(ErrorMeaning.FUNDS, "51008", "51119", "51127", "51131", "51502", "51736", "59200", "59201"),
    *_rows(
        ErrorMeaning.FUNDS, "51023", "51043", "51112", "51169", "51170"
    ),  # the contracts to close are not there, or not free
    *_rows(ErrorMeaning.FUNDS, "59103", "59106", "59108", "59109"),
    *_rows(ErrorMeaning.TOO_SMALL, "51007", "51020", "51120"),
    *_rows(ErrorMeaning.PRICE, "51006", "51135", "51136", "51137", "51138", "54084"),
    *_rows(ErrorMeaning.PRICE, "51046", "51047", "51048", "51049", "51050", "51051", "51052", "51053"),
    *_rows(ErrorMeaning.PRICE, "51277", "51278", "51279", "51280"),
    *_rows(ErrorMeaning.PRICE, "51300", "51301", "51302", "51303", "51304", "51305", "51306", "51307", "51308"),
    *_rows(ErrorMeaning.GONE, "51400", "51401", "51402", "51405", "51410", "51412", "51416"),
    *_rows(ErrorMeaning.GONE, "51503", "51509", "51510", "51603"),
    *_rows(ErrorMeaning.UNSUPPORTED, "51133", "51139", "51281", "51415"),
    *_rows(
        ErrorMeaning.UNSUPPORTED, "51090", "51098", "51506", "51527", "51528", "51529"
    ),  # not to be amended this way
    # the stop or target attached to an order
    *_rows(ErrorMeaning.ATTACHMENT, "51044", "51178", "54070", "51100", "51333"),
    *_rows(
        ErrorMeaning.ATTACHMENT,
        "51076",
        "51077",
        "51078",
        "51079",
        "51080",
        "51081",
        "51082",
        "51083",
        "51084",
        "51085",
    ),
    *_rows(
        ErrorMeaning.ATTACHMENT,
        "51086",
        "51088",
        "51089",
        "51091",
        "51092",
        "51093",
        "51094",
        "51095",
        "51096",
        "51097",
    ),
    *_rows(ErrorMeaning.ATTACHMENT, "51099"),
)
TABLE: Mapping[str, Row] = MappingProxyType({row.code: row for row in ROWS})

#: "Parameter posSide error": the code for a bad parameter, and the parameters for which more is known.
_PARAMETER = "51000"
_DISLIKED = re.compile(r"\s*parameter\s+(\w+)\s+error\s*", re.IGNORECASE)
_PARAMETERS: Mapping[str, Row] = MappingProxyType(
    {
        "attachalgoords": Row(_PARAMETER, ErrorMeaning.ATTACHMENT),
        "attachalgoclordid": Row(_PARAMETER, ErrorMeaning.ATTACHMENT),
        "posside": Row(_PARAMETER, ErrorMeaning.BUSY, "position_mode"),
        "tdmode": Row(_PARAMETER, ErrorMeaning.BUSY, "account_mode"),
        "tradequoteccy": Row(_PARAMETER, ErrorMeaning.RESTRICTED, "barred"),
    }
)
#: Remedies of refusals that may be due to changed account settings, which are then read again.
_OF_SETTINGS = ("position_mode", "account_mode", "mode", "margin", "portfolio")
#: Statuses with which OKX's edge refuses an address or a region.
_SHUT_OUT = frozenset({403, 405, 451})


def meaning_of(code: str, words: str = "") -> Row | None:
    """The table's row for a code and its text; None if the table lacks it."""
    if code == _PARAMETER and (named := _DISLIKED.fullmatch(words)) is not None:
        return _PARAMETERS.get(named[1].casefold(), TABLE[code])
    return TABLE.get(code)


def explain(codes: Iterable[tuple[str, str]], host: str = "this address") -> BrokerError:
    """The `BrokerError` for an answer's codes (with their texts)."""
    row, words = mildest((meaning_of(code, words), f"{code} {words}") for code, words in codes)
    if row is None:
        return failure(ErrorMeaning.UNKNOWN, words, unheard=True)
    return failure(row.meaning, words, row.remedy, host=host)


def speaks_of_settings(reason: str) -> bool:
    """Whether a refusal may be due to account settings that have changed since we read them."""
    return reason.endswith(tuple(REMEDIES[name] for name in _OF_SETTINGS))


def finds_deadline_wrong(reason: str) -> bool:
    """Whether an order was refused for its expTime: in the past already, or before OKX processed it."""
    return code_of(reason) in {"50036", "50037"}


def of_status(status: int, reason: str) -> BrokerError:
    """A status other than 2xx without OKX's own code comes from its edge or a proxy, which may have forwarded the request.
    It says nothing about our key: OKX reports a bad key with a code.

    4xx is an answer that we cannot interpret (`unheard`); 5xx is no answer.
    """
    text = f"HTTP {status} {reason}"
    if status == 429:
        return failure(ErrorMeaning.RATE_LIMITED, text, "throttled")
    remedy = "blocked" if status in _SHUT_OUT else "unreachable"
    return failure(ErrorMeaning.UNKNOWN, text, remedy, unheard=400 <= status < 500)


def code_of(text: str) -> str:
    """The code at the start of a failure's text; "" if there is none."""
    code = text.partition(" ")[0]
    return code if len(code) == 5 and code.isascii() and code.isdigit() else ""
