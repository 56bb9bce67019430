"""The hands: files and commands of projects. Holds no key, decides nothing."""
