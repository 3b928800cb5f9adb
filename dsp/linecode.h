/* linecode.h - the tag's line codes as tables: trellis, preamble, subcarrier.  layer: dsp
 * Source: Gen2 6.3.1.3.2 (FM0, Miller, preambles).
 *
 * A symbol is two chips of m half-cycles each; a half-cycle lasts 1/(2 BLF). A chip of sign +1 is
 * high low high low ... (m levels), of sign -1 the complement. FM0 is the case m = 1: a chip is one
 * half-cycle. The trellis states stand for what the next symbol depends on: the last level (FM0,
 * two states) or the last Miller state S1..S4 (four). */
#ifndef DSP_LINECODE_H
#define DSP_LINECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/link.h"

#define LINECODE_STATES_MAX 4
#define LINECODE_PREAMBLE_CHIPS_MAX 44

struct linecode_branch {
    uint8_t next;   /* state after the symbol */
    int8_t chip[2]; /* signs of its two chips */
};

struct linecode {
    const char *name;
    unsigned m; /* half-cycles a chip: 1, 2, 4, 8 */
    unsigned n_states;
    struct linecode_branch branch[LINECODE_STATES_MAX][2]; /* [state][bit] */
    uint8_t start_state;                                   /* after the preamble */
    const int8_t *preamble;       /* chip signs with the long pilot; the short one is its tail */
    unsigned n_preamble_chips[2]; /* by TRext */
    const char *clause;
};

/* Never NULL for a valid m. */
const struct linecode *linecode_of(enum link_m m);

/* Chip signs of the preamble for this TRext. */
static inline const int8_t *linecode_preamble(const struct linecode *code, bool trext)
{
    return code->preamble + (code->n_preamble_chips[1] - code->n_preamble_chips[trext ? 1 : 0]);
}

/* Encode a whole reply (preamble, data, dummy 1) into half-cycle levels 0/1: for tests and benches.
 *   out  level[], returns how many   pre  room for (44 + 2 (n_bits + 1)) m levels */
size_t linecode_encode(const struct linecode *code, bool trext, const uint8_t *bit, size_t n_bits,
                       uint8_t *level);

#endif
