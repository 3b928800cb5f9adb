/* list_decode.h - which of the likeliest sequences has a right CRC, and is it to be believed?
 *                                                                              layer: dsp
 * A CRC-16 lets one wrong reply in 2^15 pass once three or more stretches of it are wrong (fewer it
 * always sees: each stretch is a pair of flipped bits). So a reply whose soft values say that so many
 * errors are likely is not believed on its CRC's word, and of further sequences only those are tried
 * that would be.
 * Source: Gen2 6.3.1.5 (CRC-16, HD 4); serial list decoding. */
#ifndef DSP_LIST_DECODE_H
#define DSP_LIST_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/sequence.h"

struct list_cfg {
    unsigned size;           /* sequences tried at most, the likeliest included; >= 1 */
    double false_read_ratio; /* chance that a believed reply is wrong, at most */
};

enum list_verdict {
    LIST_WRONG = 0, /* none tried has a right CRC */
    LIST_RIGHT,
    LIST_DOUBTFUL, /* the CRC is right, but as likely by chance as by merit */
};

struct list_result {
    enum list_verdict verdict;
    bool is_credible;   /* the likeliest one is believed if its CRC is right */
    unsigned n_tried;   /* beyond the likeliest one */
    unsigned n_changed; /* bits that differ from the likeliest one */
    uint16_t changed[3 * SEQUENCE_EVENT_BITS_MAX];
    double events_expected; /* wrong stretches in the likeliest one, from the soft values */
};

/* sequence: what sequence_decide decided last.
 *   in, out  bit[n_bits]: the likeliest sequence without dummy, its last 16 the CRC; corrected when
 *            the verdict is LIST_RIGHT */
void list_decode(const struct list_cfg *cfg, const struct sequence *sequence,
                 const float *soft_nats, uint8_t *bit, size_t n_bits, struct list_result *result);

#endif
