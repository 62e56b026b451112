"""mTLS between the pods with certificates of an authority of our own, as Secrets: what cert-manager does is to write these.

The certificates are renewed under load, and a caller that the authority knows and nobody has named is turned away.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from chassis.peers import SERVICES
from tests.k8s import journey
from tests.k8s.cluster import Cluster
from tests.k8s.connections import connected
from tests.k8s.load import loaded
from tests.k8s.steps import Run
from tests.support.certificates import Authority

_CALLEES = tuple(name for name in SERVICES if name != "gateway")
_VALUES = ("--set", "tls.internal.enabled=true,tls.internal.mode=existingSecrets")
_TAKEN_UP_WITHIN = 240.0  # seconds; a kubelet looks at Secrets once a minute or two
_UNDER_LOAD = 110.0  # longer than that takes mostly
# Runs in a pod of the gateway: the serial number of the certificate that each address shows.
_LOOK = """
import json, pathlib, socket, ssl, sys
from cryptography import x509
folder = pathlib.Path("/etc/itsm/tls")
shown = {}
for host in sys.argv[1:]:
    trusting = ssl.create_default_context(cafile=folder / "ca.crt")
    trusting.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    trusting.set_alpn_protocols(["h2"])
    serials = set()
    for *_, address in socket.getaddrinfo(host, 50051, socket.AF_INET, socket.SOCK_STREAM):
        with trusting.wrap_socket(socket.create_connection(address, 10), server_hostname=host) as connection:
            serials.add(str(x509.load_der_x509_certificate(connection.getpeercert(True)).serial_number))
    shown[host] = sorted(serials)
print(json.dumps(shown))
"""
# Runs there too: how a call with the certificate of standard input ends, then with the pod's own. It carries no token.
_CALL = """
import json, pathlib, sys, grpc
folder = pathlib.Path("/etc/itsm/tls")
host, method = sys.argv[1:]
given = json.load(sys.stdin)
own = {name: (folder / name).read_text() for name in ("tls.crt", "tls.key", "ca.crt")}
ends = []
for files in (given, own):
    trusted = grpc.ssl_channel_credentials(*(files[name].encode() for name in ("ca.crt", "tls.key", "tls.crt")))
    with grpc.secure_channel(f"{host}:50051", trusted) as channel:
        try:
            channel.unary_unary(method)(b"", timeout=20)
            ends.append("OK")
        except grpc.RpcError as error:
            ends.append(error.code().name)
print(json.dumps(ends))
"""


async def mutual_tls(at: Run) -> dict[str, Any]:
    """With mTLS the story is told, certificates are renewed without a failed call, and an unnamed caller is refused."""
    authority = Authority()
    hosts = {name: f"{at.cluster.release}-{name}-headless.{at.cluster.namespace}.svc.cluster.local" for name in SERVICES}
    gateway = f"deployment/{at.cluster.release}-gateway"
    await _secrets(at.cluster, authority, hosts)
    await at.upgrade(*_VALUES)
    async with connected(at.cluster, at.ports) as stack:
        took = await journey.travel(stack)
    pods = {pod["metadata"]["uid"] for name in SERVICES for pod in await at.cluster.pods(name)}
    look = ("exec", gateway, "--", "python", "-c", _LOOK, *(hosts[name] for name in _CALLEES))
    async with loaded(at.cluster, at.gateway, rate=at.rate / 2, seconds=_UNDER_LOAD) as load:
        wanted = await _secrets(at.cluster, authority, hosts)
        begun = time.monotonic()
        while True:
            shown = json.loads(await at.cluster.kubectl(*look))
            renewed = all(shown[hosts[name]] == [wanted[name]] for name in _CALLEES)
            if renewed or time.monotonic() - begun > _TAKEN_UP_WITHIN:
                break
            await asyncio.sleep(5)
        taken_up = time.monotonic() - begun
        # A renewed certificate is one of calls only when calls have been made with it.
        await asyncio.sleep(10)
        early = time.monotonic() - begun > _UNDER_LOAD
    same = pods == {pod["metadata"]["uid"] for name in SERVICES for pod in await at.cluster.pods(name)}
    stranger = json.dumps(_files(authority, "spiffe://elsewhere/nobody", ()))
    call = ("exec", "--stdin", gateway, "--", "python", "-c", _CALL, hosts["asset"], "/itsm.asset.v1.AssetService/ListAssets")
    ends = json.loads(await at.cluster.kubectl(*call, given=stranger))
    outcome = {
        "story": took,
        "renewed": renewed,
        "seconds_until_all_showed_the_new": round(taken_up, 1),
        "load_went_on": not early,
        "same_pods": same,
        "call_of_an_unnamed_certificate": ends[0],
        "call_of_the_own_certificate_without_token": ends[1],
        **load.summary,
    }
    refused = ends[0] == "PERMISSION_DENIED" and ends[1] == "UNAUTHENTICATED"
    if not (renewed and same and refused) or load.summary["errors"] or load.summary["lost"]:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def _secrets(cluster: Cluster, authority: Authority, hosts: dict[str, str]) -> dict[str, str]:
    """A new certificate for each component, as the Secret that the chart looks for; returns their serial numbers."""
    serials = {}
    for name, host in hosts.items():
        identity = f"spiffe://{cluster.release}/ns/{cluster.namespace}/{name}"
        files = _files(authority, identity, (host, host.removesuffix(".cluster.local")))
        metadata = {"name": f"{cluster.release}-{name}-tls"}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls", "stringData": files}
        await cluster.kubectl("apply", "--filename", "-", given=json.dumps(secret))
        serials[name] = Authority.serial(files["tls.crt"])
    return serials


def _files(authority: Authority, identity: str, hosts: tuple[str, ...]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        made = authority.issue(Path(folder), identity, hosts=hosts)
        return {file.name: file.read_text() for file in made.iterdir()}
