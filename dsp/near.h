/* near.h - carriers inside the tag's band, beside a leak: fitted to all of the window that is in, the
 * tag being noise to the fit. The quiet before a reply is too short to say how such a carrier goes on,
 * and what follows it block by block follows the tag too; a whole reply is longer by far.
 *                                                                                 layer: dsp
 * Works on decimated samples of one channel, leak removed. A carrier is level(t) exp(j turn (k - middle))
 * with level a polynomial of t: constant, unless the window proves more (a carrier that fades or
 * drifts). The first one is the leak.
 * Least squares of all at once, and of the step from the tag's idle level to its mean one; frequencies
 * by Gauss-Newton. */
#ifndef DSP_NEAR_H
#define DSP_NEAR_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsp/tones.h"

enum { NEAR_ORDERS = 4, NEAR_TONES_MAX = 1 + TONES_MAX };

struct near_tone {
    double turn_rad;                    /* a sample */
    double least_rad, most_rad;         /* where it is looked for */
    double _Complex level[NEAR_ORDERS]; /* of t^p, t = (k - middle) / reach at sample k */
};

struct near { /* fields may be read */
    unsigned n_tones;
    struct near_tone tone[NEAR_TONES_MAX]; /* [0]: the leak */
    double middle, reach;                  /* samples */
    double quiet;                          /* samples of the quiet */
    size_t block;                          /* samples of a mean; 0: what the carriers need */
    double turned_rad;                     /* of the leak, taken out before */
};

/* Begin a window with no carrier but the leak, its quiet being the first quiet_samples. A leak that turned
 * by turned_rad a sample before it was stopped may still turn, unknown by turn_sigma_rad; that the turn was
 * mistaken, another carrier's doing, is tried as well. Otherwise both are 0.
 *   pre quiet_samples > 0 */
void near_init(struct near *near, double quiet_samples, double _Complex leak, double turned_rad,
               double turn_sigma_rad);

/* Add what the quiet told of one: it is amplitude exp(j turn_rad k) at sample k, and turn_rad is known to
 * turn_sigma_rad.   pre n_tones < NEAR_TONES_MAX */
void near_add(struct near *near, double _Complex amplitude, double turn_rad, double turn_sigma_rad);

/* Samples that near_fit takes a mean over: no carrier turns by more than half a radian in them. */
size_t near_block_samples(const struct near *near);

/* Mean of all carriers over samples first .. first + n - 1.   pre n <= near_block_samples() */
double _Complex near_mean(const struct near *near, size_t first, size_t n);

struct near_source { /* mean of samples first .. first + n - 1, carriers still in */
    double _Complex (*mean)(const void *context, size_t first, size_t n);
    const void *context;
};

/* Fit to the first n_samples.   cost some passes over n_samples / near_block_samples means */
void near_fit(struct near *near, const struct near_source *source, size_t n_samples);

/* Fit the leak alone to the first n_samples: it may turn, and grow, too slowly for the quiet to tell.
 *   pre it is the only carrier   cost as near_fit's */
void near_fit_leak(struct near *near, const struct near_source *source, size_t n_samples);

/* Look for one more carrier, slower than most_rad a sample, that the quiet was too short to tell from the
 * leak, in the first n_samples.   out true: it is taken up; near_fit should follow
 *   in   is_likely  look at all events; otherwise only where a line stands out of the window
 *   cost a pass as near_fit's and n_samples / near_block_samples times as many frequencies; a thirtieth
 *        of that where nothing stands out */
bool near_seek(struct near *near, const struct near_source *source, size_t n_samples,
               double most_rad, bool is_likely);

/* out[k] += sign * all carriers at sample first + k, k < n */
void near_accumulate(const struct near *near, double sign, size_t first, float _Complex *out,
                     size_t n);

/* sample[k] *= exp(-j sign turn (first + k)), turn the leak's: what came with it stands still then. */
void near_unturn(const struct near *near, double sign, size_t first, float _Complex *sample,
                 size_t n);

#endif
