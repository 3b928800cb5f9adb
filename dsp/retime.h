/* retime.h - where every symbol of a decoded reply begins: timing errors of all its level changes,
 * smoothed over the whole reply (Kalman filter forward, Rauch-Tung-Striebel backward), so that each
 * symbol's clock rests on what came after it as well.                           layer: dsp */
#ifndef DSP_RETIME_H
#define DSP_RETIME_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/integral.h"

struct retime_reply { /* borrowed; what is known of the reply */
    const struct integral *integral;
    unsigned m;
    size_t n_symbols;
    const int8_t *sign;            /* of chip[2 n_symbols] */
    const double _Complex *gain;   /* half swing in each symbol */
    const double _Complex *offset; /* mean level in each symbol; not used when m > 1 */
    double noise_variance;
};

struct retime; /* workspace */

/*   err ST_NO_MEMORY */
enum status retime_new(size_t symbols_max, struct retime **retime) must_check;
void retime_free(struct retime **retime);

struct retime_look {
    double gate_ratio; /* how far from where they are expected edges are looked for, half-cycles */
    unsigned
        n_edges_max; /* of a symbol that are looked at, >= 2: past 8 they bring little, cost time */
};

/* Improve start[0 .. n_symbols], the beginnings of the symbols and the end of the last, samples.
 *   pre  start rises; n_symbols <= symbols_max   cost one pass over the level changes looked at */
void retime_run(struct retime *retime, const struct retime_reply *reply,
                const struct retime_look *look, double *start);

#endif
