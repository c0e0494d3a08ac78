# Sourced by the launchers: finds a Node that is new enough and becomes the program that $program names. $self is the launcher.
# The platform package that package.json lists as an optional dependency brings one; else the machine's own must do.
root=${self%/*}/..
node=$root/node_modules/.bin/node
if [ ! -x "$node" ]; then
  node=$(command -v node || true)
  major=$("${node:-false}" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if [ "$major" -lt 24 ]; then
    echo "${self##*/}: Node 24 or newer is needed, found ${node:-none} ($major): run \"npm ci\" in $root, or install Node 24" >&2
    exit 1
  fi
fi
case $program in
  # What was compiled once need not be again: half of the time that a command line takes. Beside the code, so that nobody can
  # put anything there who could not change the code itself.
  src/cli/*) NODE_COMPILE_CACHE=$root/node_modules/.cache/compiled; export NODE_COMPILE_CACHE ;;
esac
exec "$node" --disable-warning=ExperimentalWarning "$root/$program" "$@"
