"""The words of appx as types: ids, messages, events, errors. Standard library only."""
