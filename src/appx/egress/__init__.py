"""What leaves the builder container: names, listed hosts, the rules of the kernel, and what was refused."""
