"""Services that know each other by certificates: who gets in, and that a renewal costs neither a restart nor a call."""

import asyncio
import socket
import ssl
from pathlib import Path

import grpc
import pytest

from chassis import tls
from chassis.rpc import Channels
from chassis.service import Service, running
from tests.support.certificates import Authority
from tests.support.services import a_service

ASSET, GATEWAY, STRANGER = (f"spiffe://test/{name}" for name in ("asset", "gateway", "stranger"))


class WhoCalls:
    """Answers with the common name of the caller, after as many seconds as it is told."""

    async def call(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        await asyncio.sleep(float(request or 0))
        return b",".join(context.auth_context().get("x509_common_name", [b"nobody"]))


def add_who(servicer: WhoCalls, server: grpc.aio.Server) -> None:
    handler = grpc.unary_unary_rpc_method_handler(servicer.call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Who", {"Call": handler}),))


def serving(folder: Path, *, listen: str = "127.0.0.1:0", **settings: object) -> Service:
    service = a_service(listen=listen, tls_folder=folder, **settings)
    service.serve(add_who, WhoCalls())
    return service


async def asked(channels: Channels, service: Service, seconds: str = "0") -> str:
    answer = await channels.to(service.address).unary_unary("/test.Who/Call")(seconds.encode(), timeout=30)
    return bytes(answer).decode()


async def code(channels: Channels, service: Service) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await asked(channels, service)
    await channels.close()
    return failure.value.code()


def serial(service: Service, folder: Path, authority: Authority) -> str:
    """Of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    context.set_alpn_protocols(["h2"])
    host, port = service.address.split(":")
    plain = socket.create_connection((host, int(port)), timeout=30)
    with context.wrap_socket(plain, server_hostname=host) as encrypted:
        shown = encrypted.getpeercert() or {}
    return str(shown["serialNumber"])


async def test_a_caller_gets_in_by_a_name_of_its_certificate_and_no_other_does(tmp_path: Path) -> None:
    authority, foreign = Authority(), Authority("another")
    service = serving(authority.issue(tmp_path / "asset", ASSET), tls_clients=f"{GATEWAY}, operator")
    async with running(service):
        friend = Channels(authority.issue(tmp_path / "gateway", GATEWAY, common="gateway"))
        assert await asked(friend, service) == "gateway"
        await friend.close()
        by_common_name = Channels(authority.issue(tmp_path / "operator", "spiffe://test/x", common="operator"))
        assert await asked(by_common_name, service) == "operator"
        await by_common_name.close()
        stranger = Channels(authority.issue(tmp_path / "stranger", STRANGER, common="stranger"))
        assert await code(stranger, service) is grpc.StatusCode.PERMISSION_DENIED
        assert await code(Channels(), service) is grpc.StatusCode.UNAVAILABLE
        forged = foreign.issue(tmp_path / "forged", GATEWAY)
        (forged / "ca.crt").write_bytes(authority.certificate)
        assert await code(Channels(forged), service) is grpc.StatusCode.UNAVAILABLE


async def test_a_server_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    service = serving(Authority("another").issue(tmp_path / "asset", ASSET), tls_require_clients=False)
    async with running(service):
        channels = Channels(Authority().issue(tmp_path / "gateway", GATEWAY))
        assert await code(channels, service) is grpc.StatusCode.UNAVAILABLE


async def test_without_names_whoever_the_authority_knows_may_call(tmp_path: Path) -> None:
    authority = Authority()
    service = serving(authority.issue(tmp_path / "asset", ASSET))
    async with running(service):
        channels = Channels(authority.issue(tmp_path / "any", STRANGER, common="any"))
        assert await asked(channels, service) == "any"
        await channels.close()


async def test_names_without_certificates_let_nobody_in() -> None:
    service = a_service(listen="127.0.0.1:0", tls_clients=GATEWAY)
    service.serve(add_who, WhoCalls())
    async with running(service):
        assert await code(Channels(), service) is grpc.StatusCode.PERMISSION_DENIED


async def test_both_sides_take_up_a_renewed_certificate_and_no_call_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0)
    authority = Authority()
    server, client = authority.issue(tmp_path / "asset", ASSET), authority.issue(tmp_path / "gateway", GATEWAY, common="first")
    service = serving(server, tls_clients=GATEWAY)
    async with running(service):
        channels = Channels(client)
        assert await asked(channels, service) == "first"
        before = await asyncio.to_thread(serial, service, client, authority)
        slow = asyncio.create_task(asked(channels, service, "2"))
        await asyncio.sleep(0.2)
        authority.issue(server, ASSET)
        authority.issue(client, GATEWAY, common="second")
        assert await asked(channels, service) == "second"
        assert await slow == "first"
        assert await asyncio.to_thread(serial, service, client, authority) != before
        await channels.close()


async def test_a_client_takes_up_a_new_authority_before_its_own_certificate_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0)
    before, after = Authority("before"), Authority("after")
    server, client = before.issue(tmp_path / "asset", ASSET), before.issue(tmp_path / "gateway", GATEWAY, common="first")
    both = before.certificate + after.certificate
    channels = Channels(client)
    old = serving(server)
    async with running(old):
        assert await asked(channels, old) == "first"
    (client / "ca.crt").write_bytes(both)
    after.issue(server, ASSET)
    (server / "ca.crt").write_bytes(both)
    new = serving(server, listen=old.address)
    async with running(new):
        await asyncio.wait_for(channels.to(new.address).channel_ready(), 60)
        assert await asked(channels, new) == "first"
        await channels.close()


async def test_a_folder_that_cannot_be_read_for_a_while_leaves_the_last_certificate_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0)
    authority = Authority()
    client = authority.issue(tmp_path / "gateway", GATEWAY, common="first")
    service = serving(authority.issue(tmp_path / "asset", ASSET))
    async with running(service):
        channels = Channels(client)
        (client / "tls.key").rename(client / "away")
        assert await asked(channels, service) == "first"
        assert "The certificate cannot be read" in caplog.text
        (client / "away").rename(client / "tls.key")
        await channels.close()


def test_a_start_without_a_certificate_fails_and_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"tls\.crt"):
        serving(tmp_path)
