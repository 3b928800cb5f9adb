/* test_program_decode.c - `--record` and `decode`: a recording tells the same as the live run;
 * recordings that start in mid-exchange, end in mid-sample or are none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/program.h"

#define LIVE "inventory --json --publish.zmq.enabled=false --radio.sim.pace max"

struct run {
    char *out, *err;
    json_t *events;
};

static struct run run_of(const char *arguments)
{
    struct program program;
    program_run(&program, "%s", arguments);
    program_succeeded(&program);
    struct run run = {.events = program_events(&program)};
    program_check_events(run.events);
    run.out = program.out;
    run.err = program.err;
    program.out = program.err = NULL;
    program_free(&program);
    return run;
}

static void run_free(struct run *run)
{
    free(run->out);
    free(run->err);
    json_decref(run->events);
}

static void base_name(char *base, size_t n_chars, const char *name)
{
    snprintf(base, n_chars, "%s/%s", program_directory, name);
}

static void remove_recording(const char *base)
{
    static const char *const suffixes[] = {"sigmf-meta", "sigmf-data"};
    for (size_t k = 0; k < 2; k++) {
        char path[192];
        snprintf(path, sizeof path, "%s.%s", base, suffixes[k]);
        unlink(path);
    }
}

/* Reads of `live` from from_s on that `decoded` has too: same EPC, at most a Tpri apart. */
static void count_matches(const json_t *live, const json_t *decoded, double from_s, double shift_s,
                          double tpri_s, size_t *n_live, size_t *n_matched)
{
    *n_live = *n_matched = 0;
    size_t next = 0;
    for (size_t k = 0; k < json_array_size(live); k++) {
        const json_t *read = json_array_get(live, k);
        const double t_s = program_number(read, "t");
        if (!program_event_is(read, "read") || t_s < from_s) {
            continue;
        }
        ++*n_live;
        for (size_t i = next; i < json_array_size(decoded); i++) {
            const json_t *other = json_array_get(decoded, i);
            if (program_event_is(other, "read") &&
                fabs(program_number(other, "t") + shift_s - t_s) <= tpri_s &&
                !strcmp(program_text(read, "epc"), program_text(other, "epc"))) {
                ++*n_matched;
                next = i + 1;
                break;
            }
        }
    }
}

struct record_row {
    const char *flags;
    double blf_hz, duration_s;
    double n_reads_min;
};

static const struct record_row record_rows[] = {
    {"--run.record_type cf32", 40e3, 2.0, 200},
    {"--run.record_type ci16 --radio.n_rx_channels 2", 40e3, 1.0, 100},
    {"--run.record_type ci16 --tari 12.5 --link.data1_tari 1.5 --blf 320k", 320e3, 2.0, 1000},
    {"--run.record_type cf32 --radio.n_rx_channels 2 --tari 12.5 --blf 250k --link.m miller4",
     250e3, 1.0, 150},
    {"--run.record_type ci16 --tari 6.25 --blf 640k --link.trext", 640e3, 0.3, 200},
    {"--run.record_type cf32 --tari 12.5 --blf 160k --link.dr 8 --link.m miller8 "
     "--tx.modulation pr-ask",
     160e3, 1.5, 80},
};

static void decode_tells_what_the_live_run_told(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof record_rows / sizeof *record_rows; k++) {
        const struct record_row *row = &record_rows[k];
        char base[128], text[512];
        base_name(base, sizeof base, "live");
        snprintf(text, sizeof text,
                 LIVE " --tags 20 --seed 2 --target dual --duration %g --record %s %s",
                 row->duration_s * PROGRAM_SCALE, base, row->flags);
        struct run live = run_of(text);
        snprintf(text, sizeof text, "decode %s.sigmf-meta --json", base);
        struct run decoded = run_of(text), again = run_of(text);
        program_check_epcs(live.events, 20, 2);
        program_check_epcs(decoded.events, 20, 2);
        size_t n_live, n_matched;
        count_matches(live.events, decoded.events, 0, 0, 1 / row->blf_hz, &n_live, &n_matched);
        const size_t n_decoded = program_count(decoded.events, "read");
        print_message("%s: %zu live, %zu decoded, %zu match\n", row->flags, n_live, n_decoded,
                      n_matched);
        assert_true((double)n_live >= row->n_reads_min * PROGRAM_SCALE);
        assert_true((double)n_matched >= 0.999 * (double)n_live); /* contract, "Recordings" */
        assert_true((double)n_matched >= 0.999 * (double)n_decoded);
        assert_string_equal(decoded.out, again.out);
        run_free(&live);
        run_free(&decoded);
        run_free(&again);
        remove_recording(base);
    }
}

static void decode_reads_raw_samples(void **state)
{
    (void)state;
    static const char *const formats[] = {"cf32", "ci16"};
    for (size_t k = 0; k < 2; k++) {
        char base[128], text[512];
        base_name(base, sizeof base, "raw");
        snprintf(text, sizeof text,
                 LIVE " --tags 20 --duration 0.6 --record %s --run.record_type %s", base,
                 formats[k]);
        struct run live = run_of(text);
        snprintf(text, sizeof text, "decode --json --format %s --rate 2e6 %s.sigmf-data",
                 formats[k], base);
        struct run raw = run_of(text);
        snprintf(text, sizeof text, "decode --json %s.sigmf-data", base); /* either file names it */
        struct run sigmf = run_of(text);
        program_check_epcs(raw.events, 20, 1);
        assert_int_equal(program_count(raw.events, "read"), program_count(sigmf.events, "read"));
        run_free(&live);
        run_free(&raw);
        run_free(&sigmf);
        remove_recording(base);
    }
}

/* Time of the n-th ACK of a traced run. */
static double ack_t_s(const json_t *events, size_t n)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (!strcmp(program_text(event, "name"), "ACK") && n-- == 0) {
            return program_number(event, "t");
        }
    }
    fail_msg("too few ACKs");
    return NAN;
}

/* One round of many slots: after the cut no Query tells the link. */
static void decode_mid_exchange(const char *flags, double blf_hz, double rate_sps)
{
    char base[128], text[512], path[192];
    base_name(base, sizeof base, "whole");
    snprintf(text, sizeof text,
             LIVE " --tags 20 --q 6 --rounds 1 --rate %g --duration 3 --trace --record %s %s",
             rate_sps, base, flags);
    struct run live = run_of(text);
    assert_true(ack_t_s(live.events, 8) > 0);
    const double lead_s = 2.5 / blf_hz; /* T2 min is 3 Tpri: behind the RN16, before its ACK */
    const size_t cut = (size_t)((ack_t_s(live.events, 2) - lead_s) * rate_sps);
    snprintf(path, sizeof path, "%s.sigmf-data", base);
    size_t n_bytes;
    char *bytes = program_read_file(path, &n_bytes);
    assert_true(n_bytes > 8 * cut);
    remove_recording(base);
    snprintf(path, sizeof path, "%s/cut.cf32", program_directory);
    program_write_file(path, bytes + 8 * cut, n_bytes - 8 * cut);
    free(bytes);
    snprintf(text, sizeof text, "decode --json --format cf32 --rate %g %s", rate_sps, path);
    struct run decoded = run_of(text);
    for (size_t k = 0; k < json_array_size(decoded.events); k++) {
        assert_string_not_equal(program_text(json_array_get(decoded.events, k), "name"), "Query");
    }
    size_t n_live, n_matched;
    const double cut_s = (double)cut / rate_sps;
    count_matches(live.events, decoded.events, cut_s, cut_s, 1 / blf_hz, &n_live, &n_matched);
    print_message("%s: %zu of %zu reads after the cut\n", flags, n_matched, n_live);
    assert_true(n_live >= 6);
    assert_true(n_matched + 1 >= n_live); /* the first command may fall to the cut */
    assert_int_equal(program_count(decoded.events, "read"), n_matched);
    run_free(&live);
    run_free(&decoded);
    unlink(path);
}

static void decode_tries_what_fits_without_a_query(void **state)
{
    (void)state;
    decode_mid_exchange("--tari 25", 40e3, 2e6);
    decode_mid_exchange("--tari 12.5 --blf 250k --link.m miller4", 250e3, 4e6);
    if (PROGRAM_IS_SLOW) {
        return;
    }
    decode_mid_exchange("--tari 12.5 --link.data1_tari 1.5 --blf 320k", 320e3, 4e6);
    decode_mid_exchange("--tari 12.5 --blf 160k --link.trext", 160e3, 4e6);
}

/* Slots of a live run and of its recording: the same Q in force, and an empty field stays empty. */
static void slots_agree(unsigned n_tags)
{
    char base[128], text[512];
    base_name(base, sizeof base, "slots");
    snprintf(text, sizeof text, LIVE " --tags %u --seed 7 --duration 0.6 --record %s", n_tags,
             base);
    struct run live = run_of(text);
    snprintf(text, sizeof text, "decode %s --json", base);
    struct run decoded = run_of(text);
    size_t n_slots = 0, at = 0;
    for (size_t k = 0; k < json_array_size(live.events); k++) {
        const json_t *slot = json_array_get(live.events, k);
        if (!program_event_is(slot, "slot")) {
            continue;
        }
        while (at < json_array_size(decoded.events) &&
               !program_event_is(json_array_get(decoded.events, at), "slot")) {
            at++;
        }
        if (at == json_array_size(decoded.events)) {
            break; /* the slot the run ended in */
        }
        const json_t *seen = json_array_get(decoded.events, at++);
        assert_true(program_number(seen, "q") == program_number(slot, "q"));
        if (n_tags == 0) {
            assert_string_equal(program_text(seen, "outcome"), "empty");
        }
        n_slots++;
    }
    assert_true(n_slots >= 80);
    run_free(&live);
    run_free(&decoded);
    remove_recording(base);
}

static void decode_tells_the_slots_of_the_live_run(void **state)
{
    (void)state;
    slots_agree(0);
    slots_agree(20);
}

/* An empty field at 640 kHz: rounds of one slot, a Query every 0.3 ms. None is lost. */
static void decode_loses_no_command(void **state)
{
    (void)state;
    char base[128], text[512];
    base_name(base, sizeof base, "empty");
    snprintf(text, sizeof text,
             LIVE " --tags 0 --blf 640k --tari 6.25 --trace --duration %g --record %s",
             0.5 * PROGRAM_SCALE, base);
    struct run live = run_of(text);
    snprintf(text, sizeof text, "decode %s --json", base);
    struct run decoded = run_of(text);
    size_t at = 0, n_commands = 0;
    for (size_t k = 0; k < json_array_size(live.events); k++) {
        const json_t *sent = json_array_get(live.events, k);
        if (!program_event_is(sent, "command")) {
            continue;
        }
        while (at < json_array_size(decoded.events) &&
               !program_event_is(json_array_get(decoded.events, at), "command")) {
            at++;
        }
        const json_t *seen = json_array_get(decoded.events, at++);
        assert_non_null(seen);
        assert_string_equal(program_text(seen, "bits"), program_text(sent, "bits"));
        assert_float_equal(1e6 * program_number(seen, "t"), 1e6 * program_number(sent, "t"), 0.5);
        n_commands++;
    }
    assert_true((double)n_commands > 1500 * PROGRAM_SCALE);
    run_free(&live);
    run_free(&decoded);
    remove_recording(base);
}

/* Whole seconds of sample time, as the live run tells them; each recording by its name. */
static void decode_tells_status_and_file(void **state)
{
    (void)state;
    char base[128], text[512];
    base_name(base, sizeof base, "long");
    snprintf(text, sizeof text, LIVE " --tags 5 --duration 2.2 --record %s", base);
    struct run live = run_of(text);
    snprintf(text, sizeof text, "decode %s.sigmf-meta --json", base);
    struct run decoded = run_of(text);
    assert_int_equal(program_count(live.events, "status"), 2);
    size_t n_status = 0, n_reads = 0;
    double reads = 0;
    for (size_t k = 0; k < json_array_size(decoded.events); k++) {
        const json_t *event = json_array_get(decoded.events, k);
        n_reads += program_event_is(event, "read");
        assert_string_equal(program_text(event, "file") + strlen(program_directory) + 1,
                            "long.sigmf-meta");
        if (program_event_is(event, "status")) {
            n_status++;
            assert_true(program_number(event, "t") == (double)n_status);
            assert_true(program_number(event, "reads") == (double)n_reads);
            assert_true(program_number(event, "reads_per_s") == (double)n_reads - reads);
            assert_true(isfinite(program_number(event, "noise_dbfs")));
            assert_true(program_number(json_object_get(event, "read_latency_ms"), "p50") > 5.0);
            reads = (double)n_reads;
        }
    }
    assert_int_equal(n_status, 2);
    run_free(&decoded);
    snprintf(text, sizeof text, "decode %s.sigmf-meta --json --duration 1.2", base);
    decoded = run_of(text);
    const json_t *summary = json_array_get(decoded.events, json_array_size(decoded.events) - 1);
    assert_true(program_number(summary, "duration_s") == 1.2);
    assert_true(program_number(summary, "reads") >= reads / 3.0);
    run_free(&decoded);
    run_free(&live);
    remove_recording(base);
}

static size_t times_said(const char *text, const char *words)
{
    size_t n = 0;
    for (; (text = strstr(text, words)); text += strlen(words)) {
        n++;
    }
    return n;
}

/* A leak of about -3 dBm into a converter that ends at -9 dBm: said once, counted by the slot, and the
 * recording tells the same. */
static void clipping_is_said_and_counted(void **state)
{
    (void)state;
    char base[128], text[512];
    base_name(base, sizeof base, "clipped");
    snprintf(text, sizeof text,
             LIVE " --tags 5 --duration 0.2 --radio.sim.rx_full_scale_dbm=-9 "
                  "--radio.sim.leak_phase_deg 0 --record %s",
             base);
    struct run live = run_of(text);
    snprintf(text, sizeof text, "decode %s --json", base);
    struct run decoded = run_of(text);
    const struct run *runs[] = {&live, &decoded};
    for (size_t k = 0; k < 2; k++) {
        const json_t *events = runs[k]->events;
        const json_t *summary = json_array_get(events, json_array_size(events) - 1);
        assert_int_equal(times_said(runs[k]->err, "receiver clips"), 1);
        assert_true(program_count(events, "slot") > 5);
        assert_true(program_number(summary, "clipped") >=
                    (double)program_count(events, "slot") - 1);
    }
    run_free(&live);
    run_free(&decoded);
    remove_recording(base);
}

/* --trace: every slot holds what the receiver made of its RN16 and of its EPC. */
static void trace_tells_of_every_reply(void **state)
{
    (void)state;
    char base[128], text[512];
    base_name(base, sizeof base, "traced");
    snprintf(text, sizeof text, LIVE " --tags 10 --duration 0.3 --trace --record %s", base);
    struct run live = run_of(text);
    snprintf(text, sizeof text, "decode %s --json --trace", base);
    struct run decoded = run_of(text);
    const json_t *runs[] = {live.events, decoded.events};
    for (size_t k = 0; k < 2; k++) {
        size_t n_single = 0;
        for (size_t i = 0; i < json_array_size(runs[k]); i++) {
            const json_t *slot = json_array_get(runs[k], i);
            const json_t *replies = json_object_get(slot, "replies");
            if (!program_event_is(slot, "slot") ||
                strcmp(program_text(slot, "outcome"), "single")) {
                continue;
            }
            n_single++;
            assert_int_equal(json_array_size(replies), 2);
            for (size_t n = 0; n < 2; n++) {
                const json_t *reply = json_array_get(replies, n);
                assert_string_equal(program_text(reply, "kind"), n == 0 ? "rn16" : "epc");
                assert_true(json_is_true(json_object_get(reply, "ok")));
                assert_true(program_number(reply, "score_nats") >
                            program_number(reply, "threshold_nats"));
                /* FM0, BLF 40 kHz, Tari 25 us, RTcal 62.5: T1 is 10 Tpri +- (10 % + 2 us) */
                assert_float_equal(program_number(reply, "start_us"), 250.0, 27.0 + 2.0);
            }
            const json_t *rn16 = json_array_get(replies, 0); /* sought at the nominal 40 kHz */
            assert_float_equal(40e3 * (1.0 + program_number(rn16, "clock_error_ratio")),
                               program_number(rn16, "blf_hz"), 4.0);
        }
        assert_true(n_single > 20);
    }
    run_free(&live);
    run_free(&decoded);
    remove_recording(base);
}

static void decode_on_a_full_disk_fails(void **state)
{
    (void)state;
    char base[128], script[160], text[512];
    base_name(base, sizeof base, "full");
    base_name(script, sizeof script, "full.sh");
    snprintf(text, sizeof text, LIVE " --tags 2 --duration 0.05 --record %s", base);
    struct run live = run_of(text);
    run_free(&live);
    FILE *file = fopen(script, "w");
    assert_non_null(file);
    fprintf(file, "exec %s decode %s --json >/dev/full\n", PROGRAM_ZPREADER, base);
    fclose(file);
    struct program program;
    program_start(&program, "/bin/sh", script);
    program_wait(&program, 20.0);
    assert_int_equal(program.exit_status, 1);
    assert_non_null(strstr(program.err, "No space left"));
    program_free(&program);
    unlink(script);
    remove_recording(base);
}

/* ---- recordings that are not whole ---- */

static void decode_reads_a_truncated_recording_as_far_as_it_goes(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        size_t frame_bytes, extra_bytes;
        const char *words;
    } rows[] = {
        {"cf32", 8, 3, "the last 3 bytes"},
        {"ci16", 4, 1, "the last 1 byte"},
    };
    for (size_t k = 0; k < 2; k++) {
        char base[128], text[512], path[192], count[64];
        base_name(base, sizeof base, "cut");
        snprintf(text, sizeof text,
                 LIVE " --tags 20 --duration 0.5 --record %s "
                      "--run.record_type %s",
                 base, rows[k].type);
        struct run live = run_of(text);
        snprintf(path, sizeof path, "%s.sigmf-data", base);
        size_t n_bytes, n_kept = 600000 * rows[k].frame_bytes + rows[k].extra_bytes; /* 0.3 s */
        char *bytes = program_read_file(path, &n_bytes);
        assert_true(n_bytes > n_kept);
        program_write_file(path, bytes, n_kept);
        free(bytes);
        struct program program;
        program_run(&program, "decode --json %s.sigmf-meta", base);
        assert_int_equal(program.exit_status, 1);
        snprintf(count, sizeof count, "%zu bytes", n_kept);
        assert_non_null(strstr(program.err, count));
        assert_non_null(strstr(program.err, rows[k].words));
        assert_non_null(strstr(program.err, path));
        json_t *events = program_events(&program);
        program_check_events(events);
        size_t n_live, n_matched, n_early = 0;
        count_matches(live.events, events, 0, 0, 25e-6, &n_live, &n_matched);
        for (size_t i = 0; i < json_array_size(live.events); i++) { /* EPC: 3.4 ms */
            const json_t *event = json_array_get(live.events, i);
            n_early += program_event_is(event, "read") && program_number(event, "t") < 0.29;
        }
        assert_true(n_early > 0);
        assert_true(n_matched >= n_early);
        json_decref(events);
        program_free(&program);
        run_free(&live);
        remove_recording(base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(decode_tells_what_the_live_run_told, program_kill_all),
        cmocka_unit_test_teardown(decode_reads_raw_samples, program_kill_all),
        cmocka_unit_test_teardown(decode_tries_what_fits_without_a_query, program_kill_all),
        cmocka_unit_test_teardown(decode_tells_the_slots_of_the_live_run, program_kill_all),
        cmocka_unit_test_teardown(decode_loses_no_command, program_kill_all),
        cmocka_unit_test_teardown(decode_tells_status_and_file, program_kill_all),
        cmocka_unit_test_teardown(clipping_is_said_and_counted, program_kill_all),
        cmocka_unit_test_teardown(trace_tells_of_every_reply, program_kill_all),
        cmocka_unit_test_teardown(decode_on_a_full_disk_fails, program_kill_all),
        cmocka_unit_test_teardown(decode_reads_a_truncated_recording_as_far_as_it_goes,
                                  program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
