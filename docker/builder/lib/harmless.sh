# shellcheck shell=bash
# Words of agents for a person's terminal. Sourced by ready.sh, verify.sh and the acceptance suite.

# What comes in without what could command this terminal: an agent can write into the log, into an answer, into the name
# of a process. Runs of the second kind, because what stands around one could be another. sed holds a whole line.
harmless() {
	LC_ALL=C stdbuf -oL fold -b -w 8192 |
		LC_ALL=C sed -u -E "s/"$'[\x01-\x08\x0b-\x1f\x7f]'"//g; s/"$'(\xc2+[\x80-\x9f]+)+'"//g"
}
