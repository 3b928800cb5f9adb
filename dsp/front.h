/* front.h - from raw samples of one listening window to running sums the detector reads: carrier
 * removal, decimation, whitening, and the sum of the channels.                   layer: dsp
 * Places on the sums are decimated samples since the quiet's first (after what front_learn trims). The outcome does not depend on how
 * the samples are cut into calls. */
#ifndef DSP_FRONT_H
#define DSP_FRONT_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/limits.h"
#include "config/status.h"
#include "dsp/canceller.h"
#include "dsp/integral.h"
#include "dsp/interference.h"
#include "dsp/near.h"
#include "dsp/whiten.h"

struct front_cfg {
    double rate_sps;
    unsigned n_channels;     /* 1 .. LIMIT_RX_CHANNELS */
    size_t capacity_samples; /* of the sums */
    bool whiten;
    bool notch; /* look for other carriers in the quiet and take them out */
    bool blank; /* replace impulses */
};

struct front_channel {
    float _Complex *raw_room;
    float _Complex *raw; /* in it behind a margin: not decimated yet, the quiet included */
    float _Complex *decimated;
    struct interference *interference; /* NULL: neither notch nor blank */
    struct canceller *canceller;
    struct canceller_quiet quiet;
    size_t n_clean;
    struct integral integral;
    double _Complex part;  /* of its last sum, since the place before that four divides */
    struct near told;      /* carriers in the tag's band: what cleaner and canceller take out, */
    struct near near;      /* what the sums are without, */
    struct near next;      /* and what will be fitted next */
    unsigned n_sought;     /* of next, those that the quiet did not tell: the last ones */
    float _Complex weight; /* in the sum of the channels */
};

struct front { /* fields may be read */
    struct front_cfg cfg;
    unsigned factor;
    size_t quiet_samples;
    size_t raw_capacity, n_raw, raw_at; /* of every channel */
    size_t n_clean, n_given; /* of n_raw: clean on all channels, and given to the cleaners (which
                              * hold some back) */
    bool learnt;
    size_t n_trimmed; /* raw samples of the quiet left out: the sums begin so much later */
    struct interference_window window;
    struct front_channel channel[LIMIT_RX_CHANNELS];
    struct whiten whiten;
    struct integral combined; /* with more than one channel, once front_combine was called */
    bool is_combined;
    bool has_near;     /* the sums are without more than told: carriers, or a leak that moves */
    size_t n_appended; /* raw samples so far */
    size_t clip_at;    /* the first that touches full scale, */
    size_t beyond_at;  /* and that goes beyond: floats whose full scale is not 1; SIZE_MAX: none */
};

/*   err ST_NO_MEMORY */
enum status front_new(const struct front_cfg *cfg, struct front **front) must_check;
void front_free(struct front **front);

/* A new window for replies at blf_hz * (1 +- blf_tolerance_ratio). A longer quiet than
 * front_quiet_max must be shortened by the caller.
 *   pre factor 1 .. 4096, quiet_samples 8 .. front_quiet_max */
void front_begin(struct front *front, size_t quiet_samples, unsigned factor, double blf_hz,
                 double blf_tolerance_ratio);
size_t front_quiet_max(const struct front *front);

/* Take up to n raw samples, beginning at sample[channel] + first.  returns how many there was room for.
 * What no radio sends (NaN, far beyond full scale) is held at 16 times full scale. */
size_t front_append(struct front *front, const float _Complex *const *sample, size_t first,
                    size_t n);

/* Learn leak, offset, noise and other carriers from the quiet.  out false: it is not all here yet */
bool front_learn(struct front *front);

/* Extend the sums, but no further than limit_samples: nothing may depend on samples that came early
 * only because of how blocks are cut.  returns the samples the sums hold now */
size_t front_extend(struct front *front, size_t limit_samples);

/* Turn of the leak, a raw sample, that is taken out. */
double front_offset_rad(const struct front *front);

/* There are carriers in the tag's band: front_near_fit will change the sums. */
bool front_has_near(const struct front *front);

/* ... some of which the quiet did not tell. */
bool front_has_sought(const struct front *front);

/* These, as channel 0 hears them.  out tone[n_max], returns how many */
unsigned front_sought(const struct front *front, struct reply_tone *tone, unsigned n_max);

/* Fit the carriers in the tag's band to all samples of the sums and take them out of these, and of what
 * front_extend will add.   in relearn: the noise is learnt anew as well, and the sums are scaled by it
 *   pre front_has_near   cost a few passes over the sums */
void front_near_fit(struct front *front, bool relearn);

/* The leak moved too slowly for the quiet to say, but the sums so far do, the tag being noise: take out of
 * them, and of what front_extend will add, what it did.
 *   in from: where the tag may have begun at the latest; least_nats: noise alone reaches it in e^-nats of
 *      windows   pre !front_has_near, the sums hold the quiet
 *   out true: it did   cost a look at 16 sums; when it did, front_near_fit's */
bool front_leak_follow(struct front *front, size_t from, double least_nats);

/* Something moved in the quiet that is neither noise nor known: worth a look by front_near_seek.
 *   pre the sums hold the quiet */
bool front_has_walked(const struct front *front);

/* Look for one more carrier (a channel) that the quiet was too short to tell from the leak, those found so
 * before forgotten (anew) or kept.
 *   out true: there are some, front_near_fit should follow   cost near_seek */
bool front_near_seek(struct front *front, bool anew, bool is_likely);

/* Raw samples that must follow before one can be given to the sums (held back to tell impulses). */
size_t front_delay_samples(const struct front *front);

/* A sample that went into the sums touched full scale. */
bool front_is_clipped(const struct front *front);

/* From now on the detector reads the channels summed with these weights (maximum ratio: conjugate
 * gains, |weight|^2 summing to 1).   pre n_channels > 1 */
void front_combine(struct front *front, const double _Complex *weight);

/* What the detector reads: the one channel, or the sum. */
const struct integral *front_integral(const struct front *front);

#endif
