/* interference.h - what is neither our carrier nor a tag: other carriers, impulses, bursts. Learnt in
 * the quiet before a reply, taken out of the samples of one listening window, and named.
 *                                                                               layer: dsp
 * One object a receive channel. A window is: learn, clean (the quiet first, then what follows), report.
 * Cleaning is a pure function of the sample's place after the quiet's
 * first: how samples are cut into calls changes nothing, bit by bit.
 * What it cannot do: carriers nearer to the leak or to each other than 0.6 / (length of the quiet) are
 * one; a carrier as weak as a tag inside the tag's band costs up to 2 dB (2 Tpri blocks, test figures);
 * one that begins in the window is named, not taken out, and not seen at multiples of rate / delay or
 * within a few kHz of the leak; noise under a reply is named once it rivals the reply (-4 dB). */
#ifndef DSP_INTERFERENCE_H
#define DSP_INTERFERENCE_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/reply_rx.h"
#include "dsp/tones.h"

struct interference_cfg {
    double rate_sps;
    bool notch; /* look for other carriers and take them out */
    bool blank; /* replace impulses */
};

struct interference_window {
    double blf_hz;              /* of the reply to come */
    double blf_tolerance_ratio; /* its clock: blf_hz (1 +- this) */
    double leak_offset_rad;     /* own carrier's turn a sample: 0 exactly when it shares our clock,
                                 * NaN: the strongest line of the quiet is the leak */
    double near_blf; /* carriers within so many BLF of the leak are taken out as the quiet told
                      * them and not followed: the caller fits them later. 0: none */
};

struct interference_report {
    enum reply_cause cause; /* COMMANDS, BURST, IMPULSES, CARRIER or NONE: the first that holds */
    unsigned n_tones;       /* carriers that were taken out */
    struct reply_tone tone[REPLY_TONES_MAX];
    double blanked_ratio; /* share of the samples given out that were replaced */
    double impulse_dbfs;  /* their mean power; NaN without any */
    unsigned n_blocks;
    unsigned n_burst_blocks;   /* noise far above the quiet's */
    unsigned n_quieter_blocks; /* far below */
    unsigned n_line_blocks;    /* of the burst blocks (8 looked at): a carrier rather than noise */
    double burst_dbfs;      /* mean power beyond the quiet's noise in burst blocks, or in the quiet
                             * when the noise fell; NaN without any */
    double burst_offset_hz; /* of the line in the last line block; NaN without any */
};

struct interference;

/* err ST_NO_MEMORY   pre rate_sps 1e5 .. 100e6. All memory and FFT plans: main thread. */
enum status interference_new(const struct interference_cfg *cfg,
                             struct interference **interference) must_check;
void interference_free(struct interference **interference);

/* Begin a window: learn the quiet, leak still in.   pre n_samples >= 8
 *   cost white: one pass over the quiet to fit, one FFT (tones.h) */
void interference_learn(struct interference *interference, const struct interference_window *window,
                        const float _Complex *quiet, size_t n_samples);

/* Samples that clean holds back, 0 .. 64 (a quarter of the shortest half-cycle). */
size_t interference_delay(const struct interference *interference);

#define INTERFERENCE_MARGIN 64 /* samples */

/* Clean the next samples of the window in place, the quiet's own first. The leak stays in.
 *   in   sample[0]: the first that was not given out yet; behind those held back lie n_samples new
 *        ones; INTERFERENCE_MARGIN before sample[0] may be written to, and are as before afterwards.
 *        A NaN passes and harms only what lies within the delay of it
 *   out  returns how many from sample[0] on are given out: held ones and new, less the delay. The rest
 *        must come back unchanged before new ones */
size_t interference_clean(struct interference *interference, float _Complex *sample,
                          size_t n_samples);

/* True when the quiet held nothing but leak and white noise: cleaning changes impulses only. */
bool interference_is_calm(const struct interference *interference);

/* Carriers that are not followed.  out tone[TONES_MAX], returns how many; *middle: sample from the
 * quiet's first at which their amplitudes hold */
unsigned interference_near(const struct interference *interference, struct tone *tone,
                           double *middle);

#define INTERFERENCE_AHEAD 512 /* samples */

/* What was met in the whole blocks of the window's first n_samples.
 *   pre  no more than INTERFERENCE_AHEAD samples beyond were given out */
void interference_report(const struct interference *interference, size_t n_samples,
                         struct interference_report *report);

#endif
