"use strict";

// What is made of the processes' metrics (Prometheus' text format 0.0.4). Nothing here touches the page.

const secondsKept = 300;

const unescaped = (text) => text.replace(/\\(.)/g, (_, sign) => (sign === "n" ? "\n" : sign));
const numberOf = (text) => ({ "+Inf": Infinity, "-Inf": -Infinity })[text] ?? Number(text);

/** Series by the metric's name. */
const parseMetrics = (text) => {
  const metrics = new Map();
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = Object.create(null);
    for (const [, name, value] of (parts[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = unescaped(value);
    if (!metrics.has(parts[1])) metrics.set(parts[1], []);
    metrics.get(parts[1]).push({ labels, value: numberOf(parts[3]) });
  }
  return metrics;
};

const series = (metrics, name) => metrics.get(name) ?? [];
const total = (metrics, name) => series(metrics, name).reduce((sum, { value }) => sum + value, 0);

const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);

/** Sums by what `keyOf` makes of the labels, of all processes together. */
const totals = (processes, name, keyOf) => {
  const sums = new Map();
  for (const { metrics } of processes) {
    for (const { labels, value } of series(metrics, name)) add(sums, keyOf(labels), value);
  }
  return sums;
};

/** By topic: how many partitions are read, and records that were not. One that two bridges read counts once. */
const lagOf = (processes) => {
  const partitions = new Map();
  for (const { metrics } of processes) {
    for (const { labels: { topic, partition }, value } of series(metrics, "vy_gateway_kafka_consumer_lag_records")) {
      const key = JSON.stringify([topic, partition]);
      partitions.set(key, Math.max(value, partitions.get(key) ?? 0));
    }
  }
  const topics = new Map();
  for (const [key, lag] of partitions) {
    const [topic] = JSON.parse(key);
    const known = topics.get(topic) ?? { partitions: 0, records: 0 };
    topics.set(topic, { partitions: known.partitions + 1, records: known.records + lag });
  }
  return topics;
};

const routeOf = ({ method, route }) => `${method} ${route}`;
const classOf = ({ status }) => (status < "4" ? "ok" : status < "5" ? "4xx" : "5xx");

/** How much each series has grown; one that is new has grown from nothing. */
const growth = (name, now, before) => {
  const keyOf = (labels) => JSON.stringify(Object.entries(labels));
  const known = new Map(series(before, name).map(({ labels, value }) => [keyOf(labels), value]));
  return series(now, name).map(({ labels, value }) => ({ labels, value: value - (known.get(keyOf(labels)) ?? 0) }));
};

/** The value below which that share of what was counted is, as Prometheus' `histogram_quantile`; null without any. */
const quantile = (share, buckets) => {
  const bounds = [...buckets].map(([bound, count]) => [numberOf(bound), count]).sort(([a], [b]) => a - b);
  const all = bounds.at(-1)?.[1] ?? 0;
  if (!(all > 0)) return null;
  const index = bounds.findIndex(([, count]) => count >= share * all);
  const [low, below] = index > 0 ? bounds[index - 1] : [0, 0];
  const [high, count] = bounds[index];
  if (high === Infinity) return low;
  return low + (high - low) * ((share * all - below) / Math.max(count - below, Number.MIN_VALUE));
};

const newTraffic = () => ({ rates: { ok: 0, "4xx": 0, "5xx": 0 }, buckets: new Map() });
const sumOf = ({ rates }) => rates.ok + rates["4xx"] + rates["5xx"];

const merged = (traffic) => {
  const all = newTraffic();
  for (const { rates, buckets } of traffic) {
    for (const name of Object.keys(all.rates)) all.rates[name] += rates[name];
    for (const [bound, count] of buckets) add(all.buckets, bound, count);
  }
  return all;
};

/** What happened between the scrapes of the last minutes. A process counts from its second scrape on, and anew when it was started again. */
class Record {
  points = [];
  #last = new Map();

  /** `time` in milliseconds, `processes` with their `run` and `metrics`. */
  add(time, processes) {
    const point = { time, routes: new Map(), sockets: new Map(), lag: lagOf(processes) };
    for (const { run, process, instance, metrics } of processes) {
      if (process === "edge-ws") point.sockets.set(instance, total(metrics, "socketio_sockets"));
      const before = this.#last.get(run);
      if (!before || time <= before.time) continue;
      point.isCompared = true;
      this.#addTraffic(point, metrics, before.metrics, (time - before.time) / 1000);
    }
    for (const { run, metrics } of processes) this.#last.set(run, { time, metrics });
    for (const [run, last] of this.#last) if (time - last.time > secondsKept * 1000) this.#last.delete(run);
    this.points.push(point);
    this.points = this.points.filter((one) => time - one.time <= secondsKept * 1000);
  }

  #addTraffic({ routes }, now, before, seconds) {
    const of = (labels) => {
      const key = routeOf(labels);
      if (!routes.has(key)) routes.set(key, newTraffic());
      return routes.get(key);
    };
    for (const { labels, value } of growth("http_server_request_duration_seconds_count", now, before)) of(labels).rates[classOf(labels)] += value / seconds;
    for (const { labels, value } of growth("http_server_request_duration_seconds_bucket", now, before)) add(of(labels).buckets, labels.le, value);
  }

  /** By time: a route's traffic, or that of all; nothing for scrapes that there was nothing to compare with. */
  traffic(route) {
    return this.points.filter(({ isCompared }) => isCompared).map(({ time, routes }) => ({ time, ...(route ? routes.get(route) ?? newTraffic() : merged(routes.values())) }));
  }

  /** A route's traffic of the last minute in one, or that of all. */
  lastMinute(route) {
    const points = this.traffic(route);
    const recent = points.filter(({ time }) => points.at(-1).time - time < 60_000);
    const all = merged(recent);
    for (const name of Object.keys(all.rates)) all.rates[name] /= Math.max(1, recent.length);
    return all;
  }
}
