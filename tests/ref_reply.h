/* ref_reply.h - slow textbook tag reply and its ideal receiver, for tests: written from the clauses
 * alone, shares nothing with dsp/.                                                  layer: tests
 * Source: Gen2 6.3.1.3.2 (FM0, Miller, preambles); Eb = |h|^2 Tb, N0 = variance per complex sample /
 * rate. Sample k of a stream is the mean over [k - 1/2, k + 1/2) ticks. */
#ifndef TESTS_REF_REPLY_H
#define TESTS_REF_REPLY_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REF_BITS_MAX = 4352, REF_LEVELS_MAX = (22 + REF_BITS_MAX + 1) * 16 };

struct ref_random {
    uint64_t state; /* never 0 */
};
double ref_uniform(struct ref_random *random); /* 0 < u < 1 */
double ref_between(struct ref_random *random, double lo, double hi);
double _Complex ref_normal(struct ref_random *random); /* E|x|^2 = 1 */
void ref_bits(struct ref_random *random, uint8_t *bit, size_t n_bits);

/* Half-cycle levels (0, 1) of preamble, data and dummy 1; m = 1 (FM0), 2, 4, 8. Returns how many. */
size_t ref_encode(unsigned m, bool trext, const uint8_t *bit, size_t n_bits, uint8_t *level);

struct ref_reply { /* what is on the air; zero fields are absent */
    double rate_sps;
    unsigned m;
    bool trext;
    const uint8_t *bit;
    size_t n_bits;
    double start_tick;    /* first edge of the preamble */
    double blf_hz;        /* mean over the reply */
    double drift_ratio;   /* the clock's period grows by this share from first to last half-cycle */
    double _Complex gain; /* half swing h; idle state is -h before and after */
    double _Complex leak; /* carrier at tick 0 */
    double _Complex leak_per_tick; /* its linear drift */
    double offset_hz;              /* carrier and tag turn together (bistatic) */
    double _Complex dc;            /* of the converter: does not turn */
    double n0;                     /* power per Hz when full scale is 1 and rate is in Hz */
    size_t n_levels;               /* filled by ref_reply_init */
    uint8_t level[REF_LEVELS_MAX];
    double edge[REF_LEVELS_MAX + 1]; /* begin of each half-cycle and the end, ticks */
};

/* Compute levels and edges from the fields above. */
void ref_reply_init(struct ref_reply *reply);

/* N0 that gives this Eb/N0. */
double ref_n0(const struct ref_reply *reply, double ebn0_db);

/* Add the tag's part of samples first .. first + n - 1, without carrier, turn or noise. */
void ref_reply_add(const struct ref_reply *reply, int64_t first_tick, double _Complex *sample,
                   size_t n);

/* Everything: tag, carrier, drift, turn, DC, noise. */
void ref_reply_samples(const struct ref_reply *reply, struct ref_random *random, int64_t first_tick,
                       float _Complex *sample, size_t n);

/* Maximum-likelihood bits when start, clock, gain and level (carrier) are known: matched filter per
 * half-cycle, Viterbi over the four states of the standard, dummy known to be 1. Exact for these
 * samples: what is lost where a level changes inside a sample is accounted for. White noise.
 *   in sample[] from first_tick on, without turn; out bit[n_bits] */
void ref_receive(const struct ref_reply *reply, const float _Complex *sample, int64_t first_tick,
                 uint8_t *bit);

double ref_q_function(double x);
/* limits.md section 1: PER of FM0 ML detection of n_bits. */
double ref_fm0_per(double ebn0_db, size_t n_bits);

#endif
