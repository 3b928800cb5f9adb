/* bench_window.c - draw, render, receive. */
#include "tests/bench_window.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586
#define NO_LEAK_AMPLITUDE 1e-3 /* of the tag when there is no leak to measure it by */

/* The profiles of gen2.md 13 that have this BLF: A (40 kHz), E (160), D (320), B and F (640). */
const struct bench_code bench_codes[] = {
    {"fm0 40 kHz", "fm0", 40e3, "40k", "25", "2.0", true},
    {"fm0 160 kHz", "fm0", 160e3, "160k", "12.5", "1.5", false},
    {"fm0 320 kHz", "fm0", 320e3, "320k", "12.5", "1.5", false},
    {"fm0 640 kHz", "fm0", 640e3, "640k", "6.25", "1.5", false},
    {"miller-2 160 kHz", "miller2", 160e3, "160k", "12.5", "1.5", false},
    {"miller-2 320 kHz", "miller2", 320e3, "320k", "12.5", "1.5", false},
    {"miller-2 640 kHz", "miller2", 640e3, "640k", "6.25", "1.5", false},
    {"miller-4 160 kHz", "miller4", 160e3, "160k", "12.5", "1.5", false},
    {"miller-4 320 kHz", "miller4", 320e3, "320k", "12.5", "1.5", true},
    {"miller-4 640 kHz", "miller4", 640e3, "640k", "6.25", "1.5", false},
    {"miller-8 160 kHz", "miller8", 160e3, "160k", "12.5", "1.5", false},
    {"miller-8 320 kHz", "miller8", 320e3, "320k", "12.5", "1.5", false},
    {"miller-8 640 kHz", "miller8", 640e3, "640k", "6.25", "1.5", false},
};
const size_t bench_n_codes = sizeof bench_codes / sizeof *bench_codes;

int bench_receiver_new(struct bench_run *run, const struct bench_code *code, bool trext,
                       const char *const *settings, unsigned n_channels, bool quiet,
                       struct link *link, struct reply_rx **rx)
{
    const char *pair[32] = {
        "link.m",       code->m_name,         "link.blf_hz",         code->blf,
        "link.tari_us", code->tari_us,        "link.data1_tari",     code->data1_tari,
        "link.trext",   trext ? "yes" : "no", "radio.n_rx_channels", n_channels > 1 ? "2" : "1"};
    size_t n = 12;
    for (; settings && *settings && n < 31; settings++) {
        pair[n++] = *settings;
    }
    struct option_set *set = NULL;
    struct link_cfg link_cfg;
    struct reply_rx_cfg cfg;
    enum status status = bench_options(run, pair, &set);
    if (!status) {
        option_fill(set, &link_options, &link_cfg);
        option_fill(set, &reply_rx_options, &cfg);
        option_set_free(&set);
        status = link_make(&link_cfg, link);
    }
    status = status ? status : reply_rx_new(&cfg, bench_rate_sps(link), n_channels, rx);
    if (status && !quiet) {
        fprintf(stderr, "zpreader-bench: %s: %s\n", code->label, status_detail());
    }
    return status != ST_OK;
}

double bench_rate_sps(const struct link *link)
{
    static const double rates_sps[] = {2e6, 4e6, 8e6, 10e6, 20e6};
    size_t k = 0;
    while (k + 1 < sizeof rates_sps / sizeof *rates_sps && rates_sps[k] < 12.0 * link->blf_hz) {
        k++;
    }
    return rates_sps[k];
}

void bench_scene_init(struct bench_scene *scene, const struct link *link, enum reply_kind kind)
{
    *scene = (struct bench_scene){
        .link = *link,
        .kind = kind,
        .rate_sps = bench_rate_sps(link),
        .leak_db = 60.0,
        .leak_amplitude = 0.5,
        .tag_phase_rad = NAN,
        .n_channels = 1,
    };
}

/* CRC-16 of Gen2 6.3.1.5, bit by bit: preset ones, sent complemented. */
static void crc_put(uint8_t *bit, size_t n_bits)
{
    unsigned crc = 0xFFFF;
    for (size_t k = 0; k < n_bits; k++) {
        unsigned top = (crc >> 15) ^ bit[k];
        crc = ((crc << 1) & 0xFFFF) ^ (top ? 0x1021 : 0);
    }
    for (unsigned k = 0; k < 16; k++) {
        bit[n_bits + k] = !((crc >> (15 - k)) & 1u);
    }
}

static void bits_draw(struct bench_window *window, struct ref_random *random)
{
    if (window->scene->kind == REPLY_KIND_RN16) {
        window->n_bits = 16;
        ref_bits(random, window->bit, 16);
        return;
    }
    window->n_bits = 128; /* PC of a 96-bit EPC, EPC, CRC */
    ref_bits(random, window->bit, 112);
    static const uint8_t six_words[16] = {0, 0, 1, 1};
    memcpy(window->bit, six_words, sizeof six_words);
    crc_put(window->bit, 112);
}

static double sign_draw(struct ref_random *random)
{
    return ref_uniform(random) < 0.5 ? -1.0 : 1.0;
}

/* The order of the draws is the same whatever the scene: scenes differ in nothing but what they say.
 */
static void reply_draw(struct bench_window *window, struct ref_random *random)
{
    const struct bench_scene *scene = window->scene;
    const struct link *link = &scene->link;
    double inside = link->frt_ratio;
    if (scene->clock_drift_ratio > 0.0) { /* the clock stays within tolerance throughout */
        inside = fmax(inside - 0.5 * scene->clock_drift_ratio, 0.0);
    }
    double t1_us = ref_between(random, link->t1_min_us, link->t1_max_us);
    double clock = ref_between(random, -1.0, 1.0), drift_sign = sign_draw(random);
    double leak_rad = ref_between(random, 0.0, TWO_PI), tag_rad = ref_between(random, 0.0, TWO_PI);
    double offset = ref_between(random, -1.0, 1.0), offset_sign = sign_draw(random);
    double drift_rad = ref_between(random, 0.0, TWO_PI), dc_rad = ref_between(random, 0.0, TWO_PI);
    double _Complex leak = scene->leak_amplitude * cexp(I * leak_rad);
    double amplitude = scene->leak_amplitude > 0.0
                           ? scene->leak_amplitude * pow(10.0, -scene->leak_db / 20.0)
                           : NO_LEAK_AMPLITUDE;
    double start_tick = window->listen.from_tick + t1_us * 1e-6 * scene->rate_sps;
    if (scene->is_aligned) {
        start_tick = floor(start_tick) + 0.5;
        inside = 0.0;
    }
    tag_rad = isnan(scene->tag_phase_rad) ? tag_rad : leak_rad + scene->tag_phase_rad;
    struct ref_reply *reply = &window->reply;
    memset(reply, 0, offsetof(struct ref_reply, n_levels)); /* the long arrays are filled below */
    reply->rate_sps = scene->rate_sps;
    reply->m = link->m_cycles;
    reply->trext = link->trext;
    reply->bit = window->bit;
    reply->n_bits = window->n_bits;
    reply->start_tick = start_tick;
    reply->blf_hz = link->blf_hz * (1.0 + inside * clock);
    reply->drift_ratio = scene->clock_drift_ratio * drift_sign;
    reply->gain = amplitude * cexp(I * tag_rad);
    reply->leak = leak;
    reply->offset_hz = scene->offset_hz * (scene->offset_uniform ? offset : offset_sign);
    reply->dc = scene->dc_ratio * scene->leak_amplitude * cexp(I * dc_rad);
    ref_reply_init(&window->reply);
    window->end_tick = window->reply.edge[window->reply.n_levels];
    window->reply.leak_per_tick =
        scene->leak_drift_ratio * scene->leak_amplitude * cexp(I * drift_rad) / window->end_tick;
}

static void air_draw(struct bench_window *window, struct ref_random *random, uint64_t seed)
{
    const struct bench_scene *scene = window->scene;
    struct ref_air *air = &window->air;
    double amplitude = cabs(window->reply.gain);
    *air = scene->air;
    air->seed = seed;
    air->offset_rate_hz_per_s = scene->offset_rate_hz_per_s * sign_draw(random);
    air->leak_moving_rad = ref_between(random, 0.0, TWO_PI);
    air->tag_moving_rad = ref_between(random, 0.0, TWO_PI);
    air->from_tick = window->listen.from_tick;
    air->settle_us = scene->settle_us;
    air->settle_ratio = scene->settle_ratio;
    air->rise_us = scene->rise_us;
    air->image *= cexp(I * ref_between(random, 0.0, TWO_PI));
    air->impulse_amplitude = scene->impulse_ratio * amplitude;
    double tone_rad = ref_between(random, 0.0, TWO_PI), from_us = ref_uniform(random);
    double window_us = window->end_tick / scene->rate_sps * 1e6;
    if (scene->tone_ratio > 0.0) {
        air->tone[0] = (struct ref_tone){
            .amplitude = scene->tone_ratio * amplitude,
            .offset_hz = scene->tone_offset_hz,
            .phase_rad = tone_rad,
            .tari_us = scene->tone_tari_us,
            .keyed_from_us = from_us * window_us - 400.0, /* a command of 800 us, anywhere */
            .keyed_to_us = from_us * window_us + 400.0,
        };
    }
    air->channel_tag = cexp(I * ref_between(random, 0.0, TWO_PI));
    air->channel_leak = cexp(I * ref_between(random, 0.0, TWO_PI));
    if (scene->is_empty) {
        window->reply.n_levels = 0;
    }
}

void bench_window_draw(struct bench_window *window, const struct bench_scene *scene, uint64_t seed)
{
    struct ref_random random = {seed};
    window->scene = scene;
    reply_listen_init(&window->listen, &scene->link, scene->kind, 40.0 + ref_uniform(&random));
    bits_draw(window, &random);
    reply_draw(window, &random);
    air_draw(window, &random, seed);
    ref_noise_init(&window->noise[0], seed ^ 0x5851F42D4C957F2Du); /* not the draws above again */
    ref_noise_init(&window->noise[1], seed ^ 0x14057B7EF767814Fu);
    window->n_white = 0;
}

/* Noise as far as tick `n`. */
static void white_extend(struct bench_window *window, size_t n)
{
    for (unsigned c = 0; c < window->scene->n_channels && n > window->n_white; c++) {
        ref_noise_draw(&window->noise[c], window->white[c] + window->n_white, n - window->n_white);
    }
    window->n_white = n > window->n_white ? n : window->n_white;
}

/* Up to the reply's end and a little beyond in one piece, then as the receiver asks for more. */
bool bench_window_receive(struct bench_window *window, double ebn0_db, struct reply_rx *rx,
                          struct reply_result *result)
{
    const struct bench_scene *scene = window->scene;
    struct ref_reply *reply = &window->reply;
    double tpri = reply->rate_sps / scene->link.blf_hz;
    size_t end = (size_t)(window->end_tick + 2.0 * tpri);
    size_t at = 0;
    bool is_over = false;
    reply->n0 = ref_n0(reply, ebn0_db);
    reply_rx_begin(rx, &window->listen);
    while (!is_over && at < BENCH_SAMPLES_MAX) {
        size_t stop = at < end ? end : at + 256;
        stop = stop < BENCH_SAMPLES_MAX ? stop : BENCH_SAMPLES_MAX;
        const float _Complex *part[2];
        white_extend(window, stop);
        for (unsigned c = 0; c < scene->n_channels; c++) {
            part[c] = window->sample[c] + at;
            ref_air_render(reply, &window->air, c, window->white[c] + at, (int64_t)at,
                           window->sample[c] + at, stop - at);
        }
        is_over = reply_rx_push(rx, part, stop - at, (int64_t)at, result);
        at = stop;
    }
    if (!is_over) {
        reply_rx_cut(rx, result);
    }
    return result->verdict == REPLY_DECODED && result->bits.n_bits == window->n_bits &&
           memcmp(result->bits.bit, window->bit, window->n_bits) == 0;
}

bool bench_window_bound(struct bench_window *window, double ebn0_db)
{
    const struct bench_scene *scene = window->scene;
    struct ref_reply *reply = &window->reply;
    struct ref_air air = {.seed = window->air.seed};
    uint8_t bit[160], kept[offsetof(struct ref_reply, n_levels)]; /* what the bound is spared */
    memcpy(kept, reply, sizeof kept);
    assert(!scene->is_empty);
    if (scene->bound_sees_floor) {
        air.adc_bits = window->air.adc_bits;
        air.phase_noise_ratio = window->air.phase_noise_ratio;
    } else {
        reply->leak = 0.0; /* known: as good as none */
    }
    reply->offset_hz = 0.0;
    reply->leak_per_tick = reply->dc = 0.0;
    reply->n0 = ref_n0(reply, ebn0_db);
    if (window->air.tag_moving_ratio > 0.0) {
        double ratio = window->air.tag_moving_ratio;
        double middle_s = 0.5 * (reply->start_tick + window->end_tick) / reply->rate_sps;
        double angle = TWO_PI * window->air.tag_moving_hz * middle_s + window->air.tag_moving_rad;
        reply->gain *= 1.0 - ratio + ratio * cexp(I * angle);
    }
    size_t n = (size_t)reply->edge[reply->n_levels] + 4;
    assert(n <= BENCH_SAMPLES_MAX);
    white_extend(window, n);
    ref_air_render(reply, &air, 0, window->white[0], 0, window->sample[0], n);
    if (air.phase_noise_ratio > 0.0) {
        ref_air_whiten(reply, air.phase_noise_ratio, window->sample[0], n);
    }
    ref_receive(reply, window->sample[0], 0, bit);
    memcpy(reply, kept, sizeof kept);
    return memcmp(bit, window->bit, window->n_bits) == 0;
}
