# Sourced by the launchers: finds a Node that is new enough and becomes the program that $program names.
# The platform package that package.json lists as an optional dependency brings one; else the machine's own must do.
self=$(readlink -f "$0")
root=$(dirname "$(dirname "$self")")
node="$root/node_modules/.bin/node"
if [ ! -x "$node" ]; then
  node=$(command -v node || true)
  major=$("${node:-false}" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if [ "$major" -lt 24 ]; then
    echo "$(basename "$self"): Node 24 or newer is needed, found ${node:-none} ($major): run \"npm ci\" in $root, or install Node 24" >&2
    exit 1
  fi
fi
exec "$node" --disable-warning=ExperimentalWarning "$root/$program" "$@"
