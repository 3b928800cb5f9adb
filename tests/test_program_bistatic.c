/* test_program_bistatic.c - emit and the bistatic modes as a user runs them: what an emitter transmits,
 * read off the far end of --radio zmq; two clocks, gates and listening against the simulated air. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define RATE_SPS 2e6
#define AMPLITUDE 0.7 /* tx.amplitude */
#define SIM "inventory --json --publish.zmq.enabled=false --radio.sim.pace max "

/* ---- what an emitter transmits ---- */

struct sent {
    float _Complex *sample;
    size_t n;
};

static void far_end_start(struct program *field, int ports[2], const char *flags)
{
    ports[0] = program_free_port();
    do {
        ports[1] = program_free_port();
    } while (ports[1] == ports[0]);
    program_launch(field, PROGRAM_FIELD,
                   "--tx tcp://127.0.0.1:%d --rx tcp://127.0.0.1:%d --tags 0 %s", ports[0],
                   ports[1], flags);
}

static struct sent sent_read(void)
{
    size_t n_bytes = 0;
    struct sent sent = {.sample = (void *)program_read_file("sent.cf32", &n_bytes)};
    sent.n = n_bytes / sizeof *sent.sample;
    return sent;
}

/* Run emit; stop_after_s > 0: with SIGINT then.   own  free sample */
static struct sent emit(const char *flags, double stop_after_s, json_t **summary)
{
    struct program field, emitter;
    int ports[2];
    far_end_start(&field, ports, "--record sent.cf32");
    program_launch(&emitter, PROGRAM_ZPREADER,
                   "emit --json --radio zmq --rate 2e6 --radio.zmq.tx tcp://127.0.0.1:%d "
                   "--radio.zmq.rx tcp://127.0.0.1:%d %s",
                   ports[0], ports[1], flags);
    if (stop_after_s > 0.0) {
        double start_s = program_clock_s();
        while (program_clock_s() < start_s + stop_after_s) {
        }
        kill(emitter.process, SIGINT);
    }
    program_wait(&emitter, 30.0);
    program_succeeded(&emitter);
    program_wait(&field, 10.0);
    json_t *events = program_events(&emitter);
    program_check_events(events);
    if (summary) {
        *summary = json_incref(json_array_get(events, json_array_size(events) - 1));
    }
    json_decref(events);
    struct sent sent = sent_read();
    program_free(&emitter);
    program_free(&field);
    assert_true(sent.n > 1000);
    double peak = 0.0;
    for (size_t k = 0; k < sent.n; k++) {
        peak = fmax(peak, (double)cabsf(sent.sample[k]));
    }
    assert_true(peak > 0.01); /* there was a carrier, nothing clips, */
    assert_true(peak <= 1.0);
    for (size_t k = sent.n - 32; k < sent.n; k++) { /* and it is off at the end */
        assert_true(sent.sample[k] == 0.0f);
    }
    return sent;
}

static double line_db(const float _Complex *sample, size_t n, double freq_hz)
{
    double _Complex sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        sum += (double _Complex)sample[k] *
               cexp(-2.0 * I * M_PI * fmod(freq_hz / RATE_SPS * (double)k, 1.0));
    }
    return 20.0 * log10(cabs(sum) / (double)n / AMPLITUDE + 1e-12);
}

static void program_emits_tones(void **state)
{
    (void)state;
    struct sent sent = emit("--duration 0.06 --emit.tones 10k:-6,-25k:-20", 0.0, NULL);
    assert_true(sent.n >= 110000);
    const float _Complex *steady = sent.sample + 10000;
    assert_true(fabs(line_db(steady, 80000, 10e3) + 6.0) < 0.01);
    assert_true(fabs(line_db(steady, 80000, -25e3) + 20.0) < 0.01);
    static const double elsewhere_hz[] = {0, -10e3, 25e3, 20e3, 45e3, 5e3};
    for (size_t k = 0; k < sizeof elsewhere_hz / sizeof *elsewhere_hz; k++) {
        assert_true(line_db(steady, 80000, elsewhere_hz[k]) < -100.0);
    }
    free(sent.sample);
}

static void program_emits_a_level_ramp(void **state)
{
    (void)state;
    json_t *summary;
    struct sent sent = emit("--duration 0.08 --emit.ramp_from_db -40 --emit.ramp_to_db -10 "
                            "--emit.ramp_s 0.05",
                            0.0, &summary);
    for (size_t k = 2000; k < 159000; k += 501) { /* the carrier-on ramp is over by then */
        double wanted = k < 100000 ? -40.0 + 30.0 * (double)k / 100000.0 : -10.0;
        double level = 20.0 * log10((double)cabsf(sent.sample[k]) / AMPLITUDE);
        assert_true(fabs(level - wanted) < 0.01);
    }
    const json_t *emission = json_object_get(summary, "emission");
    assert_true(program_number(emission, "level_db") == -10.0);
    assert_float_equal(program_number(emission, "on_s"), 0.08, 0.001);
    json_decref(summary);
    free(sent.sample);
}

/* Level changes of 0.5 and more: how often, and the worst distance from where they should be. */
static void check_edges(const struct sent *sent, size_t n, const long *edge, size_t n_edges,
                        long period, long half_ramp)
{
    size_t n_seen = 0;
    for (size_t k = 3000; k < n; k++) {
        bool was = cabsf(sent->sample[k - 1]) >= 0.5 * AMPLITUDE;
        bool is = cabsf(sent->sample[k]) >= 0.5 * AMPLITUDE;
        if (was == is) {
            continue;
        }
        n_seen++;
        long place = (long)k % period, nearest = period;
        for (size_t e = 0; e < n_edges; e++) {
            long off = labs(place - (edge[e] + half_ramp));
            nearest = off < nearest ? off : nearest;
        }
        assert_true(nearest <= 1);
    }
    size_t n_wanted = 0;
    for (size_t e = 0; e < n_edges; e++) {
        for (long at = edge[e] + half_ramp; at < (long)n; at += period) {
            n_wanted += at >= 3000;
        }
    }
    assert_int_equal(n_seen, n_wanted);
}

/* tx.ramp_us 10 is 10 to 90 %: 41.5 samples altogether, so that half is reached 21 samples late. */
static void program_emits_by_a_plan(void **state)
{
    (void)state;
    json_t *summary;
    struct sent sent =
        emit("--duration 0.1 --tx.ramp_us 10 --emit.duty_period_s 0.01 --emit.duty_ratio 0.3", 0.0,
             &summary);
    static const long duty[] = {0, 6000};
    check_edges(&sent, 198000, duty, 2, 20000, 21);
    const json_t *emission = json_object_get(summary, "emission");
    assert_float_equal(program_number(emission, "on_s"), 0.03, 0.001);
    json_decref(summary);
    free(sent.sample);

    sent = emit("--duration 0.1 --tx.ramp_us 10 --emit.plan on:4m,off:1m,on:2m,off:3m "
                "--emit.plan_offset_s 0.0005",
                0.0, NULL);
    static const long plan[] = {1000, 9000, 11000, 15000};
    check_edges(&sent, 198000, plan, 4, 20000, 21);
    free(sent.sample);
}

/* Silent from the guard before each window of the reader to the guard after it, and no longer than
 * the ramps need. */
static void program_emits_outside_the_gate(void **state)
{
    (void)state;
    struct sent sent = emit("--duration 0.1 --tx.ramp_us 50 --bistatic.mode helper "
                            "--bistatic.gate_period_s 0.02 --bistatic.gate_s 0.012 "
                            "--bistatic.gate_guard_us 200",
                            0.0, NULL);
    for (size_t k = 0; k < 199000; k++) {
        long place = (long)(k + 400) % 40000; /* since the guard began */
        double level = (double)cabsf(sent.sample[k]);
        if (place >= 1 && place <= 24800) {
            assert_true(level == 0.0);
        } else if (place > 24800 + 210 && place < 40000 - 210) {
            assert_true(fabs(level - AMPLITUDE) < 1e-6);
        }
    }
    free(sent.sample);
}

static void program_ends_every_emission_in_silence(void **state)
{
    (void)state; /* emit() looks at the end of each */
    json_t *summary;
    struct sent sent = emit("--emit.trigger_period_s 0.005 --emit.tones 5k:-3", 0.5, NULL);
    free(sent.sample);
    sent = emit("--duration 0.051 --emit.trigger_period_s 0.005", 0.0, &summary);
    assert_true(program_number(json_object_get(summary, "emission"), "triggers") == 10);
    size_t n_low = 0;
    for (size_t k = 3000; k < 100000; k++) {
        n_low += cabsf(sent.sample[k]) < 0.2 * AMPLITUDE;
    }
    assert_true(n_low > 10 * 100); /* ten commands keyed: a delimiter alone is 25 samples low */
    assert_true(n_low < 10 * 400);
    json_decref(summary);
    free(sent.sample);
}

/* ---- two clocks ---- */

static json_t *run_events(const char *flags, int seed)
{
    return program_run_events(0, SIM "--seed %d %s", seed, flags);
}

static const json_t *last_of(const json_t *events)
{
    return json_array_get(events, json_array_size(events) - 1);
}

/* Reads a second between the first and the last. */
static double read_rate(const json_t *events)
{
    double first_s = NAN, last_s = NAN, n = 0.0;
    size_t index;
    const json_t *event;
    json_array_foreach(events, index, event)
    {
        if (program_event_is(event, "read")) {
            last_s = program_number(event, "t");
            first_s = n == 0.0 ? last_s : first_s;
            n += 1.0;
        }
    }
    assert_true(n > 20.0);
    return (n - 1.0) / (last_s - first_s);
}

static double mean_rate(const char *flags)
{
    double sum = 0.0;
    for (int seed = 1; seed <= 2; seed++) {
        json_t *events = run_events(flags, seed);
        sum += 0.5 * read_rate(events);
        json_decref(events);
    }
    return sum;
}

/* The bound is 2 %. Two runs of 5 s have a deviation of about 0.5 % in their mean. */
static void check_rates(const char *plain, const char *const *others, size_t n_others)
{
    if (PROGRAM_IS_SLOW) {
        return; /* shorter runs scatter too much; what they read is looked at elsewhere */
    }
    double reference = mean_rate(plain);
    for (size_t k = 0; k < n_others; k++) {
        double rate = mean_rate(others[k]);
        printf("%.1f reads/s, %.1f with %s\n", reference, rate, others[k]);
        assert_true(fabs(rate / reference - 1.0) < 0.02);
    }
}

static void program_split_reads_as_monostatic(void **state)
{
    (void)state;
    static const char *const split[] = {
        "--tags 50 --duration 5 --bistatic.mode split --radio.sim.rx_clock_ppm 2.5 "
        "--radio.sim.rx_start_us 3210.7",
        "--tags 50 --duration 5 --bistatic.mode split --radio.sim.rx_clock_ppm -2.5 "
        "--radio.sim.rx_start_us -4321",
    };
    check_rates("--tags 50 --duration 5", split, 2);
}

static void program_split_finds_the_clock(void **state)
{
    (void)state;
    static const struct {
        double ppm, start_us;
        const char *flags;
    } cases[] = {
        {2.5, 3210.7, ""},
        {-2.5, -4321.0, "--tx.modulation pr-ask"},
        {5.0, 9990.0, "--bistatic.shared_reference=false --radio.sim.carrier_offset_hz 900"},
        {-5.0, -9990.0, "--blf 250k --tari 12.5 --link.m miller4"},
        {1.0, 0.0,
         "--blf 640k --tari 6.25 --link.data1_tari 1.5 --rate 8e6 "
         "--bistatic.start_spread_us 500"},
        {0.0, 250.25, "--bistatic.start_spread_us 500"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char flags[400];
        snprintf(flags, sizeof flags,
                 "--tags 10 --duration 0.5 --bistatic.mode split --radio.sim.rx_clock_ppm %g "
                 "--radio.sim.rx_start_us %g %s",
                 cases[k].ppm, cases[k].start_us, cases[k].flags);
        json_t *events = run_events(flags, 3);
        program_check_epcs(events, 10, 3);
        const json_t *clock = json_object_get(last_of(events), "clock");
        assert_non_null(clock);
        double ppm = program_number(clock, "ppm");
        double start_us = program_number(clock, "start_us"); /* of our tick 0 on the other stream */
        printf("%+.1f ppm, %+.2f us: told %+.4f ppm, %+.3f us\n", cases[k].ppm, cases[k].start_us,
               ppm, -start_us);
        assert_true(fabs(ppm - cases[k].ppm) < 0.1);
        assert_true(fabs(start_us + cases[k].start_us) < 0.1);
        json_decref(events);
    }
}

static void program_split_repeats_itself(void **state)
{
    (void)state;
    program_check_repeats(SIM "--tags 10 --duration 0.3 --trace --bistatic.mode split "
                              "--radio.sim.rx_clock_ppm -2.5 --radio.sim.rx_start_us 777");
}

static void program_split_says_when_it_hears_nothing(void **state)
{
    (void)state;
    struct program program;
    program_run(&program, SIM "--tags 0 --radio.sim.leak_db -190 --bistatic.mode split "
                              "--radio.sim.rx_start_us 100 --bistatic.start_spread_us 500");
    assert_int_equal(program.exit_status, 1);
    assert_non_null(strstr(program.err, "hears none of 20 commands"));
    assert_non_null(strstr(program.err, "bistatic.start_spread_us"));
    program_free(&program);
}

/* ---- the helper's gate ---- */

#define GATE "--bistatic.mode helper --bistatic.gate_period_s 0.1 --bistatic.gate_s 0.08 "
#define PAUSING                                                                                    \
    "--radio.sim.emitter2_level_db 0 --radio.sim.emitter2_period_s 0.1 "                           \
    "--radio.sim.emitter2_silent_s 0.085 --radio.sim.emitter2_silent_from_s -0.0025 "

/* The beat of two carriers 2.3 kHz apart starves tags that have no power to spare, whatever the reader does:
 * with some to spare, or with a beat too quick to starve any, nothing is lost. */
static void program_gated_helper_reads_as_monostatic_with_its_gate(void **state)
{
    (void)state;
    static const char *const helped[] = {
        "--tags 50 --duration 5 --radio.sim.tag_sensitivity_dbm -30 " GATE PAUSING
        "--radio.sim.emitter2_offset_hz 2288 --radio.sim.emitter2_clock_ppm 2.5",
        "--tags 50 --duration 5 " GATE PAUSING
        "--radio.sim.emitter2_offset_hz -22288 --radio.sim.emitter2_clock_ppm -2.5",
    };
    check_rates("--tags 50 --duration 5 " GATE, helped, 2);
}

/* Every command, and every reply heard, lies in a window. */
static void program_gate_holds_the_reader(void **state)
{
    (void)state;
    json_t *events = run_events("--tags 20 --duration 1.5 --trace --bistatic.mode helper "
                                "--bistatic.gate_period_s 0.04 --bistatic.gate_s 0.025 "
                                "--bistatic.gate_offset_s 0.005 --radio.sim.emitter2_level_db 0 "
                                "--radio.sim.emitter2_period_s 0.04 "
                                "--radio.sim.emitter2_silent_s 0.03 "
                                "--radio.sim.emitter2_silent_from_s 0.0025",
                                5);
    program_check_epcs(events, 20, 5);
    size_t index, n_commands = 0;
    const json_t *event;
    json_array_foreach(events, index, event)
    {
        double into_s = fmod(program_number(event, "t") - 0.005 + 0.04 + 1e-8, 0.04);
        if (program_event_is(event, "command")) {
            n_commands++;
            assert_true(into_s < 0.025 - 0.0006); /* it lasts that long at least */
        } else if (program_event_is(event, "read")) {
            assert_true(into_s < 0.025 - 0.003); /* an EPC of FM0 40 kHz takes 3.3 ms */
        }
    }
    assert_true(n_commands > 100);
    assert_true(program_number(last_of(events), "late") == 0);
    json_decref(events);
}

/* An emitter that is never silent, but 20 kHz away and 16 dB weaker at the tags: with steep edges and a
 * link that is not at the end of its ranges, all tags are read. */
static void program_helper_without_a_gate(void **state)
{
    (void)state;
    json_t *events = run_events("--tags 10 --duration 1 --bistatic.mode helper "
                                "--link.tari_us 20 --link.data1_tari 1.75 --link.blf_hz 64k "
                                "--tx.rise_us 2 --radio.sim.emitter2_level_db -16 "
                                "--radio.sim.emitter2_offset_hz 20e3 "
                                "--radio.sim.emitter2_isolation_db 20",
                                5);
    program_check_epcs(events, 10, 5);
    json_decref(events);
}

/* ---- listening ---- */

/* The same but for host and file. */
static char *without_file(const char *text)
{
    char *plain = program_without_host(text), *from = plain, *to = plain;
    while (*from) {
        if (!strncmp(from, "\"file\":\"", 8)) {
            from = strchr(from + 8, '"');
            assert_non_null(from);
            from += from[1] == ',' ? 2 : 1;
            continue;
        }
        *to++ = *from++;
    }
    *to = '\0';
    return plain;
}

static void program_listens_to_what_others_do(void **state)
{
    (void)state;
    struct program made, decoded, replayed, field, heard;
    program_run(&made, SIM "--tags 10 --seed 4 --duration 0.4 --record others");
    program_succeeded(&made);
    program_run(&decoded, "decode others.sigmf-meta --json --trace --duration 0.35");
    program_succeeded(&decoded);
    program_run(&replayed, "inventory --json --trace --publish.zmq.enabled=false --duration 0.35 "
                           "--bistatic.mode listen --radio file --args others.sigmf-meta");
    program_succeeded(&replayed);
    char *truth = without_file(decoded.out), *file = without_file(replayed.out);
    assert_string_equal(truth, file);

    int ports[2];
    far_end_start(&field, ports, "--play others.sigmf-data --record sent.cf32");
    program_launch(&heard, PROGRAM_ZPREADER,
                   "inventory --json --trace --publish.zmq.enabled=false --duration 0.35 "
                   "--bistatic.mode listen --freq 915e6 --radio zmq --rate 2e6 "
                   "--radio.zmq.tx tcp://127.0.0.1:%d --radio.zmq.rx tcp://127.0.0.1:%d",
                   ports[0], ports[1]);
    program_wait(&heard, 30.0);
    program_succeeded(&heard);
    program_wait(&field, 10.0);
    char *live = without_file(heard.out);
    assert_string_equal(truth, live);
    json_t *events = program_events(&heard);
    program_check_events(events);
    assert_true(program_count(events, "read") > 30);
    program_check_epcs(events, 10, 4);
    struct sent sent = sent_read();
    for (size_t k = 0; k < sent.n; k++) {
        assert_true(sent.sample[k] == 0.0f); /* not a single sample of carrier */
    }
    json_decref(events);
    free(sent.sample);
    free(truth);
    free(file);
    free(live);
    program_free(&made);
    program_free(&decoded);
    program_free(&replayed);
    program_free(&heard);
    program_free(&field);
}

/* ---- what is refused ---- */

static void program_refuses_bad_bistatic_settings(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *text;
    } cases[] = {
        {SIM "--radio.sim.rx_clock_ppm 1", "bistatic.mode split"},
        {SIM "--bistatic.gate_s 0.01", "bistatic.mode helper"},
        {SIM "--bistatic.mode helper --bistatic.gate_s 0.01", "bistatic.gate_period_s is not set"},
        {SIM "--bistatic.mode helper --bistatic.gate_s 0.0955 --bistatic.gate_period_s 0.1",
         "accepted below 0.095 s"},
        {SIM "--bistatic.mode helper --bistatic.gate_s 0.002 --bistatic.gate_period_s 0.1",
         "the longest slot of this link"},
        {SIM "--bistatic.mode helper --bistatic.gate_s 0.01 --bistatic.gate_period_s 0.03",
         "(0.0294118 s, 0.030303 s)"},
        {SIM "--bistatic.mode listen --dry-run", "nothing, with bistatic.mode listen"},
        {"emit --bistatic.mode listen", "emit"},
        {"emit --emit.tones 0:0,1k:0", "lower all by 3.0 dB"},
        {"emit --region fcc --freq 915M --emit.tones 150k:0", "within 100 kHz of the carrier"},
        {"emit --region lab --freq 959.99M --emit.tones 20k:0", "860.0..960.0 MHz"},
        {"emit --emit.tones 1k", "OFFSET:LEVEL"},
        {"emit --emit.tones x:0", "'x' is no offset in Hz"},
        {"emit --emit.tones 1k:30", "accepted -80..20"},
        {"emit --emit.tones 3M:0", "half the sample rate"},
        {"emit --emit.plan on:1,of:2", "on:SECONDS"},
        {"emit --emit.plan off:1", "never on"},
        {"emit --emit.plan on:0.0001,off:1", "accepted from"},
        {"emit --emit.plan on:1 --emit.duty_period_s 1", "accepted is one of them"},
        {"emit --emit.duty_ratio 1", "emit.duty_ratio"},
        {"emit --emit.ramp_to_db 1", "emit.ramp_to_db"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        program_check_refused(cases[k].arguments, cases[k].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_emits_tones, program_kill_all),
        cmocka_unit_test_teardown(program_emits_a_level_ramp, program_kill_all),
        cmocka_unit_test_teardown(program_emits_by_a_plan, program_kill_all),
        cmocka_unit_test_teardown(program_emits_outside_the_gate, program_kill_all),
        cmocka_unit_test_teardown(program_ends_every_emission_in_silence, program_kill_all),
        cmocka_unit_test_teardown(program_split_reads_as_monostatic, program_kill_all),
        cmocka_unit_test_teardown(program_split_finds_the_clock, program_kill_all),
        cmocka_unit_test_teardown(program_split_repeats_itself, program_kill_all),
        cmocka_unit_test_teardown(program_split_says_when_it_hears_nothing, program_kill_all),
        cmocka_unit_test_teardown(program_gated_helper_reads_as_monostatic_with_its_gate,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_gate_holds_the_reader, program_kill_all),
        cmocka_unit_test_teardown(program_helper_without_a_gate, program_kill_all),
        cmocka_unit_test_teardown(program_listens_to_what_others_do, program_kill_all),
        cmocka_unit_test_teardown(program_refuses_bad_bistatic_settings, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
