"""What of PromQL the check needs: the metrics of an expression, how each is used, and whether its labels exist. promtool reads the rest."""

import re
from dataclasses import dataclass, field

COUNTING = ("rate", "irate", "increase", "resets")
GROUPING = ("by", "without", "on", "ignoring", "group_left", "group_right")
WORDS = {"and", "or", "unless", "bool", "offset", *GROUPING}
# What a scrape adds to each series.
TARGET = {"job", "instance"}
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
LABELS = re.compile(r'\s*([a-z_]+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*,?')


@dataclass
class Family:
    kind: str
    labels: set[str]


@dataclass
class Selector:
    name: str
    matchers: list[tuple[str, str, str]]
    calls: list[str]
    """Functions and aggregations around it, the innermost first."""
    groupings: set[str] = field(default_factory=set)
    """Labels that aggregations around it keep."""


def documented(text: str) -> dict[str, Family]:
    """The table of docs/metrics.md."""
    rows = re.findall(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| (.*?) \|", text, re.M)
    return {name: Family(kind, set(re.findall(r"`([a-z_]+)`", labels))) for name, kind, labels in rows}


def closing(text: str, start: int) -> int:
    """Index of the bracket that closes the one at `start`."""
    depth, quoted = 0, False
    for index in range(start, len(text)):
        if text[index] == '"' and text[index - 1] != "\\":
            quoted = not quoted
        elif not quoted and text[index] in "({[":
            depth += 1
        elif not quoted and text[index] in ")}]":
            depth -= 1
            if depth == 0:
                return index
    raise ValueError(f"a bracket is not closed: {text}")


def selectors(text: str, calls: tuple[str, ...] = (), groupings: frozenset[str] = frozenset()) -> list[Selector]:
    found, index, call, kept = [], 0, "", groupings
    while index < len(text):
        if text[index] == "(":
            end = closing(text, index)
            inner = selectors(text[index + 1:end], (call, *calls) if call else calls, kept)
            # `sum(x) by (label)`: the labels come behind.
            behind = re.match(r"\s*by\s*\(", text[end + 1:])
            if behind and call:
                last = closing(text, end + behind.end())
                for selector in inner:
                    selector.groupings |= set(NAME.findall(text[end + 1 + behind.end():last]))
                end = last
            found += inner
            index, call, kept = end + 1, "", groupings
            continue
        if text[index] == '"':
            index = text.index('"', index + 1) + 1
            continue
        if text[index] == "[":
            index = closing(text, index) + 1
            continue
        match = NAME.match(text, index)
        if not match:
            index += 2 if text[index].isdigit() and text[index + 1:index + 2].isalpha() else 1
            continue
        word, index = match[0], match.end()
        rest = text[index:].lstrip()
        if word in GROUPING and rest.startswith("("):
            start = text.index("(", index)
            end = closing(text, start)
            if word == "by":
                kept = groupings | set(NAME.findall(text[start:end]))
            index = end + 1
        elif word in WORDS:
            call, kept = "", groupings
        elif rest.startswith("(") or re.match(r"(by|without)\b", rest):
            call = word
        else:
            matchers = []
            if rest.startswith("{"):
                start = text.index("{", index)
                end = closing(text, start)
                matchers = LABELS.findall(text[start + 1:end])
                index = end + 1
            found.append(Selector(word, matchers, list(calls), set(groupings)))
    return found


def findings(expression: str, families: dict[str, Family], sources: str) -> list[str]:
    """- Parameter sources: the program's text, in which the labels' values stand."""
    found = []
    used = selectors(expression)
    if not used:
        found.append("names no metric")
    for selector in used:
        base = re.sub(r"_(bucket|sum|count)$", "", selector.name)
        histogram = selector.name not in families and families.get(base, Family("", set())).kind == "histogram"
        family = families.get(base if histogram else selector.name)
        if family is None:
            found.append(f"{selector.name} is not in docs/metrics.md")
            continue
        kind = "counter" if histogram else family.kind
        counting = bool(selector.calls and selector.calls[0] in COUNTING)
        if kind == "histogram":
            found.append(f"{selector.name} is a histogram: it has _bucket, _sum and _count")
        elif kind == "counter" and not counting:
            found.append(f"{selector.name} is a counter, and no {', '.join(COUNTING)} is taken of it")
        elif kind == "gauge" and counting:
            found.append(f"{selector.name} is a gauge, of which there is no {selector.calls[0]}")
        buckets = histogram and selector.name.endswith("_bucket")
        labels = family.labels | TARGET | ({"le"} if buckets else set())
        if buckets and not ("histogram_quantile" in selector.calls and "le" in selector.groupings):
            found.append(f"{selector.name} is not summed by le for a histogram_quantile")
        for label in sorted({name for name, _, _ in selector.matchers} | selector.groupings):
            if label not in labels:
                found.append(f"{selector.name} has no label {label}")
        for label, operator, value in selector.matchers:
            if label in TARGET or value.startswith("$"):
                continue
            for one in value.split("|") if "~" in operator else [value]:
                if re.fullmatch(r"[a-z_ ]+", one) and not re.search(rf'"{one}"|\bcase\b.*\b{one}\b', sources):
                    found.append(f"{selector.name}: no {label} is ever {one}")
    return found
