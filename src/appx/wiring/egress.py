"""The service ``appx egress``: the resolver and the proxy of all accounts, as a process and a uid of their own."""

import logging
from pathlib import Path

import anyio

from appx.egress.addresses import networks
from appx.egress.lookups import Lookups
from appx.egress.policies import Policies
from appx.egress.proxy import WAYS, Proxy
from appx.egress.refused import RefusedNames
from appx.egress.resolver import Resolver
from appx.wiring.stopping import on_signal

logger = logging.getLogger(__name__)

POLICIES = Path("/run/policies/egress.json")
REFUSED = Path("/run/egress/refused.json")
RESOLV_CONF = Path("/etc/resolv.conf")
HOSTS = Path("/etc/hosts")
SAVE_SECONDS = 0.5


async def serve(private: str) -> None:
    """Until SIGTERM. ``private``: the private ranges that the operator opened."""
    policies, refused, opened, lookups = Policies(POLICIES), RefusedNames(REFUSED), networks(private), Lookups()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(on_signal, tasks.cancel_scope.cancel)
        tasks.start_soon(_save, refused, policies)
        for way in WAYS:
            tasks.start_soon(Proxy(way, policies=policies, refused=refused, opened=opened, lookups=lookups).run)
        await tasks.start(Resolver(policies=policies, refused=refused, upstream=RESOLV_CONF, hosts=HOSTS).run)
        logger.info("answers for names and lists")


async def _save(refused: RefusedNames, policies: Policies) -> None:
    while True:
        if uids := policies.uids:
            refused.keep_only(uids)
        try:
            refused.save()
        except OSError as error:
            logger.warning("the log of refused names was not written: %s", error)
        await anyio.sleep(SAVE_SECONDS)
