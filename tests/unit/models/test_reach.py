"""Where a provider that was added may be: decided by address, and held to at the connection itself."""

import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.errors import Misconfigured
from appx.egress.addresses import METADATA
from appx.models.reach import OutOfReach, look_up, may_reach, networks, reachable
from appx.models.transport import CheckedTransport, ProviderTransport

INSIDE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "169.254.169.254", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::1", "2002:a00:1::", "2001:0:7f00:1::1", "fec0::1",
]  # fmt: skip
EVERYTHING = "private, 0.0.0.0/0, ::/0"
OUTSIDE = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_the_internet_is_out_of_reach(address: str) -> None:
    assert not may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_in_reach(address: str) -> None:
    assert may_reach(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_way_of_writing_an_address_of_ipv4_changes_where_it_leads(address: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:0:0", "64:ff9b::", "::"):
        written = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | int(address))
        assert may_reach(written) == may_reach(address), written
    six_to_four = ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80) | 1)
    assert may_reach(six_to_four) <= may_reach(address)


def test_the_operator_opens_networks() -> None:
    allowed = networks("private, 127.0.0.0/8")
    for address in ("10.1.2.3", "192.168.0.1", "100.64.0.1", "fd00::1", "127.0.0.1", "::ffff:10.0.0.1"):
        assert may_reach(ipaddress.ip_address(address), allowed)
    for address in ("169.254.169.254", "::1", "fe80::1", "0.0.0.0"):
        assert not may_reach(ipaddress.ip_address(address), allowed)
    assert networks("") == networks(" , ") == ()


def written(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> list[str]:
    """In every way that ``inner`` knows."""
    if address.version == 6:
        return [str(address)]
    six_to_four = ipaddress.IPv6Address((0x2002 << 112) | (int(address) << 80) | 1)
    return [*(f"{prefix}{address}" for prefix in ("", "::ffff:", "64:ff9b::", "::")), str(six_to_four)]


@pytest.mark.parametrize("allowed", ["", "private", EVERYTHING, "169.254.169.254/32, fd00:ec2::254/128"])
def test_nobody_opens_where_clouds_give_out_credentials(allowed: str) -> None:
    every = [each for address in METADATA for each in written(address)]
    assert [each for each in every if may_reach(ipaddress.ip_address(each), networks(allowed))] == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("found", "what_to_do"),
    [
        (["168.63.129.16"], "opens none of a cloud's metadata"),
        (["::ffff:169.254.169.254", "fd00:ec2::254%1"], "opens none of a cloud's metadata"),
        (["169.254.169.254", "10.0.0.1"], "The operator allows it with"),
    ],
)
async def test_a_refusal_says_whether_the_operator_can_open_it(found: list[str], what_to_do: str) -> None:
    with pytest.raises(OutOfReach, match=what_to_do) as refusal:
        await reachable("evil.example", 80, (), Names(found))
    assert f"has the address {', '.join(found)}, where no provider may be" in str(refusal.value)
    assert "APPX_PROVIDER_NETWORKS" in str(refusal.value)


@pytest.mark.parametrize("value", ["10.0.0.1/8", "localhost", "10.0.0.0/33", "privat"])
def test_what_is_no_network_stops_the_start_with_the_name_of_the_setting(value: str) -> None:
    with pytest.raises(Misconfigured, match="APPX_PROVIDER_NETWORKS"):
        networks(value)


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "0", "::1"])
async def test_every_way_to_write_this_machine_is_found_out(host: str) -> None:
    with pytest.raises(OutOfReach, match="APPX_PROVIDER_NETWORKS"):
        await reachable(host, 80, (), look_up)


class Names:
    """A name service that answers otherwise each time, as an attacker's would."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


@asynccontextmanager
async def listening(answer: bytes = b"HTTP/1.1 204 \r\n\r\n") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on this machine, and what it was sent."""
    seen: list[bytes] = []
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", family=socket.AF_INET)

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            seen.append(await stream.receive())
            await stream.send(answer)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield listener.extra(anyio.abc.SocketAttribute.local_port), seen
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def asking(names: Names, allowed: str = "") -> AsyncIterator[httpx2.AsyncClient]:
    transport = CheckedTransport(networks(allowed), lookup=names)
    async with httpx2.AsyncClient(transport=transport, follow_redirects=True) as client:
        yield client


@pytest.mark.anyio
async def test_nothing_is_sent_to_an_address_that_is_out_of_reach() -> None:
    async with listening() as (port, seen), asking(Names(["127.0.0.1"])) as client:
        with pytest.raises(OutOfReach, match=r"evil\.example has the address 127\.0\.0\.1.*APPX_PROVIDER_NETWORKS"):
            await client.get(f"http://evil.example:{port}/")
        assert seen == []


@pytest.mark.anyio
async def test_what_was_looked_at_is_what_is_connected_to() -> None:
    """A name that has an allowed address when it is looked at, and another one a moment later, gets one look only."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    async with listening() as (port, seen), asking(names, "127.0.0.0/8") as client:
        answer = await client.get(f"http://model.example:{port}/v1")
        assert (answer.status_code, names.asked) == (204, 1)
        assert f"host: model.example:{port}".encode() in seen[0].lower()


@pytest.mark.anyio
async def test_of_several_addresses_only_one_in_reach_is_taken() -> None:
    async with listening() as (port, seen), asking(Names(["169.254.169.254", "127.0.0.1"]), "127.0.0.0/8") as client:
        assert (await client.get(f"http://model.example:{port}/")).status_code == 204
        assert len(seen) == 1


@pytest.mark.anyio
async def test_a_redirection_is_checked_as_the_first_address_was() -> None:
    answer = b"HTTP/1.1 307 \r\nLocation: http://inner.example/\r\nContent-Length: 0\r\n\r\n"
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with listening(answer) as (port, seen), asking(names, "127.0.0.0/8") as client:
        with pytest.raises(OutOfReach, match=r"inner\.example has the address 10\.0\.0\.1"):
            await client.get(f"http://model.example:{port}/")
        assert len(seen) == 1


@pytest.mark.anyio
async def test_behind_a_proxy_what_this_machine_knows_to_be_inside_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening() as (port, seen):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        transport = ProviderTransport((), lookup=Names(["10.0.0.1"], ["1.1.1.1"]))
        async with httpx2.AsyncClient(transport=transport) as client:
            with pytest.raises(OutOfReach):
                await client.get("http://inner.example/")
            assert seen == []
            assert (await client.get("http://model.example/")).status_code == 204
            assert seen[0].startswith(b"GET http://model.example/ ")
