/* probe_replies.c - the script's Queries: heard as a run would hear them, and where nothing readable
 * is heard, again with the tag's clock sought far outside the standard's tolerance. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "reader/probe.h"

#define WIDE_TOLERANCE_RATIO 0.15
#define SURE_FIT_RATIO 0.7 /* of a decoded waveform: an RN16 has no CRC */

/* Where to look, relative to the BLF asked for: adjoining windows from 0.55 to 1.8. */
static const double wide_centres[] = {0.65, 0.85, 1.15, 1.5, 1.75};
enum { WIDE_N = sizeof wide_centres / sizeof *wide_centres };

static bool listen_once(struct reply_rx *rx, const struct probe_segment *segment,
                        const struct reply_listen *listen, struct reply_result *result)
{
    reply_rx_begin(rx, listen);
    int64_t first = reply_rx_first_tick(rx) - segment->first_tick;
    require(first >= 0);
    const float _Complex *sample[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
        sample[c] = segment->capture[c] ? segment->capture[c] + first : NULL;
    }
    if (first >= segment->n_samples) {
        return false;
    }
    if (!reply_rx_push(rx, sample, (size_t)(segment->n_samples - first),
                       segment->first_tick + first, result)) {
        reply_rx_cut(rx, result);
    }
    return true;
}

/*   ret  the tag's BLF over the one asked for, less 1; NaN: no such reply */
static double clock_off_find(struct reply_rx *rx, const struct probe_segment *segment,
                             const struct reply_listen *listen, double rate_sps)
{
    static struct reply_result result;
    double best_fit = SURE_FIT_RATIO, off = NAN;
    for (size_t k = 0; k < WIDE_N; k++) {
        struct reply_listen wide = *listen;
        wide.blf_hz = listen->link.blf_hz * wide_centres[k];
        wide.blf_tolerance_ratio = WIDE_TOLERANCE_RATIO;
        if (rate_sps < 4.0 * wide.blf_hz) {
            continue;
        }
        if (listen_once(rx, segment, &wide, &result) && result.verdict == REPLY_DECODED &&
            result.fit_ratio > best_fit) {
            best_fit = result.fit_ratio;
            off = result.blf_hz / listen->link.blf_hz - 1.0;
        }
    }
    return off;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum status probe_replies_find(const struct probe_script *script,
                               const struct probe_segment *segment,
                               const struct reply_rx_cfg *receiver, double rate_sps,
                               struct probe_replies *replies)
{
    static struct reply_result result;
    double off[PROBE_QUERIES_MAX];
    *replies = (struct probe_replies){.clock_off_ratio = NAN};
    struct reply_rx *rx = NULL;
    unsigned n_channels = segment->capture[1] ? 2 : 1;
    enum status status = reply_rx_new(receiver, rate_sps, n_channels, &rx);
    for (unsigned k = 0; k < script->query_n && !status; k++) {
        struct reply_listen listen;
        reply_listen_init(&listen, &script->link, REPLY_KIND_RN16, script->query_end_tick[k]);
        if (!listen_once(rx, segment, &listen, &result)) {
            continue;
        }
        replies->n_windows++;
        if (result.verdict == REPLY_NONE_HEARD) {
            replies->n_silent++;
        } else if (result.verdict == REPLY_DECODED) {
            replies->n_decoded++;
        } else {
            replies->n_unreadable++;
            double ratio = clock_off_find(rx, segment, &listen, rate_sps);
            if (fabs(ratio) > listen.blf_tolerance_ratio) {
                off[replies->n_off++] = ratio;
            }
        }
    }
    if (replies->n_off > 0) {
        qsort(off, replies->n_off, sizeof *off, by_size);
        replies->clock_off_ratio = off[replies->n_off / 2];
    }
    reply_rx_free(&rx);
    return status;
}
