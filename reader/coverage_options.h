/* coverage_options.h - option rows of coverage runs.                         layer: reader */
#ifndef READER_COVERAGE_OPTIONS_H
#define READER_COVERAGE_OPTIONS_H

#include <stdint.h>

#include "config/option.h"

enum { COVERAGE_CARRIER_PRESET = 0 }; /* the others follow in the order of enum coverage_carrier */
enum { COVERAGE_RECEIVER_PRESET = 0, COVERAGE_RECEIVER_OWN };

struct coverage_options { /* option keys coverage.* : table coverage_option_table */
    char preset[LIMIT_TEXT];
    int carrier;                      /* choice "preset|same|other|outside|device" */
    int receiver;                     /* choice "preset|own" */
    int64_t n_drops, seed, n_threads; /* threads 0: one a core */
    bool identify;
    double unit_s, time_max_s;
    double cell_m;
    char svg[LIMIT_TEXT], csv[LIMIT_TEXT]; /* folders; "": none */
};
extern const struct option_table coverage_option_table;

#endif
