/* carrier.c - the tracker behind the notch. */
#include "dsp/carrier.h"

#include <math.h>

#include "config/require.h"
#include "dsp/plane.h"
#include "dsp/tones_fit.h"

#define MEMORY_BLOCKS 200.0     /* older blocks fade: 400 Tpri, a bandwidth of about BLF / 400 */
#define SPREAD_SHARE 0.125      /* of the newest difference in the running spread */
#define SURPRISE_SIGMAS2 9.0    /* an error beyond is weighed as if it were this far out */
#define GONE_RATIO 0.5          /* of the level: below, the carrier is off */
#define UNDER_RATIO 0.75        /* below: keyed within the block */
#define OVER_RATIO 1.25         /* as far above: then it is disturbance, not keying */
#define SURE_RATIO (1.0 / 30.0) /* block noise over level squared: above, keying cannot be told */

enum { GONE_BLOCKS = 2, KEYED_BLOCKS = 4 };

void carrier_start(struct carrier *carrier, const struct tone *tone, double middle,
                   double noise_variance, int64_t last_block, size_t n_block, float _Complex *turn)
{
    require(n_block >= 1);
    double p = (double)n_block, half = 0.5 * (p - 1.0);
    double power = plane_power(tone->amplitude) + 1e-300;
    double away = (double)last_block * p + half - middle; /* from the quiet's middle */
    *carrier = (struct carrier){.turn = turn, .offset_rad = tone->offset_rad, .at = last_block};
    tones_table(-tone->offset_rad * half, tone->offset_rad, turn, n_block);
    carrier->turn_block_rad = tones_wrap(tone->offset_rad * p);
    carrier->level = tone->amplitude * cexp(I * tones_wrap(tone->offset_rad * away));
    double drift_variance = tone->offset_sigma_rad * tone->offset_sigma_rad * p * p;
    carrier->level_variance = 0.5 * tone->amplitude_sigma * tone->amplitude_sigma / power;
    carrier->p00 = carrier->level_variance + drift_variance * (away / p) * (away / p);
    carrier->p01 = drift_variance * (away / p);
    carrier->p11 = drift_variance;
    carrier->noise_ratio = carrier->spread_ratio = noise_variance / (p * power);
}

static double _Complex predicted(const struct carrier *carrier, int64_t block)
{
    double ahead = (double)(block - carrier->at);
    double angle = tones_wrap(carrier->turn_block_rad * ahead) + carrier->drift_rad * ahead;
    return carrier->level * cexp(I * angle) * (1.0 + carrier->growth * ahead);
}

double _Complex carrier_level(struct carrier *carrier, int64_t block)
{
    double _Complex level = carrier->off ? 0.0 : predicted(carrier, block);
    carrier->used[block & 1] = level;
    return level;
}

/* sum of x conj(w) */
static double _Complex correlate(const float _Complex *rest, const float _Complex *turn, size_t n)
{
    const float *x = (const float *)rest, *w = (const float *)turn;
    double same = 0.0, cross = 0.0;
    for (size_t at = 0; at < 2 * n;) {
        float re[8] = {0}, im[8] = {0}; /* im: x re * w im in even, x im * w re in odd places */
        size_t stop = at + 512 < 2 * n ? at + 512 : 2 * n;
        for (; at + 8 <= stop; at += 8) {
            for (size_t j = 0; j < 8; j++) {
                re[j] += x[at + j] * w[at + j];
                im[j] += x[at + j] * w[at + (j ^ 1)];
            }
        }
        for (; at < stop; at++) {
            re[at % 2] += x[at] * w[at];
            im[at % 2] += x[at] * w[at ^ 1];
        }
        for (size_t j = 0; j < 8; j += 2) {
            same += re[j] + re[j + 1];
            cross += im[j + 1] - im[j];
        }
    }
    return (same + I * cross) / (double)n;
}

/* Keying can be told: neither noise nor a tag beside the carrier moves its level as much. */
static bool keying_is_plain(const struct carrier *carrier)
{
    return fmax(carrier->noise_ratio, carrier->spread_ratio) <= SURE_RATIO &&
           carrier->n_over < KEYED_BLOCKS;
}

static void keying_count(struct carrier *carrier, double ratio)
{
    carrier->n_over += ratio > OVER_RATIO;
    if (!keying_is_plain(carrier)) {
        carrier->off = false;
        return;
    }
    carrier->n_under += ratio < UNDER_RATIO;
    carrier->n_gone = ratio < GONE_RATIO ? carrier->n_gone + 1 : 0;
    carrier->off = carrier->n_gone >= GONE_BLOCKS;
}

/* One step of the filters with the relative error of a block. */
static void kalman_step(struct carrier *carrier, double _Complex error)
{
    double phase = cimag(error), level = creal(error);
    double spread = carrier->has_last ? 0.5 * plane_power(error - carrier->last_error) : 0.0;
    carrier->spread_ratio += SPREAD_SHARE * (spread - carrier->spread_ratio);
    carrier->last_error = error;
    carrier->has_last = true;
    double noise = 0.5 * fmax(carrier->noise_ratio, carrier->spread_ratio) + 1e-30;
    double phase_noise = fmax(noise, phase * phase / SURPRISE_SIGMAS2 - carrier->p00);
    double level_noise = fmax(noise, level * level / SURPRISE_SIGMAS2 - carrier->level_variance);
    double gain = carrier->p00 / (carrier->p00 + phase_noise);
    double drift_gain = carrier->p01 / (carrier->p00 + phase_noise);
    double level_gain = carrier->level_variance / (carrier->level_variance + level_noise);
    carrier->level *= cexp(I * gain * phase) * (1.0 + level_gain * level);
    carrier->drift_rad += drift_gain * phase;
    double fade = 1.0 + 1.0 / MEMORY_BLOCKS;
    carrier->p11 = fade * (carrier->p11 - drift_gain * carrier->p01);
    carrier->p01 *= fade * (1.0 - gain);
    carrier->p00 *= fade * (1.0 - gain);
    carrier->level_variance *= fade * (1.0 - level_gain);
}

void carrier_correct(struct carrier *carrier, int64_t block, const float _Complex *rest,
                     size_t n_block)
{
    if (block <= carrier->at) {
        return; /* of the quiet: the fit knows it already */
    }
    require(block == carrier->at + 1);
    carrier->level = predicted(carrier, block);
    carrier->at = block;
    carrier->p00 += 2.0 * carrier->p01 + carrier->p11;
    carrier->p01 += carrier->p11;
    double power = plane_power(carrier->level);
    double _Complex now = carrier->used[block & 1] + correlate(rest, carrier->turn, n_block);
    if (!(power > 0.0) || !(plane_power(now) < 1e12)) {
        return;
    }
    double _Complex error = now * conj(carrier->level) / power - 1.0;
    keying_count(carrier, sqrt(plane_power(now) / power));
    if (!keying_is_plain(carrier) || plane_power(error) < GONE_RATIO * GONE_RATIO) {
        kalman_step(carrier, error);
    }
}

bool carrier_is_keyed(const struct carrier *carrier)
{
    return keying_is_plain(carrier) && carrier->n_under >= KEYED_BLOCKS;
}
