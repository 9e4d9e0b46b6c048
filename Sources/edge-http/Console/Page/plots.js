"use strict";

// Nodes and plots. What is shown goes into text nodes and attributes, never into markup.

const filled = (node, attributes, children) => {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};
const element = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);
const drawn = (name, attributes = {}, ...children) => filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

const figures = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits });
const asCount = (value) => figures(value, 0);
const asRate = (value) => `${figures(value, value < 10 ? 1 : 0)}/s`;
const asDuration = (seconds) => {
  if (seconds === null) return "–";
  const milliseconds = seconds * 1000;
  return milliseconds < 1000 ? `${figures(milliseconds, milliseconds < 10 ? 1 : 0)} ms` : `${figures(seconds, 1)} s`;
};
const asAge = (seconds) => {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
};

/** The least of 1, 2, 5, 10, … that is not below the value. */
const roundedUp = (value) => {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
};

/** Parts of a line without those that have no value: lists of [x, y]. */
const stretches = (points) => points.reduce((parts, [x, y]) => {
  if (y === null) parts.push([]);
  else parts.at(-1).push([x, y]);
  return parts;
}, [[]]).filter((part) => part.length > 0);

const at = (number) => number.toFixed(1);
const lineOf = (points) => points.map(([x, y], index) => `${index ? "L" : "M"}${at(x)} ${at(y)}`).join("");

/**
 * A plot over the last minutes.
 *
 * `lines`: name, which is its class too, and points ({time, value}, null where there is none); with `isStacked` they are areas one upon
 * the other, of which the first has a line.
 * `unit` writes a value. Small ones have no axes.
 */
const plot = ({ label, lines, unit, width, height, until, isStacked = false, isSmall = false }) => {
  const [left, bottom, top] = isSmall ? [0, 1, 3] : [52, 20, 8];
  const x = (time) => left + (width - left) * (1 - (until - time) / (secondsKept * 1000));
  const sums = new Map();
  const shapes = lines.map(({ name, points }) => ({
    name,
    points: points.map(({ time, value }) => {
      const low = isStacked ? sums.get(time) ?? 0 : 0;
      if (isStacked) sums.set(time, low + value);
      return { time, low, high: value === null ? null : low + value };
    }),
  }));
  const most = roundedUp(Math.max(...shapes.flatMap(({ points }) => points.map(({ high }) => high ?? 0)), 0));
  const y = (value) => top + (height - top - bottom) * (1 - value / most);
  const svg = drawn("svg", { role: "img", "aria-label": label, viewBox: `0 0 ${width} ${height}`, class: isSmall ? "plot small" : "plot" });
  if (!isSmall) {
    for (const value of [0, most / 2, most]) {
      svg.append(drawn("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }));
      svg.append(drawn("text", { class: "axis", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, unit(value)));
    }
    for (let minutes = 0; minutes * 60 < secondsKept; minutes += 1) {
      const place = x(until - minutes * 60_000);
      svg.append(drawn("text", { class: "axis", x: place, y: height - 4, "text-anchor": minutes ? "middle" : "end" }, minutes ? `−${minutes} min` : "now"));
    }
  }
  for (const { name, points } of shapes) {
    for (const part of stretches(points.map(({ time, high }, index) => [index, high === null ? null : time]))) {
      const shown = part.map(([index]) => points[index]);
      const upper = shown.map(({ time, high }) => [x(time), y(high)]);
      if (isStacked) {
        const lower = shown.map(({ time, low }) => [x(time), y(low)]).reverse();
        svg.append(drawn("path", { class: `area ${name}`, d: `${lineOf([...upper, ...lower])}Z` }));
      }
      // A single point is a short line.
      if (upper.length === 1) upper.unshift([upper[0][0] - 2, upper[0][1]]);
      if (!isStacked || name === lines[0].name) svg.append(drawn("path", { class: `line ${name}`, d: lineOf(upper) }));
    }
  }
  return svg;
};
