"use strict";

// Which processes there are, how they are, and who is connected to whom.

const words = { ready: "ready", "not-ready": "not ready", unreachable: "unreachable", unknown: "unknown" };
const signs = { ready: "●", "not-ready": "▲", unreachable: "■", unknown: "○" };

/** The processes that answer, with their metrics. */
const processesOf = ({ peers }) => peers.filter(({ report }) => report)
  .map(({ report, address }) => ({ ...report, address, metrics: parseMetrics(report.metrics) }));

const nameOf = ({ process, instance }) => `${process} ${instance}`;

/** Boxes of the map: kind, name, state, sentences and facts. */
const boxesOf = ({ time, peers, leftOut }, processes) => {
  const here = new Map(processes.map((one) => [one.run, one]));
  const boxes = peers.map(({ report, failure, last, address, peer }) => {
    const where = address ?? peer ?? `${location.host} (this page)`;
    if (!report) {
      return { kind: last?.process ?? "unknown", name: last?.instance ?? where, state: "unreachable", sentences: [failure], facts: [where] };
    }
    const { metrics } = here.get(report.run);
    const wrong = [...report.stalled, ...report.missing];
    const age = time / 1000 - total(metrics, "process_start_time_seconds");
    const memory = total(metrics, "process_resident_memory_bytes") / 2 ** 20;
    return {
      kind: report.process, name: report.instance, state: wrong.length ? "not-ready" : "ready", sentences: wrong,
      facts: [`version ${report.version}`, `up ${asAge(age)}`, `${asCount(memory)} MiB`, where], links: linksOf(metrics),
    };
  });
  if (leftOut) boxes.push({ kind: "unknown", name: `${leftOut} more`, state: "unknown", sentences: ["the console asks no more than 64"], facts: [] });
  const order = ["edge-http", "edge-ws", "bridge-kafka", "unknown"];
  return boxes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.name.localeCompare(b.name, "en", { numeric: true }));
};

/** Whether a process has its bridge and its Redis; undefined where it needs none. */
const linksOf = (metrics) => {
  const up = (name) => (metrics.has(name) ? series(metrics, name).every(({ value }) => value > 0) : undefined);
  return { bridge: up("vy_gateway_bridge_link_up"), redis: up("vy_gateway_redis_up") };
};

const kafkaBox = (processes) => {
  const bridges = processes.filter(({ process }) => process === "bridge-kafka");
  const brokers = new Map();
  for (const { metrics } of bridges) {
    for (const { labels: { broker }, value } of series(metrics, "vy_gateway_kafka_broker_up")) brokers.set(broker, value > 0 || brokers.get(broker) === true);
  }
  const up = [...brokers.values()].filter(Boolean).length;
  const sentences = [...new Set(bridges.flatMap(({ missing }) => missing.filter((text) => text.startsWith("kafka"))))];
  const state = !bridges.length ? "unknown" : sentences.length ? "not-ready" : "ready";
  return { kind: "Kafka", name: "", state, sentences: bridges.length ? sentences : ["no bridge answers"], facts: brokers.size ? [`${up} of ${brokers.size} brokers connected`] : [] };
};

const redisBox = (processes) => {
  const all = processes.filter(({ metrics }) => metrics.has("vy_gateway_redis_up"));
  const without = all.filter(({ metrics }) => !linksOf(metrics).redis);
  const state = !all.length ? "unknown" : !without.length ? "ready" : without.length < all.length ? "not-ready" : "unreachable";
  const waits = [...totals(all, "vy_gateway_queue_items", ({ queue }) => queue)].find(([queue]) => queue === "redis")?.[1] ?? 0;
  return {
    kind: "Redis", name: "", state, sentences: without.map((one) => `${nameOf(one)} is not connected`),
    facts: all.length ? [`${all.length - without.length} of ${all.length} processes connected`, `${asCount(waits)} commands wait`] : [],
  };
};

const boxView = ({ kind, name, state, sentences, facts }) => element("article", { class: "box", "data-kind": kind, "data-name": name, "data-state": state },
  element("h3", {}, kind === "unknown" ? "" : kind, element("span", {}, ` ${name}`)),
  element("p", { class: `badge ${state}` }, element("span", { "aria-hidden": "true" }, `${signs[state]} `), words[state]),
  ...(sentences.length ? [element("ul", {}, ...sentences.map((text) => element("li", {}, text)))] : []),
  element("p", { class: "facts" }, facts.join(" · ")));

/** Draws who is connected to whom behind the boxes. */
const drawLinks = (map) => {
  const svg = map.querySelector("svg.links");
  const frame = map.getBoundingClientRect();
  const placeOf = (node) => {
    const { left, right, top, bottom } = node.getBoundingClientRect();
    return { left: left - frame.left, right: right - frame.left, top: top - frame.top, bottom: bottom - frame.top, middle: (top + bottom) / 2 - frame.top, centre: (left + right) / 2 - frame.left };
  };
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  const link = (state, from, to, isDown = false) => {
    const [a, b] = [placeOf(from), placeOf(to)];
    const d = isDown ? `M${at(a.centre)} ${at(a.bottom)}L${at(a.centre)} ${at(b.top)}`
      : `M${at(a.right)} ${at(a.middle)}C${at((a.right + b.left) / 2)} ${at(a.middle)} ${at((a.right + b.left) / 2)} ${at(b.middle)} ${at(b.left)} ${at(b.middle)}`;
    return drawn("path", { class: `link ${state === undefined ? "unknown" : state ? "up" : "down"}`, d });
  };
  const [bridges, redis, kafka] = [".bridges", '[data-kind="Redis"]', '[data-kind="Kafka"]'].map((name) => map.querySelector(name));
  const links = [];
  for (const box of map.querySelectorAll(".edges .box")) {
    const { links: { bridge, redis: store } = {} } = box.model;
    if (box.dataset.state === "unreachable" || bridge !== undefined) links.push(link(bridge, box, bridges));
    links.push(link(store, box, redis));
  }
  const bridgeBoxes = [...bridges.querySelectorAll(".box")];
  for (const box of bridgeBoxes) links.push(link(box.dataset.state === "unreachable" ? undefined : kafka.dataset.state === "ready", box, kafka));
  if (bridgeBoxes.length) links.push(link(bridgeBoxes.every(({ model }) => model.links?.redis), bridges, redis, true));
  svg.replaceChildren(...links);
};

const mapView = (boxes, kafka, redis) => {
  const view = (model) => Object.assign(boxView(model), { model });
  const bridges = boxes.filter(({ kind }) => kind === "bridge-kafka");
  const edges = boxes.filter(({ kind }) => kind !== "bridge-kafka");
  return [
    drawn("svg", { class: "links", "aria-hidden": "true" }),
    element("div", { class: "edges" }, ...edges.map(view)),
    element("div", { class: "middle" }, element("div", { class: "bridges" }, ...bridges.map(view), ...(bridges.length ? [] : [element("p", { class: "none" }, "No bridge is known.")])), view(redis)),
    element("div", { class: "brokers" }, view(kafka)),
  ];
};

/** One sentence for all, and how bad it is. */
const summaryOf = (boxes, kafka, redis) => {
  const wrong = [...boxes, kafka, redis].filter(({ state }) => state !== "ready");
  const worst = ["unreachable", "not-ready", "unknown"].find((state) => wrong.some((box) => box.state === state)) ?? "ready";
  if (!wrong.length) return { worst, text: `All ${boxes.length} processes are ready.` };
  const shown = wrong.slice(0, 3).map(({ kind, name, state }) => `${kind === "unknown" ? "" : kind} ${name} is ${words[state]}`.trim().replace("  ", " "));
  return { worst, text: `${shown.join(", ")}${wrong.length > 3 ? `, and ${wrong.length - 3} more` : ""}.` };
};
