/* sync_parts.h - what the coarse search (sync.c) and the refinement (sync_fine.c) share. layer: dsp */
#ifndef DSP_SYNC_PARTS_H
#define DSP_SYNC_PARTS_H

#include "dsp/sync.h"

enum { SYNC_CANDIDATES_MAX = 16 };

struct sync_plan { /* the coarse search of one request */
    const int8_t *chip;
    unsigned n_chips;      /* used in the coarse search */
    unsigned n_skip_chips; /* of the whole preamble before them */
    unsigned n_all_chips;
    unsigned n_half_cycles; /* of the used ones */
    unsigned n_clocks;
    unsigned grid; /* points a half-cycle */
    bool bends;    /* drift within the preamble is more than a straight line can stand for */
    double sway;   /* how far drift takes the start that the used chips tell, half-cycles */
};

struct sync_plan sync_plan_of(const struct sync_search *search);

/* Insert into the list sorted by score, one entry a neighbourhood.   returns its new length */
size_t sync_insert(struct sync_candidate *list, size_t n, size_t n_max,
                   const struct sync_candidate *entry, double apart, double clock_ratio);

#endif
