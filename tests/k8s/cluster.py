"""kubectl and helm as programs, and connections to what runs inside, on 127.0.0.1.

Fails with `Refused`, which holds the last lines of what the program said.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from stack.options import ROOT


class Refused(Exception):
    """A command ended with another status than 0."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One namespace of the cluster that KUBECONFIG names, and the release in it."""

    namespace: str
    release: str
    kubectl_program: str = "kubectl"
    helm_program: str = "helm"

    async def kubectl(self, *arguments: str, given: str | None = None, within: float = 120) -> str:
        """The output of a command in the namespace; `given` is its standard input."""
        return await run(self.kubectl_program, "--namespace", self.namespace, *arguments, given=given, within=within)

    async def helm(self, *arguments: str, within: float = 1200) -> str:
        """The output of helm in the namespace."""
        return await run(self.helm_program, "--namespace", self.namespace, *arguments, within=within)

    async def get(self, kind: str, *selection: str) -> list[dict[str, Any]]:
        """The objects of a kind."""
        found: list[dict[str, Any]] = json.loads(await self.kubectl("get", kind, "--output", "json", *selection))["items"]
        return found

    async def version(self) -> str:
        """Of the API server, which helm cannot know where it only renders."""
        found: str = json.loads(await self.kubectl("version", "--output", "json"))["serverVersion"]["gitVersion"]
        return found

    async def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a component that are not about to go."""
        selector = f"app.kubernetes.io/instance={self.release},app.kubernetes.io/component={component}"
        found = await self.get("pods", "--selector", selector)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def secret(self, name: str) -> dict[str, str]:
        """The content of a Secret."""
        template = "{{range $key, $value := .data}}{{$key}}={{$value | base64decode}}\n{{end}}"
        text = await self.kubectl("get", "secret", name, "--output", f"go-template={template}")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    async def rolled_out(self, *names: str, within: float = 600) -> None:
        """Waits until Deployments or StatefulSets (`deployment/x`) are as wanted."""
        for name in names:
            await self.kubectl("rollout", "status", name, f"--timeout={within:.0f}s", within=within + 30)

    async def workloads(self) -> list[str]:
        """The Deployments of the release, as `deployment/<name>`."""
        found = await self.get("deployments", "--selector", f"app.kubernetes.io/instance={self.release}")
        return [f"deployment/{item['metadata']['name']}" for item in found]

    @asynccontextmanager
    async def forward(self, target: str, *pairs: tuple[int, int]) -> AsyncIterator[None]:
        """Connections to a pod or Service, as pairs of the local and the remote port, for the time of the block.

        A pod that goes takes its connection with it; then kubectl is started again.
        """
        keeper = asyncio.create_task(self._keep_forwarding(target, pairs))
        try:
            for local, _ in pairs:
                await _until_open(local)
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[httpx.AsyncClient]:
        """The Kubernetes API below the namespace, as `pods/<name>:8081/proxy/livez`, without a process for each question."""
        port = free_port(0)
        child = await asyncio.create_subprocess_exec(
            self.kubectl_program, "proxy", "--address", "127.0.0.1", "--port", str(port),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await _until_open(port)
            address = f"http://127.0.0.1:{port}/api/v1/namespaces/{self.namespace}/"
            async with httpx.AsyncClient(base_url=address, timeout=20, trust_env=False) as client:
                yield client
        finally:
            child.terminate()
            await child.wait()

    async def _keep_forwarding(self, target: str, pairs: Sequence[tuple[int, int]]) -> None:
        ports = [f"{local}:{remote}" for local, remote in pairs]
        while True:
            child = await asyncio.create_subprocess_exec(
                self.kubectl_program, "--namespace", self.namespace, "port-forward", "--address", "127.0.0.1", target, *ports,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                await child.wait()
            finally:
                if child.returncode is None:
                    child.terminate()
                    await child.wait()
            await asyncio.sleep(0.5)


async def run(*command: str, given: str | None = None, within: float = 120) -> str:
    """The output of a program. Raises `Refused` when it ends with an error, or not within so many seconds."""
    child = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE if given is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            output, errors = await child.communicate(given.encode() if given is not None else None)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise Refused(f"{' '.join(command[:6])} … did not end within {within:.0f} s") from None
    if child.returncode != 0:
        last = "\n".join((errors or output).decode(errors="replace").splitlines()[-12:])
        raise Refused(f"{' '.join(command[:6])} … ended with {child.returncode}: {last}")
    return output.decode()


def free_port(wished: int) -> int:
    """This port if nobody has it, else one that is free now."""
    for port in (wished, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = listener.getsockname()[1]
            return found
    raise Refused("there is no free port")


async def _until_open(port: int, within: float = 60) -> None:
    async with asyncio.timeout(within):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.2)
            else:
                writer.close()
                return
