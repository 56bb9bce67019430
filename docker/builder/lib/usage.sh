# shellcheck shell=bash
# What run.sh --help says. Sourced by run.sh.

usage() {
	cat <<'TEXT'
usage: docker/builder/run.sh [option]

Without an option: starts the builder container, and first gets what is missing (engine, image).
If it is already up, nothing is changed.

  --rebuild       build the image again and replace the container; the volumes stay
  --stop          stop the container; the next run.sh starts it again
  --destroy       remove the container and its volumes, after asking; --yes does not ask
  --status        say whether it is up, and where
  --login         print a new one-time login URL
  --logs          show the log and follow it; --logs --no-follow shows it and ends
  --print         print the exact command that would start the container, and start nothing
  --help          this text

Variables, with their defaults:
  APPX_ENGINE         docker or podman; default: a docker that answers, else podman, else docker is installed
  APPX_IMAGE          the image (localhost/appx/builder:latest)
  APPX_NAME           the container's name, and the start of its volumes' names (appx)
  APPX_BIND           the address that ports are opened on (127.0.0.1)
  APPX_PORT           the port of API and UI (4001)
  APPX_APP_PORTS      the ports for apps, inside and on the host: a range (3000-3010)
  APPX_WORKSPACE      volume for projects and state, or an absolute path on this host (<name>-workspace)
  APPX_STORAGE        volume for the images and containers of apps (<name>-containers)
  APPX_PIDS           the most processes in the container, apps included (8192)
  APPX_MEMORY         the most memory, apps included, such as 4g, or none (three quarters of this host's)
  APPX_CPUS           the most processors, such as 1.5, or none (none: the kernel shares them out)
  APPX_RUN_ARGS       more flags for the engine's run, separated by spaces
  APPX_READY_SECONDS  how long to wait for the server (120)
Secrets, handed to the server through standard input, so that "inspect" does not show them. Each can be a variable or
a file on this host; a new value counts at once, without a new container; --rebuild forgets what is not set any more:
  ANTHROPIC_API_KEY  OPENAI_API_KEY  GEMINI_API_KEY  GOOGLE_API_KEY  LITELLM_API_KEY  AGENT_SERVER_TOKEN
  ANTHROPIC_API_KEY_FILE  OPENAI_API_KEY_FILE  GEMINI_API_KEY_FILE  GOOGLE_API_KEY_FILE  LITELLM_API_KEY_FILE
  AGENT_SERVER_TOKEN_FILE
Handed to the server when set:
  ANTHROPIC_BASE_URL OPENAI_BASE_URL LITELLM_BASE_URL LITELLM_DEFAULT_MODEL LITELLM_API AGENT_SERVER_LOG_LEVEL
  LITELLM_MODELS_PATH     a file on this host; mounted read-only
  APPX_TEMPLATE_DIR       a directory on this host; mounted read-only
  APPX_MAX_STEPS APPX_MAX_TURN_MINUTES APPX_MAX_SESSION_COST APPX_MAX_DAY_COST
  APPX_MAX_SESSION_TOKENS APPX_MAX_DAY_TOKENS APPX_MAX_UPLOAD
  APPX_MODEL_SILENCE_SECONDS APPX_MODEL_REPLY_SECONDS PI_SKILL_PATHS
  APPX_HOSTS APPX_CORS_ORIGINS APPX_PROVIDER_NETWORKS APPX_AUDIT_DAYS APPX_MAX_CONNECTIONS
  APPX_PROJECT_UIDS APPX_IDLE_MINUTES APPX_APP_MEMORY APPX_APP_PROCESSES APPX_APP_CPUS APPX_DISK_RESERVE
  APPX_PROJECT_DISK APPX_PROJECT_MEMORY APPX_PROJECT_PROCESSES APPX_PROJECT_CPUS APPX_IMAGE_DAYS APPX_IMAGE_ROOM
  APPX_HEALTH_SECONDS
  APPX_EGRESS APPX_EGRESS_HOSTS APPX_EGRESS_PRIVATE
  http_proxy https_proxy no_proxy (also in capitals)
The build has variables of its own: docker/builder/build.sh --help
TEXT
}
