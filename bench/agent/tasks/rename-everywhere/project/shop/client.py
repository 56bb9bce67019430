"""Clients of the shop."""

from dataclasses import dataclass


@dataclass
class Client:
    name: str
    orders: int = 0

    def greeting(self):
        return f"Dear client {self.name}"


def best_client(clients):
    """The client with the most orders."""
    return max(clients, key=lambda client: client.orders)
