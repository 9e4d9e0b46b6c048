"""deploy/docker/Dockerfile: its stages, what it copies, and what its images say about ports, users and settings."""

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from .settings import PORTS, PROCESSES, Settings

PATH = "deploy/docker/Dockerfile"


@dataclass
class Stage:
    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def stages(root: Path) -> dict[str, Stage]:
    text = re.sub(r"^#.*\n", "", (root / PATH).read_text(), flags=re.M).replace("\\\n", " ")
    made: dict[str, Stage] = {}
    for line in filter(str.strip, text.splitlines()):
        word, rest = line.split(None, 1)
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            made[name] = Stage(name, base)
        else:
            list(made.values())[-1].steps.append((word, rest.strip()))
    return made


def lineage(made: dict[str, Stage], name: str) -> list[tuple[str, str]]:
    """The steps of a stage and of those that it is from, the first ones first."""
    stage = made[name]
    return (lineage(made, stage.base) if stage.base in made else []) + stage.steps


def last(steps: list[tuple[str, str]], word: str) -> str:
    return next((rest for step, rest in reversed(steps) if step == word), "")


def user(root: Path, target: str) -> int:
    return int(last(lineage(stages(root), target), "USER").split(":")[0] or 0)


def environment(root: Path, target: str) -> dict[str, str]:
    return dict(rest.split("=", 1) for word, rest in lineage(stages(root), target) if word == "ENV")


def packages(root: Path) -> set[str]:
    """What is installed with apt-get; all images are of Debian 12."""
    text = " ".join(rest for stage in stages(root).values() for word, rest in stage.steps if word == "RUN")
    return {word for words in re.findall(r"apt-get install ([^&]+)", text) for word in words.split() if not word.startswith("-")}


def ignored(root: Path, path: str) -> bool:
    """Whether .dockerignore keeps a path out of the context: the last line that matches it or a folder above it decides."""
    parents = ["/".join(path.split("/")[:count]) for count in range(1, path.count("/") + 2)]
    out = False
    for line in (root / ".dockerignore").read_text().split("\n"):
        pattern = line.lstrip("!")
        if pattern and not line.startswith("#") and any(fnmatch(parent, pattern) and parent.count("/") == pattern.count("/") for parent in parents):
            out = not line.startswith("!")
    return out


def findings(root: Path, settings: Settings) -> list[str]:
    found, made = [], stages(root)
    for stage in made.values():
        if stage.base not in made and stage.base not in ("swift:6.3-bookworm", "debian:12-slim"):
            found.append(f"{PATH}: {stage.name} is from {stage.base}, which is neither a stage nor Debian 12")
        for words in (rest.split() for word, rest in stage.steps if word == "COPY"):
            source = next((word.removeprefix("--from=") for word in words if word.startswith("--from=")), None)
            if source is not None:
                if source not in list(made)[:list(made).index(stage.name)]:
                    found.append(f"{PATH}: {stage.name} copies from {source}, which is no stage before it")
                continue
            for path in [word for word in words if not word.startswith("--")][:-1]:
                optional = "[" in path
                if not optional and not (root / path).exists():
                    found.append(f"{PATH}: {stage.name} copies {path}, which does not exist")
                if ignored(root, path.replace("[d]", "d")):
                    found.append(f"{PATH}: {stage.name} copies {path}, which .dockerignore keeps out")
    for process in PROCESSES:
        if process not in made:
            found.append(f"{PATH}: has no target {process}")
        else:
            found += image_findings(made, process, settings)
    return found


def image_findings(made: dict[str, Stage], process: str, settings: Settings) -> list[str]:
    found, steps = [], lineage(made, process)
    where = f"{PATH}: {process}"
    if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", last(steps, "USER")):
        found.append(f"{where} does not run as a user other than root, by number")
    program = json.loads(last(steps, "ENTRYPOINT") or "[null]")[0]
    copies = [rest.split() for word, rest in steps if word == "COPY"]
    if [program] != [words[-1] for words in copies if words[-2].startswith("/programs/")]:
        found.append(f"{where} starts {program}, which it does not hold alone")
    build = " ".join(rest for word, rest in made["build"].steps if word == "RUN")
    if f"--product {process} " not in build:
        found.append(f"{where} is not built")
    ports = {int(settings.defaults[name]) for name in PORTS[process] if name}
    if ports != {int(port) for port in last(steps, "EXPOSE").split()}:
        found.append(f"{where} exposes other ports than {sorted(ports)}")
    if ("librdkafka1" in " ".join(rest for _, rest in steps)) != (process == "bridge-kafka"):
        found.append(f"{where}: only the bridge's image has librdkafka")
    for name in (rest.split("=")[0] for word, rest in steps if word == "ENV"):
        if not settings.reads(process, name):
            found.append(f"{where} sets {name}, which {process} does not read")
    return found
