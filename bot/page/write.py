"""A page as one HTML file: template, style, scripts and data in it, so that a browser asks no network for anything.

The chart script is TradingView's Lightweight Charts (Apache 2.0), as the package `lightweight-charts` brings it. Its license asks for
the notice and the link that the page's last line gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Series
from bot.page.content import Bin, Chart, Kind, Listing, Page

#: The package, and its file that is the chart script. Importing the package would import a window toolkit.
PACKAGE, SCRIPT = "lightweight-charts", "lightweight-charts.js"
HERE = Path(__file__).parent
#: Digits of prices and amounts on the page.
DIGITS = 10
#: The size of the drawing of the distribution.
WIDE, HIGH = 560, 220


def html(page: Page) -> str:
    """The whole file; raises `ModuleNotFoundError` without the chart library."""
    from mako.template import Template

    template = Template(  # noqa: S702 - every expression is escaped unless the template says `n`
        filename=str(HERE / "page.html"),
        default_filters=["str", "h"],
        strict_undefined=True,
        module_directory=None,
    )
    return str(
        template.render(
            page=page,
            style=(HERE / "page.css").read_text(encoding="utf-8"),
            library=_as_script(chart_script()),
            script=(HERE / "page.js").read_text(encoding="utf-8"),
            data=data(page),
            bars=bars(page.results),
        )
    )


def chart_script() -> str:
    """The chart library; raises `ModuleNotFoundError` if it is not installed."""
    for file in files(PACKAGE) or ():
        if file.name == SCRIPT:
            return Path(str(file.locate())).read_text(encoding="utf-8")
    raise ModuleNotFoundError(f"{PACKAGE} has no {SCRIPT}", name=PACKAGE)


def data(page: Page) -> str:
    """What the scripts draw, as JSON that cannot end its element."""
    import orjson

    content = {
        "equity": {"time": page.equity.time // 1000, "value": _digits(page.equity.value)},
        "charts": [_chart(one) for one in page.charts],
        "targets": list(page.targets),
        "listings": [_listing(one) for one in (page.trades, *page.listings)],
    }
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY).decode().replace("<", "\\u003c")


def _as_script(text: str) -> str:
    """A script without what a browser takes as its end; it can only be in a string, where the backslash changes nothing."""
    return text.replace("</script", "<\\/script")


def _chart(one: Chart) -> dict[str, Any]:
    prices = {name: np.ascontiguousarray(getattr(one, name)) for name in ("open", "high", "low", "close")}
    return {"pair": one.pair, "start": one.start // 1000, "step": one.step_ms // 1000, **prices}


def _listing(one: Listing) -> dict[str, Any]:
    return {
        "file": one.file,
        "names": list(one.names),
        "columns": [
            {"key": column.key, "name": column.name, "kind": column.kind, "values": _values(column.kind, column.values)}
            for column in one.columns
        ],
    }


def _values(kind: Kind, values: Sequence[Any] | NDArray[Any]) -> Any:
    """Times in seconds, numbers rounded, everything else as it is."""
    if kind is Kind.TIME:
        return np.asarray(values, np.int64) // 1000
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return _digits(values)
    return list(values)


def _digits(values: Series) -> list[float | None]:
    """Numbers rounded to the digits of a page; None for what is not a number."""
    return [float(f"{value:.{DIGITS}g}") if value == value else None for value in values.tolist()]  # noqa: PLR0124


def bars(of: Sequence[Bin]) -> dict[str, Any]:
    """The bars of the distribution in the units of its drawing, with the place of zero."""
    if not of:
        return {}
    most, width = max(one.trades for one in of), WIDE / len(of)
    scale = WIDE / (of[-1].high - of[0].low)
    drawn = [
        {
            "x": round(at * width + width * 0.08, 2),
            "width": round(width * 0.84, 2),
            "y": round(HIGH - HIGH * one.trades / most, 2),
            "height": round(HIGH * one.trades / most, 2),
            "loss": one.high <= 0.0,
            "title": f"{one.low:+.4g} to {one.high:+.4g}: {one.trades:,}",
        }
        for at, one in enumerate(of)
        if one.trades
    ]
    return {"bars": drawn, "zero": round(-of[0].low * scale, 2), "low": of[0].low, "high": of[-1].high, "most": most}
