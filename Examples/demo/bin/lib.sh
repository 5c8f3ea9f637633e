# What the scripts here share: they start in courier's folder and know how to call its helpers.

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
cd -- "$here" || exit 1

# The program: named by the environment, linked here by `tocsin demo`, or on the PATH.
tocsin=${TOCSIN_BIN:-}
if [ -z "$tocsin" ] && [ -x bin/tocsin ]; then
    tocsin=$here/bin/tocsin
fi
tocsin=${tocsin:-tocsin}

# courier VERB [ARGUMENT …]: one of the helpers built into tocsin, for the courier of this folder.
courier() {
    verb=$1
    shift
    "$tocsin" demo-service "$verb" --folder "$here" "$@"
}
