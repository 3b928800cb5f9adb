/* record_rig.h - example records, and their JSON, for the tests of what is told.           layer: tests */
#ifndef TESTS_RECORD_RIG_H
#define TESTS_RECORD_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "reader/record.h"

static const struct record_context undated = {.reader_name = "dock-1", .epoch_s = NAN};

static inline const char *json_of(const struct record *record, const struct record_context *context)
{
    static char text[RECORD_JSON_MAX];
    size_t n = record_to_json(record, context, text, sizeof text);
    assert_int_equal(n, strlen(text));
    return text;
}

static inline json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        fail_msg("%s in %s", error.text, text);
    }
    return root;
}

/* The EPC and URI are the SGTIN-96 example of the EPC Tag Data Standard. */
static inline struct record read_example(void)
{
    static const uint8_t epc[] = {0x30, 0x74, 0x25, 0x7B, 0xF7, 0x19,
                                  0x4E, 0x40, 0x00, 0x00, 0x1A, 0x85};
    struct record record = {.type = RECORD_READ, .t_s = 0.1};
    record.read = (struct record_read){
        .n_epc_bits = 96,
        .pc = 0x3000,
        .rn16 = 0x00AF,
        .antenna = "RX2",
        .freq_hz = 915250000.0,
        .rssi_dbfs = -40.659,
        .rssi_dbm = NAN,
        .snr_db = 21.4951,
        .phase_deg = 12.34,
        .blf_hz = 39908.4,
        .session = 2,
        .round = 7,
        .slot = 3,
        .count = 12,
    };
    memcpy(record.read.epc, epc, sizeof epc);
    return record;
}

static inline struct record status_example(void)
{
    struct record record = {.type = RECORD_STATUS, .t_s = 1.0};
    record.status = (struct record_status){
        .reads = 148,
        .unique = 100,
        .overflows = 1,
        .underflows = 2,
        .late = 3,
        .reads_per_s = 148.0,
        .leak_dbfs = -20.1,
        .residual_dbfs = -60,
        .noise_dbfs = NAN,
        .read_latency_p50_ms = 5.6,
        .read_latency_p99_ms = 5.7,
        .slots = {10, 148, 30, 2, 1},
        .causes = {[REPLY_CAUSE_CARRIER] = 5, [REPLY_CAUSE_CUT] = 1},
        .clipped = 2,
        .rounds = 12,
        .duration_s = 1.25,
        .turnaround_p50_us = 60.04,
        .turnaround_p99_us = NAN,
        .turnaround_max_us = 90,
        .silence_p50_us = 21.96,
        .silence_p99_us = 38,
        .silence_max_us = NAN,
        .dropped_events = 4,
        .cpu_ratio = 0.25,
    };
    return record;
}

static inline void check_line(const struct record *record, const char *expected)
{
    char text[256];
    record_to_line(record, &undated, text, sizeof text);
    assert_string_equal(text, expected);
}

#endif
