#!/usr/bin/env bash
# check_layers.sh - prints every include that breaks the layer rule; status 1 when there is one.
#   reader -> radio -> dsp -> protocol -> config       radio/air -> config       tests -> any
# radio/air sees protocol/pathloss.h beside: physics that air and link budget share, so that one can be
# held against the other; encoders, decoders and CRCs stay out, so that no error can hide in its mirror.
# UHD is seen by radio/radio_uhd* only; threads are started by reader/ (and by tests) only; locks
# and waits are for reader/ and for the radios, whose recv and send come from two threads.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

mapfile -t files < <(find config protocol dsp radio reader -name '*.[ch]' | sort)
[ "${#files[@]}" -gt 0 ] || { echo 'check_layers.sh: found no source files'; exit 1; }

awk '
    function layer_of(path) {
        if (path ~ /^radio\/air\//) return "air"
        sub(/\/.*/, "", path)
        return path
    }
    function report(what) {
        printf "%s:%d: %s\n", FILENAME, FNR, what
        n_bad++
    }
    BEGIN {
        may["config"] = " config "
        may["protocol"] = " protocol config "
        may["dsp"] = " dsp protocol config "
        may["air"] = " air config "
        may["radio"] = " radio air dsp protocol config "
        may["reader"] = " reader radio air dsp protocol config "
    }
    FNR == 1 { from = layer_of(FILENAME) }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        path = $0
        sub(/^[^"]*"/, "", path)
        sub(/".*/, "", path)
        to = layer_of(path)
        if (path !~ /\//)
            report("include \"" path "\" does not name its folder")
        else if (!(to in may))
            report("include \"" path "\" is in no layer")
        else if (from == "air" && path == "protocol/pathloss.h")
            next
        else if (index(may[from], " " to " ") == 0)
            report(from " must not include \"" path "\"")
    }
    /^[ \t]*#[ \t]*include[ \t]*(<uhd|"radio\/radio_uhd)/ &&
        FILENAME !~ /^radio\/radio_uhd[^\/]*\.[ch]$/ {
        report("only radio/radio_uhd*.c and .h see UHD")
    }
    /(pthread|thrd)_create[ \t]*\(/ && from != "reader" {
        report("only reader/ starts threads")
    }
    /^[ \t]*#[ \t]*include[ \t]*<(pthread|threads)\.h>/ && from != "reader" && from != "radio" {
        report("only reader/ and the radios, which two threads call, may wait or lock")
    }
    END { exit n_bad > 0 }' "${files[@]}"
