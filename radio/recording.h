/* recording.h - recordings read as float complex blocks.               layer: radio
 * SigMF (data beside metadata) or raw interleaved samples. */
#ifndef RADIO_RECORDING_H
#define RADIO_RECORDING_H

#include "config/status.h"
#include "dsp/iq.h"
#include "radio/sigmf.h"

#define RECORDING_SIGMF (-1)

struct recording_cfg {
    const char *path; /* SigMF: .sigmf-meta, .sigmf-data or both without suffix; raw: the samples */
    int format;       /* RECORDING_SIGMF, or an enum iq_format: raw samples */
    double rate_sps;  /* raw: needed. SigMF: used where the metadata has none. NaN: not given */
    unsigned n_channels; /* raw: 1 or 2. SigMF: not used, the metadata says */
};

struct recording;

/*   err  ST_NOT_FOUND no such file; ST_IO; ST_RANGE, ST_FORMAT, ST_UNSUPPORTED metadata or cfg;
 *        file, key and accepted range in the detail
 *   own  cfg borrowed for the call; caller closes */
enum status recording_open(const struct recording_cfg *cfg,
                           struct recording **recording) must_check;
void recording_close(struct recording **recording); /* NULL-safe */

/* Fill the block: up to capacity_samples, never across the start of a SigMF capture. first_tick
 * counts from 0; where a new capture starts after lost samples, gap_samples tells how many (by
 * core:global_index, else by core:datetime) and first_tick goes on behind the gap.
 *   pre  block->n_channels is recording_meta()->n_channels
 *   err  ST_SHORT once, after the last whole sample, when the data end in mid-sample or before
 *        the last capture starts; ST_END from then on; ST_IO
 *   cost O(capacity), no allocation */
enum status recording_read(struct recording *recording, struct iq_block *block) must_check;

/* Metadata; raw recordings get an equivalent. rate_sps is never NaN.   own  borrowed */
const struct sigmf *recording_meta(const struct recording *recording);

/* Samples set to zero so far because they were no number or absurdly large. */
uint64_t recording_n_cleaned(const struct recording *recording);

#endif
