"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const trades = data.listings[0];
  const drawn = { equity: null, prices: null };
  const ROWS = 20; // of a listing on one page
  const LONG = 40; // characters of a name that is wrapped
  const NEAR = 40; // candles around a trade that is looked at
  const WORDS_UP_TO = 300; // candles on the screen beyond which exits have no words

  // -- text ----------------------------------------------------------------------------------------------------------
  const two = (value) => String(value).padStart(2, "0");
  const time = (seconds) => {
    const at = new Date(seconds * 1000);
    const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
    return `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  };
  const fixed = (value, decimals) =>
    value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const signed = (value, decimals) => `${value < 0 ? "−" : "+"}${fixed(Math.abs(value), decimals)}`;
  const number = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 7 });
  const decimals = (price) => Math.min(Math.max(5 - Math.floor(Math.log10(price)), 0), 10);
  const shown = (column, names, row) => {
    const value = column.values[row];
    if (value === null) return "–";
    if (column.kind === "name") return names[value];
    if (column.kind === "time") return time(value);
    if (column.kind === "amount") return fixed(value, 2);
    if (column.kind === "fine") return fixed(value, 4);
    if (column.kind === "money") return signed(value, 2);
    if (column.kind === "signed") return signed(value, 3);
    return number(value);
  };
  const column = (listing, key) => listing.columns.find((one) => one.key === key)?.values;
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // -- tables of any length ------------------------------------------------------------------------------------------
  const pair = column(trades, "symbol");
  const select = document.getElementById("pair");
  let chosen = -1;

  const csv = (listing) => {
    const seen = listing.columns.filter((one) => one.kind !== "hidden");
    const cell = (one, row) => {
      const value = one.values[row];
      if (value === null) return "";
      if (one.kind === "time") return new Date(value * 1000).toISOString().replace(".000", "");
      if (one.kind !== "name") return String(value);
      const text = listing.names[value];
      const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // a spreadsheet must not take a name for a formula
      return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const lines = [seen.map((one) => one.key).join(",")];
    for (let row = 0; row < seen[0].values.length; row++) lines.push(seen.map((one) => cell(one, row)).join(","));
    return `${lines.join("\n")}\n`;
  };

  const list = (section) => {
    const listing = data.listings[Number(section.dataset.listing)];
    const seen = listing.columns.filter((one) => one.kind !== "hidden");
    const opens = listing === trades && data.charts.length > 0;
    const body = section.querySelector("tbody");
    const link = section.querySelector("a.save");
    const [earlier, later] = section.querySelectorAll("nav button");
    let rows = [];
    let first = 0;

    const head = element("tr");
    if (opens) head.append(element("th", "chart", { scope: "col" }));
    for (const one of seen) {
      head.append(element("th", one.name, { scope: "col", class: ["name", "time"].includes(one.kind) ? "" : "number" }));
    }
    section.querySelector("thead").append(head);

    const line = (row) => {
      const made = element("tr", undefined, row === chosen && opens ? { class: "chosen" } : {});
      if (opens) {
        const button = element("button", "Show", { type: "button", "aria-label": `Show trade ${row + 1} in the chart` });
        button.addEventListener("click", () => look(row));
        made.append(element("td"));
        made.lastChild.append(button);
      }
      for (const one of seen) {
        const plain = ["name", "time"].includes(one.kind);
        const result = ["money", "signed"].includes(one.kind) && one.values[row] !== null && one.values[row] !== 0;
        const sign = result ? (one.values[row] > 0 ? " gain" : " loss") : "";
        const text = shown(one, listing.names, row);
        made.append(element("td", text, { class: plain ? (text.length > LONG ? "words" : "") : `number${sign}` }));
      }
      return made;
    };
    const draw = () => {
      first = Math.max(Math.min(first, Math.floor((rows.length - 1) / ROWS) * ROWS), 0);
      body.replaceChildren(...rows.slice(first, first + ROWS).map(line));
      const last = Math.min(first + ROWS, rows.length);
      section.querySelector("output").textContent =
        rows.length ? `${first + 1} to ${last} of ${rows.length.toLocaleString("en-US")}` : "none";
      earlier.disabled = first === 0;
      later.disabled = last >= rows.length;
    };
    for (const button of [earlier, later]) {
      button.addEventListener("click", () => { first += ROWS * Number(button.dataset.step); draw(); });
    }
    link.addEventListener("click", () => {
      if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(new Blob([csv(listing)], { type: "text/csv" }));
    });
    return {
      show(some, row = some[0]) { rows = some; first = Math.floor(Math.max(some.indexOf(row), 0) / ROWS) * ROWS; draw(); },
    };
  };

  const sections = [...document.querySelectorAll("section.listing")].map(list);
  const all = (listing) => listing.columns[0].values.map((_, row) => row);
  const rowsOf = (wanted) => all(trades).filter((row) => wanted === "" || pair[row] === Number(wanted));

  // -- charts --------------------------------------------------------------------------------------------------------
  const looks = () => ({
    layout: { background: { type: "solid", color: color("surface") }, textColor: color("quiet"),
      fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { vertLines: { color: color("shade") }, horzLines: { color: color("shade") } },
    crosshair: { mode: 0 },
    rightPriceScale: { borderColor: color("line") },
    leftPriceScale: { borderColor: color("line") },
    timeScale: { borderColor: color("line"), timeVisible: true, secondsVisible: false },
    localization: { locale: "en-US", timeFormatter: time },
    autoSize: true,
  });
  const chart = (id) => LightweightCharts.createChart(document.getElementById(id), looks());

  const drawEquity = () => {
    const made = chart("equity");
    made.applyOptions({ leftPriceScale: { visible: true }, timeScale: { timeVisible: false } });
    const { time: at, value } = data.equity;
    const line = made.addAreaSeries({ lineColor: color("accent"), topColor: `${color("accent")}33`,
      bottomColor: `${color("accent")}00`, lineWidth: 2, priceLineVisible: false,
      priceFormat: { type: "custom", minMove: 0.01, formatter: (one) => fixed(one, 2) } });
    const best = [];
    for (const one of value) best.push(Math.max(best.at(-1) ?? one, one));
    const drawdown = value.map((one, row) => (best[row] > 0 ? (one / best[row] - 1) * 100 : 0));
    const digits = Math.min(...drawdown) < -1 ? 1 : 2;
    const percent = (one) => (one > 1e-9 ? "" : `${fixed(Math.abs(one), digits)} %`.replace(/^(?=.*[1-9])/, "−"));
    const below = made.addBaselineSeries({ priceScaleId: "left", baseValue: { type: "price", price: 0 },
      bottomLineColor: color("loss"), bottomFillColor1: `${color("loss")}18`, bottomFillColor2: `${color("loss")}50`,
      topLineColor: color("loss"), lineWidth: 1, priceLineVisible: false, lastValueVisible: false,
      priceFormat: { type: "custom", minMove: 0.01, formatter: percent } });
    line.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.34 } });
    below.priceScale().applyOptions({ scaleMargins: { top: 0.74, bottom: 0.03 } });
    line.setData(at.map((one, row) => ({ time: one, value: value[row] })));
    below.setData(at.map((one, row) => ({ time: one, value: drawdown[row] })));
    made.timeScale().fitContent();
    drawn.equity = { chart: made, points: at.length };
  };

  /** The trades of a chart as lines from entry to exit: entry, stop, targets. */
  const levels = (series, made, rows, place) => {
    const source = { stop: column(trades, "stop"), risk: column(trades, "risk"), entry: column(trades, "entry_price"),
      side: column(trades, "direction"), from: column(trades, "entry_time"), to: column(trades, "exit_time") };
    const draw = (target) => target.useBitmapCoordinateSpace((scope) => {
      const context = scope.context;
      const range = made.timeScale().getVisibleLogicalRange();
      if (range === null) return;
      const line = (from, to, price, name, dashes, width) => {
        const half = made.timeScale().options().barSpacing / 2;
        const [left, right] = [made.timeScale().logicalToCoordinate(from) - half, made.timeScale().logicalToCoordinate(to) + half];
        const y = series.priceToCoordinate(price);
        if (y === null) return;
        context.beginPath();
        context.strokeStyle = color(name);
        context.lineWidth = width * scope.verticalPixelRatio;
        context.setLineDash(dashes.map((dash) => dash * scope.horizontalPixelRatio));
        context.moveTo(left * scope.horizontalPixelRatio, Math.round(y * scope.verticalPixelRatio));
        context.lineTo(Math.max(right, left + 3) * scope.horizontalPixelRatio, Math.round(y * scope.verticalPixelRatio));
        context.stroke();
      };
      for (const row of rows) {
        const [from, to] = [place(source.from[row]), place(source.to[row])]; // whole numbers: others have no coordinate
        if (to < range.from || from > range.to) continue;
        const strong = row === chosen ? 2 : 1;
        line(from, to, source.entry[row], "accent", [], strong);
        if (source.stop?.[row]) line(from, to, source.stop[row], "stop", [5, 4], strong);
        if (!source.risk?.[row]) continue;
        for (const one of data.targets) {
          line(from, to, source.entry[row] + source.side[row] * source.risk[row] * one, "target", [2, 3], strong);
        }
      }
      context.setLineDash([]);
    });
    let redraw = () => {};
    series.attachPrimitive({
      attached: ({ requestUpdate }) => { redraw = requestUpdate; },
      updateAllViews: () => {},
      paneViews: () => [{ zOrder: () => "top", renderer: () => ({ draw }) }],
    });
    return () => redraw();
  };

  const marks = (rows, candles, place, words) => {
    const [side, from, legs] = ["direction", "entry_time", "legs"].map((key) => column(trades, key));
    const at = (seconds) => candles.start + place(seconds) * candles.step;
    const found = [];
    for (const row of rows) {
      const up = side[row] > 0;
      found.push({ time: at(from[row]), position: up ? "belowBar" : "aboveBar", shape: up ? "arrowUp" : "arrowDown",
        color: color("accent"), text: words && row === chosen ? "entry" : "" });
      for (const [seconds, , reason] of legs[row]) {
        found.push({ time: at(seconds), position: up ? "aboveBar" : "belowBar", shape: "circle", color: color("text"),
          size: 0.7, text: words ? trades.names[reason] : "" });
      }
    }
    return found.sort((one, other) => one.time - other.time);
  };

  const drawPrices = (candles) => {
    drawn.prices?.chart.remove();
    const made = chart("prices");
    const digits = decimals(candles.close[candles.close.length - 1]);
    const series = made.addCandlestickSeries({ upColor: color("surface"), downColor: color("quiet"),
      borderUpColor: color("quiet"), borderDownColor: color("quiet"), wickColor: color("quiet"),
      wickUpColor: color("quiet"), wickDownColor: color("quiet"), priceLineVisible: false, lastValueVisible: false,
      priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    series.setData(candles.open.map((open, row) => ({ time: candles.start + row * candles.step, open,
      high: candles.high[row], low: candles.low[row], close: candles.close[row] })));
    const last = candles.open.length - 1;
    const place = (seconds) => Math.min(Math.max(Math.floor((seconds - candles.start) / candles.step), 0), last);
    const rows = rowsOf(select.value).filter((row) => trades.names[pair[row]] === candles.pair);
    const redraw = levels(series, made, rows, place);
    let worded = null;
    const mark = (again) => {
      const range = made.timeScale().getVisibleLogicalRange();
      const words = range !== null && range.to - range.from <= WORDS_UP_TO;
      if (again || words !== worded) series.setMarkers(marks(rows, candles, place, words));
      worded = words;
      redraw();
    };
    made.timeScale().subscribeVisibleLogicalRangeChange(() => mark(false));
    mark(true);
    drawn.prices = {
      chart: made, series, candles: candles.open.length, rows,
      whole() { made.timeScale().fitContent(); },
      zoom(row) {
        const [from, to] = [place(column(trades, "entry_time")[row]), place(column(trades, "exit_time")[row])];
        made.timeScale().setVisibleLogicalRange({ from: from - NEAR, to: to + NEAR });
        mark(true);
      },
    };
  };

  // -- what the reader chooses ---------------------------------------------------------------------------------------
  const choosePair = (value) => {
    select.value = value;
    const rows = rowsOf(value);
    const candles = data.charts.find((one) => one.pair === trades.names[Number(value)]);
    chosen = -1;
    if (data.charts.length) {
      document.getElementById("prices").hidden = candles === undefined;
      if (candles !== undefined) drawPrices(candles);
    }
    sections[0].show(rows);
    return rows;
  };
  const look = (row) => {
    if (drawn.prices === null || !drawn.prices.rows.includes(row)) choosePair(String(pair[row]));
    chosen = row;
    sections[0].show(rowsOf(select.value), row);
    drawn.prices?.zoom(row);
    document.getElementById("candles").scrollIntoView({ block: "nearest" });
  };
  const step = (by) => {
    const rows = rowsOf(select.value);
    const at = chosen < 0 ? (by > 0 ? -1 : rows.length) : rows.indexOf(chosen);
    const row = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (row !== undefined) look(row);
  };

  const counts = new Map();
  for (const one of pair) counts.set(one, (counts.get(one) ?? 0) + 1);
  for (const one of data.charts) {
    const number = trades.names.indexOf(one.pair);
    if (!counts.has(number)) counts.set(number, 0);
  }
  const pairs = [...counts].sort((one, other) => other[1] - one[1]);
  if (data.charts.length === 0) select.append(element("option", `All (${pair.length} trades)`, { value: "" }));
  for (const [number, count] of pairs) {
    select.append(element("option", `${trades.names[number]} (${count} trades)`, { value: number }));
  }
  select.addEventListener("change", () => { choosePair(select.value); drawn.prices?.whole(); });
  for (const button of document.querySelectorAll("[data-trade]")) {
    button.addEventListener("click", () => step(Number(button.dataset.trade)));
  }
  document.getElementById("whole")?.addEventListener("click", () => drawn.prices?.whole());

  const begin = () => {
    if (data.equity.time.length) drawEquity();
    const rows = choosePair(select.value);
    data.listings.slice(1).forEach((one, at) => sections[at + 1].show(all(one)));
    if (drawn.prices !== null) rows.length ? drawn.prices.zoom(chosen = rows[rows.length - 1]) : drawn.prices.whole();
    if (chosen >= 0) sections[0].show(rows, chosen);
  };
  dark.addEventListener("change", () => { drawn.equity?.chart.remove(); begin(); });
  begin();
  window.page = { drawn, csv: (number) => csv(data.listings[number]), look };
})();
