/* recorder.h - writes a SigMF recording: samples as they come, metadata at the end.  layer: radio
 * One thread. Gaps of the stream become captures with core:global_index. */
#ifndef RADIO_RECORDER_H
#define RADIO_RECORDER_H

#include "config/status.h"
#include "dsp/iq.h"
#include "radio/iq_format.h"

struct recorder_cfg {
    const char *base;      /* BASE.sigmf-data and BASE.sigmf-meta; an existing pair is replaced */
    enum iq_format format; /* IQ_CI16 or IQ_CF32 */
    unsigned n_channels;
    double rate_sps;
    double freq_hz;          /* NaN: not known */
    int64_t unix_ns;         /* time of tick 0; INT64_MIN: not known */
    const char *description; /* NULL-safe */
    const char *hardware;
};

struct recorder;

/*   err  ST_RANGE rate or path; ST_IO, ST_NO_MEMORY      own  caller closes */
enum status recorder_open(const struct recorder_cfg *cfg, struct recorder **recorder) must_check;

/* Append a block; its first_tick and gap_samples decide where a new capture begins.
 *   pre  block->n_channels as opened
 *   err  ST_IO (disk full: detail says); ST_FULL more gaps than a recording can hold
 *   cost one pass, no allocation */
enum status recorder_write(struct recorder *recorder, const struct iq_block *block) must_check;

/* Note what lies at ticks first_tick .. first_tick + n_ticks - 1; in any order, also ahead of the
 * samples. Ticks in a gap move to the next sample. Texts that are too long are cut.
 *   err  ST_IO */
enum status recorder_annotate(struct recorder *recorder, int64_t first_tick, int64_t n_ticks,
                              const char *label, const char *comment) must_check;

/* Write what is left and the metadata; frees in every case and nulls the caller.
 *   err  ST_IO, ST_NO_MEMORY: the samples stay, the metadata may be missing */
enum status recorder_close(struct recorder **recorder) must_check;

#endif
