"use strict";

const every = 2000;
const record = new Record();
const byID = (id) => document.getElementById(id);
const shownAs = new Map();

/** Puts new nodes into a place when what they are made of has changed, so that what is selected there stays selected. */
const show = (place, model, view) => {
  const text = JSON.stringify(model);
  if (shownAs.get(place) === text) return;
  shownAs.set(place, text);
  place.replaceChildren(...[view()].flat());
};

const clock = (time) => new Date(time).toLocaleTimeString("en-GB");
const cell = (text, attributes = {}) => element("td", { class: "number", ...attributes }, text);
const heads = (...names) => element("thead", {}, element("tr", {}, ...names.map((name, index) => element("th", { scope: "col", class: index ? "number" : "" }, name))));

const rateLines = (points) => [["ok", "ok"], ["4xx", "refused"], ["5xx", "failed"]].map(([name, look]) => ({
  name: look, points: points.map(({ time, rates }) => ({ time, value: rates[name] })),
}));
const latencyLines = (points) => [["p50", 0.5], ["p95", 0.95], ["p99", 0.99]].map(([name, share]) => ({
  name, points: points.map(({ time, buckets }) => ({ time, value: quantile(share, buckets) })),
}));
const key = (look, name, value) => element("span", { class: "key" }, element("i", { class: look, "aria-hidden": "true" }), `${name} `, element("b", { "data-figure": name }, value));

const wide = (place) => ({ width: Math.max(320, place.clientWidth), height: 190 });

const showRequests = (until, processes) => {
  const points = record.traffic();
  const now = points.at(-1) ?? newTraffic();
  const minute = record.lastMinute();
  const rates = Object.values(now.rates).map(asRate);
  byID("rate-caption").replaceChildren(element("span", {}, "Requests per second"), key("ok", "2xx, 3xx", rates[0]), key("refused", "4xx", rates[1]), key("failed", "5xx", rates[2]));
  byID("rate").replaceChildren(plot({ label: `Requests per second in the last five minutes, now ${asRate(sumOf(now))}`, lines: rateLines(points), unit: asRate, until, isStacked: true, ...wide(byID("rate")) }));
  const latencies = [0.5, 0.95, 0.99].map((share) => asDuration(quantile(share, minute.buckets)));
  byID("latency-caption").replaceChildren(element("span", {}, "Latency in the last minute"), key("p50", "p50", latencies[0]), key("p95", "p95", latencies[1]), key("p99", "p99", latencies[2]));
  byID("latency").replaceChildren(plot({ label: `Latency in the last five minutes: half of the requests within ${latencies[0]}, 99 % within ${latencies[2]}`, lines: latencyLines(points), unit: asDuration, until, ...wide(byID("latency")) }));
  const routes = [...totals(processes, "http_server_request_duration_seconds_count", routeOf)].sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
  byID("routes").tBodies[0].replaceChildren(...routes.map(([route, all]) => routeView(route, all, until)));
  if (!routes.length) byID("routes").tBodies[0].append(element("tr", {}, element("td", { colspan: 10, class: "none" }, "No request yet.")));
};

const routeView = (route, all, until) => {
  const points = record.traffic(route);
  const { rates, buckets } = record.lastMinute(route);
  const small = { until, width: 260, height: 40, isSmall: true };
  const [method, ...path] = route.split(" ");
  const figure = (name, value) => cell(value, { "data-figure": name });
  return element("tr", { "data-route": route },
    element("th", { scope: "row" }, element("span", { class: "method" }, method), " ", element("code", {}, path.join(" "))),
    element("td", {}, plot({ label: `Requests of ${route}`, lines: rateLines(points), unit: asRate, isStacked: true, ...small })), figure("rate", asRate(sumOf(points.at(-1) ?? newTraffic()))),
    element("td", {}, plot({ label: `Latency of ${route}`, lines: latencyLines(points), unit: asDuration, ...small })),
    ...[["p50", 0.5], ["p95", 0.95], ["p99", 0.99]].map(([name, share]) => figure(name, asDuration(quantile(share, buckets)))),
    figure("4xx", asRate(rates["4xx"])), figure("5xx", asRate(rates["5xx"])), figure("total", asCount(all)));
};

const outcomeGroups = [
  ["What HTTP clients were told", "vy_gateway_http_outcomes_total"], ["What sockets were told", "socketio_events_total"],
  ["How the bridges' requests ended", "vy_gateway_bridge_ended_total"], ["Records of the reply topic", "vy_gateway_bridge_replies_total"],
];
const good = ["answered", "accepted", "delivered", "pending"];

const outcomesView = (groups) => groups.filter(({ counts }) => counts.length).map(({ title, name, counts }) => {
  const most = Math.max(1, ...counts.map(([, count]) => count));
  return element("table", { class: "bars", "data-metric": name }, element("caption", {}, title), element("tbody", {}, ...counts.map(([outcome, count]) =>
    element("tr", { "data-outcome": outcome }, element("th", { scope: "row" }, outcome.replaceAll("_", " ")),
      element("td", {}, drawn("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn("rect", { class: good.includes(outcome) ? "ok" : "failed", width: (100 * count) / most, height: 8 }))),
      cell(asCount(count))))));
});

const showOutcomes = (processes) => {
  const groups = outcomeGroups.map(([title, name]) => ({
    title, name,
    counts: [...totals(processes, name, ({ outcome }) => outcome)].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a),
  }));
  show(byID("outcomes").lastElementChild, groups, () => outcomesView(groups));
};

const sparkline = (label, points, until) => plot({ label, lines: [{ name: "p95", points }], unit: asCount, until, width: 120, height: 30, isSmall: true });

const showSockets = (until, processes) => {
  const rows = processes.filter(({ process }) => process === "edge-ws").map(({ instance, metrics }) => element("tr", { "data-instance": instance },
    element("th", { scope: "row" }, instance),
    element("td", {}, sparkline(`Sockets of ${instance}`, record.points.map(({ time, sockets }) => ({ time, value: sockets.get(instance) ?? null })), until)),
    ...[["sockets", "socketio_sockets"], ["rooms", "socketio_rooms"], ["users", "vy_gateway_socket_users"], ["updates", "vy_gateway_updates_emitted_total"]]
      .map(([name, metric]) => cell(asCount(total(metrics, metric)), { "data-figure": name }))));
  byID("sockets").lastElementChild.replaceChildren(rows.length
    ? element("table", {}, heads("edge-ws", "last 5 min", "sockets", "rooms", "users", "updates"), element("tbody", {}, ...rows))
    : element("p", { class: "none" }, "No edge-ws answers."));
};

const showKafka = (until, processes) => {
  const rows = [...lagOf(processes)].sort(([, a], [, b]) => b.records - a.records).map(([topic, { partitions, records }]) => element("tr", { "data-topic": topic },
    element("th", { scope: "row" }, element("code", {}, topic)),
    element("td", {}, sparkline(`Lag of ${topic}`, record.points.map(({ time, lag }) => ({ time, value: lag.get(topic)?.records ?? null })), until)),
    cell(asCount(partitions), { "data-figure": "partitions" }), cell(asCount(records), { "data-figure": "lag" })));
  const ages = processes.flatMap(({ metrics }) => series(metrics, "vy_gateway_kafka_statistics_age_seconds").map(({ value }) => value));
  byID("kafka").lastElementChild.replaceChildren(rows.length
    ? element("table", {}, heads("topic", "last 5 min", "partitions", "lag"), element("tbody", {}, ...rows))
    : element("p", { class: "none" }, "No figures of partitions yet."),
  ...(ages.length ? [element("p", { class: "facts" }, `Records that were not read yet, as librdkafka knew it ${asAge(Math.max(...ages))} ago.`)] : []));
};

const usual = ["time", "level", "message", "app", "context", "process", "instance"];
const written = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const showErrors = (processes) => {
  const lines = processes.flatMap(({ errors }) => errors).sort((a, b) => (a.time < b.time ? 1 : -1)).slice(0, 100);
  byID("count").textContent = lines.length ? `${lines.length} ${lines.length === 1 ? "warning or error" : "warnings and errors"}` : "";
  show(byID("errors").lastElementChild, lines, () => (lines.length
    ? element("table", {}, element("thead", {}, element("tr", {}, ...["Time", "Level", "Process", "Message"].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...lines.map((line) => element("tr", { "data-level": line.level },
        element("td", {}, element("time", { datetime: line.time, title: line.time }, clock(line.time))), element("td", {}, element("span", { class: `level ${line.level}` }, line.level)),
        element("td", {}, `${line.process} ${line.instance}`),
        element("td", {}, `${line.message} `, element("span", { class: "fields" }, Object.entries(line).filter(([name]) => !usual.includes(name)).map(([name, value]) => `${name}=${written(value)}`).join("  ")))))))
    : element("p", { class: "none" }, "None.")));
};

const showAll = (data) => {
  const processes = processesOf(data);
  record.add(data.time, processes);
  const boxes = boxesOf(data, processes);
  const [kafka, redis] = [kafkaBox(processes), redisBox(processes)];
  byID("main").hidden = false;
  show(byID("map"), [boxes, kafka, redis], () => mapView(boxes, kafka, redis));
  drawLinks(byID("map"));
  const { worst, text } = summaryOf(boxes, kafka, redis);
  say(worst, text);
  byID("time").textContent = `as of ${clock(data.time)}`;
  showRequests(data.time, processes);
  showOutcomes(processes);
  showSockets(data.time, processes);
  showKafka(data.time, processes);
  showErrors(processes);
};

/** Changes what is read aloud only where it says something new. */
const say = (state, text) => {
  const place = byID("state");
  place.className = state;
  if (place.textContent !== text) place.textContent = text;
};

const ask = async () => {
  const answer = await fetch("console/data", { signal: AbortSignal.timeout(8000) });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
};

/** Changes with each press of the button, so that only one row of turns goes on. */
let course = 0;
const turn = async (own) => {
  if (own !== course) return;
  const start = performance.now();
  let data;
  try {
    data = await ask();
  } catch (error) {
    say("unreachable", `This edge-http does not answer (${error.message}); what is below is old.`);
  }
  document.body.classList.toggle("old", !data);
  if (data) showAll(data);
  if (own === course) setTimeout(turn, Math.max(0, every - (performance.now() - start)), own);
};

byID("pause").addEventListener("click", ({ currentTarget: button }) => {
  const isPaused = button.getAttribute("aria-pressed") === "false";
  button.setAttribute("aria-pressed", String(isPaused));
  course += 1;
  if (!isPaused) turn(course);
});
addEventListener("resize", () => { if (!byID("main").hidden) drawLinks(byID("map")); });
turn(course);
