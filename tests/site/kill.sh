# Kills each process at random moments under load; every acknowledged message arrives. Read by jail.sh; $1: rounds.
command -v python3 >/dev/null || { skip "needs python3"; exit 0; }
PYTHONDONTWRITEBYTECODE=1 python3 "$HERE/tests/site/kill.py" "${1:-10}"
