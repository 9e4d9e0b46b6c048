"use strict";

// Everything shown comes out of the documents and goes into text nodes, never into markup.
const element = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
};

const resolve = (root, node) => {
  for (let steps = 0; node && node.$ref && steps < 20; steps += 1) {
    const { $ref, ...rest } = node;
    const target = $ref.replace(/^#\//, "").split("/").reduce(
      (value, token) => value?.[decodeURIComponent(token).replaceAll("~1", "/").replaceAll("~0", "~")], root);
    node = { ...target, ...rest };
  }
  return node ?? {};
};

const bounds = {
  minimum: "≥", maximum: "≤", exclusiveMinimum: ">", exclusiveMaximum: "<", minLength: "length ≥", maxLength: "length ≤",
  minItems: "items ≥", maxItems: "items ≤", maxProperties: "members ≤", pattern: "matches", format: "", multipleOf: "multiple of",
};

const typeOf = (root, schema) => {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) {
    const values = schema.enum.map((value) => JSON.stringify(value));
    return values.length > 6 ? `one of ${values.slice(0, 6).join(", ")}, … (${values.length})` : `one of ${values.join(", ")}`;
  }
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms) return forms.map((form) => typeOf(root, resolve(root, form))).join(" or ");
  return [schema.type ?? "any"].flat().join(" or ");
};

const schemaList = (root, schema, depth = 0) => {
  const list = element("ul", { class: "schema" });
  const add = (name, child, isRequired) => {
    const node = resolve(root, child);
    const notes = Object.entries(bounds).filter(([key]) => node[key] !== undefined).map(([key, sign]) => `${sign} ${node[key]}`.trim());
    const item = element("li", {},
      element("span", { class: "name" }, name), " ", element("span", { class: "type" }, typeOf(root, node)),
      isRequired ? element("span", { class: "required", title: "required" }, " *") : "",
      element("span", { class: "note" }, [" ", notes.join(", "), node.description ? ` — ${node.description}` : ""].join("")));
    if (depth < 6 && (node.properties || node.items)) item.append(schemaList(root, node.items ? { properties: { "[]": node.items } } : node, depth + 1));
    list.append(item);
  };
  for (const [name, child] of Object.entries(schema.properties ?? {})) add(name, child, (schema.required ?? []).includes(name));
  if (!schema.properties) add("", schema, false);
  return list;
};

const exampleOf = (root, media) => {
  const schema = resolve(root, media.schema);
  const value = media.example ?? Object.values(media.examples ?? {})[0]?.value ?? schema.examples?.[0] ?? {};
  return JSON.stringify(value, null, 2);
};

const pretty = (text) => {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

const send = async (method, path, body, key, output, button) => {
  const headers = { "content-type": "application/json" };
  const token = document.getElementById("token").value;
  if (token) headers.authorization = `Bearer ${token}`;
  if (key) headers["idempotency-key"] = key;
  button.disabled = true;
  const start = performance.now();
  try {
    const response = await fetch(path, { method, headers, body });
    const text = await response.text();
    const shown = ["content-type", "location", "retry-after", "x-request-id", "idempotent-replayed", "ratelimit"]
      .filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
    output.replaceChildren(
      element("span", { class: `status ${response.ok ? "good" : "bad"}` }, `${response.status} ${response.statusText}`),
      ` in ${Math.round(performance.now() - start)} ms\n${shown.join("\n")}\n\n${pretty(text)}`);
  } catch (error) {
    output.replaceChildren(element("span", { class: "error" }, `No answer: ${error.message}`));
  } finally {
    button.disabled = false;
    output.dataset.done = "true";
  }
};

const operationView = (root, method, path, operation) => {
  const media = resolve(root, operation.requestBody).content?.["application/json"] ?? { schema: {} };
  const body = element("textarea", { spellcheck: "false", "aria-label": "Body" });
  body.value = exampleOf(root, media);
  const key = element("input", { "aria-label": "Idempotency-Key", placeholder: "Idempotency-Key", size: "36" });
  const output = element("div", { class: "answer" }, "Not sent yet.");
  const button = element("button", { type: "button", onclick: () => send(method.toUpperCase(), path, body.value, key.value, output, button) }, "Send");
  const responses = Object.entries(operation.responses ?? {}).map(([status, response]) => {
    const found = resolve(root, response);
    const schema = Object.values(found.content ?? {})[0]?.schema;
    return element("div", {}, element("h3", {}, `${status}: ${found.description ?? ""}`), schema ? schemaList(root, resolve(root, schema)) : "");
  });
  const parameters = (operation.parameters ?? []).map((parameter) => resolve(root, parameter)).map((parameter) =>
    element("li", {}, element("span", { class: "name" }, parameter.name), element("span", { class: "note" }, ` — ${parameter.description ?? ""}`)));
  return element("details", { class: "operation", "data-path": path },
    element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path), element("span", {}, operation.summary ?? "")),
    element("div", { class: "body" },
      element("div", {}, element("p", {}, operation.description ?? ""), element("h3", {}, "Request"), schemaList(root, resolve(root, media.schema)),
        ...(parameters.length ? [element("h3", {}, "Headers"), element("ul", { class: "schema" }, ...parameters)] : []), ...responses),
      element("div", {}, element("h3", {}, "Try it"), body, element("p", {}, key, " ", button), output)));
};

const serviceView = (name, root) => {
  const section = element("section", { "data-service": name },
    element("h2", {}, `${root.info.title} ${root.info.version}`), element("p", {}, root.info.description ?? ""),
    element("p", { class: "links" }, element("a", { href: `${name}.json` }, "OpenAPI as JSON"), element("a", { href: `${name}.yaml` }, "as YAML")));
  for (const [path, item] of Object.entries(root.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      if (operation?.responses) section.append(operationView(root, method, path, operation));
    }
  }
  return section;
};

const load = async () => {
  const main = document.getElementById("services");
  try {
    const names = await (await fetch("services.json")).json();
    const documents = await Promise.all(names.map(async (name) => [name, await (await fetch(`${name}.json`)).json()]));
    main.replaceChildren(...documents.map(([name, root]) => serviceView(name, root)));
  } catch (error) {
    main.replaceChildren(element("p", { class: "error" }, `The documents cannot be read: ${error.message}`));
  }
};

document.getElementById("find").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const view of document.querySelectorAll("details.operation")) {
    view.hidden = !view.querySelector("summary").textContent.toLowerCase().includes(wanted);
  }
});
document.getElementById("settings").addEventListener("submit", (event) => event.preventDefault());
load();
