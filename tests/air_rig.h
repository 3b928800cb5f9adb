/* air_rig.h - a plain PIE keyer and a plain reply reader around the simulated air, for tests.
 * Written from the fact sheet alone; shares nothing with the code under test.      layer: tests */
#ifndef TESTS_AIR_RIG_H
#define TESTS_AIR_RIG_H

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "radio/air/air.h"

#define RIG_SEGMENTS_MAX 8192
#define RIG_LOW 0.1 /* 90 % depth */

struct rig_link {
    double tari_us, rtcal_us, trcal_us, blf_khz;
    unsigned n_cycles; /* 1 FM0, 2, 4, 8 */
    bool trext;
    bool dr_64_3;
};

struct rig {
    struct air *air;
    double rate_sps;
    double amplitude;
    double edge_us;       /* width of the linear edges, centred on the nominal time */
    size_t block_samples; /* air_step is called with so many */
    double level[RIG_SEGMENTS_MAX];
    double end_us[RIG_SEGMENTS_MAX];
    size_t n_segments;
    double last_level; /* before the first segment */
    double now_us;     /* end of the last segment */
    double last_rise_us;
    int64_t first_tick; /* of the samples below: those of the last run */
    size_t n_samples;
    float _Complex *tx, *rx;
    float _Complex *probe; /* of receiver 1, where there is one */
    bool has_probe;
};

static const struct rig_link rig_link_a = {25, 75, 200, 40, 1, false, false};
static const struct rig_link rig_link_b = {6.25, 15.625, 100.0 / 3, 640, 1, false, true};
static const struct rig_link rig_link_c = {12.5, 37.5, 256.0 / 3, 250, 4, false, true};

/* The rows' defaults, with everything random about the receiver off. */
static inline struct air_cfg rig_cfg(size_t n_tags)
{
    return (struct air_cfg){.seed = 10,
                            .n_tags = (int64_t)n_tags,
                            .distance_min_m = 0.5,
                            .distance_max_m = 3,
                            .tx_power_dbm = 20,
                            .antenna_gain_dbi = 6,
                            .tag_gain_dbi = 2,
                            .modulation_loss_db = 6,
                            .tag_sensitivity_dbm = -20,
                            .tag_sensitivity_spread_db = 1,
                            .leak_db = -20,
                            .leak_phase_deg = 0,
                            .leak_drift_db_per_s = NAN,
                            .noise_figure_db = -100,
                            .ebn0_db = NAN,
                            .rx_full_scale_dbm = 6,
                            .adc_bits = 0,
                            .dc_offset_dbfs = NAN,
                            .phase_noise_dbc_hz = NAN,
                            .blf_error_ratio = 0,
                            .tag_level_db = NAN,
                            .tag_angle_deg = NAN,
                            .fading_doppler_hz = NAN,
                            .fading_k_db = 10,
                            .leak_moving_db = NAN,
                            .leak_swing_hz = NAN,
                            .settle_db = NAN,
                            .settle_us = 20,
                            .tx_noise_dbc_hz = NAN,
                            .iq_image_db = NAN,
                            .iq_image_phase_deg = NAN,
                            .other_reader_dbfs = NAN,
                            .other_reader_period_us = NAN,
                            .other_reader_command_us = 1000,
                            .impulse_length_us = 1,
                            .burst_dbfs = NAN,
                            .burst_bandwidth_hz = 200e3,
                            .burst_period_us = 4615.4,
                            .burst_length_us = 576.9,
                            .emitter = {{.level_db = NAN}, {.level_db = NAN}},
                            .device = {.command_dbm = NAN, .carrier_dbm = NAN},
                            .t2_limit_tpri = 20};
}

/* What n_rx receivers hear of a transmitter that sends tx, or constant `amplitude` when tx is NULL,
 * in blocks of block_samples. */
static inline void rig_record(const struct air_cfg *cfg, double rate_sps, const float _Complex *tx,
                              double amplitude, float _Complex *const rx[], unsigned n_rx,
                              size_t n_samples, size_t block_samples)
{
    struct air *air;
    assert_int_equal(air_new(cfg, rate_sps, 910e6, 1, n_rx, &air), ST_OK);
    float _Complex *block = malloc(block_samples * sizeof *block);
    assert_non_null(block);
    for (size_t k = 0; k < block_samples; k++) {
        block[k] = (float)amplitude;
    }
    for (size_t done = 0; done < n_samples;) {
        size_t n = n_samples - done < block_samples ? n_samples - done : block_samples;
        const float _Complex *from[] = {tx ? tx + done : block};
        float _Complex *to[AIR_RECEIVERS_MAX];
        for (unsigned j = 0; j < n_rx; j++) {
            to[j] = rx[j] + done;
        }
        air_step(air, from, to, n);
        done += n;
    }
    air_free(&air);
    free(block);
}

static inline float _Complex *rig_samples(size_t n_samples)
{
    float _Complex *sample = calloc(n_samples, sizeof *sample);
    assert_non_null(sample);
    return sample;
}

static inline float _Complex *rig_record_cw(const struct air_cfg *cfg, double amplitude,
                                            size_t n_samples, double rate_sps)
{
    float _Complex *rx = rig_samples(n_samples);
    rig_record(cfg, rate_sps, NULL, amplitude, &rx, 1, n_samples, n_samples);
    return rx;
}

struct rig_moments {
    double _Complex mean;
    double variance; /* complex: I and Q together */
};

static inline struct rig_moments rig_moments_of(const float _Complex *x, size_t n)
{
    struct rig_moments m = {0};
    for (size_t k = 0; k < n; k++) {
        m.mean += (double _Complex)x[k];
    }
    m.mean /= (double)n;
    for (size_t k = 0; k < n; k++) {
        double _Complex d = (double _Complex)x[k] - m.mean;
        m.variance += creal(d) * creal(d) + cimag(d) * cimag(d);
    }
    m.variance /= (double)n;
    return m;
}

/* Mean of x exp(-j 2 pi cycles k / n): the line at that many cycles in n samples. */
static inline double _Complex rig_line(const float _Complex *x, size_t n, double cycles)
{
    double _Complex sum = 0;
    for (size_t k = 0; k < n; k++) {
        sum += (double _Complex)x[k] * cexp(-2.0 * M_PI * cycles * (double)k / (double)n * I);
    }
    return sum / (double)n;
}

/* An angle in turns brought to -1/2 .. 1/2. */
static inline double rig_wrap(double turns)
{
    return remainder(turns, 1.0);
}

static inline void rig_open_on(struct rig *rig, const struct air_cfg *cfg, double rate_sps,
                               double freq_hz, bool has_probe)
{
    memset(rig, 0, sizeof *rig);
    assert_int_equal(air_new(cfg, rate_sps, freq_hz, 1, has_probe ? 2 : 1, &rig->air), ST_OK);
    rig->has_probe = has_probe;
    rig->rate_sps = rate_sps;
    rig->amplitude = 1.0;
    rig->edge_us = 1.0;
    rig->block_samples = 1000;
}

static inline void rig_open(struct rig *rig, const struct air_cfg *cfg, double rate_sps)
{
    rig_open_on(rig, cfg, rate_sps, 910e6, false);
}

static inline void rig_close(struct rig *rig)
{
    air_free(&rig->air);
    free(rig->tx);
    free(rig->rx);
    free(rig->probe);
}

static inline void rig_hold(struct rig *rig, double level, double us)
{
    assert_true(rig->n_segments < RIG_SEGMENTS_MAX);
    rig->now_us += us;
    rig->level[rig->n_segments] = level;
    rig->end_us[rig->n_segments] = rig->now_us;
    rig->n_segments++;
}

static inline void rig_cw(struct rig *rig, double us)
{
    rig_hold(rig, rig->amplitude, us);
}

static inline void rig_symbol(struct rig *rig, double us, double low_us)
{
    rig_hold(rig, rig->amplitude, us - low_us);
    rig_hold(rig, rig->amplitude * RIG_LOW, low_us);
    rig->last_rise_us = rig->now_us;
}

/* delimiter, data-0, RTcal, TRcal when asked for, bits ('0', '1') */
static inline void rig_command(struct rig *rig, const struct rig_link *link, const char *bits,
                               bool preamble)
{
    double low_us = 0.5 * link->tari_us;
    rig_hold(rig, rig->amplitude * RIG_LOW, 12.5);
    rig_symbol(rig, link->tari_us, low_us);
    rig_symbol(rig, link->rtcal_us, low_us);
    if (preamble) {
        rig_symbol(rig, link->trcal_us, low_us);
    }
    for (const char *bit = bits; *bit; bit++) {
        rig_symbol(rig, *bit == '1' ? link->rtcal_us - link->tari_us : link->tari_us, low_us);
    }
}

static inline double rig_envelope(const struct rig *rig, double us, size_t *segment)
{
    while (*segment + 1 < rig->n_segments && us >= rig->end_us[*segment] + 0.5 * rig->edge_us) {
        (*segment)++;
    }
    double level = rig->level[*segment];
    if (*segment + 1 < rig->n_segments && us > rig->end_us[*segment] - 0.5 * rig->edge_us) {
        double share = (us - rig->end_us[*segment]) / rig->edge_us + 0.5;
        level += share * (rig->level[*segment + 1] - level);
    }
    return level;
}

/* Put all segments on the air; the last one is taken to go on without an edge. */
static inline void rig_run(struct rig *rig)
{
    rig->first_tick += (int64_t)rig->n_samples;
    int64_t end_tick = (int64_t)(rig->now_us * 1e-6 * rig->rate_sps);
    rig->n_samples = end_tick > rig->first_tick ? (size_t)(end_tick - rig->first_tick) : 0;
    rig->tx = realloc(rig->tx, (rig->n_samples + 1) * sizeof *rig->tx);
    rig->rx = realloc(rig->rx, (rig->n_samples + 1) * sizeof *rig->rx);
    assert_true(rig->tx && rig->rx);
    if (rig->has_probe) {
        rig->probe = realloc(rig->probe, (rig->n_samples + 1) * sizeof *rig->probe);
        assert_non_null(rig->probe);
    }
    size_t segment = 0;
    for (size_t k = 0; k < rig->n_samples; k++) {
        double us = (double)(rig->first_tick + (int64_t)k) * 1e6 / rig->rate_sps;
        rig->tx[k] = (float)rig_envelope(rig, us, &segment);
    }
    for (size_t k = 0; k < rig->n_samples; k += rig->block_samples) {
        size_t n = rig->n_samples - k;
        n = n < rig->block_samples ? n : rig->block_samples;
        const float _Complex *tx[] = {rig->tx + k};
        float _Complex *rx[] = {rig->rx + k, rig->has_probe ? rig->probe + k : NULL};
        air_step(rig->air, tx, rx, n);
    }
    rig->n_segments = 0;
}

static inline void rig_wait(struct rig *rig, double us)
{
    rig_cw(rig, us);
    rig_run(rig);
}

/* Where and how the reply after the last command of the last run looks. */
struct rig_reply {
    bool is_heard;
    double start_us; /* after the last rising edge of the command */
    double swing;    /* |2 h| */
    float _Complex idle;
    double end_us; /* last change of level, absolute: a lower bound of the end */
};

static inline size_t rig_index(const struct rig *rig, double us)
{
    return (size_t)((int64_t)ceil(us * 1e-6 * rig->rate_sps) - rig->first_tick);
}

/* Noise-free: the received value leaves the idle one exactly when the tag switches. */
static inline struct rig_reply rig_find(const struct rig *rig)
{
    struct rig_reply reply = {0};
    size_t from = rig_index(rig, rig->last_rise_us + rig->edge_us) + 1;
    assert_true(from < rig->n_samples);
    reply.idle = rig->rx[from];
    for (size_t k = from; k < rig->n_samples; k++) {
        double size = cabs((double _Complex)(rig->rx[k] - reply.idle));
        reply.swing = size > reply.swing ? size : reply.swing;
    }
    reply.is_heard = reply.swing > 2e-6;
    if (!reply.is_heard) {
        return reply;
    }
    double last = 0.0;
    bool started = false;
    for (size_t k = from; k < rig->n_samples; k++) {
        double share = cabs((double _Complex)(rig->rx[k] - reply.idle)) / reply.swing;
        double us = ((double)(rig->first_tick + (int64_t)k) + 0.5) * 1e6 / rig->rate_sps;
        if (!started && share > 0.01) {
            started = true;
            reply.start_us = us - share * 1e6 / rig->rate_sps - rig->last_rise_us;
        }
        if (started && fabs(share - last) > 0.01) {
            reply.end_us = us;
        }
        last = share;
    }
    return reply;
}

/* Levels of `half_us` each from the start of the reply, sliced in the middle.  out  text of 0, 1 */
static inline void rig_levels(const struct rig *rig, const struct rig_reply *reply, double half_us,
                              size_t n_levels, char *text)
{
    for (size_t i = 0; i < n_levels; i++) {
        double us = rig->last_rise_us + reply->start_us + ((double)i + 0.5) * half_us;
        double tick = us * 1e-6 * rig->rate_sps;
        size_t k = (size_t)((int64_t)llround(tick) - rig->first_tick);
        assert_true(k < rig->n_samples);
        double share = cabs((double _Complex)(rig->rx[k] - reply->idle)) / reply->swing;
        text[i] = share > 0.5 ? '1' : '0';
    }
    text[n_levels] = '\0';
}

/* Data bits of a reply out of its levels: FM0 compares the halves of a symbol, Miller the phases
 * of the two halves of a symbol; preamble, pilot and dummy are checked and left out. */
static inline void rig_bits(const char *levels, const struct rig_link *link, size_t n_bits,
                            char *bits)
{
    if (link->n_cycles == 1) {
        size_t lead = link->trext ? 24 : 0;
        assert_memory_equal(levels + lead, "110100100011", 12);
        for (size_t i = 0; i <= n_bits; i++) {
            const char *half = levels + lead + 12 + 2 * i;
            bits[i] = half[0] == half[1] ? '1' : '0';
            assert_true(half[0] != half[-1]);
        }
    } else {
        size_t per_symbol = 2 * link->n_cycles;
        size_t lead = (link->trext ? 16 : 4) * per_symbol;
        char preamble[7] = {0};
        for (size_t i = 0; i < 6 + n_bits + 1; i++) {
            const char *symbol = levels + lead + per_symbol * i;
            char bit = symbol[0] == symbol[link->n_cycles] ? '0' : '1';
            if (i < 6) {
                preamble[i] = bit;
            } else {
                bits[i - 6] = bit;
            }
        }
        assert_string_equal(preamble, "010111");
    }
    assert_int_equal(bits[n_bits], '1');
    bits[n_bits] = '\0';
}

static inline size_t rig_n_levels(const struct rig_link *link, size_t n_bits)
{
    size_t lead = link->n_cycles == 1 ? (link->trext ? 18 : 6) : (link->trext ? 22 : 10);
    return (lead + n_bits + 1) * 2 * link->n_cycles;
}

static inline uint16_t rig_crc16(const char *bits, size_t n_bits)
{
    unsigned crc = 0xFFFF;
    for (size_t i = 0; i < n_bits; i++) {
        unsigned top = (crc >> 15 & 1) ^ (unsigned)(bits[i] - '0');
        crc = (crc << 1 ^ (top ? 0x1021u : 0)) & 0xFFFF;
    }
    return (uint16_t)(~crc & 0xFFFF);
}

static inline void rig_append(char *bits, unsigned value, unsigned n_bits)
{
    size_t at = strlen(bits);
    for (unsigned i = 0; i < n_bits; i++) {
        bits[at++] = (char)('0' + (value >> (n_bits - 1 - i) & 1));
    }
    bits[at] = '\0';
}

/* Query with its CRC-5. */
static inline void rig_query(const struct rig_link *link, unsigned sel, unsigned session,
                             unsigned target, unsigned q, char *bits)
{
    bits[0] = '\0';
    rig_append(bits, 8, 4);
    rig_append(bits, link->dr_64_3, 1);
    rig_append(bits,
               link->n_cycles == 1   ? 0
               : link->n_cycles == 2 ? 1
               : link->n_cycles == 4 ? 2
                                     : 3,
               2);
    rig_append(bits, link->trext, 1);
    rig_append(bits, sel, 2);
    rig_append(bits, session, 2);
    rig_append(bits, target, 1);
    rig_append(bits, q, 4);
    unsigned crc = 9;
    for (size_t i = 0; i < 17; i++) {
        unsigned top = (crc >> 4 & 1) ^ (unsigned)(bits[i] - '0');
        crc = (crc << 1 ^ (top ? 9u : 0)) & 31;
    }
    rig_append(bits, crc, 5);
}

static inline void rig_ack(unsigned rn16, char *bits)
{
    bits[0] = '\0';
    rig_append(bits, 1, 2);
    rig_append(bits, rn16, 16);
}

static inline unsigned rig_value(const char *bits, size_t n_bits)
{
    unsigned value = 0;
    for (size_t i = 0; i < n_bits; i++) {
        value = value << 1 | (unsigned)(bits[i] - '0');
    }
    return value;
}

#endif
