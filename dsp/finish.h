/* finish.h - second look at a reply that a track has followed to its end: with the whole reply at
 * hand its clock is smoothed, gain and offset are estimated around every symbol from both sides, and
 * the sequence is decided again, softly.                                         layer: dsp
 * Source: Gen2 6.3.1.3.2; turbo-style iteration between decisions and estimates. */
#ifndef DSP_FINISH_H
#define DSP_FINISH_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/integral.h"
#include "dsp/linecode.h"
#include "dsp/sequence.h"

struct finish_request {
    const struct integral *integral;
    const struct linecode *code;
    bool trext;
    double noise_variance;        /* of one complex sample */
    size_t n_symbols;             /* after the preamble, dummy included */
    const uint8_t *bit;           /* first decisions, n_symbols of them */
    double _Complex gain, offset; /* first estimates */
    double _Complex walk;         /* the offset's likely slope, a sample: direction and standard
                                   * deviation; 0: none */
};

struct finish_reply {
    double start, end, half;      /* samples; half: mean over the reply */
    double drift_ratio;           /* growth of the half-cycle from first to last symbol */
    double _Complex gain, offset; /* mean over the reply; gain is the full half swing, what samples
                                   * that hold an edge lose made good */
    double score_nats;            /* log-likelihood gain over "noise only" */
    double fit_ratio;             /* squared correlation with the decoded waveform, 0..1 */
    double residual_ratio;        /* energy left over, per expected noise: 1 is ideal */
    double bits_expected;         /* error events in the sequence, from the soft values */
    const uint8_t *bit;           /* n_symbols decisions ... */
    const float *soft_nats; /* ... and their log-likelihood ratios; borrowed until the next run */
    const uint8_t *hard;    /* decisions symbol by symbol: 1 where such a one would have erred */
};

struct finish; /* workspace */

/*   err ST_NO_MEMORY */
enum status finish_new(size_t symbols_max, struct finish **finish) must_check;
void finish_free(struct finish **finish);

/* Where the caller puts the first estimate of the symbols' beginnings: preamble and data symbols
 * and the end, n_preamble_chips / 2 + n_symbols + 1 places. */
double *finish_starts(struct finish *finish);

/*   pre  n_symbols and the preamble fit symbols_max; finish_starts filled, rising
 *   cost a few passes over the reply's level changes */
void finish_run(struct finish *finish, const struct finish_request *request,
                struct finish_reply *reply);

/* The gain that the reply decided last has on another integral over the same samples: one channel of
 * several. */
double _Complex finish_gain_of(struct finish *finish, const struct integral *integral);

/* The workspace's sequence, for sequence_events after finish_run. */
const struct sequence *finish_sequence(const struct finish *finish);

#endif
