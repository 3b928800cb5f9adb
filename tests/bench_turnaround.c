/* bench_turnaround.c - from the last sample of an RN16 to the first sample of the ACK, compute only:
 * the very calls of the DSP, inventory and transmit threads, on one thread, on replies that a
 * simulated tag gave (Eb/N0 20 dB). `block` pushes the last 50 us at once, as a radio would. Each answer
 * is computed five times: all count in the percentiles, the least of five is what it costs when the
 * machine does nothing else (computed_*). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "dsp/reply_rx.h"
#include "dsp/tx_shape.h"
#include "protocol/inventory.h"
#include "radio/air/air.h"
#include "reader/stats.h"
#include "tests/bench.h"

enum { REPLIES = 2000, TIMES = 5, ACK_SAMPLES = 64 };

struct rig {
    struct link link;
    double rate_sps;
    struct air *air;
    struct tx_shape *shape;
    struct reply_rx *rx;
    struct inventory inventory;
    struct reply_listen listen;
    struct reply_result result;
    float _Complex *heard; /* receive samples from heard_tick on */
    size_t n_heard, capacity;
    int64_t heard_tick, tick;
};

static void rig_step(struct rig *rig, size_t n)
{
    static float _Complex tx[4096];
    while (n > 0) {
        size_t part = n < 4096 ? n : 4096;
        const float _Complex *in[1] = {tx};
        float _Complex *out[1] = {rig->heard + rig->n_heard};
        tx_shape_render(rig->shape, tx, part);
        air_step(rig->air, in, out, part);
        rig->n_heard += part;
        rig->tick += (int64_t)part;
        n -= part;
    }
}

/* One Query (Q = 0) and its RN16; heard holds everything from the Query's end on. */
static bool rig_query(struct rig *rig)
{
    struct command command = {.id = COMMAND_QUERY};
    command.query.dr = (uint8_t)rig->link.dr;
    command.query.m = (uint8_t)rig->link.m;
    command.query.trext = rig->link.trext;
    static struct bitbuf bits;
    bits.n_bits = 0;
    struct tx_shape_frame frame;
    double start = (double)(rig->tick + 2 * tx_shape_lead_ticks(rig->shape));
    if (command_encode(&command, &bits) != ST_OK ||
        tx_shape_command(rig->shape, &rig->link, bits.bit, bits.n_bits, true, start, &frame) !=
            ST_OK) {
        return false;
    }
    rig->n_heard = 0;
    rig_step(rig, (size_t)((int64_t)frame.end_tick - rig->tick));
    rig->n_heard = 0;
    rig->heard_tick = rig->tick;
    double window_us = rig->link.t1_max_us + link_reply_us(&rig->link, 16, rig->link.trext) * 1.3 +
                       20.0 * rig->link.tpri_us;
    rig_step(rig, (size_t)(window_us * 1e-6 * rig->rate_sps));
    reply_listen_init(&rig->listen, &rig->link, REPLY_KIND_RN16, frame.end_tick);
    return true;
}

/* What inventory and transmit threads do with a verdict. */
static bool rig_answer(struct rig *rig, float _Complex *ack)
{
    struct inventory_step step;
    struct inventory_event event = {.heard = HEARD_START};
    struct bit_reader bits = {.bit = rig->result.bits.bit, .n_bits = rig->result.bits.n_bits};
    uint64_t rn16 = 0;
    inventory_advance(&rig->inventory, &event, &step);
    event.heard = HEARD_RN16;
    if (bits_get(&bits, 16, &rn16) != ST_OK) {
        return false;
    }
    event.rn16 = (uint16_t)rn16;
    inventory_advance(&rig->inventory, &event, &step);
    static struct bitbuf command;
    command.n_bits = 0;
    struct tx_shape_frame frame;
    double start = (double)(rig->tick + 2 * tx_shape_lead_ticks(rig->shape));
    if (step.command.id != COMMAND_ACK || command_encode(&step.command, &command) != ST_OK ||
        tx_shape_command(rig->shape, &rig->link, command.bit, command.n_bits, false, start,
                         &frame) != ST_OK) {
        return false;
    }
    tx_shape_render(rig->shape, ack, ACK_SAMPLES);
    return true;
}

/* Time one answer; `held` samples are pushed inside the measured span. */
static double rig_time(struct rig *rig, int64_t held, bool *ok)
{
    float _Complex ack[ACK_SAMPLES];
    reply_rx_begin(rig->rx, &rig->listen);
    *ok = reply_rx_push(rig->rx, &(const float _Complex *){rig->heard}, rig->n_heard,
                        rig->heard_tick, &rig->result) &&
          rig->result.verdict == REPLY_DECODED;
    if (!*ok) {
        return NAN;
    }
    size_t n = (size_t)(rig->result.ready_tick - rig->heard_tick);
    size_t before = n - (size_t)held;
    reply_rx_begin(rig->rx, &rig->listen);
    size_t block = (size_t)(50e-6 * rig->rate_sps);
    for (size_t at = 0; at < before; at += block) {
        size_t part = before - at < block ? before - at : block;
        if (reply_rx_push(rig->rx, &(const float _Complex *){rig->heard + at}, part,
                          rig->heard_tick + (int64_t)at, &rig->result)) {
            *ok = false; /* decided before its last sample: cannot be */
            return NAN;
        }
    }
    double start = bench_wall_s();
    *ok = reply_rx_push(rig->rx, &(const float _Complex *){rig->heard + before}, (size_t)held,
                        rig->heard_tick + (int64_t)before, &rig->result) &&
          rig_answer(rig, ack);
    double spent_us = (bench_wall_s() - start) * 1e6;
    /* the rendered ACK never reaches the air: let its rest pass into the same silence */
    float _Complex rest[4096];
    for (int k = 0; k < 4; k++) {
        tx_shape_render(rig->shape, rest, 4096);
    }
    rig->tick += ACK_SAMPLES + 4 * 4096;
    return spent_us;
}

static enum status rig_open(struct bench_run *run, struct rig *rig, const char *const *settings)
{
    struct option_set *set = NULL;
    struct link_cfg link;
    struct tx_shape_cfg tx;
    struct reply_rx_cfg receiver;
    struct inventory_cfg inventory = {0};
    struct air_cfg air;
    enum status status = bench_options(run, settings, &set);
    if (status) {
        return status;
    }
    option_fill(set, &link_options, &link);
    option_fill(set, &tx_shape_options, &tx);
    option_fill(set, &reply_rx_options, &receiver);
    option_fill(set, &inventory_options, &inventory);
    option_fill(set, &air_options, &air);
    option_set_free(&set);
    air.n_tags = 1;
    air.ebn0_db = 20.0;
    inventory.q_start = 0;
    rig->capacity = (size_t)(0.02 * rig->rate_sps);
    rig->heard = malloc(rig->capacity * sizeof *rig->heard);
    status = link_make(&link, &rig->link);
    inventory.times = slot_times_of(&rig->link, rig->link.t2_min_us, 0.0);
    status = status ? status : air_new(&air, rig->rate_sps, 915e6, 1, 1, &rig->air);
    status = status ? status : tx_shape_new(&tx, rig->rate_sps, &rig->shape);
    status = status ? status : reply_rx_new(&receiver, rig->rate_sps, 1, &rig->rx);
    if (!status) {
        inventory_init(&rig->inventory, &inventory, &rig->link);
        tx_shape_carrier_on(rig->shape, 0);
        rig_step(rig, (size_t)(3e-3 * rig->rate_sps));
    }
    return status;
}

static void rig_close(struct rig *rig)
{
    air_free(&rig->air);
    tx_shape_free(&rig->shape);
    reply_rx_free(&rig->rx);
    free(rig->heard);
}

static int turnaround_case(struct bench_run *run, const char *label, double rate_sps,
                           const char *const *settings, double held_us)
{
    static struct stats_distribution us, computed_us;
    static struct rig rig;
    memset(&us, 0, sizeof us);
    memset(&computed_us, 0, sizeof computed_us);
    memset(&rig, 0, sizeof rig);
    rig.rate_sps = rate_sps;
    if (rig_open(run, &rig, settings) != ST_OK) {
        fprintf(stderr, "zpreader-bench: %s: %s\n", label, status_detail());
        return 1;
    }
    int64_t held = held_us > 0.0 ? (int64_t)(held_us * 1e-6 * rate_sps) : 1;
    for (int k = 0; k < REPLIES && rig_query(&rig); k++) {
        bool ok = true;
        double least_us = INFINITY;
        for (unsigned j = 0; j < TIMES && ok; j++) {
            double spent_us = rig_time(&rig, held, &ok);
            if (ok) {
                stats_add(&us, spent_us);
                least_us = fmin(least_us, spent_us);
            }
        }
        if (ok) {
            stats_add(&computed_us, least_us);
        }
    }
    rig_close(&rig);
    char extra[240];
    snprintf(extra, sizeof extra,
             "\"n\":%llu,\"p50\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"computed_p50\":%.1f,"
             "\"computed_p999\":%.1f,\"computed_max\":%.1f,\"ebn0_db\":20",
             (unsigned long long)us.n, stats_percentile(&us, 0.5), stats_percentile(&us, 0.999),
             us.max, stats_percentile(&computed_us, 0.5), stats_percentile(&computed_us, 0.999),
             computed_us.max);
    bench_print(run, label, stats_percentile(&us, 0.99), "us (p99)", extra);
    return computed_us.n < REPLIES / 2;
}

static int run_turnaround(struct bench_run *run)
{
    if (run->over_uhd) {
        return bench_turnaround_uhd(run);
    }
    static const char *const fm0[] = {NULL};
    static const char *const m4[] = {"link.m",       "miller4", "link.blf_hz", "250k",
                                     "link.tari_us", "12.5",    NULL};
    static const char *const fast[] = {
        "link.tari_us", "6.25", "link.data1_tari", "1.5", "link.blf_hz", "640k", NULL};
    int failed = turnaround_case(run, "fm0 40 kHz, 2 MS/s, last sample", 2e6, fm0, 0.0);
    failed |= turnaround_case(run, "fm0 40 kHz, 2 MS/s, last 50 us block", 2e6, fm0, 50.0);
    failed |= turnaround_case(run, "miller-4 250 kHz, 4 MS/s, last sample", 4e6, m4, 0.0);
    failed |= turnaround_case(run, "miller-4 250 kHz, 4 MS/s, last 50 us block", 4e6, m4, 50.0);
    return failed | turnaround_case(run, "fm0 640 kHz, 8 MS/s, last sample", 8e6, fast, 0.0);
}

const struct bench_row bench_turnaround = {
    "turnaround",
    "last sample of an RN16 in to first sample of the ACK out; --radio uhd: host path",
    run_turnaround};
