/* uhd_rig.h - the uhd radio over a software USRP, samples both ways at once and judged.    layer: tests */
#ifndef TESTS_UHD_RIG_H
#define TESTS_UHD_RIG_H

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/option.h"
#include "radio/radio.h"
#include "tests/softusrp_rig.h"

#define ADDRESS "127.0.5.1"
#define SECOND "127.0.5.2"
#define RATE_SPS 1e6
#if PROGRAM_IS_SLOW
#define SLOW "--slow 12"
#else
#define SLOW "--slow 3" /* a busy machine is no reason to fail */
#endif
#define DEVICE_DELAY 40 /* the device's own transmit-to-receive delay, ticks */
/* a leak of 1.0: 20 dBm - 14 dB is the receiver's full scale, 6 dBm */
#define LOUD_AIR "--tags 0 --radio.sim.leak_db -14 --radio.sim.leak_phase_deg 0"
#define TOLERANCE 5e-3 /* 12-bit converter, noise */
#define BLOCK 2048
#define ATTEMPTS 5
#define LEAD_US 20000

static struct softusrp_rig rig;

/* ---- a radio with its options ---- */

struct opened {
    struct option_set *set;
    struct radio *radio;
    enum status status;
};

struct choice { /* of an option row of the uhd radio */
    const char *key, *text;
};

static inline struct radio_cfg uhd_cfg_of(void)
{
    struct radio_cfg cfg = {.kind = 3,
                            .rate_sps = RATE_SPS,
                            .freq_hz = 915e6,
                            .tx_gain_db = 60,
                            .rx_gain_db = 30,
                            .n_rx_channels = 1,
                            .tx_lead_us = LEAD_US,
                            .block_hint_us = 100};
    assert_ptr_equal(radio_table[3], &radio_uhd);
    snprintf(cfg.args, sizeof cfg.args, "addr=" ADDRESS);
    return cfg;
}

static inline struct opened uhd_open(const struct radio_cfg *cfg, const struct choice *choice,
                                     size_t n)
{
    struct opened opened = {0};
    char text[32];
    assert_int_equal(option_set_new(radio_uhd.options, 1, &opened.set), ST_OK);
    snprintf(text, sizeof text, "%g", DEVICE_DELAY / RATE_SPS * 1e6);
    assert_int_equal(option_set_text(opened.set, "radio.uhd.delay_us", text, "test"), ST_OK);
    for (size_t k = 0; k < n; k++) {
        assert_int_equal(option_set_text(opened.set, choice[k].key, choice[k].text, "test"), ST_OK);
    }
    opened.status = radio_open(cfg, opened.set, &opened.radio);
    return opened;
}

static inline void uhd_close(struct opened *opened)
{
    radio_close(&opened->radio);
    option_set_free(&opened->set);
}

/* A device of its own for each attempt: its counts are this one's. */
static bool device_is_there;

static inline void device_start(const char *more)
{
    if (device_is_there) {
        softusrp_rig_free(&rig);
    }
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " " SLOW " " LOUD_AIR " %s", more);
    device_is_there = true;
}

static inline int end_device(void **state)
{
    device_is_there = false;
    softusrp_rig_free(&rig);
    return program_kill_all(state);
}

/* ---- both ways at once ---- */

/* A carrier whose amplitude steps every 1000 ticks by a fixed rule: any shift shows. */
static inline float level_at(int64_t tick)
{
    return tick < 1000 ? 0.0f : 0.1f + 0.1f * (float)((tick / 1000 * 7919) % 8);
}

struct sender {
    struct radio *radio;
    enum status status;
};

static inline void *send_all(void *context)
{
    struct sender *sender = context;
    static float _Complex sample[BLOCK];
    for (int64_t tick = 0; sender->status == ST_OK; tick += BLOCK) {
        for (int k = 0; k < BLOCK; k++) {
            sample[k] = level_at(tick + k);
        }
        sender->status = radio_send(sender->radio, sample, BLOCK, tick);
    }
    enum status ended = radio_send(sender->radio, NULL, 0, 0);
    sender->status = sender->status == ST_STOPPED && ended ? ended : sender->status;
    return NULL;
}

/* What one run over the device showed. */
struct streamed {
    enum status receiving, sending, after_stop;
    char detail[256]; /* why receiving ended */
    int64_t n_ticks, n_gap, n_out_of_place, n_wrong, lead_max_ticks, last_wrong_tick;
    struct radio_counters counters;
};

static inline void block_judge(const struct iq_block *block, struct streamed *seen)
{
    for (size_t k = 0; k < block->n_samples; k++) {
        const int64_t tick = block->first_tick + (int64_t)k;
        if (fabs(crealf(block->sample[0][k]) - level_at(tick)) > TOLERANCE) {
            seen->n_wrong++;
            seen->last_wrong_tick = tick;
        }
    }
}

/* Receive up to end_tick, or an error; in the middle let `act` do something. */
static inline struct streamed stream(struct radio *radio, int64_t end_tick,
                                     void (*act)(struct radio *radio, int64_t tick))
{
    static float _Complex sample[LIMIT_RX_CHANNELS][BLOCK];
    struct streamed seen = {.lead_max_ticks = INT64_MIN, .last_wrong_tick = -1};
    struct iq_block block = {.capacity_samples = BLOCK,
                             .n_channels = radio_n_rx_channels(radio),
                             .sample = {sample[0], sample[1]}};
    struct sender sender = {.radio = radio};
    pthread_t thread;
    assert_int_equal(radio_start(radio), ST_OK);
    assert_int_equal(pthread_create(&thread, NULL, send_all, &sender), 0);
    while (seen.n_ticks < end_tick) {
        seen.receiving = radio_recv(radio, &block);
        if (seen.receiving) {
            snprintf(seen.detail, sizeof seen.detail, "%s", status_detail());
            break;
        }
        seen.n_gap += block.gap_samples;
        seen.n_out_of_place += block.first_tick != seen.n_ticks + block.gap_samples;
        seen.n_ticks = block.first_tick + (int64_t)block.n_samples;
        block_judge(&block, &seen);
        const int64_t lead = seen.n_ticks - radio_now(radio);
        seen.lead_max_ticks = lead > seen.lead_max_ticks ? lead : seen.lead_max_ticks;
        if (act && seen.n_ticks > end_tick / 2) {
            act(radio, seen.n_ticks);
            act = NULL;
        }
    }
    radio_stop(radio);
    seen.after_stop = radio_recv(radio, &block);
    pthread_join(thread, NULL);
    seen.sending = sender.status;
    seen.counters = radio_counters_read(radio);
    return seen;
}

/* In all, said when there is anything. */
static inline uint64_t n_disturbed(const struct streamed *seen)
{
    const struct radio_counters *counters = &seen->counters;
    print_message(
        "%llu overflows, %llu underflows, %llu late, %llu lost; %lld ticks wrong, %lld gap\n",
        (unsigned long long)counters->overflows, (unsigned long long)counters->underflows,
        (unsigned long long)counters->late, (unsigned long long)counters->sequence_errors,
        (long long)seen->n_wrong, (long long)seen->n_gap);
    return counters->overflows + counters->underflows + counters->late + counters->sequence_errors;
}

#endif
