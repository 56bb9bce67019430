"""What the clients ordered."""

from shop import client as client_module
from shop.client import Client


def report(rows):
    clients = [Client(**row) for row in rows["clients"]]
    best = client_module.best_client(clients)
    return f"{len(clients)} clients, the best client is {best.name}.\n{best.greeting()}"
