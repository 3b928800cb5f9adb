/* bench_window.h - one listening window after another for the receiver benches: a scene says link and
 * impairments, a trial draws bits, phases, clock, start and noise from its index alone, and the whole
 * receiver (dsp/reply_rx.h) and the bound see the same draw.                       layer: tests */
#ifndef TESTS_BENCH_WINDOW_H
#define TESTS_BENCH_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/reply_rx.h"
#include "protocol/link.h"
#include "tests/bench.h"
#include "tests/ref_air.h"
#include "tests/ref_noise.h"
#include "tests/ref_reply.h"

enum { BENCH_SAMPLES_MAX = 1 << 16 };

struct bench_code { /* a line code at a BLF: link keys of gen2.md 13 */
    const char *label, *m_name;
    double blf_hz;
    const char *blf, *tari_us, *data1_tari; /* as a user would write them */
    bool quick;                             /* part of the quick run */
};
extern const struct bench_code bench_codes[];
extern const size_t bench_n_codes;

struct bench_scene { /* zero is absent */
    struct link link;
    enum reply_kind kind;
    double rate_sps;
    bool is_empty;            /* no tag answers */
    bool is_aligned;          /* nominal clock, start where one sample ends and the next begins */
    double leak_db;           /* leak over the tag's half swing */
    double leak_amplitude;    /* of full scale */
    double tag_phase_rad;     /* to the leak; NaN: at random */
    double clock_drift_ratio; /* period from first to last half-cycle, sign at random */
    double offset_hz;         /* carrier offset, sign at random, rate of drift too */
    bool offset_uniform;      /* anywhere in +-offset_hz instead */
    double offset_rate_hz_per_s;
    double leak_drift_ratio; /* linear, of the leak, from the command to the reply's end */
    double dc_ratio;         /* DC over the leak, random phase */
    double settle_us, settle_ratio, rise_us;
    double tone_ratio; /* another carrier over the tag's half swing (amplitude) */
    double tone_offset_hz, tone_tari_us;
    double impulse_ratio; /* impulses over the tag's half swing (amplitude) */
    unsigned n_channels;
    bool bound_sees_floor; /* the bound gets converter and phase noise too */
    struct ref_air air;    /* the rest; its random phases are drawn by trial */
};

/* Leak 60 dB above the tag at half of full scale, one channel. */
void bench_scene_init(struct bench_scene *scene, const struct link *link, enum reply_kind kind);

/* The receiver under test with these settings (pairs of keys and values beyond the link's; may be
 * NULL); run->settings becomes their hash.   out 0, or 1 (said on stderr; `quiet`: not said) */
int bench_receiver_new(struct bench_run *run, const struct bench_code *code, bool trext,
                       const char *const *settings, unsigned n_channels, bool quiet,
                       struct link *link, struct reply_rx **rx);

/* The inventory's choice: smallest of 2, 4, 8, 10, 20 MS/s with 12 samples a Tpri. */
double bench_rate_sps(const struct link *link);

struct bench_window { /* a trial */
    const struct bench_scene *scene;
    struct reply_listen listen;
    struct ref_reply reply;
    struct ref_air air;
    double end_tick; /* of the reply, sent or not */
    size_t n_bits;
    uint8_t bit[160];
    struct ref_noise noise[2];
    size_t n_white; /* drawn so far */
    float _Complex white[2][BENCH_SAMPLES_MAX], sample[2][BENCH_SAMPLES_MAX];
};

void bench_window_draw(struct bench_window *window, const struct bench_scene *scene, uint64_t seed);

/* Let the receiver have it at this Eb/N0.   out  true: every bit right */
bool bench_window_receive(struct bench_window *window, double ebn0_db, struct reply_rx *rx,
                          struct reply_result *result);

/* The receiver that knows everything but the data, on the same noise; of a moving tag it knows the
 * path in mid-reply.   out  true: every bit right   pre the scene is not empty */
bool bench_window_bound(struct bench_window *window, double ebn0_db);

#endif
