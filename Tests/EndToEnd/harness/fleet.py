"""Several bridges and several replicas of each edge, with servers that lose nothing which they have acknowledged."""

from .stack import Stack


class Fleet(Stack):
    """`shared`: each edge knows all bridges, its own one first, else its own one alone. `settings`: of all processes."""

    def __init__(self, name: str, *, bridges: int = 2, https: int = 3, replicas: int = 3, shared: bool = True, settings: dict | None = None):
        super().__init__(name, replicas=replicas)
        settings = settings or {}
        self.sockets = [self.folder / f"bridge-{n}" / "run" / "bridge.sock" for n in range(1, bridges + 1)]

        def known(edge: int) -> str:
            return ",".join(str(self.sockets[(edge - 1 + step) % bridges]) for step in range(bridges if shared else 1))

        self.bridges = [
            self._add(f"bridge-{n}", self.bridge.command, {
                **self.bridge.env, **settings, "INSTANCE": f"{name}-bridge-{n}", "BRIDGE_SOCKET": path})
            for n, path in enumerate(self.sockets, 1)]
        self.https = [
            self._add(f"edge-http-{n}", self.http.command, {
                **self.http.env, **settings, "INSTANCE": f"edge-http-{n}", "BRIDGE_SOCKET": known(n)})
            for n in range(1, https + 1)]
        for n, process in enumerate(self.ws, 1):
            process.env |= {**settings, "BRIDGE_SOCKET": known(n)}
        self.bridge, self.http = self.bridges[0], self.https[0]

    def _redis_command(self) -> list:
        return [*super()._redis_command()[:-1], "yes", "--appendfsync", "always"]
