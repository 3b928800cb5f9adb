# docs.sh - what of the documents is generated, and how; for check_docs.sh and update_docs.sh.
# shellcheck shell=bash

generate_yaml() { # PROGRAM
    echo '# All keys of zpreader with their defaults, written by tests/update_docs.sh.'
    # shellcheck disable=SC2016 # the backquotes are text
    echo '# A copy with changes is read by `zpreader inventory --config FILE`; every key is also a flag.'
    "$1" inventory --dump-config
}

generate_man() { # PROGRAM PAGE: the page with the block between its two marker lines made anew
    local options
    options=$("$1" --dump-man-options) || return
    [ -n "$options" ] || return
    OPTIONS=$options awk '
        /^\.\\" end of generated options/ { skip = 0; n_marks++ }
        !skip { print }
        /^\.\\" generated options/ { print ENVIRON["OPTIONS"]; skip = 1; n_marks++ }
        END { exit n_marks != 2 }' "$2"
}
