/* passive.h - follows an exchange it does not steer: commands off the envelope, the replies between
 * them, slots and rounds as records. For recordings.                         layer: reader
 * A reply is looked for once the next command has begun (or enough silence has passed), so that a
 * command can never be taken for one. Deterministic; independent of block lengths. */
#ifndef READER_PASSIVE_H
#define READER_PASSIVE_H

#include "dsp/reply_rx.h"
#include "protocol/link.h"
#include "reader/record.h"

struct passive_cfg {
    double rate_sps;
    unsigned n_channels; /* commands are heard on channel 0, replies on all */
    double freq_hz;      /* NaN: not known */
    bool trace;          /* all that is known of each reply, in its slot */
    struct reply_rx_cfg receiver;
    struct link_cfg hint;              /* used where the recording holds no Query */
    bool hint_blf, hint_m, hint_trext; /* which of its keys were set */
    void (*record)(void *context, const struct record *record);
    void *context;
};

struct passive;

/* err ST_NO_MEMORY */
enum status passive_new(const struct passive_cfg *cfg, struct passive **passive) must_check;
void passive_free(struct passive **passive);
/* Consecutive samples, sample[channel][0 .. n_samples); a gap in ticks ends the window that is
 * open. */
void passive_push(struct passive *passive, const float _Complex *const *sample, size_t n_samples,
                  int64_t first_tick);
/* End of the recording: what is still open is decided, the last round and the summary go out. */
void passive_finish(struct passive *passive);

#endif
