/* test_softusrp_unit.c - the software USRP's parts: packets, transmit channel, faults, resampling. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/units.h"
#include "tests/softusrp_chdr.h"
#include "tests/softusrp_fault.h"
#include "tests/softusrp_management.h"
#include "tests/softusrp_msgpack.h"
#include "tests/softusrp_resample.h"
#include "tests/softusrp_tx.h"

/* ---- MessagePack: byte strings of the specification ---- */

static void softusrp_unit_msgpack_reads_the_formats(void **state)
{
    (void)state;
    static const uint8_t text[] = {0x94, 0x05, 0xe0, 0xcb, 0x3f, 0xf8, 0,   0,    0,    0,   0,
                                   0,    0x82, 0xa1, 'a',  0xc3, 0xa1, 'b', 0xd1, 0xff, 0x38};
    struct msgpack_in in = {.at = text, .end = text + sizeof text};
    struct msgpack_value value = msgpack_read(&in);
    assert_int_equal(value.kind, MSGPACK_ARRAY);
    assert_int_equal(value.n_items, 4);
    assert_int_equal(msgpack_read(&in).whole, 5);
    assert_int_equal(msgpack_read(&in).whole, -32);
    assert_true(msgpack_read(&in).number == 1.5);
    value = msgpack_read(&in);
    assert_int_equal(value.kind, MSGPACK_MAP);
    struct msgpack_in inside = in;
    assert_string_equal(msgpack_read(&inside).text, "a");
    assert_true(msgpack_read(&inside).truth);
    assert_string_equal(msgpack_read(&inside).text, "b");
    assert_int_equal(msgpack_read(&inside).whole, -200);
    msgpack_skip(&in, &value);
    assert_ptr_equal(in.at, text + sizeof text);
    assert_false(in.broken);
    assert_int_equal(msgpack_read(&in).kind, MSGPACK_NIL);
    assert_true(in.broken);
}

static void softusrp_unit_msgpack_stops_at_lengths_that_lie(void **state)
{
    (void)state;
    static const uint8_t lies[][4] = {{0xd9, 0xff, 'a', 'b'},
                                      {0xdc, 0xff, 0xff, 0x01},
                                      {0xde, 0xff, 0xff, 0xc0},
                                      {0xc1, 0, 0, 0}};
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        struct msgpack_in in = {.at = lies[k], .end = lies[k] + sizeof lies[k]};
        const struct msgpack_value value = msgpack_read(&in);
        msgpack_skip(&in, &value);
        assert_true(in.broken);
    }
}

/* ---- packets ---- */

static void softusrp_unit_chdr_refuses_lengths_that_lie(void **state)
{
    (void)state;
    struct chdr_header header = {.type = CHDR_CONTROL, .n_bytes = 24, .destination = 7};
    uint64_t word[4] = {chdr_header_pack(&header)};
    size_t n_words = 0;
    assert_true(chdr_header_read(word, 24, &header, &n_words));
    assert_int_equal(n_words, 3);
    assert_int_equal(header.destination, 7);
    assert_false(chdr_header_read(word, 16, &header, &n_words)); /* cut short */
    assert_false(chdr_header_read(word, 4, &header, &n_words));
    struct chdr_control control;
    word[1] = UINT64_C(1) << 30; /* timed: one word more than there is */
    assert_false(chdr_control_read(word, 3, &control));
    assert_true(chdr_control_read(word, 4, &control));
}

struct register_seen {
    unsigned endpoint;
    uint32_t address, value;
};

static uint32_t on_read(void *context, unsigned endpoint, uint32_t address)
{
    *(struct register_seen *)context = (struct register_seen){endpoint, address, 0};
    return 0x1234;
}

static void on_write(void *context, unsigned endpoint, uint32_t address, uint32_t value)
{
    *(struct register_seen *)context = (struct register_seen){endpoint, address, value};
}

/* Transport: nothing; crossbar: select port 2; endpoint 1: read register 0x28, return. */
static void softusrp_unit_management_walks_to_an_endpoint_and_back(void **state)
{
    (void)state;
    struct register_seen seen = {0};
    const struct management_nodes nodes = {&seen, 1, 2, on_read, on_write};
    uint64_t word[] = {0, 9 | 4u << 16, 0, 2u << 8 | 2u << 16, 1 | 7u << 8 | 0x28u << 16, 3u << 8,
                       0};
    const size_t n_words = sizeof word / sizeof *word;
    uint64_t answer[MANAGEMENT_WORDS_MAX];
    bool advertises = true;
    assert_int_equal(management_walk(&nodes, word, n_words, answer, &advertises), 4);
    assert_false(advertises);
    assert_int_equal(seen.endpoint, 1);
    assert_int_equal(seen.address, 0x28);
    assert_int_equal(answer[0] & 0xffff, 9); /* back to who asked */
    assert_int_equal(answer[3] >> 32, 0x1234);
    assert_int_equal(answer[3] >> 8 & 0xff, 8);
    for (size_t n = 0; n < n_words; n++) { /* cut anywhere: no answer, nothing worse */
        assert_int_equal(management_walk(&nodes, word, n, answer, &advertises), 0);
    }
}

/* ---- the transmit channel ---- */

struct heard {
    size_t n_events, n_consumed_bytes;
    enum tx_event event[8];
    int64_t tick[8];
    enum tx_event forced; /* 0: none */
};

static void on_event(void *context, unsigned channel, enum tx_event event, int64_t tick)
{
    (void)channel;
    struct heard *heard = context;
    assert_true(heard->n_events < 8);
    heard->event[heard->n_events] = event;
    heard->tick[heard->n_events++] = tick;
}

static void on_consumed(void *context, unsigned channel, size_t n_bytes)
{
    (void)channel;
    ((struct heard *)context)->n_consumed_bytes += n_bytes;
}

static bool is_forced(void *context, enum tx_event event)
{
    struct heard *heard = context;
    const bool is_now = heard->forced == event;
    heard->forced = is_now ? 0 : heard->forced;
    return is_now;
}

static struct tx_channel *make_channel(struct heard *heard)
{
    struct tx_channel *tx = calloc(1, sizeof *tx);
    assert_non_null(tx);
    const struct tx_listener listener = {heard, on_event, on_consumed, is_forced};
    tx_init(tx, 0, &listener);
    return tx;
}

static void push(struct tx_channel *tx, int64_t time_ticks, size_t n_samples, bool is_last)
{
    static uint32_t sample[100];
    for (size_t k = 0; k < 100; k++) {
        sample[k] = 0x40004000;
    }
    const struct chdr_data data = {.is_timed = time_ticks >= 0,
                                   .end_of_burst = is_last,
                                   .time_ticks = time_ticks,
                                   .sample = sample,
                                   .n_samples = n_samples};
    tx_push(tx, &data, 16 + 4 * n_samples);
}

/* Play in uneven pieces.   ret  first tick that is not zero, last in *last; -1: none */
static int64_t play(struct tx_channel *tx, size_t n, int64_t *last)
{
    static const size_t pieces[] = {1, 7, 64, 3, 13};
    float _Complex out[64];
    int64_t first = -1;
    *last = -1;
    for (size_t done = 0, k = 0; done < n; k++) {
        const size_t n_now = pieces[k % 5] < n - done ? pieces[k % 5] : n - done;
        const int64_t tick = tx->next_tick;
        tx_play(tx, out, n_now);
        for (size_t i = 0; i < n_now; i++) {
            if (out[i] != 0.0f) {
                *last = tick + (int64_t)i;
                first = first < 0 ? *last : first;
            }
        }
        done += n_now;
    }
    return first;
}

static void softusrp_unit_tx_plays_a_burst_at_its_time_and_is_silent_after(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct tx_channel *tx = make_channel(&heard);
    tx->time_offset_ticks = 1000; /* the host counts differently */
    push(tx, 1050, 30, false);
    push(tx, -1, 20, true);
    int64_t last;
    assert_int_equal(play(tx, 300, &last), 50);
    assert_int_equal(last, 99);
    assert_int_equal(heard.n_events, 1);
    assert_int_equal(heard.event[0], TX_BURST_ACK);
    assert_int_equal(heard.tick[0], 100);
    assert_int_equal(heard.n_consumed_bytes, 16 + 120 + 16 + 80);
    assert_int_equal(tx->last_nonzero_tick, 99);
    assert_int_equal(tx->burst[0].ending, TX_BY_HOST);
    free(tx);
}

static void softusrp_unit_tx_tells_underflow_and_late(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct tx_channel *tx = make_channel(&heard);
    int64_t last;
    push(tx, 10, 20, false); /* and nothing after it */
    play(tx, 100, &last);
    assert_int_equal(heard.event[0], TX_UNDERFLOW);
    assert_int_equal(heard.tick[0], 30);
    push(tx, 99, 20, false); /* a tick too late: dropped up to its end */
    push(tx, -1, 20, true);
    push(tx, 100, 5, true); /* and this one just in time */
    assert_int_equal(play(tx, 100, &last), 100);
    assert_int_equal(last, 104);
    assert_int_equal(heard.n_events, 3);
    assert_int_equal(heard.event[1], TX_LATE);
    assert_int_equal(heard.event[2], TX_BURST_ACK);
    free(tx);
}

static void softusrp_unit_tx_obeys_forced_faults(void **state)
{
    (void)state;
    struct heard heard = {.forced = TX_LATE};
    struct tx_channel *tx = make_channel(&heard);
    int64_t last;
    push(tx, 10, 20, true);
    assert_int_equal(play(tx, 50, &last), -1);
    assert_int_equal(heard.event[0], TX_LATE);
    heard.forced = TX_UNDERFLOW;
    push(tx, 60, 20, true);
    play(tx, 50, &last);
    assert_int_equal(heard.event[1], TX_UNDERFLOW);
    free(tx);
}

/* ---- faults ---- */

static void softusrp_unit_faults_come_when_and_as_often_as_said(void **state)
{
    (void)state;
    struct fault_set set = {.start_s = NAN};
    struct fault fault;
    assert_int_equal(fault_parse("drop_rx@0.5,n=2,every=1", &fault), ST_OK);
    assert_int_equal(fault_set_add(&set, &fault), ST_OK);
    assert_null(fault_hit(&set, FAULT_DROP_RX, 100.0)); /* no stream yet */
    fault_set_start(&set, 10.0);
    fault_set_start(&set, 99.0); /* only the first counts */
    assert_null(fault_hit(&set, FAULT_DROP_RX, 10.4));
    assert_null(fault_hit(&set, FAULT_DROP_TX, 10.6));
    assert_non_null(fault_hit(&set, FAULT_DROP_RX, 10.6));
    assert_non_null(fault_hit(&set, FAULT_DROP_RX, 10.7));
    assert_null(fault_hit(&set, FAULT_DROP_RX, 10.8));
    assert_non_null(fault_hit(&set, FAULT_DROP_RX, 11.6));
    assert_int_equal(set.n_injected[FAULT_DROP_RX], 3);
}

static void softusrp_unit_faults_name_what_is_wrong(void **state)
{
    (void)state;
    struct fault fault;
    assert_int_equal(fault_parse("drop@1", &fault), ST_USAGE);
    assert_non_null(strstr(status_detail(), "drop_rx"));
    assert_int_equal(fault_parse("drop_rx@1,m=2", &fault), ST_USAGE);
    assert_non_null(strstr(status_detail(), "every"));
    assert_int_equal(fault_parse("drop_rx@-1", &fault), ST_USAGE);
    assert_int_equal(fault_parse("", &fault), ST_USAGE);
    assert_int_equal(fault_parse("drop_rx@x", &fault), ST_FORMAT);
    struct fault_set set = {.n_faults = FAULTS_MAX};
    assert_int_equal(fault_set_add(&set, &fault), ST_USAGE);
}

/* ---- resampling: against the tone itself ---- */

static double worst_error_db(double turns, double step)
{
    static struct resample_table table;
    static float _Complex ring[4096], out[2000];
    resample_table_init(&table);
    for (int k = 0; k < 4096; k++) {
        ring[k] =
            (float)cos(2.0 * UNITS_PI * turns * k) + (float)sin(2.0 * UNITS_PI * turns * k) * I;
    }
    resample_run(&table, ring, 4096, 100.37, step, out, 2000);
    double power = 0.0;
    for (int k = 0; k < 2000; k++) {
        const double at = 100.37 + step * k;
        const double _Complex want =
            cos(2.0 * UNITS_PI * turns * at) + sin(2.0 * UNITS_PI * turns * at) * I;
        const double error = cabs((double _Complex)out[k] - want);
        power += error * error / 2000;
    }
    return units_db_from_power_ratio(power);
}

static void softusrp_unit_resampling_floor(void **state)
{
    (void)state;
    static const double tones[] = {0.0, 0.01, -0.1, 0.25, -0.33, 0.4};
    for (size_t k = 0; k < sizeof tones / sizeof *tones; k++) {
        const double error_db = worst_error_db(tones[k], 1.0 + 2.5e-6);
        print_message("resampling a tone at %.2f of the rate: %.1f dB\n", tones[k], error_db);
        assert_true(error_db < -80.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softusrp_unit_msgpack_reads_the_formats),
        cmocka_unit_test(softusrp_unit_msgpack_stops_at_lengths_that_lie),
        cmocka_unit_test(softusrp_unit_chdr_refuses_lengths_that_lie),
        cmocka_unit_test(softusrp_unit_management_walks_to_an_endpoint_and_back),
        cmocka_unit_test(softusrp_unit_tx_plays_a_burst_at_its_time_and_is_silent_after),
        cmocka_unit_test(softusrp_unit_tx_tells_underflow_and_late),
        cmocka_unit_test(softusrp_unit_tx_obeys_forced_faults),
        cmocka_unit_test(softusrp_unit_faults_come_when_and_as_often_as_said),
        cmocka_unit_test(softusrp_unit_faults_name_what_is_wrong),
        cmocka_unit_test(softusrp_unit_resampling_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
